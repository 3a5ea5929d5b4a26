"""The sObjects of packaging orgs: their fields, and since which API version.

The matrix of capabilities is that of the object reference (releases 250 to 264).
"""

from __future__ import annotations

from typing import Final

from .fields import (
    Child,
    Field,
    Kind,
    SObject,
    choice,
    flag,
    id_field,
    modstamp,
    number,
    ran,
    text,
    to,
)
from .lma_schema import LMA_SOBJECTS

STATUSES: Final = ("Created", "Pending", "InProgress", "Succeeded", "Failed", "Canceled")
ERROR_TYPES: Final = (
    "ApexTestFailure",
    "DeployError",
    "FeatureMissing",
    "IneligibleUpgrade",
    "LimitExceeded",
    "LockingFailure",
    "PACError",
    "UnclassifiedError",
)

PACKAGE: Final = SObject(
    "MetadataPackage",
    "Metadata Package",
    "033",
    "package",
    (
        id_field(),
        text("Name", "WOG", "name"),
        text("NamespacePrefix", "WOGN", "namespace", length=15),
        choice(
            "PackageCategory",
            "WOGN",
            "category",
            ("Package", "Package2", "Application", "Module"),
            since=49,
        ),
        modstamp(),
    ),
    children=(Child("MetadataPackageVersions", "MetadataPackageVersion", "MetadataPackageId"),),
    needs_push=True,
)

VERSION: Final = SObject(
    "MetadataPackageVersion",
    "Metadata Package Version",
    "04t",
    "version",
    (
        id_field(),
        text("Name", "WOG", "name"),
        to("MetadataPackageId", "WOGN", "package_id", "MetadataPackage", "MetadataPackage"),
        number("MajorVersion", "WOGN", "major"),
        number("MinorVersion", "WOGN", "minor"),
        number("PatchVersion", "WOGN", "patch"),
        number("BuildNumber", "WOGN", "build"),
        choice("ReleaseState", "WOGN", "release_state", ("Beta", "Released")),
        flag("IsDeprecated", "WOG", "is_deprecated", since=46),
        modstamp(),
    ),
    children=(
        Child("PackagePushRequests", "PackagePushRequest", "PackageVersionId"),
        Child("PackageSubscribers", "PackageSubscriber", "MetadataPackageVersionId"),
    ),
    needs_push=True,
)

SUBSCRIBER: Final = SObject(
    "PackageSubscriber",
    "Package Subscriber",
    "0Sb",  # the real prefix is not published
    "subscriber",
    (
        id_field(),
        to(
            "MetadataPackageId",
            "WOGN",
            "package_id",
            "MetadataPackage",
            "MetadataPackage",
            since=49,
        ),
        to(
            "MetadataPackageVersionId",
            "WOGN",
            "version_id",
            "MetadataPackageVersion",
            "MetadataPackageVersion",
        ),
        text("OrgKey", "WOGN", "org_key", length=15, exact_case=True),
        text("OrgName", "WOGN", "org_name", length=80),
        choice("OrgStatus", "WOGN", "org_status", ("Active", "Demo", "Free", "Inactive", "Trial")),
        choice("OrgType", "WOGN", "org_type", ("Production", "Sandbox")),
        text("InstanceName", "WOGN", "instance_name", length=20),
        text("ParentOrg", "WOGN", "parent_org", length=15, exact_case=True),
        choice("InstalledStatus", "WOGN", "installed_status", ("i", "u")),
        choice(
            "CustomUpgradeType",
            "WOGN",
            "custom_upgrade_type",
            ("None", "BlockedBySubscriber"),
            since=60,
        ),
        flag("HasRestrictionEnabled", "WOG", "has_restriction", since=60),
        flag("IsCustomUpgradeAllowed", "WOG", "custom_upgrade_allowed", since=60),
        modstamp(),
    ),
    needs_push=True,
)

PUSH_REQUEST: Final = SObject(
    "PackagePushRequest",
    "Package Push Request",
    "0DV",
    "push_request",
    (
        id_field(),
        to(
            "PackageVersionId",
            "WOGCUN",
            "version_id",
            "MetadataPackageVersion",
            "PackageVersion",
        ),
        Field("ScheduledStartTime", Kind.DATETIME, "WOCUN", "{t}.scheduled"),
        choice("Status", "WOGCUN", "status", STATUSES, closed=True),
        *ran(),
        # In no object reference, but the CLI reads, filters and writes it.
        flag("IsMigration", "WCN", "is_migration", since=59),
        modstamp(),
    ),
    children=(Child("PackagePushJobs", "PackagePushJob", "PackagePushRequestId"),),
    writable=True,
    needs_push=True,
)

