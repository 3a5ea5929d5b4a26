"""What the platform does on its own: it starts armed requests, runs their jobs and ends them.

Nothing runs in the background. Each coming step is an event in the store; every call first lets
all steps up to its own moment happen, in the order of their times, each at its exact time.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Final

from . import licences
from .chance import between, draw
from .outcomes import CATALOGUE, Case, ErrorRow, Outcome, Verdict, failed, judge
from .store import Work
from .times import SECOND
from .witness import note

_START: Final = "start_request"
_FINISH: Final = "finish_job"
LATE_CALL: Final = "late_call"

OtherEvent = Callable[[Work, str, str], None]


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
        " s.has_restriction AND s.custom_upgrade_type = 'BlockedBySubscriber',"
        " i.release_state = 'Released' AND"
        " (i.major, i.minor, i.patch, i.build) < (v.major, v.minor, v.patch, v.build)"
        " FROM version v JOIN subscriber s ON s.package_id = v.package_id AND s.org_key = ?"
        " JOIN version i ON i.id = s.version_id WHERE v.id = ?",
        (org_key, version_id),
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


# --- what a client sets off -----------------------------------------------------------------


def arm(work: Work, request_id: str) -> None:
    """The request and its jobs become Pending; the platform will start it when it sees fit."""
    version_id = _set_request(work, request_id, "Pending")
    note(work, "request_pending", request_id=request_id, version_id=version_id)
    for job_id, org_key in _jobs(work, request_id, "Created", "Canceled"):
        _set_job(work, job_id, "Pending")
        _note_job(work, "job_pending", request_id, job_id, org_key, version_id)
    plan_start(work, request_id)


def plan_start(work: Work, request_id: str) -> None:
    """Settle when the platform will start the request: at its time or later, never before."""
    scheduled = work.db.execute(
        "SELECT scheduled FROM push_request WHERE id = ?", (request_id,)
    ).fetchone()[0]
    pace = work.options.pace
    late = draw(work.seed, "late", request_id) < pace.late_start_share
    bounds = pace.late_start_delay if late else pace.start_delay
    delay = between(work.seed, bounds, "delay", request_id) * SECOND
    _forget_events(work, request_id)
    _plan(work, max(work.now, scheduled or 0) + delay, _START, request_id)


def cancel(work: Work, request_id: str) -> None:
    """The request and all its jobs are Canceled; nothing of it will start."""
    version_id = _set_request(work, request_id, "Canceled")
    _forget_events(work, request_id)
    note(work, "request_canceled", request_id=request_id, version_id=version_id)
    for job_id, org_key in _jobs(work, request_id, "Created", "Pending"):
        _set_job(work, job_id, "Canceled")
        _note_job(work, "job_canceled", request_id, job_id, org_key, version_id)


# --- what happens by itself -----------------------------------------------------------------


def advance(work: Work, other: OtherEvent) -> None:
    """Let everything happen that is due until now; `other` is given what is no push's step."""
    while True:
        event = work.db.execute(
            "SELECT seq, at, kind, request_id, job_id, body FROM event WHERE at <= ?"
            " ORDER BY at, seq LIMIT 1",
            (work.now,),
        ).fetchone()
        if event is None:
            return
        seq, at, kind, request_id, job_id, body = event
        work.db.execute("DELETE FROM event WHERE seq = ?", (seq,))
        then = replace(work, now=at)
        if kind == _START:
            _start(then, request_id)
        elif kind == _FINISH:
            _finish_job(then, request_id, job_id)
        elif kind == licences.CATCH_UP:
            licences.catch_up(then, body)
        else:
            other(then, kind, body)


def plan_late_call(work: Work, at: int, body: str) -> None:
    """A call that the caller has given up on, and that will still have its effect."""
    plan_event(work, at, LATE_CALL, body)


