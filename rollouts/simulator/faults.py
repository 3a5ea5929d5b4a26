"""Faults on demand: planned for a certain call, or drawn at a rate from the seed.

Kinds, and what the caller sees:

========================  ==================================================================
refuse                    an error answer (`status`, `errorCode`, `message`); no effect
error_before              HTTP `status` (500); no effect
error_after               HTTP `status` (500); the effect has happened
reset_before              the connection is cut; no effect
reset_after               the connection is cut; the effect has happened
hang_before               no answer for `seconds` of wall time; the effect happens after that
hang_after                the effect happens, the answer comes after `seconds` of wall time
late                      the connection is cut; the effect happens `seconds` of *simulated*
                          time later, even if the simulator is restarted in between
expired_session           401 INVALID_SESSION_ID; the access token is gone for good
quota                     403 REQUEST_LIMIT_EXCEEDED
not_json                  200 with an HTML page in place of JSON; the effect has happened
wrong_type                the right answer, called text/html; the effect has happened
truncated                 the answer breaks off in the middle; the effect has happened
drip                      the answer trickles out over `seconds` of wall time; the effect has
                          happened
redirect                  302 to another host; no effect
========================  ==================================================================
"""

from __future__ import annotations

import base64
import json
from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from .chance import draw
from .messages import Request, Response
from .progress import plan_late_call
from .refusals import Refusal, no_session, quota_spent, something_bad
from .shapes import refused, refused_by_fault
from .store import Work
from .times import SECOND
from .witness import note


class FaultKind(StrEnum):
    """What goes wrong."""

    REFUSE = "refuse"
    ERROR_BEFORE = "error_before"
    ERROR_AFTER = "error_after"
    RESET_BEFORE = "reset_before"
    RESET_AFTER = "reset_after"
    HANG_BEFORE = "hang_before"
    HANG_AFTER = "hang_after"
    LATE = "late"
    EXPIRED_SESSION = "expired_session"
    QUOTA = "quota"
    NOT_JSON = "not_json"
    WRONG_TYPE = "wrong_type"
    TRUNCATED = "truncated"
    DRIP = "drip"
    REDIRECT = "redirect"


@dataclass(frozen=True, slots=True)
class Fault:
    """One planned fault.

    `call` is a kind of call as `calls.classify` names it (`update`), with or without its object
    (`update:PackagePushRequest`), or `*`. `contains` must occur in the path, query or body. The
    fault strikes `times` matching calls, beginning with the `nth`.
    """

    kind: FaultKind
    call: str = "*"
    nth: int = 1
    times: int = 1
    contains: str = ""
    seconds: float = 0.0
    status: int = 500
    error_code: str = ""
    message: str = ""


SIGN_IN: Final = ("token", "authorize", "revoke", "introspect")

# Which faults the fault rate draws, by weight.
_DRAWN: Final = {
    FaultKind.ERROR_BEFORE: 25,
    FaultKind.ERROR_AFTER: 15,
    FaultKind.RESET_BEFORE: 10,
    FaultKind.RESET_AFTER: 15,
    FaultKind.HANG_BEFORE: 8,
    FaultKind.HANG_AFTER: 8,
    FaultKind.EXPIRED_SESSION: 8,
    FaultKind.REFUSE: 8,
    FaultKind.NOT_JSON: 3,
}


def plan(work: Work, fault: Fault) -> None:
    """Let a fault strike a later call."""
    body = {
        "seconds": fault.seconds,
        "status": fault.status,
        "error_code": fault.error_code,
        "message": fault.message,
    }
    work.db.execute(
        "INSERT INTO fault (call, contains, skip, times, kind, body) VALUES (?,?,?,?,?,?)",
        (
            fault.call,
            fault.contains,
            fault.nth - 1,
            fault.times,
            fault.kind.value,
            json.dumps(body),
        ),
    )
    note(work, "fault_planned", detail={"kind": fault.kind.value, "call": fault.call, **body})


def clear(work: Work) -> int:
    """Forget the faults still planned; says how many there were."""
    return work.db.execute("DELETE FROM fault WHERE times > 0").rowcount


def strike(work: Work, request: Request, call: str, *, drawn: bool = True) -> Fault | None:
    """The fault that meets this call, if any; it is used up and noted.

    Without `drawn` only a planned one can.
    """
    fault = _planned(work, request, call) or (_drawn(work, call) if drawn else None)
    if fault is not None:
        note(work, "fault", detail={"kind": fault.kind.value, "call": call, "path": request.path})
    return fault


