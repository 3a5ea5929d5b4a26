"""What the control face can do to the world: script outcomes, change orgs, plan faults."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Final, TypedDict, cast

from . import customization, faults, installations, maintenance, oauth, outcomes, switches
from .faults import Fault, FaultKind
from .ids import BadId, short_id
from .outcomes import CATALOGUE, ErrorRow, Outcome
from .refusals import Refusal
from .store import Work
from .times import BadMoment, parse
from .witness import note

Body = dict[str, object]


class PackageEntry(TypedDict):
    """A package in the catalog: its id, and the ids of its versions by number such as 4.2.2."""

    id: str
    versions: dict[str, str]


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
        raise bad(f"outcome must be one of {', '.join(Outcome)}.") from None
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
        raise bad("A fault is an object.")
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
        raise bad(f"A fault knows no {', '.join(sorted(extra))}.")
    for name in ("nth", "times", "seconds", "status"):
        if not isinstance(known[name], int | float):
            raise bad(f"{name} must be a number.")
    try:
        return Fault(FaultKind(str(body.get("fault"))), **known)
    except ValueError:
        raise bad(f"fault must be one of {', '.join(FaultKind)}.") from None


def change_org(work: Work, body: dict[str, object]) -> None:
    """Let something happen in an org that no push did. Raises Refusal.

    `org`, `package` (name, default Harbor), and one or more of: `version_id` (it upgraded itself),
    `uninstalled` (true), `org_name`, `org_status`, `instance_name`, `blocked` (true or false).
    """
    body = dict(body)
    org_key = _key(str(body.pop("org", "")))
    package = str(body.pop("package", "Harbor"))
    row = work.db.execute(
        "SELECT s.id, s.version_id, s.package_id FROM subscriber s"
        " JOIN package p ON p.id = s.package_id WHERE s.org_key = ? AND p.name = ?",
        (org_key, package),
    ).fetchone()
    if row is None:
        raise bad(f"{org_key} has no installation of {package}.")
    found = installations.installation(work, org_key, row[1])
    if found is None:
        raise AssertionError
    if "version_id" in body:
        installations.move_version(work, found, org_key, str(body.pop("version_id")))
    columns: dict[str, object] = {
        name: str(body.pop(name))
        for name in ("org_name", "org_status", "instance_name")
        if name in body
    }
    if "blocked" in body:
        customization.block(work, org_key, row[2], blocked=bool(body.pop("blocked")))
    if columns:
        work.db.execute(
            f"UPDATE subscriber SET {', '.join(f'{name} = ?' for name in columns)}, modstamp = ?"  # noqa: S608 - our own names
            " WHERE id = ?",
            (*columns.values(), work.second, row[0]),
        )
        note(work, "subscriber_changed", org=org_key, detail={"package": package, **columns})
    if body.pop("uninstalled", False):
        installations.remove(work, found, org_key)
    nothing_left(body)


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
            raise bad(f"error must be one of {', '.join(CATALOGUE)}, or an error row.")
        return CATALOGUE[error].row()
    extra = set(error) - set(ErrorRow.__annotations__)
    if extra:
        raise bad(f"An error row knows no {', '.join(sorted(extra))}.")
    return error


def moment(text: object) -> int:
    """Simulated milliseconds of an ISO 8601 text. Raises Refusal."""
    try:
        return parse(str(text))
    except BadMoment:
        raise bad(f"{text} is no date-time such as 2026-01-31T06:00:00.000Z.") from None


def _key(org: str) -> str:
    try:
        return short_id(org)
    except BadId:
        raise bad(f"{org} is no org key.") from None


def nothing_left(body: Mapping[str, object]) -> None:
    """Raise Refusal for what nobody has taken out of the body."""
    if body:
        raise bad(f"Unknown: {', '.join(sorted(body))}.")


def bad(message: str) -> Refusal:
    """The control face can't do that."""
    return Refusal(400, "INVALID_INPUT", message)


# --- by name, as the control face calls them ------------------------------------------------


def _outcomes(work: Work, body: Body) -> Body:
    script(
        work,
        cast("Sequence[str] | str", body.pop("orgs", "all")),
        str(body.pop("outcome", "fail")),
        cast("str | ErrorRow | None", body.pop("error", None)),
        cast("str | None", body.pop("version_id", None)),
        cast("int | None", body.pop("times", None)),
    )
    nothing_left(body)
    return _DONE


def _faults(work: Work, body: Body) -> Body:
    planned = body.get("faults", [body])
    if not isinstance(planned, list):
        raise bad("faults must be a list.")
    for plan in planned:
        faults.plan(work, fault_of(plan))
    return _DONE


def _switches(work: Work, body: Body) -> Body:
    switches.turn(work, body)
    return _DONE


def _orgs(work: Work, body: Body) -> Body:
    change_org(work, body)
    return _DONE


def _maintenance(work: Work, body: Body) -> Body:
    maintenance.plan(
        work,
        str(body.pop("instance", "")),
        moment(body.pop("start", "")),
        moment(body.pop("end", "")),
        str(body.pop("name", "Scheduled maintenance")),
        str(body.pop("kind", "scheduledMaintenance")),
    )
    nothing_left(body)
    return _DONE


_DONE: Final[Body] = {"done": True}

ACTS: Final[dict[str, Callable[[Work, Body], Body]]] = {
    "outcomes": _outcomes,
    "faults": _faults,
    "faults/clear": lambda work, _: {"cleared": faults.clear(work)},
    "switches": _switches,
    "orgs": _orgs,
    "maintenance": _maintenance,
    "cursors/expire": lambda work, _: {"expired": work.db.execute("DELETE FROM cursor").rowcount},
    "sessions/expire": lambda work, _: {"expired": oauth.revoke_all(work)},
    "sessions/revoke": lambda work, _: {"revoked": oauth.revoke_refresh_tokens(work)},
}
