"""Bulk API 2.0 ingest: /jobs/ingest.

Error codes and texts: INVALIDJOBSTATE with its sentences about a second upload and about closing
or aborting twice were seen on real orgs; the code for a result that is asked for too early is not
published and is ours.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Final

from rollouts.simulator import records
from rollouts.simulator.messages import Response, empty_response, json_response
from rollouts.simulator.refusals import Refusal, not_found, not_json, wrong_method
from rollouts.simulator.rest_call import Call

from . import csvs, engine, jobs
from .jobs import Job, bad_state
from .shown import figures, listed, refuse_move, shown

SINCE: Final = 41
_CSV: Final = "text/csv"
_KNOWN: Final = {
    "object",
    "operation",
    "contentType",
    "columnDelimiter",
    "lineEnding",
    "externalIdFieldName",
    "assignmentRuleId",
}
_OPERATIONS: Final = ("insert", "update")
_ALL_OPERATIONS: Final = (*_OPERATIONS, "upsert", "delete", "hardDelete")
_OVER: Final = ("JobComplete", "Failed", "Aborted")


def ingest(call: Call) -> Response:
    """Answer a call to /jobs/ingest or below. Raises Refusal."""
    if call.api_number < SINCE:
        raise not_found()
    match call.parts[2:]:
        case ():
            if call.method == "POST":
                return _create(call)
            call.only("GET", "GET, POST")
            return listed(call, "ingest")
        case (job_id,):
            return _job(call, jobs.find(call.work, job_id, "ingest"))
        case (job_id, last):
            job = jobs.find(call.work, job_id, "ingest")
            if last.lower() == "batches":
                call.only("PUT", "PUT")
                return _upload(call, job)
            call.only("GET")
            return _results(call, job, last.lower())
    raise not_found()


def _create(call: Call) -> Response:
    body = records.json_object(call.request)
    job = jobs.create(
        call.work,
        kind="ingest",
        api=call.api,
        sobject=_object(call, body),
        operation=_operation(body),
        **format_of(body, _KNOWN),
    )
    return json_response(200, {**shown(call, job), "contentUrl": _content_url(job)})


def _object(call: Call, body: Mapping[str, object]) -> str:
    name = body.get("object")
    sobject = call.schema.find(name) if isinstance(name, str) else None
    if sobject is None:
        raise Refusal(400, "INVALIDJOB", f"InvalidJob : Unable to find object: {name}")
    if not sobject.writable:
        raise Refusal(
            400, "INVALIDENTITY", f"Entity '{sobject.name}' is not supported by the Bulk API."
        )
    return sobject.name


def _operation(body: Mapping[str, object]) -> str:
    operation = body.get("operation")
    if operation not in _ALL_OPERATIONS:
        raise not_json(f"Cannot deserialize OperationEnum from {operation}")
    if operation not in _OPERATIONS:
        raise Refusal(
            400, "INVALIDJOB", f"InvalidJob : {body['object']} does not support {operation}"
        )
    return str(operation)


def format_of(body: Mapping[str, object], known: set[str]) -> dict[str, str]:
    """The line ending and the delimiter that a new job asks for. Raises Refusal."""
    extra = sorted(set(body) - known)
    if extra:
        raise not_json(f'Unrecognized field "{extra[0]}"')
    if body.get("contentType", "CSV") != "CSV":
        raise not_json(f"Cannot deserialize ContentTypeEnum from {body['contentType']}")
    ending, delimiter = body.get("lineEnding", "LF"), body.get("columnDelimiter", "COMMA")
    if ending not in csvs.LINE_ENDINGS:
        raise not_json(f"Cannot deserialize LineEndingEnum from {ending}")
    if delimiter not in csvs.DELIMITERS:
        raise not_json(f"Cannot deserialize ColumnDelimiterEnum from {delimiter}")
    return {"line_ending": str(ending), "delimiter": str(delimiter)}


def _upload(call: Call, job: Job) -> Response:
    if not call.request.header("Content-Type").lower().startswith(_CSV):
        raise Refusal(415, "UNSUPPORTED_MEDIA_TYPE", f"The Content-Type header must be {_CSV}.")
    if job.state != "Open":
        raise bad_state(f"Uploading data to a Job that is {job.state} not allowed")
    if jobs.batches(call.work, job):
        raise bad_state(
            f"Found multiple contents for job: <{job.id}>, please 'Close' / 'Abort' / 'Delete' the "
            "current Job then create a new Job and make sure you only do 'PUT' once on a given Job."
        )
    try:
        header, rows = csvs.read(
            call.request.body, delimiter=job.delimiter, line_ending=job.line_ending
        )
    except csvs.BadCsv as problem:
        # Nobody looks into the data before the job is processed; then it fails.
        batch_id = jobs.add_batch(call.work, job)
        call.work.db.execute(
            "UPDATE bulk_batch SET error = ? WHERE id = ?", (str(problem), batch_id)
        )
    else:
        jobs.add_batch(call.work, job, header=header, rows=rows)
    return empty_response(201)


def _job(call: Call, job: Job) -> Response:
    match call.method:
        case "GET":
            told = {**shown(call, job), **figures(call, job)}
            if job.state == "Open":
                told["contentUrl"] = _content_url(job)
            return json_response(200, told)
        case "PATCH":
            return _move(call, job)
        case "DELETE":
            if job.state in ("Open", "InProgress"):
                raise bad_state(f"Deleting a Job that is {job.state} not allowed")
            jobs.remove(call.work, job.id)
            return empty_response()
    raise wrong_method(call.method, "GET, PATCH, DELETE")


def _move(call: Call, job: Job) -> Response:
    state = records.json_object(call.request).get("state")
    if state not in ("UploadComplete", "Aborted"):
        raise not_json(f"Cannot deserialize JobStateEnum from {state}")
    open_for = ("Open",) if state == "UploadComplete" else ("Open", "UploadComplete", "InProgress")
    if job.state not in open_for:
        refuse_move(job, "Closing" if state == "UploadComplete" else "Aborting")
    jobs.set_state(call.work, job, str(state))
    if state == "UploadComplete":
        # What a job without data comes to isn't documented; here it completes with no records.
        uploads = jobs.batches(call.work, job) or [jobs.add_batch(call.work, job)]
        engine.submit(call.work, uploads[0])
    return json_response(200, shown(call, jobs.find(call.work, job.id, "ingest")))


def _results(call: Call, job: Job, name: str) -> Response:
    if name not in ("successfulresults", "failedresults", "unprocessedrecords"):
        raise not_found()
    if job.state not in _OVER:
        raise bad_state(f"The Job is {job.state}; its results aren't available")
    uploads = jobs.batches(call.work, job)
    header: list[str] = []
    rows: list[tuple[str, str | None, str | None]] = []
    for batch_id in uploads:
        text, next_row = call.work.db.execute(
            "SELECT header, next_row FROM bulk_batch WHERE id = ?", (batch_id,)
        ).fetchone()
        header = json.loads(text)
        condition = {
            "successfulresults": "record_id IS NOT NULL",
            "failedresults": "error IS NOT NULL",
            "unprocessedrecords": f"number >= {int(next_row)}",
        }[name]
        rows += call.work.db.execute(
            f"SELECT body, record_id, error FROM bulk_row WHERE batch_id = ? AND {condition}"  # noqa: S608 - our own names
            " ORDER BY number",
            (batch_id,),
        ).fetchall()
    created = "true" if job.operation == "insert" else "false"
    added: dict[str, tuple[str, ...]] = {
        "successfulresults": ("sf__Id", "sf__Created"),
        "failedresults": ("sf__Id", "sf__Error"),
        "unprocessedrecords": (),
    }
    lines: list[list[object]] = []
    for body, record_id, error in rows:
        told = {"sf__Id": record_id, "sf__Created": created, "sf__Error": error}
        lines.append([*(told[column] for column in added[name]), *json.loads(body)])
    content = csvs.write(
        [*added[name], *header], lines, delimiter=job.delimiter, line_ending=job.line_ending
    )
    return Response(200, {"Content-Type": _CSV}, content)


def _content_url(job: Job) -> str:
    return f"services/data/v{job.api}/jobs/ingest/{job.id}/batches"
