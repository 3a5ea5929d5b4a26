"""Random schedules: faults, kills and hands on the wheel in any order; one oracle for them all.

A seed is a whole story and repeatable. ``PUSHBOARD_TEST_SCHEDULES=500`` runs more of them,
``400-500`` those from one seed to before another.
"""

from __future__ import annotations

import os
import random
from dataclasses import replace

import pytest

from rollouts.models import Attempt, Batch, Wave
from rollouts.pipeline import control
from tests.support.schedules import DIES_AT, Hands, trouble
from tests.support.trouble import (
    Death,
    nothing_swallowed,
    own_rollout,
    sandbox_rollout,
    stride,
    tell,
    wrongs,
)
from tests.support.world import World

__all__ = ["nothing_swallowed"]
pytestmark = pytest.mark.usefixtures("nothing_swallowed")

FIRST, _, LAST = os.environ.get("PUSHBOARD_TEST_SCHEDULES", "0-25").rpartition("-")
SEEDS = range(int(FIRST or 0), int(LAST))

STEPS = 8
ENDS = ("completed", "completed_with_failures", "aborted", "halted")


@pytest.mark.parametrize("seed", SEEDS)
def test_whatever_happens_each_org_is_pushed_once_at_most_and_with_a_yes(
    world: World, seed: int
) -> None:
    chance = random.Random(seed)
    # Salesforce's patience with logins passes with the story's clock.
    world.gateway.login._monotonic = lambda: world.clock().timestamp()
    told, death = tell(world), Death()
    unknowns = replace(
        world.sim.options.unknowns,
        reopens_canceled=chance.random() < 0.5,
        jobs_after_pending=chance.random() < 0.5,
        duplicate_jobs=chance.random() < 0.5,
        jobs_visible_after=chance.choice((0, 0, 30)),
    )
    world.sim.options = replace(world.sim.options, unknowns=unknowns)
    make = chance.choice((own_rollout, sandbox_rollout))
    wave = make(world, 3, batch_strict=2, batch_ramp=[2])
    for org in wave.targets.values_list("org__key", flat=True):
        if chance.random() < 0.15:
            error = chance.choice(("LockingFailure", "PACError", "UnexpectedFailure"))
            world.fail([org], error, times=chance.choice((1, None)))
    hands = Hands(world, wave, chance)
    # In half of the stories only the tick comes by, and that now and then.
    watched = seed % 2 == 0

    def maybe_die(name: str) -> None:
        if name in DIES_AT and chance.random() < 0.08:
            death.die()

    for _ in range(STEPS):
        if chance.random() < 0.35:
            trouble(world, chance)
        wave.refresh_from_db()
        if chance.random() < 0.2:
            told.before = told.after = maybe_die
        if chance.random() < 0.2:
            death.survived(hands.act)
        death.survived(lambda: stride(world, chance.choice((1, 3, 6)), watched=watched))
        told.before = told.after = lambda _name: None

    finish(world, hands, wave, watched=watched)


def finish(world: World, hands: Hands, wave: Wave, *, watched: bool) -> None:
    """When the trouble is over, people can bring it to an end: it is never stuck."""
    for turn in range(40):
        rollout = hands.rollout
        if rollout.state in ENDS and not Batch.objects.open().exists():
            break
        wave.refresh_from_db()
        if wave.state == "baking" and wave.baked_until and wave.baked_until > world.clock():
            world.clock.at = wave.baked_until
            world.sync()
        if turn % 3 == 0:
            hands.go_on()
        if turn == 12:
            control.abort(rollout, by=world.pia, reason="enough", now=world.clock())
        stride(world, watched=watched)
    assert wrongs(world) == [], world.story()
    assert hands.rollout.state in ENDS, world.story()
    assert not Batch.objects.open().exists(), world.story()
    assert not Attempt.objects.live().exists(), world.story()
    states = set(wave.targets.values_list("state", flat=True))
    assert "in_flight" not in states, world.story()
