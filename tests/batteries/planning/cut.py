"""Every plan keeps every law: ladders of 1 to 200,000 orgs, fleets of all kinds, changes by hand.

The laws are read a second time from the plan itself, not from the planner: see
`tests.support.plans`.

    python -m tests.batteries.planning.cut --ladders 1 --fleets 2000 --largest 200000
"""

from __future__ import annotations

import argparse
import random
import sys
import time
from collections.abc import Iterator
from dataclasses import replace
from itertools import pairwise

from rollouts.domain import lanes
from rollouts.domain.ladder import TooManyWaves, bearable, ladder, later_from
from rollouts.domain.lanes import BadEdit, Lane
from rollouts.domain.planner import Candidate, Plan, PlannedWave, plan_waves
from rollouts.domain.policy import Policy
from rollouts.domain.profiles import Profile, default, refusals
from tests.support.plans import TO, broken_laws, fleet

MOST = 200_000
QUICK = ["--ladders", "997", "--fleets", "40", "--largest", "3000"]
_CHANGES = 25
_SHARES = (1.0, 0.5, 0.1, 0.04, 0.01)


def ladders(step: int) -> Iterator[str]:
    """Yield what is wrong with the ladders of every ``step``-th count of orgs."""
    for profile in Profile:
        policy = default(profile)
        for total in range(1, MOST + 1, step):
            for share in _SHARES:
                free = max(1, round(total * share))
                count = free + bearable(free, total - free, policy)
                yield from _ladder(count, free, policy, f"{profile}, {total} orgs, {free} free")


def _ladder(count: int, free: int, policy: Policy, where: str) -> Iterator[str]:
    ends = [step.end for step in ladder(count, policy, free=free)]
    if ends[-1] != count or ends[0] > min(free, policy.canary_ceiling):
        yield f"{where}: begins or ends wrong, {ends}"
    if any(not a < b <= policy.growth * a for a, b in pairwise(ends)):
        yield f"{where}: grows too fast, {ends}"
    if any(end > free for end in ends if end < later_from(count)):
        yield f"{where}: never-first orgs too early, {ends}"
    if len(ends) + 3 > policy.wave_limit:
        yield f"{where}: {len(ends)} waves"


def fleets(count: int, largest: int, seed: int) -> Iterator[str]:
    """Yield what is wrong with plans of fleets of all sizes, cut, shuffled, changed by hand."""
    rng = random.Random(seed)
    for number in range(count):
        # As many small ones as large ones, and the largest is always among them.
        size = largest if number == 0 else round(largest ** rng.random())
        policy = _policy(rng)
        orgs = fleet(size, rng.randrange(2**32))
        try:
            plan = plan_waves(orgs, TO, policy, f"seed {number}")
        except TooManyWaves:
            if policy.growth >= Policy().growth:
                yield f"fleet {number} of {size}: no plan with the usual growth"
            continue
        where = f"fleet {number} of {size} (seed {seed})"
        yield from (f"{where}: {law}" for law in broken_laws(orgs, plan, policy))
        rng.shuffle(orgs)
        if plan_waves(orgs, TO, policy, f"seed {number}") != plan:
            yield f"{where}: another order of the same orgs gave another plan"
        if size <= largest // 20:
            facts = {one.org: one for one in orgs}
            changed = _by_hand(plan, facts, policy, rng)
            yield from (f"{where}, by hand: {law}" for law in broken_laws(orgs, changed, policy))


def _policy(rng: random.Random) -> Policy:
    """A policy that the pages would accept."""
    policy = replace(
        default(rng.choice(list(Profile))),
        canary_floor=rng.randint(10, 60),
        canary_ceiling=rng.randint(60, 100),
        growth=rng.choice([3, 4, 5, 5, 5]),
        own_limit=rng.randint(1, 10),
    )
    assert not refusals(policy, Profile(policy.profile))
    return policy


def _by_hand(plan: Plan, facts: dict[str, Candidate], policy: Policy, rng: random.Random) -> Plan:
    now: lanes.Lanes = tuple(
        Lane(wave.kind, wave.name, wave.orgs, wave.bake, wave.approvals, key)
        for key, wave in enumerate(plan.waves, start=1)
    )
    for _ in range(_CHANGES if now else 0):
        try:
            changed = some_change(now, rng)
        except BadEdit:
            continue
        if not lanes.broken(changed, facts, policy):
            now = lanes.settle(changed, policy)
    waves = (PlannedWave(w.kind, w.name, w.orgs, w.bake, w.approvals) for w in now)
    return Plan(tuple(waves), plan.left_out)


def some_change(now: lanes.Lanes, rng: random.Random) -> lanes.Lanes:
    """Make one change that a person may try; raises BadEdit for one that can't be made."""
    at, to = rng.randrange(len(now)), rng.randrange(len(now))
    what = rng.randrange(5)
    if what == 0:
        return lanes.shift(now, at, rng.choice([-1, 1]))
    if what == 1:
        return lanes.merge(now, at)
    if what == 2:
        return lanes.split(now, at, rng.randrange(1, 50))
    if what == 3:
        return lanes.move(now, rng.sample(now[at].orgs, 1), to)
    return lanes.add(now, now[at].orgs[:2], to, "")


def main(arguments: list[str] | None = None) -> int:
    """Run it and say what was looked at."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--ladders", type=int, default=7, help="every n-th count of orgs")
    parser.add_argument("--fleets", type=int, default=300)
    parser.add_argument("--largest", type=int, default=MOST)
    parser.add_argument("--seed", type=int, default=1)
    given = parser.parse_args(arguments)
    began = time.monotonic()
    wrong = [*ladders(given.ladders), *fleets(given.fleets, given.largest, given.seed)]
    counts = len(range(1, MOST + 1, given.ladders)) * len(_SHARES) * len(Profile)
    print(
        f"cut: {counts:,} ladders of 1 to {MOST:,} orgs, {given.fleets:,} fleets of up to "
        f"{given.largest:,} cut twice and changed by hand, {len(wrong)} laws broken "
        f"({time.monotonic() - began:.0f} s, seed {given.seed})"
    )
    for one in wrong[:20]:
        print(f"  {one}")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
