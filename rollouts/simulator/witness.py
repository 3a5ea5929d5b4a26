"""The effect log: what happened, when, to whom. Tests ask it, never the dashboard.

Kinds: `request_` and `job_` followed by created, pending, started, succeeded, failed or canceled;
`request_edited`; `version_changed`, `subscriber_changed`, `subscriber_removed`;
`licence_changed`; `late_call`;
`bulk_created`, `bulk_uploaded`, `bulk_state` (set by the client), `bulk_ended`, `bulk_late_row`,
`bulk_removed`; `fault`, `fault_planned`, `outcomes_scripted`, `switched`,
`world_generated`.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Final, TypedDict

from .store import Work
from .times import iso

_STATUS_OF: Final = {
    "created": "Created",
    "pending": "Pending",
    "started": "InProgress",
    "succeeded": "Succeeded",
    "failed": "Failed",
    "canceled": "Canceled",
}
REQUEST_STATUS: Final = {f"request_{word}": status for word, status in _STATUS_OF.items()}
JOB_STATUS: Final = {f"job_{word}": status for word, status in _STATUS_OF.items()}


@dataclass(frozen=True, slots=True)
class Effect:
    """One line of the log. `at` is simulated, `wall` real time, both ISO 8601 to the millisecond.

    `org` is a 15-character key, the other ids have 18.
    """

    seq: int
    at: str
    wall: str
    kind: str
    request_id: str | None
    job_id: str | None
    org: str | None
    version_id: str | None
    detail: dict[str, object]

    def as_dict(self) -> dict[str, object]:
        """The line as JSON shows it."""
        return asdict(self)


class RequestTruth(TypedDict):
    """One push request at one moment."""

    status: str
    version_id: str
    jobs: dict[str, int]


class Truth(TypedDict):
    """The world at one moment.

    `orgs` holds, for each org whose installation ever changed until then, the version id it has
    by package id; None means the package is gone.
    """

    at: str
    seq: int
    requests: dict[str, RequestTruth]
    orgs: dict[str, dict[str, str | None]]


def note(
    work: Work,
    kind: str,
    *,
    request_id: str | None = None,
    job_id: str | None = None,
    org: str | None = None,
    version_id: str | None = None,
    detail: Mapping[str, object] | None = None,
) -> None:
    """Append a line, in the same transaction as the change it tells of."""
    work.db.execute(
        "INSERT INTO effect (at, wall, kind, request_id, job_id, org, version_id, detail)"
        " VALUES (?,?,?,?,?,?,?,?)",
        (
            work.now,
            work.wall,
            kind,
            request_id,
            job_id,
            org,
            version_id,
            json.dumps(detail, ensure_ascii=False) if detail else "{}",
        ),
    )


def effects(db: sqlite3.Connection, after: int = 0, limit: int | None = None) -> list[Effect]:
    """The lines after a sequence number, oldest first."""
    rows = db.execute(
        "SELECT seq, at, wall, kind, request_id, job_id, org, version_id, detail FROM effect"
        " WHERE seq > ? ORDER BY seq LIMIT ?",
        (after, -1 if limit is None else limit),
    )
    return [
        Effect(seq, iso(at), iso(wall), kind, request_id, job_id, org, version_id, json.loads(text))
        for seq, at, wall, kind, request_id, job_id, org, version_id, text in rows
    ]


def truth(db: sqlite3.Connection, at: int, seq: int | None = None) -> Truth:
    """What was so at a simulated moment, or after a line of the log, told by the log alone."""
    bound = "at <= :at" if seq is None else "seq <= :seq"
    asked = {"at": at, "seq": seq}
    requests: dict[str, RequestTruth] = {}
    # In a query with a single MAX, SQLite takes the other columns from the row of the maximum.
    for kind, request_id, version_id, _ in db.execute(
        "SELECT kind, request_id, version_id, MAX(seq) FROM effect"  # noqa: S608 - our own names
        f" WHERE {bound} AND job_id IS NULL AND kind GLOB 'request_*'"
        " AND kind <> 'request_edited' GROUP BY request_id",
        asked,
    ):
        requests[request_id] = {
            "status": REQUEST_STATUS[kind],
            "version_id": version_id,
            "jobs": {},
        }
    for request_id, kind, count in db.execute(
        "SELECT request_id, kind, COUNT(*) FROM (SELECT request_id, kind, MAX(seq) FROM effect"  # noqa: S608 - our own names
        f" WHERE {bound} AND job_id IS NOT NULL AND kind GLOB 'job_*' GROUP BY job_id)"
        " GROUP BY request_id, kind",
        asked,
    ):
        requests[request_id]["jobs"][JOB_STATUS[kind]] = count
    orgs: dict[str, dict[str, str | None]] = {}
    for org, version_id, detail in db.execute(
        "SELECT org, version_id, detail FROM effect"  # noqa: S608 - our own names
        f" WHERE {bound} AND kind IN ('version_changed', 'subscriber_removed') ORDER BY seq",
        asked,
    ):
        orgs.setdefault(org, {})[json.loads(detail)["package_id"]] = version_id
    last = db.execute(f"SELECT COALESCE(MAX(seq), 0) FROM effect WHERE {bound}", asked).fetchone()  # noqa: S608 - our own names
    return {"at": iso(at), "seq": last[0], "requests": requests, "orgs": orgs}
