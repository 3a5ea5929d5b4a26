"""Fleets of orgs for the planner, and the laws that each of its plans must keep."""

from __future__ import annotations

import math
import random
from collections.abc import Sequence
from itertools import pairwise

from rollouts.domain.audience import Ring
from rollouts.domain.planner import Candidate, Plan, PlannedWave
from rollouts.domain.policy import Policy, WaveKind
from rollouts.domain.versions import Number

TO = Number(4, 3, 0)
GROWING = (WaveKind.CANARY, WaveKind.PRODUCTION)


def fleet(size: int, seed: int) -> list[Candidate]:
    """Make orgs of all kinds; how many are never first, late, trials, ... differs by the seed."""
    rng = random.Random(seed)
    likely = {name: rng.choice([0.0, 0.02, 0.2, 0.9]) for name in ("never", "late", "early", "out")}
    sandboxes, customers = rng.choice([0.0, 0.3, 0.9]), max(1, size // rng.choice([1, 3, 30]))

    def one(place: int) -> Candidate:
        is_production = rng.random() >= sandboxes
        rings = [(likely["late"], Ring.LATE), (likely["early"], Ring.EARLY), (0.001, Ring.OWN)]
        return Candidate(
            org=f"00D{place:015}",
            number=Number(4, rng.randrange(3), rng.randrange(3)),
            is_production=is_production,
            is_active=rng.random() >= likely["out"] / 4,
            is_beta=rng.random() < likely["out"] / 50,
            is_own=rng.random() < 0.002,
            instance=rng.choice(["USA1", "USA200S", "DEU4", "JPN2S", ""]),
            blocked=rng.random() < likely["out"] / 4,
            chosen=rng.random() >= likely["out"] / 4,
            customer=rng.choice(["", f"001{rng.randrange(customers):015}"]),
            ring=next((ring for chance, ring in rings if rng.random() < chance), Ring.USUAL),
            volunteer=rng.random() < 0.01,
            never_first=is_production and rng.random() < likely["never"],
            edition=rng.choice(["", "Enterprise", "Professional"]),
            size=rng.choice([0, 3, 40, 900]),
            trial=rng.random() < 0.1,
        )

    return [one(place) for place in range(size)]


def broken_laws(orgs: Sequence[Candidate], plan: Plan, policy: Policy) -> list[str]:
    """Name the laws that a plan does not keep; an empty list is a good plan."""
    facts = {one.org: one for one in orgs}
    placed = [org for wave in plan.waves for org in wave.orgs]
    said: list[str] = []
    if len(placed) != len(set(placed)):
        said.append("an org is in two waves")
    if set(placed) & plan.left_out.keys() or set(placed) | plan.left_out.keys() != facts.keys():
        said.append("an org is in no wave and in no exclusion, or in both")
    if any(not wave.orgs for wave in plan.waves):
        said.append("a wave is empty")
    if len(plan.waves) > policy.wave_limit:
        said.append(f"{len(plan.waves)} waves")
    return said + _growth(plan.waves, policy) + _order(plan.waves, facts, policy)


def _growth(waves: Sequence[PlannedWave], policy: Policy) -> list[str]:
    said, reached = [], [0]
    for wave in waves:
        if wave.kind in GROWING:
            reached.append(reached[-1] + len(wave.orgs))
    if len(reached) > 1 and reached[1] > policy.canary_ceiling:
        said.append(f"a canary of {reached[1]}")
    if any(later > policy.growth * earlier for earlier, later in pairwise(reached[1:])):
        said.append(f"growth {reached}")
    return said + [
        f"{wave.name} of {len(wave.orgs)} needs one approval"
        for wave in waves
        if len(wave.orgs) > policy.two_approvals_above and wave.approvals < 2
    ]


def _order(waves: Sequence[PlannedWave], facts: dict[str, Candidate], policy: Policy) -> list[str]:
    said = _shares(waves, facts)
    first = [wave for wave in waves if wave.kind is WaveKind.OWN]
    if len(first) > 1 or waves[: len(first)] != tuple(first):
        said.append("our own wave is not the first, or not the only one")
    said += [
        f"{len(wave.orgs)} in {wave.name}" for wave in first if len(wave.orgs) > policy.own_limit
    ]
    at = {org: number for number, wave in enumerate(waves) for org in wave.orgs}
    boxes: dict[str, int] = {}
    for one in (facts[org] for org in at if not facts[org].is_production):
        if one.customer and not one.is_own:
            boxes[one.customer] = max(at[one.org], boxes.get(one.customer, 0))
    ours = {org for org in at if facts[org].is_own or facts[org].ring == Ring.OWN}
    said += [
        f"{org} goes before a sandbox of its customer"
        for org in at.keys() - ours
        if facts[org].is_production and at[org] < boxes.get(facts[org].customer, -1)
    ]
    return said + [f"{org} is ours and late" for org in ours if waves[at[org]].kind in GROWING]


def _shares(waves: Sequence[PlannedWave], facts: dict[str, Candidate]) -> list[str]:
    growing = [wave for wave in waves if wave.kind in GROWING]
    total, reached, said = sum(len(wave.orgs) for wave in growing), 0, []
    for wave in growing:
        reached += len(wave.orgs)
        if reached < math.ceil(total / 5) or wave.kind is WaveKind.CANARY:
            vips = [org for org in wave.orgs if facts[org].never_first]
            said += [f"{org} is never first and in {wave.name}" for org in vips]
        if 5 * reached >= total and wave.kind is WaveKind.PRODUCTION and wave.approvals < 2:
            said.append(f"{wave.name} reaches a fifth with one approval")
    return said
