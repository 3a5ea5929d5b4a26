"""What Pushboard asks of Salesforce, as a Protocol with frozen value types.

These are the only words about Salesforce that the rest of the house uses. All ids have 18
characters, all times are aware UTC, statuses are normalised (``InProgress`` and "In Progress" are
one, so are Canceled and Cancelled). ``read_at`` is business time just before the call was sent,
so a value is never claimed to be newer than it is.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Protocol

from rollouts.salesforce.values import (
    Capabilities,
    SfBulk,
    SfLicence,
    SfLmaPackage,
    SfLmaVersion,
)


class SfStatus(StrEnum):
    """Status of a push request or a push job, in Salesforce's own spelling."""

    CREATED = "Created"
    PENDING = "Pending"
    IN_PROGRESS = "InProgress"
    SUCCEEDED = "Succeeded"
    FAILED = "Failed"
    CANCELED = "Canceled"


SF_ENDS = frozenset({SfStatus.SUCCEEDED, SfStatus.FAILED, SfStatus.CANCELED})


@dataclass(frozen=True, slots=True)
class Identity:
    """Who we are at Salesforce."""

    org_id: str
    org_name: str
    username: str


@dataclass(frozen=True, slots=True)
class SfPackage:
    """One MetadataPackage row. ``generation`` is 2 for Package2, else 1."""

    id: str
    name: str
    namespace: str
    generation: int


@dataclass(frozen=True, slots=True)
class SfVersion:
    """One MetadataPackageVersion row. ``changed``: it was promoted by then, if ever."""

    id: str
    package_id: str
    name: str
    major: int
    minor: int
    patch: int
    build: int
    released: bool
    deprecated: bool
    changed: datetime | None = None


@dataclass(frozen=True, slots=True)
class SfSubscriber:
    """One PackageSubscriber row: a package installed in an org. ``parent`` may be "".

    ``may_block`` is whether its owner was allowed to block pushes. Before API version 60.0
    nobody can read who blocks them; ``blocking_known`` is False then.
    """

    org: str
    org_name: str
    status: str
    is_production: bool
    instance: str
    parent: str
    package_id: str
    version_id: str
    installed: bool
    blocked: bool
    modified: datetime
    may_block: bool = False
    blocking_known: bool = True

    @property
    def blocks(self) -> bool | None:
        """Whether its owner blocks pushes; None when nobody can read that."""
        return self.blocked if self.blocking_known else None


@dataclass(frozen=True, slots=True)
class SfRequest:
    """One PackagePushRequest row; ``start`` is the earliest start or None."""

    id: str
    version_id: str
    package_id: str
    status: SfStatus
    start: datetime | None


@dataclass(frozen=True, slots=True)
class SfJob:
    """One PackagePushJob row. ``started`` and ``ended`` are as Salesforce reports them."""

    id: str
    request_id: str
    org: str
    status: SfStatus
    started: datetime | None = None
    ended: datetime | None = None


@dataclass(frozen=True, slots=True)
class SfError:
    """One PackagePushError row."""

    id: str
    job_id: str
    severity: str
    type: str
    title: str
    message: str
    details: str


@dataclass(frozen=True, slots=True)
class Added:
    """What adding jobs came to, row by row: refused orgs with (code, message).

    An org in neither map was accepted or is already there; the caller reads the jobs back anyway.
    """

    accepted: int
    refused: Mapping[str, tuple[str, str]] = field(default_factory=dict)
    again: Mapping[str, tuple[str, str]] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Budget:
    """API calls used and allowed in the rolling day, from the last Sforce-Limit-Info seen."""

    used: int
    limit: int

    @property
    def left(self) -> int:
        """Calls left."""
        return self.limit - self.used


@dataclass(frozen=True, slots=True)
class Pulse:
    """How far some push requests have come: their statuses, and their jobs by status.

    A request without jobs is in neither.
    """

    requests: Mapping[str, SfStatus]
    counts: Mapping[str, Mapping[SfStatus, int]]


@dataclass(frozen=True, slots=True)
class Progress:
    """The same, job by job, with every error; a request without jobs is not in it."""

    requests: Mapping[str, SfStatus]
    jobs: Sequence[SfJob]
    errors: Sequence[SfError]


