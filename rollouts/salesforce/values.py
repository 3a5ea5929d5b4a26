"""Value types of the gateway beyond packages and pushes: bulk jobs, licences, what an org can do.

As in `gateway`: ids with 18 characters, aware times in UTC, statuses in one spelling.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from enum import StrEnum


class SfBulkState(StrEnum):
    """State of a Bulk API 2.0 ingest job, in Salesforce's own spelling."""

    OPEN = "Open"
    UPLOAD_COMPLETE = "UploadComplete"
    IN_PROGRESS = "InProgress"
    JOB_COMPLETE = "JobComplete"
    FAILED = "Failed"
    ABORTED = "Aborted"


BULK_ENDS = frozenset({SfBulkState.JOB_COMPLETE, SfBulkState.FAILED, SfBulkState.ABORTED})


@dataclass(frozen=True, slots=True)
class SfBulk:
    """One ingest job. ``processed`` counts rows tried, ``failed`` those of them refused."""

    id: str
    state: SfBulkState
    processed: int = 0
    failed: int = 0
    problem: str = ""

    @property
    def ended(self) -> bool:
        """Whether it adds nothing more; what ran when it was aborted may take minutes to end."""
        return self.state in BULK_ENDS


@dataclass(frozen=True, slots=True)
class SfLicence:
    """One licence of the License Management App: a package in an org, as its owner sees it.

    ``org``, ``package_id`` and ``version_id`` are "" where the record has none; ``seats`` is None
    for a site licence. ``zone``, ``country`` and ``state`` are the account's, as far as its org
    keeps them.
    """

    id: str
    org: str
    package_id: str
    version_id: str
    status: str
    seats: int | None
    expires: date | None
    installed_on: date | None
    account_id: str
    account_name: str
    zone: str
    country: str
    modified: datetime
    state: str = ""


@dataclass(frozen=True, slots=True)
class SfLmaPackage:
    """One package as the License Management App lists it; ``package_id`` is the 033 or ""."""

    id: str
    package_id: str
    name: str


@dataclass(frozen=True, slots=True)
class SfLmaVersion:
    """One version as the License Management App lists it; ``version_id`` is the 04t or ""."""

    id: str
    version_id: str
    package_id: str
    name: str
    number: str
    released_on: date | None


@dataclass(frozen=True, slots=True)
class Shown:
    """What the signed-in user may do with an object, as describe says."""

    readable: bool
    creatable: bool


@dataclass(frozen=True, slots=True)
class Capabilities:
    """What an org shows to this user.

    ``api_versions`` are those it answers, oldest first; ``objects`` holds every object that is
    visible; ``statuses`` holds the words of a push request's status, as the org spells them.
    """

    api_version: str
    api_versions: tuple[str, ...]
    objects: Mapping[str, Shown] = field(default_factory=dict)
    statuses: tuple[str, ...] = ()

    def sees(self, name: str) -> bool:
        """Say whether an object can be described and queried."""
        found = self.objects.get(name)
        return found is not None and found.readable

    def creates(self, name: str) -> bool:
        """Say whether an object can be created."""
        found = self.objects.get(name)
        return found is not None and found.creatable
