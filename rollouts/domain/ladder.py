"""How many production orgs each wave reaches: few at first, never more than so many times more.

The figures are the design's: a canary, then shares of all production orgs, and steps put in where
a share would leap past the growth that a policy allows.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

from rollouts.domain.policy import Policy

# Own orgs, sandboxes and late sandboxes may stand beside the ladder.
WAVES_BESIDE = 3
# Never-first accounts wait until a wave reaches this share of production.
LATER_FROM_PERCENT = 20.0


class TooManyWaves(ValueError):
    """The policy's canary and growth need more waves than a plan may have."""


@dataclass(frozen=True, slots=True)
class Step:
    """One production wave: how many orgs have been reached with it, and seconds to bake."""

    end: int
    bake: int


def later_from(production: int) -> int:
    """Return the count of orgs from which a wave may hold never-first accounts."""
    return math.ceil(production * LATER_FROM_PERCENT / 100)


def bearable(free: int, later: int, policy: Policy) -> int:
    """Return how many never-first orgs can go after ``free`` others, of ``later`` that wish to.

    The wave that they may be in reaches a fifth of all, and no wave grows beyond the policy's
    factor: so the orgs before it are enough for so many and no more.
    """
    most = math.floor(free * policy.growth * 100 / LATER_FROM_PERCENT)
    return max(0, min(later, most - free))


def ladder(production: int, policy: Policy, free: int | None = None) -> list[Step]:
    """Return the production waves, the canary first.

    No wave's cumulative count exceeds ``growth`` times the one before: steps are put in where
    the percentages leap, and dropped where there are too few orgs to tell them apart.

    Args:
        production: how many production orgs there are.
        policy: canary, shares, growth, most waves.
        free: how many of them may go in any wave; the others go in no wave that ends below a
            fifth of all. See `bearable` for how many others that can be.

    Raises:
        TooManyWaves: more orgs than canary, growth and the most waves can reach.
        ValueError: fewer free orgs than `bearable` asks for.
    """
    if production <= 0:
        return []
    free = production if free is None else min(free, production)
    floor = max(policy.canary_floor, math.ceil(production * policy.canary_percent / 100))
    canary = Step(min(free, floor, policy.canary_ceiling), policy.bake_canary)
    goals = [
        Step(min(production, math.ceil(production * percent / 100)), bake)
        for percent, bake in zip(policy.ladder_percent, policy.bake_production, strict=True)
    ]
    room = policy.wave_limit - WAVES_BESIDE
    # With the most shares that leave few enough waves; what growth needs is never dropped.
    steps: list[Step] = []
    for kept in range(len(goals), 0, -1):
        steps = _climb(canary, goals[-kept:], free, production, policy)
        if len(steps) <= room:
            return steps
    raise TooManyWaves(
        f"{production} production orgs need {len(steps)} waves with a canary of {canary.end} and "
        f"{policy.growth} times as many each time; {room} are the most. Raise the canary or the "
        "growth in the policy, or plan fewer orgs."
    )


def _climb(
    canary: Step, goals: list[Step], free: int, production: int, policy: Policy
) -> list[Step]:
    steps = [canary]
    gate = later_from(production)
    for goal in goals:
        # Below a fifth only the free ones can be pushed; when they are used up, the step is gone.
        end = goal.end if goal.end >= gate else min(goal.end, free)
        while end > policy.growth * steps[-1].end:
            between = policy.growth * steps[-1].end
            between = between if between >= gate else min(between, free)
            if between <= steps[-1].end:
                raise ValueError(f"{free} orgs are too few to go before {production - free}")
            steps.append(Step(between, policy.bake_production[0]))
        if end > steps[-1].end:
            steps.append(Step(end, goal.bake))
    return steps
