"""Changing a rollout's waves by hand, while they are planned: checked, stored, in the history."""

from __future__ import annotations

import zlib
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from datetime import datetime

from django.db.models import F

from rollouts.domain import lanes as by_hand
from rollouts.domain.lanes import BadEdit, Lane, Lanes
from rollouts.domain.lifecycle import RolloutState, WaveState
from rollouts.domain.permissions import Permission
from rollouts.domain.planner import Candidate
from rollouts.domain.policy import WaveKind
from rollouts.models import Person, Rollout, Target, Wave
from rollouts.pipeline.audiences import AudienceChoice, candidates
from rollouts.pipeline.transitions import Overtaken, Refusal, demand, record, writing

Change = Callable[[Lanes], Lanes]
# Free numbers while waves are put in a new order: no rollout has as many.
_ASIDE = 10_000


@dataclass(frozen=True, slots=True)
class Shape:
    """A rollout's waves under the hands; ``seen`` tells one shape from another."""

    lanes: Lanes
    seen: str


def read(rollout: Rollout) -> Shape:
    """Read the waves with their orgs: two queries."""
    orgs: dict[int, list[str]] = {}
    rows = Target.objects.filter(rollout=rollout).order_by("wave", "place")
    for wave_pk, key in rows.values_list("wave_id", "org__key"):
        orgs.setdefault(wave_pk, []).append(key)
    waves = rollout.waves.select_related("frozen_list").order_by("number")
    shaped = tuple(
        Lane(
            WaveKind(wave.kind),
            wave.name,
            tuple(orgs.get(wave.pk, ())),
            wave.bake,
            wave.approvals_needed,
            wave.pk,
            _locked(wave),
        )
        for wave in waves
    )
    told = repr([(lane.key, lane.name, lane.orgs, lane.locked) for lane in shaped])
    return Shape(shaped, f"{zlib.crc32(told.encode()):08x}")


def _locked(wave: Wave) -> str:
    if wave.state == WaveState.PLANNED.value and wave.started_at is None:
        return ""
    if wave.state == WaveState.FROZEN.value and wave.started_at is None:
        return "is frozen. Open it for changes first; that voids its list and approvals."
    if wave.state == WaveState.APPROVED.value and wave.started_at is None:
        return "is approved. Withdraw that, then open it for changes; that voids its list."
    return f"has begun: it is {wave.state}. Only planned waves can be changed."


def facts_of(
    rollout: Rollout, now: datetime, *, among: Collection[str] | None = None
) -> dict[str, Candidate]:
    """Read what the laws go by, as it is today, for every org with the package, or of these.

    All of a large package takes seconds: not while the history's lock keeps a stop waiting.
    """
    people = candidates(rollout.to_version, AudienceChoice(), now, rollout, among=among)
    return {one.org: one for one in people}


def change(
    rollout: Rollout, how: Change, *, seen: str, said: str, by: Person, now: datetime
) -> Shape:
    """Change the waves, if the laws of the cut allow it; returns them as they are then.

    ``seen`` is the shape that the person looked at, ``said`` what was asked, for the history.
    Raises Overtaken when the waves have changed meanwhile, Refusal with what stands against it.
    """
    demand(by, Permission.PLAN, now)
    return _change(rollout, how, facts_of(rollout, now), seen=seen, said=said, by=by, now=now)


@writing()
def _change(
    rollout: Rollout,
    how: Change,
    facts: Mapping[str, Candidate],
    *,
    seen: str,
    said: str,
    by: Person,
    now: datetime,
) -> Shape:
    demand(by, Permission.PLAN, now)
    held = Rollout.objects.select_for_update().get(pk=rollout.pk)
    if held.state not in (RolloutState.READY.value, RolloutState.ACTIVE.value):
        raise Refusal(f"The rollout is {held.state}; its waves can be changed when it is active.")
    before = read(held)
    if seen != before.seen:
        raise Overtaken("The waves have changed since you opened the page. Look again.")
    try:
        after = by_hand.settle(how(before.lanes), held.policy)
    except BadEdit as bad:
        raise Refusal(str(bad)) from bad
    moved = _moved(before.lanes, after)
    fresh = facts_of(held, now, among=moved)
    facts = {org: one for org, one in facts.items() if org not in moved} | fresh
    # What was so before is no fault of this change, and is shown beside it all the same.
    old = set(by_hand.broken(before.lanes, facts, held.policy))
    wrong = [said for said in by_hand.broken(after, facts, held.policy) if said not in old]
    if wrong:
        raise Refusal(" ".join(wrong))
    _store(held, before.lanes, after, by)
    record(
        "reshape",
        f"rollout {held.slug}",
        now=now,
        by=by,
        rollout=held,
        before=_told(before.lanes),
        after=_told(after),
        reason=said,
    )
    return read(held)


def _moved(before: Lanes, after: Lanes) -> set[str]:
    """Name the orgs that would be in another wave than before."""
    was = {org: lane.key for lane in before for org in lane.orgs}
    return {org for lane in after for org in lane.orgs if was.get(org) != lane.key}


def _told(lanes: Lanes) -> str:
    return ", ".join(str(len(lane.orgs)) for lane in lanes)[:200]


def _store(rollout: Rollout, before: Lanes, after: Lanes, by: Person) -> None:
    was = {lane.key: lane for lane in before}
    Wave.objects.filter(rollout=rollout).update(number=F("number") + _ASIDE)
    stays = {lane.key for lane in after if lane.key}
    places = dict(Target.objects.filter(rollout=rollout).values_list("org__key", "pk"))
    for number, lane in enumerate(after, start=1):
        if lane.key:
            wave = Wave.objects.get(pk=lane.key)
            wave.number, wave.approvals_needed, wave.bake = number, lane.approvals, lane.bake
            wave.save(update_fields=["number", "approvals_needed", "bake"])
        else:
            wave = Wave.objects.create(
                rollout=rollout,
                number=number,
                name=lane.name[:60],
                kind=lane.kind.value,
                bake=lane.bake,
                approvals_needed=lane.approvals,
            )
        if lane.key not in was or lane.orgs != was[lane.key].orgs:
            _place(wave, lane.orgs, places)
            wave.editors.add(by)
    for gone in Wave.objects.filter(rollout=rollout, pk__in=was.keys() - stays):
        if gone.lists.exists():
            raise Refusal(
                f"{gone.name} was frozen before, and its lists are history: leave an org in it."
            )
        gone.delete()


def _place(wave: Wave, orgs: tuple[str, ...], places: dict[str, int]) -> None:
    rows = [Target(pk=places[key], wave=wave, place=place) for place, key in enumerate(orgs)]
    Target.objects.bulk_update(rows, ["wave", "place"], batch_size=500)
