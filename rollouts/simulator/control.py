"""The face for tests and rehearsals under /simulator/: no session, loopback only, JSON."""

from __future__ import annotations

import json
from collections.abc import Mapping
from urllib.parse import parse_qsl

from . import switches, usage, witness
from .acts import ACTS, bad, catalog
from .html import html_response, style_response
from .messages import Request, Response, json_response
from .page import page
from .refusals import Refusal, not_found, wrong_method
from .store import Work
from .times import BadMoment, iso, parse

_MOST_EFFECTS = 10_000


def answer(work: Work, request: Request) -> Response:
    """Answer a call of the control face."""
    name = request.path.removeprefix("/simulator").strip("/")
    try:
        if request.method == "GET":
            return _get(work, request, name)
        if request.method == "POST":
            return _post(work, request, name)
        raise wrong_method(request.method, "GET, POST")
    except Refusal as refusal:
        return refusal.response()


def _get(work: Work, request: Request, name: str) -> Response:
    match name:
        case "":
            return html_response(200, page(work))
        case "page.css":
            return style_response()
        case "clock":
            clock = {"now": iso(work.now), "wall": iso(work.wall), "seed": work.seed}
            return json_response(200, clock)
        case "usage":
            return json_response(200, {"calls": usage.used(work)})
        case "effects":
            after = _number(request.query.get("after", "0"), "after")
            limit = _number(request.query.get("limit", str(_MOST_EFFECTS)), "limit")
            found = witness.effects(work.db, after, limit)
            return json_response(200, {"effects": [effect.as_dict() for effect in found]})
        case "truth":
            return json_response(200, _truth(work, request.query))
        case "switches":
            known = switches.switches(work.options)
            return json_response(200, {each.name: _switch(each) for each in known})
        case "catalog":
            return json_response(200, catalog(work))
    raise not_found("There is no such page of the simulator.")


def _post(work: Work, request: Request, name: str) -> Response:
    if not name:
        return _from_page(work, request)
    act = ACTS.get(name)
    body = _body(request)
    if act is None:
        raise not_found("There is no such page of the simulator.")
    return json_response(200, act(work, body))


def _from_page(work: Work, request: Request) -> Response:
    """What a form of the page asks for. Only the page itself may ask: see the Origin header."""
    if request.header("Origin") != request.base_url:
        raise bad("This form can be sent from the simulator's own page only.")
    fields = dict(parse_qsl(request.body.decode("utf-8", "replace"), keep_blank_values=True))
    act = fields.pop("act", "")
    if act == "fault":
        usual = {"nth": "1", "times": "1", "status": "500"}
        numbers = {name: _number(fields.pop(name, one), name) for name, one in usual.items()}
        seconds = _seconds(fields.pop("seconds", "0"))
        ACTS["faults"](work, {**fields, **numbers, "seconds": seconds})
    elif act == "switch":
        ACTS["switches"](work, {fields.get("name", ""): fields.get("value", "")})
    else:
        raise bad("act must be fault or switch.")
    return Response(303, {"Location": "/simulator/"})


def _seconds(text: str) -> float:
    try:
        return max(0.0, float(text))
    except ValueError:
        raise bad("seconds must be a number.") from None


def _switch(switch: switches.Switch) -> dict[str, object]:
    return {"value": switch.shown, "takes": switch.kind, "says": switch.says}


def _truth(work: Work, query: Mapping[str, str]) -> witness.Truth:
    if "seq" in query:
        return witness.truth(work.db, work.now, _number(query["seq"], "seq"))
    at = work.now
    if "at" in query:
        try:
            # A plus sign that was not escaped arrives as a space.
            at = parse(query["at"].replace(" ", "+"))
        except BadMoment:
            raise bad("at must be a date-time such as 2026-01-31T06:00:00.000Z.") from None
    return witness.truth(work.db, at)


def _number(text: str, name: str) -> int:
    if not text.isdecimal() or not text.isascii():
        raise bad(f"{name} must be a whole number.")
    return int(text)


def _body(request: Request) -> dict[str, object]:
    # A page in a browser can't send this content type across origins without asking first.
    if not request.header("Content-Type").lower().startswith("application/json"):
        raise bad("The simulator's control face takes application/json.")
    try:
        body = json.loads(request.body or b"{}")
    except ValueError:
        raise bad("The body is not JSON.") from None
    if not isinstance(body, dict):
        raise bad("The body must be a JSON object.")
    return body
