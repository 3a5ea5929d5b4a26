"""What a client may do with push requests and jobs, and what it is told otherwise."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from . import progress
from .eligibility import (
    bad_reference,
    check_duplicate,
    check_eligible,
    check_room,
    check_target,
)
from .ids import BadId, long_id
from .refusals import Refusal
from .store import Work
from .times import MINUTE, whole_second
from .witness import note
from .world import user_id

Values = Mapping[str, object]

SHORT: Final = 15
OPEN: Final = ("Created", "Pending")


def create_request(work: Work, values: Values) -> str:
    """Create a push request and give its id; it stays Created and does nothing."""
    status = values.get("Status")
    if status not in (None, "Created"):
        raise _illegal(f"A push request is created with the status Created, not {status}.")
    if values.get("IsMigration"):
        raise Refusal(400, "INVALID_INPUT", "Package migrations aren't enabled for this org.")
    version_id = str(values["PackageVersionId"])
    check_target(work, version_id)
    scheduled = _scheduled(work, values.get("ScheduledStartTime"))
    _check_open_requests(work)
    request_id = work.new_id("0DV")
    work.db.execute(
        "INSERT INTO push_request VALUES (?,?,?,'Created',?,?,?,?,?,?)",
        (
            request_id,
            version_id,
            scheduled,
            values.get("StartTime"),
            values.get("EndTime"),
            0,
            work.second,
            user_id(work),
            work.second,
        ),
    )
    note(
        work,
        "request_created",
        request_id=request_id,
        version_id=version_id,
        detail={"scheduled": scheduled},
    )
    return request_id


def _check_open_requests(work: Work) -> None:
    most = work.options.unknowns.max_open_requests
    marks = "('Created', 'Pending', ?)"
    found = work.db.execute(
        f"SELECT COUNT(*) FROM push_request WHERE status IN {marks}",  # noqa: S608 - our own names
        (work.options.in_progress,),
    ).fetchone()[0]
    if most is not None and found >= most:
        raise Refusal(
            400, "LIMIT_EXCEEDED", f"An org can't have more than {most} open push requests."
        )


def update_request(work: Work, request_id: str, values: Values) -> None:
    """Change a push request; Pending arms it, Canceled ends it with all its jobs."""
    row = work.db.execute(
        "SELECT status, version_id, scheduled FROM push_request WHERE id = ?", (request_id,)
    ).fetchone()
    status = str(row[0])
    changes = {name: value for name, value in values.items() if name != "Status"}
    if changes:
        _edit(work, request_id, status, str(row[1]), changes)
    if "Status" in values:
        wanted = values["Status"]
        if not isinstance(wanted, str):
            raise _illegal("The status of a push request can't be empty.")
        _move(work, request_id, status, wanted)


def _edit(work: Work, request_id: str, status: str, version_id: str, changes: Values) -> None:
    if status != "Created" and not (
        status == "Pending" and work.options.unknowns.edits_while_pending
    ):
        raise _illegal(f"A push request that is {status} can't be edited.")
    columns: dict[str, object] = {}
    if "PackageVersionId" in changes:
        version_id = str(changes["PackageVersionId"])
        check_target(work, version_id)
        columns["version_id"] = version_id
    if "ScheduledStartTime" in changes:
        columns["scheduled"] = _scheduled(work, changes["ScheduledStartTime"])
    for name, column in (("StartTime", "started"), ("EndTime", "ended")):
        if name in changes:
            columns[column] = changes[name]
    columns["modstamp"] = work.second
    work.db.execute(
        f"UPDATE push_request SET {', '.join(f'{name} = ?' for name in columns)} WHERE id = ?",  # noqa: S608 - our own names
        (*columns.values(), request_id),
    )
    note(work, "request_edited", request_id=request_id, version_id=version_id, detail=columns)
    if status == "Pending":
        progress.plan_start(work, request_id)


def _move(work: Work, request_id: str, status: str, wanted: str) -> None:
    if wanted == status and status in OPEN:
        return  # saying it twice changes nothing
    unknowns = work.options.unknowns
    reopening = (status == "Canceled" and unknowns.reopens_canceled) or (
        status in ("Succeeded", "Failed") and unknowns.reopens_finished
    )
    if wanted == "Pending" and (status == "Created" or reopening):
        _check_jobs(work, request_id)
        progress.arm(work, request_id)
    elif wanted == "Created" and status == "Pending" and unknowns.pending_returns_to_created:
        progress.uncancel(work, request_id)
    elif wanted == "Canceled" and status in OPEN:
        progress.cancel(work, request_id)
    else:
        raise _illegal(f"A push request that is {status} can't be set to {wanted}.")


def _check_jobs(work: Work, request_id: str) -> None:
    if not work.options.unknowns.empty_request_refused:
        return
    found = work.db.execute(
        "SELECT 1 FROM push_job WHERE request_id = ? LIMIT 1", (request_id,)
    ).fetchone()
    if found is None:
        raise _illegal("A push request without push jobs can't be set to Pending.")


def create_job(work: Work, values: Values) -> str:
    """Add an org to a push request that is still Created and give the job's id."""
    if values.get("Status") not in (None, "Created"):
        raise _illegal("A push job is created with the status Created.")
    request_id = str(values["PackagePushRequestId"])
    request = work.db.execute(
        "SELECT status, version_id FROM push_request WHERE id = ?", (request_id,)
    ).fetchone()
    if request is None:
        raise bad_reference("PackagePushRequestId")
    unknowns = work.options.unknowns
    if request[0] != "Created" and not (request[0] == "Pending" and unknowns.jobs_after_pending):
        raise Refusal(
            400,
            "INVALID_OPERATION",
            f"Jobs can't be added to a push request that is {request[0]}.",
            ["PackagePushRequestId"],
        )
    org_key = _org_key(work, str(values["SubscriberOrganizationKey"]))
    check_duplicate(work, request_id, org_key)
    check_eligible(work, org_key, str(request[1]))
    if unknowns.max_jobs_per_request is not None:
        check_room(work, request_id, unknowns.max_jobs_per_request)
    job_id = work.new_id("0DX")
    work.db.execute(
        "INSERT INTO push_job VALUES (?,?,?,?,?,?,?,?)",
        (
            job_id,
            request_id,
            org_key,
            request[0],
            values.get("StartTime"),
            values.get("EndTime"),
            work.now + unknowns.jobs_visible_after * 1_000,
            work.second,
        ),
    )
    for kind in ("job_created", "job_pending")[: 1 if request[0] == "Created" else 2]:
        note(
            work,
            kind,
            request_id=request_id,
            job_id=job_id,
            org=org_key,
            version_id=request[1],
        )
    return job_id


