"""What the Bulk API 2.0 says of a job, whether it takes data in or gives data out."""

from __future__ import annotations

from typing import Final, NoReturn

from rollouts.simulator.messages import Response, json_response
from rollouts.simulator.rest_call import Call
from rollouts.simulator.times import field_text
from rollouts.simulator.world import user_id

from . import jobs
from .jobs import Job, bad_state

_LISTED: Final = 1_000
_TYPES: Final = {"ingest": "V2Ingest", "query": "V2Query"}
_STANDS: Final = {"JobComplete": "Completed", "UploadComplete": "Closed"}


def shown(call: Call, job: Job) -> dict[str, object]:
    """What every answer about a job holds."""
    return {
        "id": job.id,
        "operation": job.operation,
        "object": job.object,
        "createdById": user_id(call.work),
        "createdDate": field_text(job.created),
        "systemModstamp": field_text(job.modstamp),
        "state": job.state,
        "concurrencyMode": "Parallel",
        "contentType": "CSV",
        "apiVersion": float(job.api),
        "lineEnding": job.line_ending,
        "columnDelimiter": job.delimiter,
    }


def figures(call: Call, job: Job) -> dict[str, object]:
    """How far a job has come, as asking for it tells beside the rest."""
    come = jobs.progress(call.work, job)
    found: dict[str, object] = {
        "jobType": _TYPES[job.kind],
        "numberRecordsProcessed": come.processed,
        "retries": 0,
        "totalProcessingTime": come.milliseconds,
        "isPkChunkingSupported": False,
    }
    if job.kind == "ingest":
        found["numberRecordsFailed"] = come.failed
        found["apiActiveProcessingTime"] = come.milliseconds
        found["apexProcessingTime"] = 0
    if job.error is not None:
        found["errorMessage"] = job.error
    return found


def listed(call: Call, kind: str) -> Response:
    """All jobs of a kind, a thousand per answer."""
    start = call.request.query.get("queryLocator", "0")
    first = int(start) if start.isascii() and start.isdecimal() else 0
    wanted = call.request.query.get("jobType", _TYPES[kind]) == _TYPES[kind]
    found = jobs.listed(call.work, kind, first, _LISTED + 1) if wanted else []
    more = len(found) > _LISTED
    following = f"{call.base}/jobs/{kind}?queryLocator={first + _LISTED}" if more else None
    rows = [{**shown(call, job), "jobType": _TYPES[kind]} for job in found[:_LISTED]]
    return json_response(200, {"done": not more, "records": rows, "nextRecordsUrl": following})


def refuse_move(job: Job, verb: str) -> NoReturn:
    """Refuse what comes too late for a job."""
    raise bad_state(f"{verb} already {_STANDS.get(job.state, job.state)} Job not allowed")