def _planned(work: Work, request: Request, call: str) -> Fault | None:
    found = None
    for seq, wanted, contains, skip, kind, body in work.db.execute(
        "SELECT seq, call, contains, skip, kind, body FROM fault WHERE times > 0 ORDER BY seq"
    ).fetchall():
        if wanted not in ("*", call, call.partition(":")[0]) or not _mentions(request, contains):
            continue
        if skip:
            work.db.execute("UPDATE fault SET skip = skip - 1 WHERE seq = ?", (seq,))
        elif found is None:
            work.db.execute("UPDATE fault SET times = times - 1 WHERE seq = ?", (seq,))
            found = Fault(FaultKind(kind), call=wanted, contains=contains, **json.loads(body))
    return found


def _mentions(request: Request, text: str) -> bool:
    return (
        not text
        or text in request.path
        or any(text in value for value in request.query.values())
        or text.encode() in request.body
    )


def _drawn(work: Work, call: str) -> Fault | None:
    rate = work.options.fault_rate
    if not rate:
        return None
    number = work.next_number("fault-draw")
    if draw(work.seed, "fault", number) >= rate:
        return None
    drawn = draw(work.seed, "fault kind", number) * sum(_DRAWN.values())
    reached = 0
    for kind, weight in _DRAWN.items():
        reached += weight
        if drawn < reached:
            # A login has no session that could expire, nor REST's errors.
            odd = call in SIGN_IN and kind in (FaultKind.EXPIRED_SESSION, FaultKind.REFUSE)
            return Fault(
                FaultKind.ERROR_BEFORE if odd else kind, seconds=work.options.fault_hang_seconds
            )
    raise AssertionError


def perform(
    fault: Fault,
    work: Work,
    request: Request,
    answer: Callable[[Work, Request], Response],
    again: Callable[[Request], Response],
) -> Response:
    """The call as it goes under a fault.

    `answer` performs it now, within the open transaction; `again` performs it later in one of
    its own.
    """
    if fault.kind is FaultKind.HANG_BEFORE:
        return Response(0, held=fault.seconds, later=lambda: again(request))
    if fault.kind is FaultKind.LATE:
        plan_late_call(work, work.now + int(fault.seconds * SECOND), packed(request))
        return Response(0, reset=True)
    unperformed = _refused(fault, work, request)
    return unperformed if unperformed is not None else _spoiled(fault, answer(work, request))


def _refused(fault: Fault, work: Work, request: Request) -> Response | None:
    """The answer to a call that is not performed, or None if it is."""
    match fault.kind:
        case FaultKind.ERROR_BEFORE:
            return _broken(fault.status)
        case FaultKind.RESET_BEFORE:
            return Response(0, reset=True)
        case FaultKind.REDIRECT:
            return Response(302, {"Location": "https://elsewhere.example" + request.path})
        case FaultKind.EXPIRED_SESSION:
            work.db.execute("DELETE FROM token WHERE value = ?", (request.session,))
            return refused(request, no_session())
        case FaultKind.QUOTA:
            return refused(request, quota_spent())
        case FaultKind.REFUSE:
            return refused_by_fault(request, refusal(fault))
    return None


def _spoiled(fault: Fault, response: Response) -> Response:
    """What becomes of the answer to a call that was performed."""
    match fault.kind:
        case FaultKind.ERROR_AFTER:
            return _broken(fault.status)
        case FaultKind.RESET_AFTER:
            return Response(0, reset=True)
        case FaultKind.HANG_AFTER:
            response.held = fault.seconds
        case FaultKind.TRUNCATED:
            response.cut = True
        case FaultKind.DRIP:
            response.drip = fault.seconds
        case FaultKind.WRONG_TYPE:
            response.headers["Content-Type"] = "text/html;charset=UTF-8"
        case FaultKind.NOT_JSON:
            page = b"<html><body><h1>Scheduled maintenance</h1></body></html>"
            return Response(200, {"Content-Type": "text/html;charset=UTF-8"}, page)
    return response


def refusal(fault: Fault) -> Refusal:
    """The no that a fault of the kind `refuse` says."""
    if not fault.error_code:
        return something_bad()
    status = 400 if fault.status == 500 else fault.status  # noqa: PLR2004 - 500 is unset here
    return Refusal(status, fault.error_code, fault.message or fault.error_code)


def _broken(status: int) -> Response:
    return Refusal(status, "UNKNOWN_EXCEPTION", "An unexpected error occurred.").response()


def packed(request: Request) -> str:
    """A request as text, to be kept until its time."""
    return json.dumps(
        {
            "method": request.method,
            "path": request.path,
            "query": dict(request.query),
            "headers": dict(request.headers),
            "body": base64.b64encode(request.body).decode(),
            "scheme": request.scheme,
            "role": request.role,
        }
    )


def unpacked(text: str) -> Request:
    """The request kept by `packed`."""
    kept = json.loads(text)
    kept["body"] = base64.b64decode(kept["body"])
    return Request(**kept)
