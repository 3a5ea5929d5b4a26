"""Which kind of call a request is; faults are planned by these words.

token, userinfo, identity, versions, resources, limits, describe_global, describe:X, query,
query_more, read:X, create:X, update:X, delete:X, collection:X (the type of its first record),
unknown.
"""

from __future__ import annotations

import json
import re
from typing import Final

from .messages import Request
from .org_schema import OrgSchema

_PLAIN: Final = (
    (re.compile(r"/services/oauth2/token/?"), "token"),
    (re.compile(r"/services/oauth2/userinfo/?"), "userinfo"),
    (re.compile(r"/id/.*"), "identity"),
    (re.compile(r"/services/data/?"), "versions"),
    (re.compile(r"/services/data/v[\d.]+/?"), "resources"),
    (re.compile(r"/services/data/v[\d.]+/limits/?"), "limits"),
    (re.compile(r"/services/data/v[\d.]+/sobjects/?"), "describe_global"),
    (re.compile(r"/services/data/v[\d.]+/query/?"), "query"),
    (re.compile(r"/services/data/v[\d.]+/query/.+"), "query_more"),
)
_SOBJECT: Final = re.compile(r"/services/data/v[\d.]+/sobjects/(\w+)(?:/(\w+))?/?")
_COLLECTION: Final = re.compile(r"/services/data/v[\d.]+/composite/sobjects/?", re.IGNORECASE)


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
    match = _SOBJECT.fullmatch(request.path)
    if match is None:
        return "unknown"
    if match[2] == "describe":
        return _with_object("describe", match[1], schema)
    method = effective_method(request)
    words = {"GET": "read", "PATCH": "update", "DELETE": "delete", "POST": "create"}
    return _with_object(words.get(method, "unknown"), match[1], schema)


def _with_object(word: str, name: str, schema: OrgSchema) -> str:
    sobject = schema.find(name)
    return f"{word}:{sobject.name if sobject else name}"


def _first_type(request: Request) -> str:
    try:
        return str(json.loads(request.body)["records"][0]["attributes"]["type"])
    except (ValueError, LookupError, TypeError):
        return ""
