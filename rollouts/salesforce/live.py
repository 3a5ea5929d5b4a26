"""What Pushboard asks of a real org, or of the simulator: `gateway.Gateway` over the network.

Queries name what they read and are scoped by package or by id; what comes back is held against
what was asked for, since Salesforce is known to answer rows that nobody asked about.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import datetime, timedelta

import requests

from rollouts.domain.ids import ORG, PACKAGE, REQUEST, SHORT, VERSION, long_id
from rollouts.salesforce import rows, soql
from rollouts.salesforce.errors import Refused, SalesforceError, TryAgain
from rollouts.salesforce.gateway import (
    SF_ENDS,
    Added,
    Budget,
    Identity,
    SfError,
    SfJob,
    SfPackage,
    SfRequest,
    SfStatus,
    SfSubscriber,
    SfVersion,
)
from rollouts.salesforce.outcomes import Kind, of_answer, of_nonsense
from rollouts.salesforce.overlap import overlapped
from rollouts.salesforce.probe import Probe
from rollouts.salesforce.soql import Condition, Query, Thing, at_least, equals, not_in

JOBS_AT_ONCE = 200
_REQUEST_PATH = "sobjects/PackagePushRequest/"
_ENDS = tuple(sorted(status.value for status in SF_ENDS))

_PACKAGES = Query(Thing.PACKAGE, ("Id", "Name", "NamespacePrefix", "PackageCategory"))
_VERSIONS = Query(
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
    ),
)
_CATALOG = replace(
    _VERSIONS,
    fields=(
        *_VERSIONS.fields,
        "MetadataPackage.Name",
        "MetadataPackage.NamespacePrefix",
        "MetadataPackage.PackageCategory",
    ),
)
_SUBSCRIBERS = Query(
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
        "SystemModstamp",
    ),
)
_INSTANCES = Query(Thing.SUBSCRIBER, ("InstanceName",), group_by=("InstanceName",), count=True)
_REQUESTS = Query(
    Thing.REQUEST,
    (
        "Id",
        "PackageVersionId",
        "PackageVersion.MetadataPackageId",
        "Status",
        "ScheduledStartTime",
    ),
)
_JOBS = Query(
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
_COUNTS = Query(
    Thing.JOB,
    ("PackagePushRequestId", "Status"),
    group_by=("PackagePushRequestId", "Status"),
    count=True,
)
_ERRORS = Query(
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


class SalesforceGateway(Probe):
    """`gateway.Gateway` over the network. Safe between threads.

    Ids and instants that are not well-formed raise BadId or BadQuery (both ValueErrors) before
    anything is sent: they are mistakes of the caller, not outcomes.
    """

    # --- about the connection ---------------------------------------------------------------

    def clock_drift(self) -> timedelta:
        """Return Salesforce's clock minus ours, from the last answer's Date header."""
        return self.transport.meter.drift

    def budget(self) -> Budget | None:
        """Return the API budget last seen, or None before the first answer."""
        return self.transport.meter.budget

    def identity(self) -> Identity:
        """Say which org and user this connection is (two calls, and a login if there is none)."""
        org_id = self.login.access().org_id
        query = Query(Thing.ORGANIZATION, ("Id", "Name"), (equals("Id", soql.sf_id(org_id, ORG)),))
        found = self._all("read the org's name", query)
        try:
            told = self._ask(Kind.READ, "read who we are", lambda sf: sf.oauth2("userinfo"))
        except Refused:
            # A connected app may lack the scope for it; the name is for people only.
            told = None
        username = told.get("preferred_username") if isinstance(told, dict) else None
        return Identity(
            org_id=org_id,
            org_name=rows.text(found[0], "Name") if found else "",
            username=username if isinstance(username, str) else "",
        )

    # --- reading ----------------------------------------------------------------------------

    def packages(self) -> list[SfPackage]:
        """Read every package of this org."""
        found = self._all("read the packages", _PACKAGES)
        return [rows.package(row) for row in found if not rows.is_internal(row)]

    def versions(self, package_id: str) -> list[SfVersion]:
        """Read every version of a package."""
        package = soql.sf_id(package_id, PACKAGE)
        found = self._all(
            "read the package's versions", _VERSIONS.also(equals("MetadataPackageId", package))
        )
        return [one for one in map(rows.version, found) if one.package_id == package.text]

    def catalog(self) -> tuple[list[SfPackage], list[SfVersion]]:
        """Read every version of every package, and so each package that has one, in one query."""
        found = self._all("read the packages' versions", _CATALOG)
        packages: dict[str, SfPackage] = {}
        versions = []
        for row in found:
            package = rows.package_of(row)
            if package is not None:
                packages[package.id] = package
                versions.append(rows.version(row))
        return list(packages.values()), versions

    def subscribers(
        self, package_id: str, *, since: datetime | None = None
    ) -> Iterator[Sequence[SfSubscriber]]:
        """Read the installations of one package page by page; ``since`` for the changed ones.

        A page is turned into values while the next one is on its way.
        """
        package = soql.sf_id(package_id, PACKAGE)
        scope = [equals("MetadataPackageId", package)]
        if since is not None:
            # Rounded down: reading a row twice does no harm, missing one does.
            scope.append(at_least("SystemModstamp", since.replace(microsecond=0)))

        def values(found: Sequence[rows.Row]) -> Sequence[SfSubscriber]:
            page = [rows.subscriber(row) for row in found]
            return [one for one in page if one.package_id == package.text]

        yield from overlapped(values, self._subscriber_pages(scope))

    def _subscriber_pages(self, scope: Sequence[Condition]) -> Iterator[Sequence[rows.Row]]:
        """Read all at once or, if that is too much for Salesforce, instance by instance.

        The object reference of PackageSubscriber advises to filter by InstanceName when a query of
        a large package times out.
        """
        what = "read the subscribers"
        began = False
        try:
            for found in self._pages(what, _SUBSCRIBERS.also(*scope)):
                began = True
                yield found
        except TryAgain as problem:
            if began or problem.code != "QUERY_TIMEOUT":
                raise
        else:
            return
        for row in self._all("read the subscribers' instances", _INSTANCES.also(*scope)):
            instance = rows.text(row, "InstanceName") or None
            yield from self._pages(
                what, _SUBSCRIBERS.also(*scope, equals("InstanceName", instance))
            )

    def installed(self, package_id: str, orgs: Sequence[str]) -> list[SfSubscriber]:
        """Read the installations of one package in these orgs (about 460 to a call)."""
        package = soql.sf_id(package_id, PACKAGE)
        query = _SUBSCRIBERS.also(equals("MetadataPackageId", package))
        found = self._chunks("read the orgs", query, "OrgKey", [soql.org_key(org) for org in orgs])
        # Salesforce's known bug W-6129024: such a query can return orgs outside its list.
        asked = {long_id(org) for org in orgs}
        return [
            one
            for one in map(rows.subscriber, found)
            if one.org in asked and one.package_id == package.text
        ]

    def request(self, request_id: str) -> SfRequest | None:
        """Read one push request."""
        return next(iter(self.requests([request_id])), None)

    def requests(self, request_ids: Sequence[str]) -> list[SfRequest]:
        """Read push requests by id (about 410 to a call)."""
        found = self._by_request("read the push requests", _REQUESTS, "Id", request_ids)
        asked = {long_id(one) for one in request_ids}
        return [one for one in map(rows.request, found) if one.id in asked]

    def requests_starting(self, version_id: str, start: datetime) -> list[SfRequest]:
        """Find push requests by version and exact start second: the nonce of a lost create."""
        version = soql.sf_id(version_id, VERSION)
        query = _REQUESTS.also(
            equals("PackageVersionId", version), equals("ScheduledStartTime", start)
        )
        found = map(rows.request, self._all("look for a push request", query))
        return [one for one in found if one.version_id == version.text and one.start == start]

    def open_requests(self, package_id: str) -> list[SfRequest]:
        """Read every request of a package that is Created, Pending or InProgress."""
        package = soql.sf_id(package_id, PACKAGE)
        # "Not ended" rather than a list of what is open: it holds in either spelling of InProgress.
        query = _REQUESTS.also(
            equals("PackageVersion.MetadataPackageId", package), not_in("Status", _ENDS)
        )
        found = map(rows.request, self._all("read the open push requests", query))
        return [
            one for one in found if one.package_id == package.text and one.status not in SF_ENDS
        ]

    def job_counts(self, request_ids: Sequence[str]) -> dict[str, dict[SfStatus, int]]:
        """Count jobs by request and status in one query; a request without jobs counts nothing."""
        counts: dict[str, dict[SfStatus, int]] = {long_id(one): {} for one in request_ids}
        found = self._by_request(
            "count the push jobs", _COUNTS, "PackagePushRequestId", request_ids
        )
        for row in found:
            of = counts.get(rows.an_id(row, "PackagePushRequestId", REQUEST))
            if of is not None:
                status = rows.status(row)
                # Two spellings of one status are two groups at Salesforce.
                of[status] = of.get(status, 0) + rows.number(row, "expr0")
        return counts

    def jobs(self, request_ids: Sequence[str]) -> list[SfJob]:
        """Read every job of these requests (paged)."""
        found = self._by_request("read the push jobs", _JOBS, "PackagePushRequestId", request_ids)
        asked = {long_id(one) for one in request_ids}
        return [one for one in map(rows.job, found) if one.request_id in asked]

    def open_jobs_of(self, package_id: str, orgs: Sequence[str]) -> list[SfJob]:
        """Read jobs of these orgs, for any version of the package, that have not ended."""
        query = _JOBS.also(
            equals(
                "PackagePushRequest.PackageVersion.MetadataPackageId",
                soql.sf_id(package_id, PACKAGE),
            ),
            not_in("Status", _ENDS),
        )
        keys = [soql.org_key(org) for org in orgs]
        found = self._chunks(
            "read the orgs' open push jobs", query, "SubscriberOrganizationKey", keys
        )
        asked = {long_id(org) for org in orgs}
        return [
            one for one in map(rows.job, found) if one.org in asked and one.status not in SF_ENDS
        ]

    def errors(self, request_ids: Sequence[str]) -> list[SfError]:
        """Read every push error of these requests."""
        found = self._by_request(
            "read the push errors", _ERRORS, "PackagePushJob.PackagePushRequestId", request_ids
        )
        return [rows.push_error(row) for row in found]

    # --- writing ----------------------------------------------------------------------------

    def create_request(self, version_id: str, start: datetime) -> str:
        """Create a push request (status Created; it does nothing yet) and return its id."""
        body = {
            "PackageVersionId": long_id(version_id, prefix=VERSION),
            "ScheduledStartTime": soql.moment(start),
        }
        what = "create a push request"
        answer = self._write(what, lambda sf: sf.restful(_REQUEST_PATH, method="POST", json=body))
        if not isinstance(answer, dict):
            raise of_nonsense(Kind.WRITE, what)
        if answer.get("success") is False:
            raise of_answer(Kind.WRITE, what, requests.codes.bad_request, answer.get("errors"))
        try:
            return rows.an_id(answer, "id", REQUEST)
        except SalesforceError:
            raise of_nonsense(Kind.WRITE, what) from None

    def add_jobs(self, request_id: str, orgs: Sequence[str]) -> Added:
        """Add up to 200 orgs to a Created request, each row for itself."""
        request = long_id(request_id, prefix=REQUEST)
        distinct = list(dict.fromkeys(long_id(org, prefix=ORG) for org in orgs))
        if len(distinct) > JOBS_AT_ONCE:
            raise ValueError(f"{len(distinct)} orgs, but Salesforce takes {JOBS_AT_ONCE} at once")
        if not distinct:
            return Added(0)
        body = {
            "allOrNone": False,
            "records": [
                {
                    "attributes": {"type": "PackagePushJob"},
                    "PackagePushRequestId": request,
                    "SubscriberOrganizationKey": org[:SHORT],
                }
                for org in distinct
            ],
        }
        what = "add orgs to the push request"
        answer = self._write(
            what, lambda sf: sf.restful("composite/sobjects", method="POST", json=body)
        )
        try:
            return rows.added(answer, distinct)
        except rows.Unreadable:
            raise of_nonsense(Kind.WRITE, what) from None

    def arm(self, request_id: str) -> None:
        """Set a Created request to Pending. Safe to say twice for the same id."""
        self._set_status("arm the push request", request_id, SfStatus.PENDING)

    def cancel(self, request_id: str) -> None:
        """Set a Created or Pending request to Canceled; Refused if it is past recall."""
        self._set_status("cancel the push request", request_id, SfStatus.CANCELED)

    def _set_status(self, what: str, request_id: str, status: SfStatus) -> None:
        path = _REQUEST_PATH + long_id(request_id, prefix=REQUEST)
        body = {"Status": status.value}
        self._write(
            what,
            lambda sf: sf.restful(path, method="PATCH", json=body),
            stops=status is SfStatus.CANCELED,
        )
