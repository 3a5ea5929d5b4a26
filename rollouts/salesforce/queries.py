"""What is asked of each object, and from which API version on.

Versions as in the object reference: fields of later ones are left out of the query, and what they
would have told is told as not known.
"""

from __future__ import annotations

from dataclasses import replace
from functools import cache

from rollouts.salesforce.gateway import SF_ENDS
from rollouts.salesforce.soql import BadQuery, Query, Thing

# From here on push requests tell when they began and ended.
OLDEST_API = 51
_SINCE = {
    "CustomUpgradeType": 60,
    "HasRestrictionEnabled": 60,
    "IsCustomUpgradeAllowed": 60,
}
ENDS = tuple(sorted(status.value for status in SF_ENDS))

PACKAGES = Query(Thing.PACKAGE, ("Id", "Name", "NamespacePrefix", "PackageCategory"))
VERSIONS = Query(
    Thing.VERSION,
    (
        "Id",
        "MetadataPackageId",
        "Name",
        "MajorVersion",
        "MinorVersion",
        "PatchVersion",
        "BuildNumber",
        "ReleaseState",
        "IsDeprecated",
        "SystemModstamp",
    ),
)
CATALOG = replace(
    VERSIONS,
    fields=(
        *VERSIONS.fields,
        "MetadataPackage.Name",
        "MetadataPackage.NamespacePrefix",
        "MetadataPackage.PackageCategory",
    ),
)
SUBSCRIBERS = Query(
    Thing.SUBSCRIBER,
    (
        "OrgKey",
        "OrgName",
        "OrgStatus",
        "OrgType",
        "InstanceName",
        "ParentOrg",
        "MetadataPackageId",
        "MetadataPackageVersionId",
        "InstalledStatus",
        "CustomUpgradeType",
        "HasRestrictionEnabled",
        "IsCustomUpgradeAllowed",
        "SystemModstamp",
    ),
)
INSTANCES = Query(Thing.SUBSCRIBER, ("InstanceName",), group_by=("InstanceName",), count=True)
REQUESTS = Query(
    Thing.REQUEST,
    (
        "Id",
        "PackageVersionId",
        "PackageVersion.MetadataPackageId",
        "Status",
        "ScheduledStartTime",
    ),
)
JOBS = Query(
    Thing.JOB,
    (
        "Id",
        "PackagePushRequestId",
        "SubscriberOrganizationKey",
        "Status",
        "StartTime",
        "EndTime",
    ),
)
COUNTS = Query(
    Thing.JOB,
    ("PackagePushRequestId", "Status"),
    group_by=("PackagePushRequestId", "Status"),
    count=True,
)
ERRORS = Query(
    Thing.ERROR,
    (
        "Id",
        "PackagePushJobId",
        "ErrorSeverity",
        "ErrorType",
        "ErrorTitle",
        "ErrorMessage",
        "ErrorDetails",
    ),
)
# How far pushes have come, in one query: where each request stands, and how many jobs where.
PULSE = Query(
    Thing.JOB,
    ("PackagePushRequestId", "PackagePushRequest.Status", "Status"),
    group_by=("PackagePushRequestId", "PackagePushRequest.Status", "Status"),
    count=True,
    aliases=(("PackagePushRequest.Status", "standing"),),
)
# The same, job by job, with the errors of those that failed.
PROGRESS = replace(
    JOBS,
    fields=(*JOBS.fields, "PackagePushRequest.Status"),
    nested=("PackagePushErrors", ERRORS.fields),
)


def api_number(version: str) -> int:
    """Return the number of an API version, 67 for "67.0".

    Raises:
        BadQuery: not a version, or too old to follow a push with.
    """
    whole, dot, rest = version.partition(".")
    if not whole.isdecimal() or (dot and rest != "0"):
        raise BadQuery(f"“{version}” is not an API version; one looks like 67.0")
    if int(whole) < OLDEST_API:
        raise BadQuery(f"API version {version} is too old; Pushboard needs {OLDEST_API}.0 or newer")
    return int(whole)


@cache
def at_version(query: Query, api: int) -> Query:
    """Return the query without the fields that this API version does not have."""
    return replace(query, fields=tuple(name for name in query.fields if _SINCE.get(name, 0) <= api))