def plan_event(work: Work, at: int, kind: str, body: str) -> None:
    """Let something happen at a simulated moment that is no push's step; see `advance`."""
    work.db.execute("INSERT INTO event (at, kind, body) VALUES (?,?,?)", (at, kind, body))


def _start(work: Work, request_id: str) -> None:
    version_id = _set_request(work, request_id, work.options.in_progress)
    work.db.execute("UPDATE push_request SET started = ? WHERE id = ?", (work.second, request_id))
    note(work, "request_started", request_id=request_id, version_id=version_id)
    for _ in range(work.options.pace.parallel_jobs):
        if not _start_next_job(work, request_id, version_id):
            break
    _finish_if_done(work, request_id, version_id)


def _start_next_job(work: Work, request_id: str, version_id: str) -> bool:
    row = work.db.execute(
        "SELECT id, org_key FROM push_job WHERE request_id = ? AND status = 'Pending'"
        " ORDER BY rowid LIMIT 1",
        (request_id,),
    ).fetchone()
    if row is None:
        return False
    job_id, org_key = row
    _set_job(work, job_id, work.options.in_progress)
    work.db.execute("UPDATE push_job SET started = ? WHERE id = ?", (work.second, job_id))
    _note_job(work, "job_started", request_id, job_id, org_key, version_id)
    found = installation(work, org_key, version_id)
    pace = work.options.pace
    bounds = pace.job if found is not None and found.upgradable else pace.quick_failure
    seconds = between(work.seed, bounds, "job", job_id, org_key)
    spread = int(draw(work.seed, "ms", job_id) * SECOND)
    _plan(work, work.now + seconds * SECOND + spread, _FINISH, request_id, job_id)
    return True


def _finish_job(work: Work, request_id: str, job_id: str) -> None:
    org_key = str(
        work.db.execute("SELECT org_key FROM push_job WHERE id = ?", (job_id,)).fetchone()[0]
    )
    row = work.db.execute(
        "SELECT r.version_id, v.has_defect FROM push_request r"
        " JOIN version v ON v.id = r.version_id WHERE r.id = ?",
        (request_id,),
    ).fetchone()
    version_id = str(row[0])
    verdict, found = _verdict(work, org_key, version_id, bool(row[1]))
    if verdict.outcome is not Outcome.STUCK:
        succeeded = verdict.outcome is Outcome.SUCCESS
        status = "Succeeded" if succeeded else "Failed"
        _set_job(work, job_id, status)
        work.db.execute("UPDATE push_job SET ended = ? WHERE id = ?", (work.second, job_id))
        detail: dict[str, object] = {"errors": [error.get("ErrorType") for error in verdict.errors]}
        _note_job(work, f"job_{status.lower()}", request_id, job_id, org_key, version_id, detail)
        if succeeded and found is not None:
            move_version(work, found, org_key, version_id, request_id, job_id)
        for error in verdict.errors:
            _keep_error(work, job_id, error)
    # A stuck job keeps its status for ever, but not its place: others go on.
    _start_next_job(work, request_id, version_id)
    _finish_if_done(work, request_id, version_id)


def _verdict(
    work: Work,
    org_key: str,
    version_id: str,
    has_defect: bool,  # noqa: FBT001
) -> tuple[Verdict, Installation | None]:
    found = installation(work, org_key, version_id)
    if found is None:
        return failed(CATALOGUE["Uninstalled"]), None
    if not found.upgradable:
        return failed(CATALOGUE["Ineligible"]), found
    if found.status == "Inactive":
        return failed(CATALOGUE["Expired"]), found
    if found.blocked:
        return failed(CATALOGUE["Blocked"]), found
    tries = work.db.execute(
        "SELECT COUNT(*) FROM push_job j JOIN push_request r ON r.id = j.request_id"
        " WHERE j.org_key = ? AND r.version_id = ? AND j.status IN ('Succeeded', 'Failed')",
        (org_key, version_id),
    ).fetchone()[0]
    verdict = judge(work, Case(version_id, has_defect, org_key, found.sandbox, found.own, tries))
    if verdict.outcome is Outcome.GONE:
        remove(work, found, org_key)
        return failed(CATALOGUE["Uninstalled"]), None
    return verdict, found


