"""Which kind of call a request is; faults are planned by these words.

token, authorize, revoke, introspect, userinfo, identity, versions, resources, limits,
describe_global, describe:X, query,
query_more, read:X, create:X, update:X, delete:X, collection:X (the type of its first record),
tree:X, unknown. Bulk API 2.0: bulk_create:X, bulk_upload, bulk_close, bulk_abort, bulk_state,
bulk_results, bulk_delete, bulk_list; for its queries the same words after bulk_query_, without an
object. Bulk API v1: classic_create:X, classic_job, classic_close, classic_abort, classic_batch,
classic_state, classic_results. And bulk_row:X and collection_row:X are no calls at all, but one
row of a bulk job at its time, or of a collection.
"""

from __future__ import annotations

import json
import re
from typing import Final

from .messages import Request
from .org_schema import OrgSchema

_PLAIN: Final = (
    (re.compile(r"/services/oauth2/token/?"), "token"),
    (re.compile(r"/services/oauth2/authorize/?"), "authorize"),
    (re.compile(r"/services/oauth2/revoke/?"), "revoke"),
    (re.compile(r"/services/oauth2/introspect/?"), "introspect"),
    (re.compile(r"/services/oauth2/userinfo/?"), "userinfo"),
    (re.compile(r"/id/.*"), "identity"),
    (re.compile(r"/services/data/?"), "versions"),
    (re.compile(r"/services/data/v[\d.]+/?"), "resources"),
    (re.compile(r"/services/data/v[\d.]+/limits/?"), "limits"),
    (re.compile(r"/services/data/v[\d.]+/sobjects/?"), "describe_global"),
    (re.compile(r"/services/data/v[\d.]+/query(?:All)?/?"), "query"),
    (re.compile(r"/services/data/v[\d.]+/query(?:All)?/.+"), "query_more"),
)
_SOBJECT: Final = re.compile(r"/services/data/v[\d.]+/sobjects/(\w+)(?:/(\w+))?/?")
_TREE: Final = re.compile(r"/services/data/v[\d.]+/composite/tree/(\w+)/?", re.IGNORECASE)
_COLLECTION: Final = re.compile(r"/services/data/v[\d.]+/composite/sobjects/?", re.IGNORECASE)


_BULK: Final = re.compile(
    r"/services/data/v[\d.]+/jobs/(ingest|query)(?:/(\w+)(?:/(\w+))?)?/?", re.IGNORECASE
)


_CLASSIC: Final = re.compile(r"/services/async/[\d.]+/job(?:/(\w+)(/batch(/\w+(/.*)?)?)?)?/?")


def effective_method(request: Request) -> str:
    """The method, or the one a POST names in its place by `_HttpMethod`."""
    if request.method == "POST":
        return request.query.get("_HttpMethod", "POST").upper()
    return request.method


def classify(request: Request, schema: OrgSchema) -> str:
    """The kind of a call."""
    for pattern, kind in _PLAIN:
        if pattern.fullmatch(request.path):
            return kind
    if _COLLECTION.fullmatch(request.path):
        return _with_object("collection", _first_type(request), schema)
    if match := _TREE.fullmatch(request.path):
        return _with_object("tree", match[1], schema)
    if match := _BULK.fullmatch(request.path):
        return _bulk(request, match, schema)
    if match := _CLASSIC.fullmatch(request.path):
        return _classic(request, match, schema)
    match = _SOBJECT.fullmatch(request.path)
    if match is None:
        return "unknown"
    if match[2] == "describe":
        return _with_object("describe", match[1], schema)
    method = effective_method(request)
    words = {"GET": "read", "PATCH": "update", "DELETE": "delete", "POST": "create"}
    return _with_object(words.get(method, "unknown"), match[1], schema)


def _bulk(request: Request, match: re.Match[str], schema: OrgSchema) -> str:
    prefix = "bulk_" if match[1].lower() == "ingest" else "bulk_query_"
    method = effective_method(request)
    if match[3]:
        return prefix + ("upload" if method == "PUT" else "results")
    if match[2]:
        closing = {"UploadComplete": "close", "Aborted": "abort"}
        words = {
            "GET": "state",
            "DELETE": "delete",
            "PATCH": closing.get(_named(request, "state"), "unknown"),
        }
        return prefix + words.get(method, "unknown")
    if method == "GET":
        return prefix + "list"
    create = prefix + "create"
    if prefix != "bulk_":
        return create
    return _with_object(create, _named(request, "object"), schema)


def _classic(request: Request, match: re.Match[str], schema: OrgSchema) -> str:
    job_id, batches, batch_id, more = match.groups()
    posted = request.method == "POST"
    if not job_id:
        found = re.search(rb"<object>\s*(\w+)\s*</object>", request.body)
        return _with_object("classic_create", found[1].decode() if found else "", schema)
    if batch_id:
        return "classic_results" if more else "classic_state"
    if batches:
        return "classic_batch" if posted else "classic_state"
    if posted:
        return "classic_abort" if b"Aborted" in request.body else "classic_close"
    return "classic_job"


def _named(request: Request, name: str) -> str:
    try:
        return str(json.loads(request.body)[name])
    except (ValueError, LookupError, TypeError):
        return ""


def _with_object(word: str, name: str, schema: OrgSchema) -> str:
    sobject = schema.find(name)
    return f"{word}:{sobject.name if sobject else name}"


def _first_type(request: Request) -> str:
    try:
        return str(json.loads(request.body)["records"][0]["attributes"]["type"])
    except (ValueError, LookupError, TypeError):
        return ""
