"""Bulk API 2.0 query: /jobs/query.

A query that can't be run is refused when the job is made, with the code API_ERROR. The locator is
the offset in base64, as the real one reads.
"""

from __future__ import annotations

import base64
import binascii
import json
from typing import Final

from rollouts.simulator import records
from rollouts.simulator.messages import Response, empty_response, json_response
from rollouts.simulator.query import Queries
from rollouts.simulator.refusals import Refusal, not_found, not_json, wrong_method
from rollouts.simulator.rest_call import Call
from rollouts.simulator.soql.parser import parse_query

from . import csvs, engine, jobs
from .ingest import format_of
from .jobs import Job, bad_state
from .shown import figures, listed, refuse_move, shown

SINCE: Final = 47
_LARGEST_ANSWER: Final = 100_000
_KNOWN: Final = {"operation", "query", "contentType", "columnDelimiter", "lineEnding"}


def query(call: Call) -> Response:
    """Answer a call to /jobs/query or below. Raises Refusal."""
    if call.api_number < SINCE:
        raise not_found()
    match call.parts[2:]:
        case ():
            if call.method == "POST":
                return _create(call)
            call.only("GET", "GET, POST")
            return listed(call, "query")
        case (job_id,):
            return _job(call, jobs.find(call.work, job_id, "query"))
        case (job_id, last) if last.lower() == "results":
            call.only("GET")
            return _results(call, jobs.find(call.work, job_id, "query"))
    raise not_found()


def _create(call: Call) -> Response:
    body = records.json_object(call.request)
    form = format_of(body, _KNOWN)
    operation, soql = body.get("operation"), body.get("query")
    if operation not in ("query", "queryAll") or not isinstance(soql, str):
        raise not_json("A query job needs an operation and a query")
    try:
        source = parse_query(soql).source
        Queries(call.work, call.schema, call.api).check_table(soql)
    except Refusal as refusal:
        raise Refusal(400, "API_ERROR", refusal.message) from None
    sobject = call.schema.find(source)
    job = jobs.create(
        call.work,
        kind="query",
        api=call.api,
        sobject=sobject.name if sobject else source,
        operation=str(operation),
        **form,
    )
    engine.submit(call.work, jobs.add_batch(call.work, job, soql=soql))
    return json_response(200, shown(call, job))


def _job(call: Call, job: Job) -> Response:
    match call.method:
        case "GET":
            return json_response(200, {**shown(call, job), **figures(call, job)})
        case "PATCH":
            state = records.json_object(call.request).get("state")
            if state != "Aborted":
                raise not_json(f"Cannot deserialize JobStateEnum from {state}")
            if job.state not in ("UploadComplete", "InProgress"):
                refuse_move(job, "Aborting")
            jobs.set_state(call.work, job, "Aborted")
            return json_response(200, shown(call, jobs.find(call.work, job.id, "query")))
        case "DELETE":
            if job.state not in ("JobComplete", "Failed", "Aborted"):
                raise bad_state(f"Deleting a Job that is {job.state} not allowed")
            jobs.remove(call.work, job.id)
            return empty_response()
    raise wrong_method(call.method, "GET, PATCH, DELETE")


def _results(call: Call, job: Job) -> Response:
    if job.state != "JobComplete":
        raise bad_state(f"The Job is {job.state}; its results aren't available")
    [batch_id] = jobs.batches(call.work, job)
    header, found = call.work.db.execute(
        "SELECT header, found FROM bulk_batch WHERE id = ?", (batch_id,)
    ).fetchone()
    rows = json.loads(found)
    start = _offset(call.request.query.get("locator"), len(rows))
    most = call.request.query.get("maxRecords", str(_LARGEST_ANSWER))
    if not (most.isascii() and most.isdecimal() and int(most)):
        raise Refusal(400, "INVALID_INPUT", "maxRecords must be a whole number above 0")
    end = start + min(int(most), _LARGEST_ANSWER)
    content = csvs.write(
        json.loads(header), rows[start:end], delimiter=job.delimiter, line_ending=job.line_ending
    )
    following = base64.b64encode(str(end).encode()).decode().rstrip("=")
    headers = {
        "Content-Type": "text/csv",
        "Sforce-Locator": following if end < len(rows) else "null",
        "Sforce-NumberOfRecords": str(len(rows[start:end])),
    }
    return Response(200, headers, content)


def _offset(locator: str | None, rows: int) -> int:
    if locator is None:
        return 0
    try:
        text = base64.b64decode(locator + "=" * (-len(locator) % 4), validate=True).decode()
    except (binascii.Error, UnicodeDecodeError):
        text = ""
    if not (text.isascii() and text.isdecimal() and 0 < int(text) < rows):
        raise Refusal(400, "INVALID_QUERY_LOCATOR", "invalid query locator")
    return int(text)
