"""The face for tests and rehearsals under /simulator/: no session, loopback only, JSON."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import TypedDict, cast

from . import faults, oauth, outcomes, progress, switches, usage, witness
from .faults import Fault, FaultKind
from .html import style_response
from .ids import BadId, short_id
from .messages import Request, Response, json_response
from .outcomes import CATALOGUE, ErrorRow, Outcome
from .page import page
from .refusals import Refusal, not_found, wrong_method
from .store import Work
from .times import BadMoment, iso, parse
from .witness import note

_MOST_EFFECTS = 10_000


class PackageEntry(TypedDict):
    """A package in the catalog: its id, and the ids of its versions by number such as 4.2.2."""

    id: str
    versions: dict[str, str]


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
            return Response(200, {"Content-Type": "text/html;charset=UTF-8"}, page(work).encode())
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
    body = _body(request)
    match name:
        case "outcomes":
            script(
                work,
                cast("Sequence[str] | str", body.pop("orgs", "all")),
                str(body.pop("outcome", "fail")),
                cast("str | ErrorRow | None", body.pop("error", None)),
                cast("str | None", body.pop("version_id", None)),
                cast("int | None", body.pop("times", None)),
            )
            _nothing_left(body)
        case "faults":
            planned = body.get("faults", [body])
            if not isinstance(planned, list):
                raise _bad("faults must be a list.")
            for plan in planned:
                faults.plan(work, fault_of(plan))
        case "faults/clear":
            return json_response(200, {"cleared": faults.clear(work)})
        case "switches":
            switches.turn(work, body)
        case "orgs":
            change_org(work, body)
        case "sessions/expire":
            return json_response(200, {"expired": oauth.revoke_all(work)})
        case "sessions/revoke":
            return json_response(200, {"revoked": oauth.revoke_refresh_tokens(work)})
        case _:
            raise not_found("There is no such page of the simulator.")
    return json_response(200, {"done": True})


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
            raise _bad("at must be a date-time such as 2026-01-31T06:00:00.000Z.") from None
    return witness.truth(work.db, at)


def script(
    work: Work,
    orgs: Sequence[str] | str,
    outcome: Outcome | str,
    error: str | ErrorRow | Sequence[str | ErrorRow] | None,
    version_id: str | None,
    times: int | None,
) -> None:
    """Script outcomes; see `Simulator.script` for the arguments. Raises Refusal."""
    keys = ["*"] if orgs == "all" else [_key(org) for org in orgs]
    try:
        wanted = Outcome(outcome)
    except ValueError:
        raise _bad(f"outcome must be one of {', '.join(Outcome)}.") from None
    several = [error] if error is None or isinstance(error, str | dict) else list(error)
    rows = [_error_row(one) for one in several if one is not None]
    if wanted is Outcome.FAIL and not rows:
        rows = [CATALOGUE["UnexpectedFailure"].row()]
    outcomes.script(
        work, orgs=keys, outcome=wanted, errors=rows, version_id=version_id, times=times
    )
    note(work, "outcomes_scripted", detail={"orgs": keys, "outcome": wanted.value, "times": times})


def fault_of(body: object) -> Fault:
    """A fault from its JSON form: {fault, match?, nth?, times?, contains?, seconds?, ...}."""
    if not isinstance(body, dict):
        raise _bad("A fault is an object.")
    known = {
        "call": str(body.get("match", body.get("call", "*"))),
        "nth": body.get("nth", 1),
        "times": body.get("times", 1),
        "contains": str(body.get("contains", "")),
        "seconds": body.get("seconds", 0.0),
        "status": body.get("status", 500),
        "error_code": str(body.get("errorCode", body.get("error_code", ""))),
        "message": str(body.get("message", "")),
    }
    extra = set(body) - set(known) - {"fault", "match", "errorCode"}
    if extra:
        raise _bad(f"A fault knows no {', '.join(sorted(extra))}.")
    for name in ("nth", "times", "seconds", "status"):
        if not isinstance(known[name], int | float):
            raise _bad(f"{name} must be a number.")
    try:
        return Fault(FaultKind(str(body.get("fault"))), **known)
    except ValueError:
        raise _bad(f"fault must be one of {', '.join(FaultKind)}.") from None


def change_org(work: Work, body: dict[str, object]) -> None:
    """Let something happen in an org that no push did. Raises Refusal.

    `org`, `package` (name, default Harbor), and one or more of: `version_id` (it upgraded itself),
    `uninstalled` (true), `org_name`, `org_status`, `instance_name`, `blocked` (true or false).
    """
    body = dict(body)
    org_key = _key(str(body.pop("org", "")))
    package = str(body.pop("package", "Harbor"))
    row = work.db.execute(
        "SELECT s.id, s.version_id FROM subscriber s JOIN package p ON p.id = s.package_id"
        " WHERE s.org_key = ? AND p.name = ?",
        (org_key, package),
    ).fetchone()
    if row is None:
        raise _bad(f"{org_key} has no installation of {package}.")
    found = progress.installation(work, org_key, row[1])
    if found is None:
        raise AssertionError
    if "version_id" in body:
        progress.move_version(work, found, org_key, str(body.pop("version_id")))
    columns: dict[str, object] = {
        name: str(body.pop(name))
        for name in ("org_name", "org_status", "instance_name")
        if name in body
    }
    if "blocked" in body:
        blocked = bool(body.pop("blocked"))
        columns["has_restriction"] = columns["custom_upgrade_allowed"] = int(blocked)
        columns["custom_upgrade_type"] = "BlockedBySubscriber" if blocked else "None"
    if columns:
        work.db.execute(
            f"UPDATE subscriber SET {', '.join(f'{name} = ?' for name in columns)}, modstamp = ?"  # noqa: S608 - our own names
            " WHERE id = ?",
            (*columns.values(), work.second, row[0]),
        )
        note(work, "subscriber_changed", org=org_key, detail={"package": package, **columns})
    if body.pop("uninstalled", False):
        progress.remove(work, found, org_key)
    _nothing_left(body)


def catalog(work: Work) -> dict[str, PackageEntry]:
    """Package and version ids by name and number."""
    found: dict[str, PackageEntry] = {}
    for package_id, name in work.db.execute("SELECT id, name FROM package").fetchall():
        versions = work.db.execute(
            "SELECT major || '.' || minor || '.' || patch, id FROM version WHERE package_id = ?"
            " ORDER BY major, minor, patch, build",
            (package_id,),
        )
        found[name] = {"id": package_id, "versions": dict(versions.fetchall())}
    return found


def _error_row(error: str | ErrorRow) -> ErrorRow:
    if isinstance(error, str):
        if error not in CATALOGUE:
            raise _bad(f"error must be one of {', '.join(CATALOGUE)}, or an error row.")
        return CATALOGUE[error].row()
    extra = set(error) - set(ErrorRow.__annotations__)
    if extra:
        raise _bad(f"An error row knows no {', '.join(sorted(extra))}.")
    return error


def _key(org: str) -> str:
    try:
        return short_id(org)
    except BadId:
        raise _bad(f"{org} is no org key.") from None


def _number(text: str, name: str) -> int:
    if not text.isdecimal() or not text.isascii():
        raise _bad(f"{name} must be a whole number.")
    return int(text)


def _body(request: Request) -> dict[str, object]:
    # A page in a browser can't send this content type across origins without asking first.
    if not request.header("Content-Type").lower().startswith("application/json"):
        raise _bad("The simulator's control face takes application/json.")
    try:
        body = json.loads(request.body or b"{}")
    except ValueError:
        raise _bad("The body is not JSON.") from None
    if not isinstance(body, dict):
        raise _bad("The body must be a JSON object.")
    return body


def _nothing_left(body: Mapping[str, object]) -> None:
    if body:
        raise _bad(f"Unknown: {', '.join(sorted(body))}.")


def _bad(message: str) -> Refusal:
    return Refusal(400, "INVALID_INPUT", message)
