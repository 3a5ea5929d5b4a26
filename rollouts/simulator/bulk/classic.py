"""Bulk API v1: XML and CSV under /services/async/VERSION/job.

Here each batch is worked off as soon as it arrives, and the client says when the job is over. What
CumulusCI (queries) and package-manager (inserts) need of it.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from typing import Final

from rollouts.simulator.fields import NEWEST_API, OLDEST_API
from rollouts.simulator.ids import BadId, long_id
from rollouts.simulator.messages import Request, Response
from rollouts.simulator.org_schema import OrgSchema
from rollouts.simulator.refusals import Refusal, not_found, wrong_method
from rollouts.simulator.soql.parser import parse_query
from rollouts.simulator.store import Work
from rollouts.simulator.times import field_text
from rollouts.simulator.world import user_id

from . import csvs, engine, jobs, xml
from .jobs import Job
from .xml import bad_job

MOST_ROWS: Final = 10_000  # of one batch
_PATH: Final = re.compile(r"/services/async/(\d\d)\.0/job(?:/(.*))?", re.DOTALL)
_QUERIES: Final = ("query", "queryAll")
_NOTHING: Final = b'"Records not found for this query"\n'


@dataclass(frozen=True, slots=True)
class _Call:
    work: Work
    schema: OrgSchema
    request: Request
    api: str
    parts: tuple[str, ...]

    def only(self, method: str) -> None:
        if self.request.method != method:
            raise wrong_method(self.request.method, method)


def classic(work: Work, schema: OrgSchema, request: Request) -> Response:
    """Answer a call below /services/async. Raises Refusal; `xml.error` shows it."""
    match = _PATH.fullmatch(request.path)
    if match is None or not OLDEST_API <= int(match[1]) <= NEWEST_API:
        raise not_found()
    parts = tuple(part for part in (match[2] or "").split("/") if part)
    call = _Call(work, schema, request, f"{match[1]}.0", parts)
    if not parts:
        call.only("POST")
        return _create(call)
    job = _find(call, parts[0])
    match parts[1:]:
        case ():
            return _job(call, job)
        case ("batch",):
            if request.method == "POST":
                return _add(call, job)
            call.only("GET")
            return xml.answer_list(
                "batchInfoList",
                [("batchInfo", _batch_info(call, job, one)) for one in jobs.batches(work, job)],
            )
        case ("batch", batch_id, *rest):
            call.only("GET")
            return _batch(call, job, _batch_of(call, job, batch_id), rest)
    raise not_found()


# --- jobs -----------------------------------------------------------------------------------


def _create(call: _Call) -> Response:
    told = xml.read(call.request.body)
    operation = told.get("operation", "")
    sobject = call.schema.find(told.get("object", ""))
    if sobject is None:
        raise bad_job(f"Unable to find object: {told.get('object', '')}")
    if told.get("contentType", "XML") != "CSV":
        raise bad_job("The simulated org takes the contentType CSV only")
    if operation not in (*_QUERIES, "insert", "update"):
        raise bad_job(f"{sobject.name} does not support {operation}")
    if operation not in _QUERIES and not sobject.writable:
        raise Refusal(
            400, "InvalidEntity", f"Entity '{sobject.name}' is not supported by the Bulk API."
        )
    job = jobs.create(call.work, kind="v1", api=call.api, sobject=sobject.name, operation=operation)
    return xml.answer(201, "jobInfo", _job_info(call, job))


def _find(call: _Call, job_id: str) -> Job:
    try:
        return jobs.find(call.work, job_id, "v1")
    except Refusal:
        raise bad_job(f"Invalid job id: {job_id}") from None


def _job(call: _Call, job: Job) -> Response:
    if call.request.method == "POST":
        state = xml.read(call.request.body).get("state", "")
        if state not in ("Closed", "Aborted"):
            raise bad_job(f"Invalid state: {state}")
        if job.state != "Open":
            verb = "Closing" if state == "Closed" else "Aborting"
            raise Refusal(400, "InvalidJobState", f"{verb} already {job.state} Job not allowed")
        jobs.set_state(call.work, job, state)
        job = _find(call, job.id)
    else:
        call.only("GET")
    return xml.answer(200, "jobInfo", _job_info(call, job))


def _job_info(call: _Call, job: Job) -> dict[str, object]:
    states = [
        row[0]
        for row in call.work.db.execute("SELECT state FROM bulk_batch WHERE job_id = ?", (job.id,))
    ]
    come = jobs.progress(call.work, job)
    return {
        "id": job.id,
        "operation": job.operation,
        "object": job.object,
        "createdById": user_id(call.work),
        "createdDate": _moment(job.created),
        "systemModstamp": _moment(job.modstamp),
        "state": job.state,
        "concurrencyMode": "Parallel",
        "contentType": "CSV",
        "numberBatchesQueued": states.count("Queued"),
        "numberBatchesInProgress": states.count("InProgress"),
        "numberBatchesCompleted": states.count("Completed"),
        "numberBatchesFailed": states.count("Failed"),
        "numberBatchesTotal": len(states),
        "numberRecordsProcessed": come.processed,
        "numberRetries": 0,
        "apiVersion": job.api,
        "numberRecordsFailed": come.failed,
        **_time(come),
    }


# --- batches --------------------------------------------------------------------------------


def _add(call: _Call, job: Job) -> Response:
    if job.state != "Open":
        raise Refusal(400, "InvalidJobState", f"Unable to create new batch: Job is {job.state}")
    if job.operation in _QUERIES:
        batch_id = jobs.add_batch(call.work, job, soql=_soql(call, job))
    else:
        try:
            header, rows = csvs.read(call.request.body)
        except csvs.BadCsv as problem:
            raise Refusal(400, "InvalidBatch", str(problem)) from None
        if len(rows) > MOST_ROWS:
            raise Refusal(400, "InvalidBatch", f"Records limit of {MOST_ROWS} exceeded")
        batch_id = jobs.add_batch(call.work, job, header=header, rows=rows)
    engine.submit(call.work, batch_id)
    return xml.answer(201, "batchInfo", _batch_info(call, job, batch_id))


def _soql(call: _Call, job: Job) -> str:
    try:
        soql = call.request.body.decode()
    except UnicodeDecodeError:
        raise Refusal(400, "InvalidBatch", "The query is not UTF-8") from None
    try:
        source = parse_query(soql).source
    except Refusal:
        return soql  # the batch fails by it when its time comes
    if source.lower() != job.object.lower():
        raise Refusal(400, "InvalidBatch", f"The query reads {source}, the job {job.object}")
    return soql


def _batch_of(call: _Call, job: Job, batch_id: str) -> str:
    try:
        full = long_id(batch_id)
    except BadId:
        full = ""
    if full not in jobs.batches(call.work, job):
        raise Refusal(400, "InvalidBatch", f"Invalid batch id: {batch_id}")
    return full


def _batch_info(call: _Call, job: Job, batch_id: str) -> dict[str, object]:
    state, error, created, modstamp = call.work.db.execute(
        "SELECT state, error, created, modstamp FROM bulk_batch WHERE id = ?", (batch_id,)
    ).fetchone()
    come = jobs.progress(call.work, job, batch_id)
    return {
        "id": batch_id,
        "jobId": job.id,
        "state": "Not Processed" if state == "NotProcessed" else state,
        "stateMessage": error,
        "createdDate": _moment(created),
        "systemModstamp": _moment(modstamp),
        "numberRecordsProcessed": come.processed,
        "numberRecordsFailed": come.failed,
        **_time(come),
    }


def _batch(call: _Call, job: Job, batch_id: str, rest: list[str]) -> Response:
    match rest:
        case []:
            return xml.answer(200, "batchInfo", _batch_info(call, job, batch_id))
        case ["request"]:
            return _request(call, job, batch_id)
        case ["result", *which]:
            state = call.work.db.execute(
                "SELECT state FROM bulk_batch WHERE id = ?", (batch_id,)
            ).fetchone()[0]
            if state != "Completed":
                raise Refusal(400, "InvalidBatch", f"Batch not completed: it is {state}")
            if job.operation in _QUERIES:
                return _found(call, batch_id, which)
            if not which:
                return _outcomes(call, job, batch_id)
    raise not_found()


def _request(call: _Call, job: Job, batch_id: str) -> Response:
    soql, header = call.work.db.execute(
        "SELECT soql, header FROM bulk_batch WHERE id = ?", (batch_id,)
    ).fetchone()
    if job.operation in _QUERIES:
        return _csv(soql.encode())
    rows = call.work.db.execute(
        "SELECT body FROM bulk_row WHERE batch_id = ? ORDER BY number", (batch_id,)
    )
    return _csv(csvs.write(json.loads(header), (json.loads(row[0]) for row in rows)))


def _found(call: _Call, batch_id: str, which: list[str]) -> Response:
    """What a query found is one result, under an id of its own."""
    result_id = long_id("752" + batch_id[3:15])
    if not which:
        return xml.answer_list("result-list", [("result", result_id)])
    if which != [result_id]:
        raise Refusal(400, "InvalidBatch", f"Invalid result id: {'/'.join(which)}")
    header, found = call.work.db.execute(
        "SELECT header, found FROM bulk_batch WHERE id = ?", (batch_id,)
    ).fetchone()
    rows = json.loads(found)
    return _csv(csvs.write(json.loads(header), rows) if rows else _NOTHING)


def _outcomes(call: _Call, job: Job, batch_id: str) -> Response:
    rows = call.work.db.execute(
        "SELECT record_id, error FROM bulk_row WHERE batch_id = ? ORDER BY number", (batch_id,)
    )
    created = job.operation == "insert"
    lines = [
        (record_id, _word(error is None), _word(created and error is None), error)
        for record_id, error in rows
    ]
    return _csv(csvs.write(("Id", "Success", "Created", "Error"), lines))


def _csv(content: bytes) -> Response:
    return Response(200, {"Content-Type": "text/csv"}, content)


def _word(value: bool) -> str:  # noqa: FBT001 - it is the value itself
    return "true" if value else "false"


def _moment(ms: int) -> str:
    return field_text(ms).replace("+0000", "Z")


def _time(come: jobs.Progress) -> dict[str, object]:
    return {
        "totalProcessingTime": come.milliseconds,
        "apiActiveProcessingTime": come.milliseconds,
        "apexProcessingTime": 0,
    }
