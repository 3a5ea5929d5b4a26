"""Changing the cut by hand: orgs to another wave, waves split, merged and put in another order.

Each change gives new lanes, or is refused with what stands against it and what to do; the laws of
the cut are then looked at anew, so that no sequence of changes leads around them.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from rollouts.domain.audience import Ring
from rollouts.domain.ladder import later_from
from rollouts.domain.planner import Candidate, approvals
from rollouts.domain.policy import Policy, WaveKind

GROWING = (WaveKind.CANARY, WaveKind.PRODUCTION)
_NAMED = 3


class BadEdit(ValueError):
    """A change that can't be made; the text says why and what to do."""


@dataclass(frozen=True, slots=True)
class Lane:
    """One wave under the hands: ``key`` is its row (0: new), ``locked`` why it can't be changed."""

    kind: WaveKind
    name: str
    orgs: tuple[str, ...]
    bake: int
    approvals: int = 1
    key: int = 0
    locked: str = ""


Lanes = tuple[Lane, ...]


def move(lanes: Lanes, orgs: Sequence[str], to: int) -> Lanes:
    """Put orgs at the end of another wave; a wave that is emptied by it is gone."""
    where = {org: at for at, lane in enumerate(lanes) for org in lane.orgs}
    wanted = list(dict.fromkeys(orgs))
    if not wanted:
        raise BadEdit("Choose the orgs to move.")
    strangers = [org for org in wanted if org not in where]
    if strangers:
        raise BadEdit(f"{_names(strangers)}: not in any wave of this rollout. Take them off.")
    for at in sorted({where[org] for org in wanted} | {to}):
        _refuse_locked(lanes, at)
    gone = set(wanted) - set(lanes[to].orgs)
    if not gone:
        raise BadEdit(f"They are in {lanes[to].name} already.")
    kept = [replace(lane, orgs=tuple(o for o in lane.orgs if o not in gone)) for lane in lanes]
    added = tuple(org for org in wanted if org in gone)
    kept[to] = replace(kept[to], orgs=kept[to].orgs + added)
    return _without_empty(kept)


def add(lanes: Lanes, orgs: Sequence[str], after: int, name: str) -> Lanes:
    """Make a new wave of these orgs, of the kind of the one that it comes after."""
    _refuse_locked(lanes, after)
    before = lanes[after]
    kind = WaveKind.PRODUCTION if before.kind in GROWING else before.kind
    if kind is WaveKind.OWN:
        raise BadEdit("There is one wave of own orgs. Add the new wave after another one.")
    fresh = Lane(kind, name.strip() or f"{before.name}, more", (), before.bake)
    return move((*lanes[: after + 1], fresh, *lanes[after + 1 :]), orgs, after + 1)


def join(lanes: Lanes, org: str, at: int) -> Lanes:
    """Put an org that is in no wave yet at the end of this one."""
    _refuse_locked(lanes, at)
    if any(org in lane.orgs for lane in lanes):
        raise BadEdit(f"{org} is in a wave already.")
    return tuple(
        replace(lane, orgs=(*lane.orgs, org)) if place == at else lane
        for place, lane in enumerate(lanes)
    )


def split(lanes: Lanes, at: int, first: int) -> Lanes:
    """Cut a wave in two: its first orgs stay, the rest follows as a wave of its own."""
    _refuse_locked(lanes, at)
    lane = lanes[at]
    if lane.kind is WaveKind.OWN:
        raise BadEdit("Own orgs go together: at most a handful. Move some to another wave instead.")
    if not 0 < first < len(lane.orgs):
        raise BadEdit(
            f"{lane.name} has {len(lane.orgs)} orgs; keep from 1 to {len(lane.orgs) - 1}."
        )
    kind = WaveKind.PRODUCTION if lane.kind in GROWING else lane.kind
    head = replace(lane, orgs=lane.orgs[:first])
    tail = Lane(kind, f"{lane.name[:50]}, part 2", lane.orgs[first:], lane.bake)
    return (*lanes[:at], head, tail, *lanes[at + 1 :])


def merge(lanes: Lanes, at: int) -> Lanes:
    """Put the next wave into this one; it waits as long as the longer of the two."""
    if at + 1 >= len(lanes):
        raise BadEdit(f"{lanes[at].name} is the last wave. Merge it from the one before.")
    _refuse_locked(lanes, at)
    _refuse_locked(lanes, at + 1)
    here, there = lanes[at], lanes[at + 1]
    if here.kind is not there.kind:
        raise BadEdit(
            f"{here.name} and {there.name} are of different kinds, {here.kind.value} and "
            f"{there.kind.value}; merge waves of one kind."
        )
    one = replace(here, orgs=here.orgs + there.orgs, bake=max(here.bake, there.bake))
    return (*lanes[:at], one, *lanes[at + 2 :])


def shift(lanes: Lanes, at: int, by: int) -> Lanes:
    """Change places with the wave before (-1) or after (1)."""
    to = at + by
    if not 0 <= to < len(lanes):
        raise BadEdit(f"{lanes[at].name} is the {'first' if by < 0 else 'last'} wave already.")
    _refuse_locked(lanes, at)
    _refuse_locked(lanes, to)
    order = list(lanes)
    order[at], order[to] = order[to], order[at]
    return tuple(order)


