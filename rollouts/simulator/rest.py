"""The REST resources under /services/data."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Final

from . import records, usage
from .bulk.resource import bulk_jobs
from .describe import basic_information, describe, describe_global
from .messages import Request, Response, empty_response, json_response
from .org_schema import OrgSchema
from .query import Queries, page_size
from .refusals import Refusal, not_found, not_json
from .rest_call import Call
from .schema import NEWEST_API, OLDEST_API
from .store import Work

LARGEST_COLLECTION: Final = 200
LONGEST_URL: Final = 16_384

_VERSION: Final = re.compile(r"/services/data/v(\d\d)\.0(?:/(.*))?", re.DOTALL)
_SEASONS: Final = ("Winter", "Spring", "Summer")


def versions() -> Response:
    """GET /services/data, which needs no session."""
    return json_response(
        200,
        [
            {
                "label": _label(number),
                "url": f"/services/data/v{number}.0",
                "version": f"{number}.0",
            }
            for number in range(OLDEST_API, NEWEST_API + 1)
        ],
    )


def rest(work: Work, schema: OrgSchema, request: Request) -> Response:
    """Answer a call below /services/data/vXX.0. Raises Refusal."""
    match = _VERSION.fullmatch(request.path)
    if match is None or not OLDEST_API <= int(match[1]) <= NEWEST_API:
        raise not_found()
    parts = tuple(part for part in (match[2] or "").split("/") if part)
    call = Call(work, schema, request, f"{match[1]}.0", parts)
    first = parts[0].lower() if parts else ""
    answer = _RESOURCES.get(first)
    if answer is None:
        raise not_found()
    return answer(call)


def _label(number: int) -> str:
    # 38.0 was Winter '17; there are three releases a year, and Winter bears the coming year.
    years, season = divmod(number - OLDEST_API, 3)
    return f"{_SEASONS[season]} '{17 + years}"


def _resources(call: Call) -> Response:
    call.only("GET")
    base = f"/services/data/v{call.api}"
    names = ("sobjects", "query", "limits", "composite", "jobs")
    return json_response(200, {name: f"{base}/{name}" for name in names})


def _limits(call: Call) -> Response:
    call.only("GET")
    call.depth(1)
    return json_response(200, usage.limits(call.work))


def _query(call: Call) -> Response:
    call.only("GET")
    call.depth(2)
    queries = Queries(call.work, call.schema, call.api)
    if len(call.parts) > 1:
        return json_response(200, queries.more(call.parts[1]))
    soql = call.request.query.get("q", "")
    if not soql.strip():
        raise Refusal(400, "MALFORMED_QUERY", "SOQL query is missing: unexpected token: '<EOF>'")
    size = page_size(call.request.header("Sforce-Query-Options"))
    return json_response(200, queries.run(soql, size))


def _sobjects(call: Call) -> Response:
    call.depth(3)
    if len(call.parts) == 1:
        call.only("GET")
        return json_response(200, describe_global(call.schema.all(), call.api))
    sobject = call.schema.find(call.parts[1])
    if sobject is None:
        raise not_found()
    if len(call.parts) == 2:  # noqa: PLR2004 - /sobjects/X
        if call.method == "GET":
            return json_response(200, basic_information(sobject, call.api))
        return _create(call)
    if call.parts[2].lower() == "describe":
        call.only("GET")
        return json_response(200, describe(sobject, call.api, call.api_number))
    return _record(call)


def _create(call: Call) -> Response:
    sobject = records.writable(call.schema, call.parts[1], call.method)
    call.only("POST", "HEAD, GET, POST")
    body = records.json_object(call.request)
    record_id = records.create(call.work, sobject, call.api_number, body)
    response = json_response(201, {"id": record_id, "success": True, "errors": []})
    response.headers["Location"] = f"/services/data/v{call.api}/sobjects/{sobject.name}/{record_id}"
    return response


def _record(call: Call) -> Response:
    sobject = call.schema.find(call.parts[1])
    if sobject is None:
        raise not_found()
    if call.method == "GET":
        only = call.request.query.get("fields")
        return json_response(200, records.read(call.work, sobject, call.api, call.parts[2], only))
    records.writable(call.schema, call.parts[1], call.method)
    call.only("PATCH", "HEAD, GET, PATCH")
    body = records.json_object(call.request)
    records.update(call.work, sobject, call.api_number, call.parts[2], body)
    return empty_response()


def _composite(call: Call) -> Response:
    if len(call.parts) != 2 or call.parts[1].lower() != "sobjects":  # noqa: PLR2004
        raise not_found()
    call.only("POST", "POST")
    return json_response(200, _collection(call, records.json_object(call.request)))


def _collection(call: Call, body: dict[str, object]) -> list[dict[str, object]]:
    """Create up to 200 records; each reports for itself."""
    extra = sorted(set(body) - {"allOrNone", "records"})
    if extra:
        raise not_json(f'Unrecognized field "{extra[0]}"')
    together = body.get("allOrNone", False)
    rows = body.get("records")
    if not isinstance(together, bool) or not isinstance(rows, list):
        raise not_json("records must be a list, allOrNone true or false")
    if len(rows) > LARGEST_COLLECTION:
        raise Refusal(
            400,
            "EXCEEDED_ID_LIMIT",
            "record limit reached. cannot submit more than 200 records into this call",
        )
    call.work.db.execute("SAVEPOINT collection")
    results = [_collection_row(call, row) for row in rows]
    if together and not all(result["success"] for result in results):
        call.work.db.execute("ROLLBACK TO collection")
        results = [_rolled_back(result) for result in results]
    call.work.db.execute("RELEASE collection")
    return results


def _collection_row(call: Call, row: object) -> dict[str, object]:
    attributes = row.get("attributes") if isinstance(row, dict) else None
    name = attributes.get("type") if isinstance(attributes, dict) else None
    if not isinstance(row, dict) or not isinstance(name, str):
        raise Refusal(
            400,
            "INVALID_INPUT",
            "Include an entity name in the Type field in the attributes map of all records.",
        )
    sobject = call.schema.find(name)
    if sobject is None or not sobject.writable:
        raise Refusal(400, "INVALID_TYPE", f"sObject type '{name}' is not supported.")
    try:
        record_id = records.create(call.work, sobject, call.api_number, row)
    except Refusal as refusal:
        if refusal.code == "JSON_PARSER_ERROR":
            raise  # a body that can't be read fails the whole call
        return {"success": False, "errors": [refusal.record_error()]}
    return {"id": record_id, "success": True, "errors": []}


def _rolled_back(result: dict[str, object]) -> dict[str, object]:
    if not result["success"]:
        return result
    return {
        "success": False,
        "errors": [
            Refusal(
                400,
                "ALL_OR_NONE_OPERATION_ROLLED_BACK",
                "Record rolled back because not all records were valid and the request was using "
                "AllOrNone header",
            ).record_error()
        ],
    }


_RESOURCES: Final[dict[str, Callable[[Call], Response]]] = {
    "": _resources,
    "limits": _limits,
    "query": _query,
    "sobjects": _sobjects,
    "composite": _composite,
    "jobs": bulk_jobs,
}
