"""What the platform does on its own: it starts armed requests, runs their jobs and ends them.

Nothing runs in the background. Each coming step is an event in the store; every call first lets
all steps up to its own moment happen, in the order of their times, each at its exact time.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Final

from . import installations, licences, maintenance
from .chance import between, draw
from .installations import Installation, installation, remove
from .outcomes import CATALOGUE, Case, ErrorRow, Outcome, Verdict, failed, judge
from .store import Work
from .times import SECOND
from .witness import note

_START: Final = "start_request"
_FINISH: Final = "finish_job"
_RESUME: Final = "resume_request"
_CASCADE: Final = "cancel_jobs"
LATE_CALL: Final = "late_call"

OtherEvent = Callable[[Work, str, str], None]


# --- what a client sets off -----------------------------------------------------------------


def arm(work: Work, request_id: str) -> None:
    """The request and its jobs become Pending; the platform will start it when it sees fit."""
    version_id = _set_request(work, request_id, "Pending")
    note(work, "request_pending", request_id=request_id, version_id=version_id)
    # "Failed" is there only if the platform let a finished request start anew.
    for job_id, org_key in _jobs(work, request_id, "Created", "Canceled", "Failed"):
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
    seconds = work.options.unknowns.cancel_cascades_after
    if seconds:
        _plan(work, work.now + seconds * SECOND, _CASCADE, request_id)
    else:
        _cancel_jobs(work, request_id)


def uncancel(work: Work, request_id: str) -> None:
    """A Pending request is Created again, and so are its jobs; nothing of it will start."""
    version_id = _set_request(work, request_id, "Created")
    _forget_events(work, request_id)
    note(work, "request_created", request_id=request_id, version_id=version_id)
    for job_id, org_key in _jobs(work, request_id, "Pending"):
        _set_job(work, job_id, "Created")
        _note_job(work, "job_created", request_id, job_id, org_key, version_id)


def _cancel_jobs(work: Work, request_id: str) -> None:
    status, version_id = work.db.execute(
        "SELECT status, version_id FROM push_request WHERE id = ?", (request_id,)
    ).fetchone()
    if status != "Canceled":
        return  # it was reopened in the meantime
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
        elif kind == _RESUME:
            _resume(then, request_id)
        elif kind == _CASCADE:
            _cancel_jobs(then, request_id)
        elif kind == licences.CATCH_UP:
            licences.catch_up(then, body)
        elif kind == installations.SHOW:
            installations.show(then, body)
        else:
            other(then, kind, body)


def plan_late_call(work: Work, at: int, body: str) -> None:
    """A call that the caller has given up on, and that will still have its effect."""
    work.plan(at, LATE_CALL, body)


def _start(work: Work, request_id: str) -> None:
    closed_until = maintenance.own_end(work)
    if closed_until is not None:
        _plan(work, closed_until, _START, request_id)
        return
    version_id = _set_request(work, request_id, work.options.in_progress)
    work.db.execute("UPDATE push_request SET started = ? WHERE id = ?", (work.second, request_id))
    note(work, "request_started", request_id=request_id, version_id=version_id)
    for _ in range(work.options.pace.parallel_jobs):
        if not _start_next_job(work, request_id, version_id):
            break
    _finish_if_done(work, request_id, version_id)


def _resume(work: Work, request_id: str) -> None:
    """Some instance is back: start jobs again as far as there is room."""
    status, version_id = work.db.execute(
        "SELECT status, version_id FROM push_request WHERE id = ?", (request_id,)
    ).fetchone()
    if status != work.options.in_progress:
        return
    running = len(_jobs(work, request_id, work.options.in_progress))
    for _ in range(work.options.pace.parallel_jobs - running):
        if not _start_next_job(work, request_id, version_id):
            break


def _start_next_job(work: Work, request_id: str, version_id: str) -> bool:
    row = work.db.execute(
        "SELECT id, org_key FROM push_job j WHERE request_id = ? AND status = 'Pending'"  # noqa: S608 - our own names
        f" AND NOT EXISTS ({maintenance.AT_ORG}) ORDER BY rowid LIMIT 1",
        (request_id, work.now, work.now),
    ).fetchone()
    if row is None:
        _wait_for_instances(work, request_id)
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


def _wait_for_instances(work: Work, request_id: str) -> None:
    """Orgs that wait for their instance to come back are taken up when the first one does."""
    back = maintenance.next_end(work, request_id)
    planned = work.db.execute(
        "SELECT 1 FROM event WHERE request_id = ? AND kind = ?", (request_id, _RESUME)
    ).fetchone()
    if back is not None and planned is None:
        _plan(work, back, _RESUME, request_id)


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
            installations.move_version(work, found, org_key, version_id, request_id, job_id)
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
    if org_key in work.options.excluded_orgs:
        return failed(CATALOGUE["Excluded"]), found
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
    unknowns = work.options.unknowns
    failed_so_far = bool(counts.get("Failed")) or (not counts and unknowns.empty_request_fails)
    # How mixed results end is not documented; one failed job fails the request, unless switched.
    saved = unknowns.mixed_request_succeeds and counts.get("Succeeded")
    status = "Failed" if failed_so_far and not saved else "Succeeded"
    _set_request(work, request_id, status)
    work.db.execute("UPDATE push_request SET ended = ? WHERE id = ?", (work.second, request_id))
    note(work, f"request_{status.lower()}", request_id=request_id, version_id=version_id)


# --- rows -----------------------------------------------------------------------------------


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