def settle(lanes: Lanes, policy: Policy) -> Lanes:
    """Work out anew how many people each wave needs; a locked wave keeps its number."""
    total = sum(len(lane.orgs) for lane in lanes if lane.kind in GROWING)
    reached, settled = 0, []
    for lane in lanes:
        share = 0.0
        if lane.kind in GROWING:
            reached += len(lane.orgs)
            share = 100.0 * reached / total if lane.kind is WaveKind.PRODUCTION else 0.0
        needed = lane.approvals if lane.locked else approvals(len(lane.orgs), share, policy)
        settled.append(replace(lane, approvals=needed))
    return tuple(settled)


def broken(lanes: Lanes, facts: Mapping[str, Candidate], policy: Policy) -> tuple[str, ...]:
    """Name the laws that these lanes break, each with what to do about it."""
    said = [*_places(lanes, facts, policy), *_growth(lanes, policy), *_never_first(lanes, facts)]
    return (*said, *_sandboxes_first(lanes, facts))


def _places(lanes: Lanes, facts: Mapping[str, Candidate], policy: Policy) -> list[str]:
    said = []
    if len(lanes) > policy.wave_limit:
        said.append(f"{len(lanes)} waves, at most {policy.wave_limit}. Merge two.")
    for at, lane in enumerate(lanes):
        if lane.kind is WaveKind.OWN and at:
            said.append(f"{lane.name} goes first. Move it up.")
        if lane.kind is WaveKind.OWN and len(lane.orgs) > policy.own_limit:
            said.append(
                f"{lane.name} has {len(lane.orgs)} orgs, at most {policy.own_limit}. "
                "Move some to a wave of sandboxes."
            )
        misfits = [org for org in lane.orgs if org in facts and not _fits(facts[org], lane.kind)]
        if misfits:
            said.append(f"{_names(misfits)}: {_WHERE[lane.kind].format(name=lane.name)}")
    return said


_WHERE = {
    WaveKind.OWN: "only own orgs and volunteers go in {name}. Choose a later wave.",
    WaveKind.SANDBOX: "customers' production orgs do not go in {name}. Choose a production wave.",
    WaveKind.CANARY: "only customers' production orgs go in {name}. Choose an earlier wave.",
    WaveKind.PRODUCTION: "only customers' production orgs go in {name}. Choose an earlier wave.",
}


def _fits(one: Candidate, kind: WaveKind) -> bool:
    ours = one.is_own or one.ring == Ring.OWN
    if kind is WaveKind.OWN:
        return ours or one.volunteer
    if kind is WaveKind.SANDBOX:
        return ours or not one.is_production
    return one.is_production and not ours


def _growth(lanes: Lanes, policy: Policy) -> list[str]:
    growing = [lane for lane in lanes if lane.kind in GROWING]
    if not growing:
        return []
    said, reached = [], 0
    if growing[0].kind is not WaveKind.CANARY:
        said.append(f"The canary goes before {growing[0].name}. Move it up.")
    for lane in growing:
        now = reached + len(lane.orgs)
        if lane.kind is WaveKind.CANARY and len(lane.orgs) > policy.canary_ceiling:
            said.append(
                f"{lane.name} has {len(lane.orgs)} orgs, at most {policy.canary_ceiling}. "
                "Move some to a later wave."
            )
        if reached and now > policy.growth * reached:
            said.append(
                f"{lane.name} reaches {now} orgs, more than {policy.growth} times the {reached} "
                f"before it. Split it: its first part may hold {policy.growth * reached - reached}."
            )
        reached = now
    return said


def _never_first(lanes: Lanes, facts: Mapping[str, Candidate]) -> list[str]:
    growing = [lane for lane in lanes if lane.kind in GROWING]
    gate, reached, said = later_from(sum(len(lane.orgs) for lane in growing)), 0, []
    for lane in lanes:
        reached += len(lane.orgs) if lane.kind in GROWING else 0
        too_early = lane.kind in (WaveKind.OWN, WaveKind.CANARY) or reached < gate
        vips = [
            org
            for org in lane.orgs
            if org in facts and facts[org].never_first and facts[org].is_production
        ]
        if too_early and vips:
            said.append(
                f"{_names(vips)}: never first, so not in {lane.name}. Choose a wave that reaches "
                f"{gate} production orgs, a fifth of all."
            )
    return said


def _sandboxes_first(lanes: Lanes, facts: Mapping[str, Candidate]) -> list[str]:
    last: dict[str, int] = {}
    for at, lane in enumerate(lanes):
        for org in lane.orgs:
            one = facts.get(org)
            if one and one.customer and not one.is_production and not one.is_own:
                last[one.customer] = at
    early = [
        org
        for at, lane in enumerate(lanes)
        for org in lane.orgs
        if org in facts
        and facts[org].is_production
        and not facts[org].is_own
        and at < last.get(facts[org].customer, -1)
    ]
    if not early:
        return []
    return [f"{_names(early)}: before a sandbox of the same customer. Move the sandbox up first."]


def _refuse_locked(lanes: Lanes, at: int) -> None:
    if lanes[at].locked:
        raise BadEdit(f"{lanes[at].name} {lanes[at].locked}")


def _without_empty(lanes: Sequence[Lane]) -> Lanes:
    return tuple(lane for lane in lanes if lane.orgs or lane.locked)


def _names(orgs: Sequence[str]) -> str:
    named = ", ".join(orgs[:_NAMED])
    return f"{named} and {len(orgs) - _NAMED} more" if len(orgs) > _NAMED else named


def half(lane: Lane) -> int:
    """Return where a split is proposed: in the middle, the smaller half first."""
    return max(1, math.floor(len(lane.orgs) / 2))
