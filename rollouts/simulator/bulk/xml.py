"""The little XML that Bulk API v1 speaks: flat elements under one root."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Final
from xml.etree import ElementTree as ET

from rollouts.simulator.messages import Response
from rollouts.simulator.refusals import Refusal

PREFIX: Final = "/services/async/"
NAMESPACE: Final = "http://www.force.com/2009/06/asyncapi/dataload"
_TYPE: Final = "application/xml"
_CODES: Final = {
    "INVALID_SESSION_ID": "InvalidSessionId",
    "REQUEST_LIMIT_EXCEEDED": "ExceededQuota",
    "NOT_FOUND": "InvalidUrl",
    "METHOD_NOT_ALLOWED": "InvalidUrl",
}
_SERVER: Final = 500


def read(body: bytes) -> dict[str, str]:
    """The texts of a jobInfo's elements by name. Raises Refusal."""
    # Entities could make a small text enormous, and no client declares any.
    if b"<!" in body:
        raise bad_job("Unable to parse Job")
    try:
        root = ET.fromstring(body)  # noqa: S314 - see above
    except ET.ParseError:
        raise bad_job("Unable to parse Job") from None
    if root.tag != f"{{{NAMESPACE}}}jobInfo":
        raise bad_job("Unable to parse Job")
    return {child.tag.partition("}")[2]: (child.text or "").strip() for child in root}


def answer(status: int, name: str, fields: Mapping[str, object]) -> Response:
    """One element with its fields."""
    return _response(status, _element(name, fields, root=True))


def answer_list(name: str, parts: Iterable[tuple[str, Mapping[str, object] | str]]) -> Response:
    """A list of elements, each with fields or a text."""
    root = ET.Element(name, {"xmlns": NAMESPACE})
    for part, content in parts:
        if isinstance(content, str):
            ET.SubElement(root, part).text = content
        else:
            root.append(_element(part, content))
    return _response(200, root)


def error(refusal: Refusal) -> Response:
    """A refusal as this API says it: 400 for whatever the client did wrong."""
    fields = {
        "exceptionCode": _CODES.get(refusal.code, refusal.code),
        "exceptionMessage": refusal.message,
    }
    status = refusal.status if refusal.status >= _SERVER else 400
    return answer(status, "error", fields)


def bad_job(message: str) -> Refusal:
    """The job is wrong, or there is none."""
    return Refusal(400, "InvalidJob", message)


def _element(name: str, fields: Mapping[str, object], *, root: bool = False) -> ET.Element:
    element = ET.Element(name, {"xmlns": NAMESPACE} if root else {})
    for field, value in fields.items():
        if value is not None:
            ET.SubElement(element, field).text = str(value)
    return element


def _response(status: int, root: ET.Element) -> Response:
    body = ET.tostring(root, encoding="UTF-8", xml_declaration=True)
    return Response(status, {"Content-Type": _TYPE}, body)
