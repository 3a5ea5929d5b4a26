"""What Pushboard asks of a real org, or of the simulator: `gateway.Gateway` over the network.

Queries name what they read and are scoped by package or by id; what comes back is held against
what was asked for, since Salesforce is known to answer rows that nobody asked about.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime, timedelta

import requests

from rollouts.domain.ids import ORG, PACKAGE, REQUEST, SHORT, VERSION, long_id
from rollouts.salesforce import adding, rows, soql
from rollouts.salesforce.bulk import BulkCalls
from rollouts.salesforce.errors import Refused, SalesforceError, TryAgain
from rollouts.salesforce.gateway import (
    SF_ENDS,
    Added,
    Budget,
    Identity,
    Progress,
    Pulse,
    SfError,
    SfJob,
    SfPackage,
    SfRequest,
    SfStatus,
    SfSubscriber,
    SfVersion,
)
from rollouts.salesforce.licences import LicenceCalls
from rollouts.salesforce.outcomes import Kind, of_answer, of_nonsense
from rollouts.salesforce.overlap import overlapped
from rollouts.salesforce.proof import ProofCalls
from rollouts.salesforce.queries import (
    CATALOG,
    COUNTS,
    ENDS,
    ERRORS,
    INSTANCES,
    JOBS,
    PACKAGES,
    PROGRESS,
    PULSE,
    REQUESTS,
    SUBSCRIBERS,
    VERSIONS,
    at_version,
)
from rollouts.salesforce.soql import Condition, Query, Thing, at_least, equals, not_in

JOBS_AT_ONCE = 200
_REQUEST_PATH = "sobjects/PackagePushRequest/"
_RESTRICTED_PICKLIST = "INVALID_OR_NULL_FOR_RESTRICTED_PICKLIST"


class SalesforceGateway(BulkCalls, LicenceCalls, ProofCalls):
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
        what = "read who we are"
        try:
            told = self._ask(Kind.READ, what, lambda sf: sf.oauth2("userinfo"))
        except Refused:
            # A connected app may lack the scope for it; the name is for people only.
            told = {}
        if not isinstance(told, dict):
            raise of_nonsense(Kind.READ, what)
        username = told.get("preferred_username")
        return Identity(
            org_id=org_id,
            org_name=rows.text(found[0], "Name") if found else "",
            username=username if isinstance(username, str) else "",
        )

    # --- reading ----------------------------------------------------------------------------

    def packages(self) -> list[SfPackage]:
        """Read every package of this org."""
        found = self._all("read the packages", PACKAGES)
        return [rows.package(row) for row in found if not rows.is_internal(row)]

    def versions(self, package_id: str) -> list[SfVersion]:
        """Read every version of a package."""
        package = soql.sf_id(package_id, PACKAGE)
        found = self._all(
            "read the package's versions", VERSIONS.also(equals("MetadataPackageId", package))
        )
        return [one for one in map(rows.version, found) if one.package_id == package.text]

    def catalog(self) -> tuple[list[SfPackage], list[SfVersion]]:
        """Read every version of every package, and so each package that has one, in one query."""
        found = self._all("read the packages' versions", CATALOG)
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
        query = at_version(SUBSCRIBERS, self.api)
        began = False
        try:
            for found in self._pages(what, query.also(*scope)):
                began = True
                yield found
        except TryAgain as problem:
            if began or problem.code != "QUERY_TIMEOUT":
                raise
        else:
            return
        for row in self._all("read the subscribers' instances", INSTANCES.also(*scope)):
            instance = rows.text(row, "InstanceName") or None
            yield from self._pages(what, query.also(*scope, equals("InstanceName", instance)))

    def installed(self, package_id: str, orgs: Sequence[str]) -> list[SfSubscriber]:
        """Read the installations of one package in these orgs (about 460 to a call)."""
        package = soql.sf_id(package_id, PACKAGE)
        query = at_version(SUBSCRIBERS, self.api).also(equals("MetadataPackageId", package))
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
        found = self._by_request("read the push requests", REQUESTS, "Id", request_ids)
        asked = {long_id(one) for one in request_ids}
        return [one for one in self._requests(found) if one.id in asked]

    def requests_starting(self, version_id: str, start: datetime) -> list[SfRequest]:
        """Find push requests by version and exact start second: the nonce of a lost create."""
        version = soql.sf_id(version_id, VERSION)
        query = REQUESTS.also(
            equals("PackageVersionId", version), equals("ScheduledStartTime", start)
        )
        found = self._requests(self._all("look for a push request", query))
        return [one for one in found if one.version_id == version.text and one.start == start]

    def open_requests(self, package_id: str) -> list[SfRequest]:
        """Read every request of a package that is Created, Pending or InProgress."""
        package = soql.sf_id(package_id, PACKAGE)
        # "Not ended" rather than a list of what is open: it holds in either spelling of InProgress.
        query = REQUESTS.also(
            equals("PackageVersion.MetadataPackageId", package), not_in("Status", ENDS)
        )
        found = self._requests(self._all("read the open push requests", query))
        return [
            one for one in found if one.package_id == package.text and one.status not in SF_ENDS
        ]

    def _requests(self, found: Iterable[rows.Row]) -> list[SfRequest]:
        return [rows.request(row, self._statuses.read) for row in found]

    def _jobs(self, found: Iterable[rows.Row]) -> list[SfJob]:
        return [rows.job(row, self._statuses.read) for row in found]

    def requests_since(self, package_id: str, since: datetime) -> list[SfRequest]:
        """Read every request of a package, in any status, that starts at or after a moment."""
        package = soql.sf_id(package_id, PACKAGE)
        moment = since.replace(microsecond=0)
        query = REQUESTS.also(
            equals("PackageVersion.MetadataPackageId", package),
            at_least("ScheduledStartTime", moment),
        )
        found = self._requests(self._all("read the push requests since a day", query))
        return [
            one
            for one in found
            if one.package_id == package.text and one.start is not None and one.start >= moment
        ]

    def job_counts(self, request_ids: Sequence[str]) -> dict[str, dict[SfStatus, int]]:
        """Count jobs by request and status in one query; a request without jobs counts nothing."""
        counts: dict[str, dict[SfStatus, int]] = {long_id(one): {} for one in request_ids}
        found = self._by_request("count the push jobs", COUNTS, "PackagePushRequestId", request_ids)
        for row in found:
            of = counts.get(rows.an_id(row, "PackagePushRequestId", REQUEST))
            if of is not None:
                status = rows.status(row, self._statuses.read)
                # Two spellings of one status are two groups at Salesforce.
                of[status] = of.get(status, 0) + rows.number(row, "expr0")
        return counts

    def jobs(self, request_ids: Sequence[str]) -> list[SfJob]:
        """Read every job of these requests (paged)."""
        found = self._by_request("read the push jobs", JOBS, "PackagePushRequestId", request_ids)
        asked = {long_id(one) for one in request_ids}
        return [one for one in self._jobs(found) if one.request_id in asked]

    def pulse(self, request_ids: Sequence[str]) -> Pulse:
        """Read where these requests stand and count their jobs by status, in one query."""
        requests: dict[str, SfStatus] = {}
        counts: dict[str, dict[SfStatus, int]] = {}
        asked = sorted({long_id(one) for one in request_ids})
        for row in self._by_request("count the push jobs", PULSE, "PackagePushRequestId", asked):
            one = rows.an_id(row, "PackagePushRequestId", REQUEST)
            if one in asked:
                status = self._statuses.read(rows.text(row, "Status"))
                requests[one] = self._statuses.read(rows.text(row, "standing"))
                of = counts.setdefault(one, {})
                of[status] = of.get(status, 0) + rows.number(row, "expr0")
        return Pulse(requests, counts)

    def progress(self, request_ids: Sequence[str]) -> Progress:
        """Read where these requests stand, their jobs and the errors of those (paged)."""
        asked = sorted({long_id(one) for one in request_ids})
        found = self._by_request("read the push jobs", PROGRESS, "PackagePushRequestId", asked)
        mine = [row for row in found if rows.an_id(row, "PackagePushRequestId", REQUEST) in asked]
        requests = {
            rows.an_id(row, "PackagePushRequestId", REQUEST): rows.status(
                rows.parent(row, "PackagePushRequest"), self._statuses.read
            )
            for row in mine
        }
        errors = [rows.children(row, "PackagePushErrors") for row in mine]
        told = (
            self.errors(asked)
            if any(one is None for one in errors)
            else [rows.push_error(row) for one in errors if one for row in one]
        )
        return Progress(requests, self._jobs(mine), told)

    def open_jobs_of(self, package_id: str, orgs: Sequence[str]) -> list[SfJob]:
        """Read jobs of these orgs, for any version of the package, that have not ended."""
        keys = [soql.org_key(org) for org in orgs]
        found = self._chunks(
            "read the orgs' open push jobs",
            _open_jobs(package_id),
            "SubscriberOrganizationKey",
            keys,
        )
        asked = {long_id(org) for org in orgs}
        return [one for one in self._jobs(found) if one.org in asked and one.status not in SF_ENDS]

    def open_jobs(self, package_id: str) -> list[SfJob]:
        """Read every job of any version of the package that has not ended (paged)."""
        found = self._all("read the open push jobs", _open_jobs(package_id))
        return [one for one in self._jobs(found) if one.status not in SF_ENDS]

    def errors(self, request_ids: Sequence[str]) -> list[SfError]:
        """Read every push error of these requests."""
        found = self._by_request(
            "read the push errors", ERRORS, "PackagePushJob.PackagePushRequestId", request_ids
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
            return adding.of_collection(answer, distinct)
        except rows.Unreadable:
            raise of_nonsense(Kind.WRITE, what) from None

    def arm(self, request_id: str) -> None:
        """Set a Created request to Pending. Safe to say twice for the same id."""
        self._set_status("arm the push request", request_id, SfStatus.PENDING)

    def cancel(self, request_id: str) -> None:
        """Set a Created or Pending request to Canceled; Refused if it is past recall."""
        self._set_status("cancel the push request", request_id, SfStatus.CANCELED)

    def _set_status(self, what: str, request_id: str, status: SfStatus) -> None:
        try:
            self._patch_status(what, request_id, status)
        except Refused as refused:
            spelled = self._statuses.word(status)
            if refused.code != _RESTRICTED_PICKLIST:
                raise
            # Nothing has happened. This org may spell the status in its own way.
            self._statuses.learn()
            if self._statuses.word(status) == spelled:
                raise
            self._patch_status(what, request_id, status)

    def _patch_status(self, what: str, request_id: str, status: SfStatus) -> None:
        path = _REQUEST_PATH + long_id(request_id, prefix=REQUEST)
        body = {"Status": self._statuses.word(status)}
        self._write(
            what,
            lambda sf: sf.restful(path, method="PATCH", json=body),
            stops=status is SfStatus.CANCELED,
        )


def _open_jobs(package_id: str) -> Query:
    package = soql.sf_id(package_id, PACKAGE)
    return JOBS.also(
        equals("PackagePushRequest.PackageVersion.MetadataPackageId", package),
        not_in("Status", ENDS),
    )
