"""/composite/sobjects and /composite/tree: many records in one call.

Collections report per record; a tree is all or nothing and answers 400 with the records that were
wrong, each by its reference.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from . import records
from .fields import Child, SObject
from .messages import Request, Response, json_response
from .refusals import RecordError, Refusal, not_found, not_json
from .rest_call import Call

LARGEST_COLLECTION: Final = 200
DEEPEST_TREE: Final = 5
MOST_TYPES: Final = 5


def composite(call: Call) -> Response:
    """Answer a call to /composite or below. Raises Refusal."""
    match [part.lower() for part in call.parts[1:]]:
        case ["sobjects"]:
            call.only("POST", "POST")
            return json_response(200, _collection(call, records.json_object(call.request)))
        case ["tree", name]:
            sobject = call.schema.find(name)
            if sobject is None:
                raise not_found()
            call.only("POST", "POST")
            return _tree(call, sobject, records.json_object(call.request))
    raise not_found()


# --- collections ----------------------------------------------------------------------------


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
        raise _no_type(name)
    try:
        _meet(call, sobject, row)
        record_id = records.create(call.work, sobject, call.api_number, row)
    except Refusal as refusal:
        if refusal.code == "JSON_PARSER_ERROR":
            raise  # a body that can't be read fails the whole call
        return {"success": False, "errors": [refusal.record_error()]}
    return {"id": record_id, "success": True, "errors": []}


def _meet(call: Call, sobject: SObject, row: dict[str, object]) -> None:
    """Let a fault planned for `collection_row` refuse one row; raises Refusal then."""
    from . import faults  # which builds on this module

    body = json.dumps({"sobject": sobject.name, "row": row}).encode()
    asked = Request("ROW", "/collection", body=body)
    fault = faults.strike(call.work, asked, f"collection_row:{sobject.name}", drawn=False)
    if fault is not None:
        raise faults.refusal(fault)


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


def _no_type(name: str) -> Refusal:
    return Refusal(400, "INVALID_TYPE", f"sObject type '{name}' is not supported.")


# --- trees ----------------------------------------------------------------------------------


@dataclass(slots=True)
class _Node:
    """One record of a tree: what it says itself, and whose child it is."""

    reference: str
    sobject: SObject
    values: dict[str, object]
    parent: _Node | None = None
    parent_field: str = ""
    depth: int = 1
    record_id: str = ""
    error: RecordError | None = None


def _tree(call: Call, sobject: SObject, body: dict[str, object]) -> Response:
    nodes = list(_nodes(call, sobject, body))
    problem = _too_much(nodes) or _doubled(nodes)
    if problem is not None:
        return _failed([problem])
    call.work.db.execute("SAVEPOINT tree")
    for node in nodes:
        _plant(call, node)
    wrong = [node for node in nodes if node.error is not None]
    if wrong:
        call.work.db.execute("ROLLBACK TO tree")
    call.work.db.execute("RELEASE tree")
    if wrong:
        return _failed(wrong)
    results = [{"referenceId": node.reference, "id": node.record_id} for node in nodes]
    return json_response(201, {"hasErrors": False, "results": results})


def _nodes(
    call: Call, sobject: SObject, body: object, parent: _Node | None = None, field: str = ""
) -> Iterator[_Node]:
    """The records of a tree, each parent before its children. Raises Refusal."""
    if not isinstance(body, dict) or set(body) != {"records"}:
        raise not_json("A tree is an object with records")
    rows = body["records"]
    if not isinstance(rows, list) or not rows:
        raise not_json("records must be a list of records")
    for row in rows:
        node, below = _node(sobject, row, parent, field)
        yield node
        for child, content in below:
            inner = call.schema.find(child.sobject)
            if inner is None:
                raise _no_type(child.sobject)
            yield from _nodes(call, inner, content, node, child.field)


def _node(
    sobject: SObject, row: object, parent: _Node | None, field: str
) -> tuple[_Node, list[tuple[Child, object]]]:
    attributes = row.get("attributes") if isinstance(row, dict) else None
    if not isinstance(row, dict) or not isinstance(attributes, dict):
        raise not_json("Each record of a tree needs attributes")
    name, reference = attributes.get("type"), attributes.get("referenceId")
    if not isinstance(name, str) or name.lower() != sobject.name.lower():
        raise not_json(f"The type in attributes must be {sobject.name}")
    if not sobject.writable:
        raise _no_type(name)
    if not isinstance(reference, str) or not reference:
        raise Refusal(400, "INVALID_INPUT", "ReferenceId must be provided for each record.")
    values: dict[str, object] = {}
    below: list[tuple[Child, object]] = []
    for key, value in row.items():
        child = sobject.child(key)
        if child is not None:
            below.append((child, value))
        else:
            values[key] = value
    depth = 1 if parent is None else parent.depth + 1
    return _Node(reference, sobject, values, parent, field, depth), below


def _too_much(nodes: list[_Node]) -> _Node | None:
    for over, message in (
        (len(nodes) > LARGEST_COLLECTION, "record limit reached. cannot submit more than 200"),
        (max(node.depth for node in nodes) > DEEPEST_TREE, "The tree is deeper than 5 levels"),
        (len({node.sobject.name for node in nodes}) > MOST_TYPES, "More than 5 types"),
    ):
        if over:
            nodes[0].error = Refusal(400, "INVALID_INPUT", message).record_error()
            return nodes[0]
    return None


def _doubled(nodes: list[_Node]) -> _Node | None:
    seen: set[str] = set()
    for node in nodes:
        if node.reference in seen:
            node.error = Refusal(
                400, "INVALID_INPUT", "Duplicate ReferenceId provided in the request."
            ).record_error()
            return node
        seen.add(node.reference)
    return None


def _plant(call: Call, node: _Node) -> None:
    """Create one record under its parent; one whose parent failed is not tried."""
    values = node.values
    if node.parent is not None:
        if not node.parent.record_id:
            return
        values = {**values, node.parent_field: node.parent.record_id}
    try:
        node.record_id = records.create(call.work, node.sobject, call.api_number, values)
    except Refusal as refusal:
        if refusal.code == "JSON_PARSER_ERROR":
            raise
        node.error = refusal.record_error()


def _failed(nodes: list[_Node]) -> Response:
    results = [{"referenceId": node.reference, "errors": [node.error]} for node in nodes]
    return json_response(400, {"hasErrors": True, "results": results})


def refused_tree(request: Request, refusal: Refusal) -> Response | None:
    """A refusal of the whole call in a tree's own shape, or None if the call is no tree.

    So it is that "Something bad has happened" arrives there: as the error of a record.
    """
    if "/composite/tree/" not in request.path.lower():
        return None
    try:
        reference = str(json.loads(request.body)["records"][0]["attributes"]["referenceId"])
    except (ValueError, LookupError, TypeError):
        return None
    results = [{"referenceId": reference, "errors": [refusal.record_error()]}]
    return json_response(refusal.status, {"hasErrors": True, "results": results})