class Gateway(Protocol):
    """One Salesforce connection. Raises the outcomes of ``salesforce.errors`` and nothing else."""

    @property
    def writes_allowed(self) -> bool:
        """Whether this connection may push at this moment."""

    def identity(self) -> Identity:
        """Say which org and user this connection is."""

    def clock_drift(self) -> timedelta:
        """Return Salesforce's clock minus ours, from the last answer's Date header."""

    def budget(self) -> Budget | None:
        """Return the API budget last seen, or None before the first answer."""

    def daily_calls(self) -> Budget | None:
        """Read the API calls used and allowed in 24 hours; None where the org does not tell."""

    def capabilities(self) -> Capabilities:
        """Read which objects and API versions this user sees, and how the org spells statuses."""

    def packages(self) -> list[SfPackage]:
        """Read every package of this org."""

    def versions(self, package_id: str) -> list[SfVersion]:
        """Read every version of a package."""

    def catalog(self) -> tuple[list[SfPackage], list[SfVersion]]:
        """Read every version of every package, and so each package that has one, in one query."""

    def subscribers(
        self, package_id: str, *, since: datetime | None = None
    ) -> Iterator[Sequence[SfSubscriber]]:
        """Read the installations of one package page by page; ``since`` for the changed ones."""

    def installed(self, package_id: str, orgs: Sequence[str]) -> list[SfSubscriber]:
        """Read the installations of one package in these orgs (chunked, any number)."""

    def request(self, request_id: str) -> SfRequest | None:
        """Read one push request."""

    def requests(self, request_ids: Sequence[str]) -> list[SfRequest]:
        """Read push requests by id (chunked)."""

    def requests_starting(self, version_id: str, start: datetime) -> list[SfRequest]:
        """Find push requests by version and exact start second: the nonce of a lost create."""

    def open_requests(self, package_id: str) -> list[SfRequest]:
        """Read every request of a package that is Created, Pending or InProgress."""

    def requests_since(self, package_id: str, since: datetime) -> list[SfRequest]:
        """Read every request of a package, in any status, that starts at or after a moment."""

    def job_counts(self, request_ids: Sequence[str]) -> dict[str, dict[SfStatus, int]]:
        """Count jobs by request and status in one query."""

    def jobs(self, request_ids: Sequence[str]) -> list[SfJob]:
        """Read every job of these requests (paged)."""

    def open_jobs_of(self, package_id: str, orgs: Sequence[str]) -> list[SfJob]:
        """Read jobs of these orgs, for any version of the package, that are not ended (chunked)."""

    def pulse(self, request_ids: Sequence[str]) -> Pulse:
        """Read where these requests stand and count their jobs by status, in one query."""

    def progress(self, request_ids: Sequence[str]) -> Progress:
        """Read where these requests stand, their jobs and the errors of those (paged)."""

    def open_jobs(self, package_id: str) -> list[SfJob]:
        """Read every job of any version of the package that has not ended (paged)."""

    def errors(self, request_ids: Sequence[str]) -> list[SfError]:
        """Read every push error of these requests."""

    def licences(self, *, since: datetime | None = None) -> Iterator[Sequence[SfLicence]]:
        """Read the licences of every package page by page; ``since`` for the changed ones."""

    def lma_packages(self) -> list[SfLmaPackage]:
        """Read the packages that the License Management App knows."""

    def lma_versions(self) -> list[SfLmaVersion]:
        """Read the versions that the License Management App knows, with their release dates."""

    def create_request(self, version_id: str, start: datetime) -> str:
        """Create a push request (status Created; it does nothing yet) and return its id."""

    def add_jobs(self, request_id: str, orgs: Sequence[str]) -> Added:
        """Add up to 200 orgs to a Created request, each row for itself."""

    def bulk_open(self) -> str:
        """Open an ingest job for push jobs and return its id; store it before the upload.

        An open job without data does nothing, ever: after an unknown outcome open another.
        """

    def bulk_upload(self, bulk_id: str, request_id: str, orgs: Sequence[str]) -> None:
        """Give an open ingest job its orgs, any number; none is added before it is closed.

        After an unknown outcome abort this job, read it back as ended and open another.
        """

    def bulk_close(self, bulk_id: str) -> None:
        """Let Salesforce add the uploaded orgs, each row for itself. Safe to say twice for one id.

        Nothing of the request may count as complete before `bulk_state` says that the job ended.
        """

    def bulk_state(self, bulk_id: str) -> SfBulk:
        """Read an ingest job's state and figures."""

    def bulk_rows(self, bulk: SfBulk) -> Added:
        """Read what became of each row of an ended job: all three result lists.

        Rows that were never tried are in ``again``. Raises Unknown when the lists and the job's
        figures don't agree: then the request's jobs decide.
        """

    def bulk_abort(self, bulk_id: str) -> None:
        """End an ingest job; no error when it has ended. What was added until then stays."""

    def bulk_jobs(self) -> list[SfBulk]:
        """Read the ingest jobs for push jobs that have not ended, whoever opened them."""

    def arm(self, request_id: str) -> None:
        """Set a Created request to Pending. Safe to say twice for the same id."""

    def cancel(self, request_id: str) -> None:
        """Set a Created or Pending request to Canceled; Refused if it is past recall."""
