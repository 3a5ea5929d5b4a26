"""Licences follow what orgs have, but later."""

from __future__ import annotations

import json
from typing import Final

from .chance import between
from .store import Work
from .times import SECOND
from .witness import note

CATCH_UP: Final = "licence_catches_up"


def planned(work: Work, org_key: str, package_id: str) -> tuple[int, str, str]:
    """When the licence of an org whose installation has just changed will show it, as an event."""
    lag = between(work.seed, work.options.pace.licence_lag, "licence", org_key, work.second)
    body = json.dumps({"org": org_key, "package": package_id})
    return work.now + lag * SECOND, CATCH_UP, body


def catch_up(work: Work, body: str) -> None:
    """Let the newest licence of an org and package say what is installed now."""
    what = json.loads(body)
    row = work.db.execute(
        "SELECT l.id, l.lma_version_id, l.status, v.version_id FROM licence l"
        " JOIN lma_package p ON p.id = l.lma_package_id"
        " LEFT JOIN lma_version v ON v.id = l.lma_version_id"
        " WHERE l.org_key = ? AND p.package_id = ? ORDER BY l.name DESC LIMIT 1",
        (what["org"], what["package"]),
    ).fetchone()
    if row is None:
        return
    licence_id, old_version, old_status, old_id = row
    found = work.db.execute(
        "SELECT v.id, v.version_id FROM subscriber s JOIN lma_version v"
        " ON v.version_id = s.version_id WHERE s.org_key = ? AND s.package_id = ?",
        (what["org"], what["package"]),
    ).fetchone()
    if found is None:
        if old_status != "Uninstalled":
            _set(work, licence_id, "sfLma__Status__c", old_status, "Uninstalled")
            work.db.execute("UPDATE licence SET status = 'Uninstalled' WHERE id = ?", (licence_id,))
            _noted(work, what, licence_id, old_id, "Uninstalled")
    elif found[0] != old_version:
        _set(work, licence_id, "sfLma__Package_Version__c", old_version, found[0])
        work.db.execute(
            "UPDATE licence SET lma_version_id = ? WHERE id = ?", (found[0], licence_id)
        )
        _noted(work, what, licence_id, found[1], old_status)


def _set(work: Work, licence_id: str, field: str, old: str | None, new: str) -> None:
    work.db.execute(
        "INSERT INTO licence_history VALUES (?,?,?,?,?,?)",
        (work.new_id("017"), licence_id, field, old, new, work.second),
    )
    work.db.execute("UPDATE licence SET modstamp = ? WHERE id = ?", (work.second, licence_id))


def _noted(
    work: Work, what: dict[str, str], licence_id: str, version_id: str | None, status: str
) -> None:
    note(
        work,
        "licence_changed",
        org=what["org"],
        version_id=version_id,
        detail={"package_id": what["package"], "licence_id": licence_id, "status": status},
    )