def update_job(work: Work, job_id: str, values: Values) -> None:
    """Change what may be changed of a job that has not been armed."""
    row = work.db.execute(
        "SELECT r.status FROM push_job j JOIN push_request r ON r.id = j.request_id WHERE j.id = ?",
        (job_id,),
    ).fetchone()
    if values:
        raise Refusal(
            400,
            "INVALID_OPERATION",
            f"A push job of a request that is {row[0]} can't be changed; "
            "cancel the request and build it anew.",
            sorted(values),
        )


def _org_key(work: Work, text: str) -> str:
    try:
        key = long_id(text)
    except BadId:
        key = ""
    too_long = len(text) > SHORT and work.options.unknowns.long_org_keys_refused
    if too_long or not key.startswith("00D"):
        raise Refusal(
            400,
            "MALFORMED_ID",
            f"Subscriber Organization Key: id value of incorrect type: {text}",
            ["SubscriberOrganizationKey"],
        )
    return key[:15]


def _scheduled(work: Work, moment: object) -> int | None:
    if not isinstance(moment, int):
        return None
    unknowns = work.options.unknowns
    if unknowns.past_start_refused and moment < work.second:
        raise Refusal(
            400,
            "INVALID_INPUT",
            "Specify a scheduled start time in the future.",
            ["ScheduledStartTime"],
        )
    if unknowns.start_kept_to_minute:
        return moment - moment % MINUTE
    return whole_second(moment)


def _illegal(message: str) -> Refusal:
    return Refusal(400, "INVALID_STATUS", message, ["Status"])