def _finish_if_done(work: Work, request_id: str, version_id: str) -> None:
    counts = dict(
        work.db.execute(
            "SELECT status, COUNT(*) FROM push_job WHERE request_id = ? GROUP BY status",
            (request_id,),
        ).fetchall()
    )
    if counts.get("Pending") or counts.get(work.options.in_progress):
        return
    empty = not counts and work.options.unknowns.empty_request_fails
    # How mixed results end is not documented; one failed job fails the request here.
    status = "Failed" if counts.get("Failed") or empty else "Succeeded"
    _set_request(work, request_id, status)
    work.db.execute("UPDATE push_request SET ended = ? WHERE id = ?", (work.second, request_id))
    note(work, f"request_{status.lower()}", request_id=request_id, version_id=version_id)


# --- rows -----------------------------------------------------------------------------------


def move_version(
    work: Work,
    found: Installation,
    org_key: str,
    version_id: str,
    request_id: str | None = None,
    job_id: str | None = None,
) -> None:
    """The org now has this version."""
    work.db.execute(
        "UPDATE subscriber SET version_id = ?, modstamp = ? WHERE id = ?",
        (version_id, work.second, found.subscriber_id),
    )
    plan_event(work, *licences.planned(work, org_key, found.package_id))
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
    work.db.execute("DELETE FROM subscriber WHERE id = ?", (found.subscriber_id,))
    plan_event(work, *licences.planned(work, org_key, found.package_id))
    note(
        work,
        "subscriber_removed",
        org=org_key,
        detail={"package_id": found.package_id, "from": found.version_id},
    )


def _keep_error(work: Work, job_id: str, error: ErrorRow) -> None:
    work.db.execute(
        "INSERT INTO push_error VALUES (?,?,?,?,?,?,?,?)",
        (
            work.new_id("0DY"),
            job_id,
            error.get("ErrorSeverity", "Error"),
            error.get("ErrorType", "UnclassifiedError"),
            error.get("ErrorTitle"),
            error.get("ErrorMessage"),
            error.get("ErrorDetails"),
            work.second,
        ),
    )


def _set_request(work: Work, request_id: str, status: str) -> str:
    row = work.db.execute(
        "UPDATE push_request SET status = ?, modstamp = ? WHERE id = ? RETURNING version_id",
        (status, work.second, request_id),
    ).fetchone()
    return str(row[0])


def _set_job(work: Work, job_id: str, status: str) -> None:
    work.db.execute(
        "UPDATE push_job SET status = ?, modstamp = ? WHERE id = ?", (status, work.second, job_id)
    )


def _jobs(work: Work, request_id: str, *statuses: str) -> list[tuple[str, str]]:
    marks = ",".join("?" * len(statuses))
    return work.db.execute(
        f"SELECT id, org_key FROM push_job WHERE request_id = ? AND status IN ({marks})"  # noqa: S608 - our own names
        " ORDER BY rowid",
        (request_id, *statuses),
    ).fetchall()


def _plan(work: Work, at: int, kind: str, request_id: str, job_id: str | None = None) -> None:
    work.db.execute(
        "INSERT INTO event (at, kind, request_id, job_id) VALUES (?,?,?,?)",
        (at, kind, request_id, job_id),
    )


def _forget_events(work: Work, request_id: str) -> None:
    work.db.execute("DELETE FROM event WHERE request_id = ?", (request_id,))


def _note_job(
    work: Work,
    kind: str,
    request_id: str,
    job_id: str,
    org_key: str,
    version_id: str,
    detail: dict[str, object] | None = None,
) -> None:
    note(
        work,
        kind,
        request_id=request_id,
        job_id=job_id,
        org=org_key,
        version_id=version_id,
        detail=detail,
    )