PUSH_JOB: Final = SObject(
    "PackagePushJob",
    "Package Push Job",
    "0DX",
    "push_job",
    (
        id_field(),
        to(
            "PackagePushRequestId",
            "WOGCUN",
            "request_id",
            "PackagePushRequest",
            "PackagePushRequest",
        ),
        text("SubscriberOrganizationKey", "WOGCUN", "org_key", length=18, exact_case=True),
        choice("Status", "WOGCN", "status", STATUSES, closed=True),
        *ran(),
        modstamp(),
    ),
    children=(Child("PackagePushErrors", "PackagePushError", "PackagePushJobId"),),
    writable=True,
    needs_push=True,
)

PUSH_ERROR: Final = SObject(
    "PackagePushError",
    "Package Push Error",
    "0DY",
    "push_error",
    (
        id_field(),
        to("PackagePushJobId", "WOGN", "job_id", "PackagePushJob", "PackagePushJob"),
        choice("ErrorSeverity", "WOGN", "severity", ("Error", "Warning")),
        choice("ErrorType", "WOGN", "type", ERROR_TYPES),
        text("ErrorTitle", "ON", "title"),
        text("ErrorMessage", "ON", "message", length=32_000),
        text("ErrorDetails", "ON", "details", length=32_000),
        modstamp(),
    ),
    needs_push=True,
)

CUSTOMIZATION: Final = SObject(
    "PushUpgradeCustomization",
    "Push Upgrade Customization",
    "12C",
    "customization",
    (
        id_field(),
        choice(
            "CustomUpgradeType",
            "WOGCU",
            "kind",
            ("BlockedBySubscriber", "None"),
            since=60,
            closed=True,
        ),
        Field("ExpirationDays", Kind.INT, "WOGCUN", "{t}.days", since=60),
        flag("HasRestrictionEnabled", "WOGCU", "restricted", since=60),
        flag("IsCustomUpgradeAllowed", "WOGCU", "allowed", since=60),
        flag("IsRestrictionOverridden", "WOGCU", "overridden", since=60),
        Field("PushUpgradeBlockInitiatedDate", Kind.DATETIME, "WOCUN", "{t}.initiated", since=60),
        modstamp(),
    ),
    writable=True,
    needs_push=True,
    since=60,
)

ORGANIZATION: Final = SObject(
    "Organization",
    "Organization",
    "00D",
    "organization",
    (
        id_field(),
        text("Name", "WOG", "name", length=80),
        text("Division", "WOGN", "division", length=80),
        text("NamespacePrefix", "WOGN", "namespace", length=15),
        text("InstanceName", "WOGN", "instance_name", length=5),
        choice("OrganizationType", "WOGN", "type", ("Developer Edition", "Enterprise Edition")),
        flag("IsSandbox", "WOG", "is_sandbox"),
        Field("TrialExpirationDate", Kind.DATETIME, "WON", "{t}.trial_ends"),
        choice("TimeZoneSidKey", "WOGN", "time_zone", ("America/Los_Angeles", "Europe/Berlin")),
        modstamp(),
    ),
    per_tenant=True,
)

USER: Final = SObject(
    "User",
    "User",
    "005",
    "person",
    (
        id_field(),
        text("Username", "WOG", "username", length=80),
        text("Name", "WOG", "name", length=121),
        text("Email", "WOG", "email", length=128),
        modstamp(),
    ),
    per_tenant=True,
)

SCRATCH_ORG: Final = SObject(
    "ScratchOrgInfo",
    "Scratch Org Info",
    "2SR",
    "scratch_org",
    (id_field(), modstamp()),
    needs_dev_hub=True,
)

SOBJECTS: Final = (
    PACKAGE,
    VERSION,
    SUBSCRIBER,
    PUSH_REQUEST,
    PUSH_JOB,
    PUSH_ERROR,
    CUSTOMIZATION,
    ORGANIZATION,
    USER,
    SCRATCH_ORG,
    *LMA_SOBJECTS,
)

# Shown only by the switch `created_date_readable`: no source says whether they exist.
CREATED_FIELDS: Final = (
    Field("CreatedDate", Kind.DATETIME, "WO", "{t}.created"),
    to("CreatedById", "WOG", "created_by", "User", "CreatedBy"),
)
