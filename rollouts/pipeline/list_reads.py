"""A list of ids that somebody brought, held until they have seen what came of it.

First it is read and shown, with every refused line; only then, and only as a whole, something is
done with the orgs in it. A list with refused lines is used when the person says how many those are.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any

from rollouts.domain.permissions import Permission
from rollouts.models import IdListRead, Installation, MarkKind, Org, Package, Person
from rollouts.pipeline import exclusions, marks
from rollouts.pipeline.id_lists import IdList, Refused
from rollouts.pipeline.parts import parts
from rollouts.pipeline.transitions import Overtaken, Refusal, demand, writing

# A list that nobody used is kept for so long; it holds ids, and no more of the file.
_KEPT = timedelta(days=7)


class Purpose(StrEnum):
    """What can be done with the orgs of a list."""

    MARK = "mark"
    UNMARK = "unmark"
    EXCLUDE = "exclude"
    AUDIENCE = "audience"
    DRAFT = "draft"


NEEDS = {
    Purpose.MARK: Permission.PLAN,
    Purpose.UNMARK: Permission.PLAN,
    Purpose.EXCLUDE: Permission.EXCLUDE,
    Purpose.AUDIENCE: Permission.PLAN,
    Purpose.DRAFT: Permission.PLAN,
}


def check(read: IdList, package: Package | None = None) -> IdList:
    """Hold a list against the orgs that are known, and against those that have the package.

    An id that no org has is refused; if one differs only in upper and lower case, it is named.
    """
    known = _known(read.found)
    missing = [key for key in read.found if key not in known]
    reasons = dict.fromkeys(missing, "no org with this ID is known here")
    if missing:
        folded = {key[:15].lower(): key for key in _near(missing)}
        for key in missing:
            # The last three characters follow from the case, so only the first fifteen compare.
            near = folded.get(key[:15].lower())
            if near:
                reasons[key] = (
                    f"differs from {near} only in upper and lower case; copy the ID again"
                )
    if package is not None:
        having = _having(known, package)
        reasons |= {
            key: f"the org has no {package.name}" for key, pk in known.items() if pk not in having
        }
    return read.without(reasons)


def keep(
    read: IdList,
    purpose: Purpose,
    wanted: Mapping[str, Any],
    source: str,
    *,
    by: Person,
    now: datetime,
) -> IdListRead:
    """Hold a checked list for its reader. Lists that nobody used for a week are forgotten."""
    demand(by, NEEDS[purpose], now)
    IdListRead.objects.filter(at__lt=now - _KEPT).delete()
    return IdListRead.objects.create(
        by=by, at=now, purpose=purpose.value, wanted=dict(wanted), source=source[:120],
        encoding=read.encoding, found=list(read.found),
        refused=[[one.line, one.text, one.why] for one in read.refused],
        tokens=read.tokens, repaired=read.repaired,
    )  # fmt: skip


def refused_of(held: IdListRead) -> list[Refused]:
    """Return the lines that were refused, in the list's order."""
    return [Refused(line, text, why) for line, text, why in held.refused]


@writing()
def use(held: IdListRead, *, accepted: int, by: Person, now: datetime) -> int:
    """Do with the orgs what the list was brought for; returns how many that changed.

    ``accepted`` is how many refused lines the person has seen and leaves out. Raises Refusal when
    that is not their number, Overtaken when the list was used already.
    """
    purpose = Purpose(held.purpose)
    demand(by, NEEDS[purpose], now)
    claim(held, accepted=accepted, by=by, now=now)
    orgs = [org for part in parts(held.found) for org in Org.objects.filter(key__in=part)]
    wanted = held.wanted
    if purpose is Purpose.EXCLUDE:
        until = datetime.fromisoformat(wanted["until"]) if wanted.get("until") else None
        return exclusions.exclude_many(
            held.found, reason=wanted["reason"], until=until, by=by, now=now
        )
    kind = MarkKind(wanted["kind"])
    act = marks.put_on if purpose is Purpose.MARK else marks.take_off
    return act(orgs, kind, wanted.get("value", ""), by=by, now=now)


def claim(held: IdListRead, *, accepted: int, by: Person, now: datetime) -> None:
    """Take a list for its one use, in the caller's transaction. Raises Refusal as `use` does."""
    if held.by_id != by.pk:
        raise Refusal("Somebody else read this list. Read it yourself, then use it.")
    if not held.found:
        raise Refusal("No line of the list can be used; mend it and read it again.")
    if accepted != len(held.refused):
        raise Refusal(f"Tick that the {len(held.refused)} refused lines are to be left out.")
    if not IdListRead.objects.filter(pk=held.pk, used_at=None).update(used_at=now):
        raise Overtaken("This list was used already.")


def _known(keys: tuple[str, ...]) -> dict[str, int]:
    return {
        key: pk
        for part in parts(keys)
        for key, pk in Org.objects.filter(key__in=part).values_list("key", "pk")
    }


def _near(missing: list[str]) -> list[str]:
    """Return ids of known orgs that begin like a missing one when case is left aside."""
    wanted = {key[:15].lower() for key in missing}
    return [key for key in Org.objects.values_list("key", flat=True) if key[:15].lower() in wanted]


def _having(known: Mapping[str, int], package: Package) -> set[int]:
    rows = Installation.objects.present().filter(package=package)
    wanted = set(known.values())
    return {pk for pk in rows.values_list("org_id", flat=True) if pk in wanted}
