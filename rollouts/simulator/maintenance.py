"""Maintenance of instances: no push starts there then, and the own org does not answer."""

from __future__ import annotations

from typing import Final

from .refusals import Refusal
from .store import Work
from .witness import note

# A window that now covers the org of job `j`; takes the moment twice.
AT_ORG: Final = (
    "SELECT 1 FROM subscriber s JOIN maintenance m ON m.instance = s.instance_name"
    " WHERE s.org_key = j.org_key AND m.starts <= ? AND m.ends > ?"
)


def plan(work: Work, instance: str, starts: int, ends: int, name: str, kind: str) -> None:
    """Plan a window, in simulated milliseconds. Raises Refusal."""
    if ends <= starts:
        raise Refusal(400, "INVALID_INPUT", "A maintenance must end after its start.")
    work.db.execute(
        "INSERT INTO maintenance (instance, starts, ends, name, kind) VALUES (?,?,?,?,?)",
        (instance, starts, ends, name, kind),
    )
    note(work, "maintenance_planned", detail={"instance": instance, "start": starts, "end": ends})


def own_end(work: Work) -> int | None:
    """When the asked org's own instance is back, if it is under maintenance now."""
    row = work.db.execute(
        "SELECT MAX(m.ends) FROM maintenance m JOIN organization o ON o.instance_name = m.instance"
        " WHERE o.tenant = ? AND m.starts <= ? AND m.ends > ?",
        (work.options.role.tenant, work.now, work.now),
    ).fetchone()
    return None if row[0] is None else int(row[0])


def next_end(work: Work, request_id: str) -> int | None:
    """When the first of the instances is back for which orgs of a request wait."""
    row = work.db.execute(
        "SELECT MIN(m.ends) FROM push_job j JOIN subscriber s ON s.org_key = j.org_key"
        " JOIN maintenance m ON m.instance = s.instance_name"
        " WHERE j.request_id = ? AND j.status = 'Pending' AND m.starts <= ? AND m.ends > ?",
        (request_id, work.now, work.now),
    ).fetchone()
    return None if row[0] is None else int(row[0])


def check_own(work: Work) -> None:
    """Raise Refusal while the asked org's instance is under maintenance."""
    if own_end(work) is not None:
        raise Refusal(
            503,
            "SERVER_UNAVAILABLE",
            "The instance is under scheduled maintenance and can't be reached.",
        )
