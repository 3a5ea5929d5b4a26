"""The REST resources under /services/data."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Final

from . import records, usage
from .bulk.resource import bulk_jobs
from .columns import columns
from .composite import composite
from .describe import basic_information, describe, describe_global
from .fields import OLDEST_API, SObject
from .messages import Request, Response, empty_response, json_response
from .org_schema import OrgSchema
from .query import Queries, page_size
from .refusals import Refusal, not_found
from .rest_call import Call
from .store import Work

LONGEST_URL: Final = 16_384
RETIRED_BELOW: Final = 31  # retired in Summer '25

_VERSION: Final = re.compile(r"/services/data/v(\d\d)\.0(?:/(.*))?", re.DOTALL)
_SEASONS: Final = ("Winter", "Spring", "Summer")


def versions(work: Work) -> Response:
    """GET /services/data, which needs no session."""
    options = work.options
    return json_response(
        200,
        [
            {
                "label": _label(number),
                "url": f"/services/data/v{number}.0",
                "version": f"{number}.0",
            }
            for number in range(options.oldest_api, options.newest_api + 1)
        ],
    )


def rest(work: Work, schema: OrgSchema, request: Request) -> Response:
    """Answer a call below /services/data/vXX.0. Raises Refusal."""
    match = _VERSION.fullmatch(request.path)
    if match is not None and int(match[1]) < RETIRED_BELOW:
        raise Refusal(410, "UNSUPPORTED_API_VERSION", "This API version is retired.")
    options = work.options
    if match is None or not options.oldest_api <= int(match[1]) <= options.newest_api:
        raise not_found()
    if not options.api_allowed:
        raise Refusal(
            403, "API_DISABLED_FOR_ORG", "API is not enabled for this Organization or Partner"
        )
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
    if not call.work.options.limits_readable:
        raise Refusal(403, "INSUFFICIENT_ACCESS", "View Setup and Configuration is needed.")
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
    if call.request.query.get("columns", "").lower() == "true":
        return json_response(200, columns(call.schema, call.api_number, soql))
    size = page_size(call.request.header("Sforce-Query-Options"))
    return json_response(200, queries.run(soql, size))


def _sobjects(call: Call) -> Response:
    call.depth(3)
    if len(call.parts) == 1:
        call.only("GET")
        return json_response(200, describe_global(_seen(call), call.api))
    sobject = call.schema.find(call.parts[1])
    if sobject is None or sobject.since > call.api_number:
        raise not_found()
    if len(call.parts) == 2:  # noqa: PLR2004 - /sobjects/X
        if call.method == "GET":
            return json_response(200, basic_information(sobject, call.api))
        return _create(call)
    if call.parts[2].lower() == "describe":
        call.only("GET")
        return json_response(200, describe(sobject, call.api, call.api_number))
    return _record(call)


def _seen(call: Call) -> list[SObject]:
    return [one for one in call.schema.all() if one.since <= call.api_number]


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


_RESOURCES: Final[dict[str, Callable[[Call], Response]]] = {
    "": _resources,
    "limits": _limits,
    "query": _query,
    "queryall": _query,  # there is nothing deleted to be found
    "sobjects": _sobjects,
    "composite": composite,
    "jobs": bulk_jobs,
}
