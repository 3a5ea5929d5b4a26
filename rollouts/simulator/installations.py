"""What an org has installed, and how that changes."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Final

from . import licences
from .store import Work
from .times import SECOND
from .witness import note

SHOW: Final = "subscriber_shows"


@dataclass(frozen=True, slots=True)
class Installation:
    """An org's installation of the package that a version belongs to."""

    subscriber_id: str
    package_id: str
    version_id: str
    status: str
    sandbox: bool
    own: bool
    blocked: bool
    upgradable: bool  # has an older released version of the package


def installation(work: Work, org_key: str, version_id: str) -> Installation | None:
    """The installation of this version's package in an org, if it has one."""
    row = work.db.execute(
        "SELECT s.id, s.package_id, s.version_id, s.org_status, s.org_type, s.is_own,"
        " s.has_restriction AND s.custom_upgrade_type = 'BlockedBySubscriber'"
        " AND NOT COALESCE(c.overridden, 0) AND (COALESCE(c.days, -1) < 0"
        " OR c.initiated + c.days * 86400000 > ?),"
        " i.release_state = 'Released' AND"
        " (i.major, i.minor, i.patch, i.build) < (v.major, v.minor, v.patch, v.build)"
        " FROM version v JOIN subscriber s ON s.package_id = v.package_id AND s.org_key = ?"
        " JOIN version i ON i.id = s.version_id"
        " LEFT JOIN customization c ON c.org_key = s.org_key AND c.package_id = s.package_id"
        " WHERE v.id = ? AND s.installed_status = 'i'",
        (work.now, org_key, version_id),
    ).fetchone()
    if row is None:
        return None
    return Installation(
        row[0],
        row[1],
        row[2],
        row[3],
        row[4] == "Sandbox",
        bool(row[5]),
        bool(row[6]),
        bool(row[7]),
    )


def show(work: Work, body: str) -> None:
    """Let the subscriber row show a version, at once or after a lag."""
    what = json.loads(body)
    work.db.execute(
        "UPDATE subscriber SET version_id = ?, modstamp = ? WHERE id = ?",
        (what["version"], work.second, what["subscriber"]),
    )


def move_version(
    work: Work,
    found: Installation,
    org_key: str,
    version_id: str,
    request_id: str | None = None,
    job_id: str | None = None,
) -> None:
    """The org now has this version."""
    lag = work.options.unknowns.subscriber_lag
    body = json.dumps({"subscriber": found.subscriber_id, "version": version_id})
    if lag:
        work.plan(work.now + lag * SECOND, SHOW, body)
    else:
        show(work, body)
    work.plan(*licences.planned(work, org_key, found.package_id))
    note(
        work,
        "version_changed",
        request_id=request_id,
        job_id=job_id,
        org=org_key,
        version_id=version_id,
        detail={"package_id": found.package_id, "from": found.version_id},
    )


def remove(work: Work, found: Installation, org_key: str) -> None:
    """The org no longer has the package."""
    if work.options.unknowns.uninstalled_stay_listed:
        work.db.execute(
            "UPDATE subscriber SET installed_status = 'u', modstamp = ? WHERE id = ?",
            (work.second, found.subscriber_id),
        )
    else:
        work.db.execute("DELETE FROM subscriber WHERE id = ?", (found.subscriber_id,))
    work.plan(*licences.planned(work, org_key, found.package_id))
    note(
        work,
        "subscriber_removed",
        org=org_key,
        detail={"package_id": found.package_id, "from": found.version_id},
    )
