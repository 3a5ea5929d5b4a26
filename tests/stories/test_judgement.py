"""The canary holds at the first failure and halts at the second; a wave halts when it must."""

from __future__ import annotations

import pytest

from rollouts.models import Wave
from rollouts.pipeline import control, tallies
from tests.support.trouble import (
    nothing_swallowed,
    planned,
    sandbox_rollout,
    stride,
    until_batch,
    wrongs,
)
from tests.support.world import World

__all__ = ["nothing_swallowed"]
pytestmark = pytest.mark.usefixtures("nothing_swallowed")


def canary(world: World, failing: int) -> Wave:
    keys = world.small_choice(sandboxes=0, production=6).org_ids[3:]
    wave = planned(world, keys, batch_strict=3)
    assert wave.kind == "canary"
    places = wave.targets.order_by("place").values_list("org__key", flat=True)
    world.fail(list(places[:failing]), "PACError")
    world.sim.script(list(places[failing:]), "success")
    return wave


def pushed_and_judged(world: World, wave: Wave) -> None:
    for _ in range(8):
        stride(world)
    wave.refresh_from_db()
    wave.rollout.refresh_from_db()


def test_one_failure_in_the_canary_holds_it_for_a_look(world: World) -> None:
    wave = canary(world, 1)
    pushed_and_judged(world, wave)
    assert (wave.rollout.state, wave.batches.count()) == ("active", 1)
    assert "look at it before more orgs start" in wave.review
    control.look_over(wave, by=world.ari, reason="their own script", now=world.clock())
    pushed_and_judged(world, wave)
    assert wave.batches.count() == 2
    assert wrongs(world) == []


def test_two_failures_in_the_canary_halt_the_rollout(world: World) -> None:
    wave = canary(world, 2)
    pushed_and_judged(world, wave)
    assert (wave.rollout.state, wave.state) == ("halted", "frozen")
    assert wave.targets.filter(state="planned").count() == 3
    assert wave.batches.count() == 1
    assert wrongs(world) == []


def test_a_stuck_push_stays_live_and_counts_after_hours(world: World) -> None:
    keys = world.small_choice(sandboxes=0, production=3).org_ids[3:]
    wave = planned(world, keys)
    world.sim.script(list(keys[:2]), "stuck")
    pushed_and_judged(world, wave)
    world.clock.forward(hours=9)
    world.ticks(2)
    wave.rollout.refresh_from_db()
    assert wave.rollout.state == "halted"
    assert world.live() == 2
    control.abort(wave.rollout, by=world.pia, reason="stuck", now=world.clock())
    world.ticks(3)
    wave.rollout.refresh_from_db()
    assert wave.rollout.state == "aborting"
    assert wrongs(world) == []


def test_a_lock_fills_the_cap_only_when_its_last_try_has_failed(world: World) -> None:
    wave = sandbox_rollout(world, 3, failure_cap=1, retries=1)
    (locked, *rest) = wave.targets.order_by("place").values_list("org__key", flat=True)
    world.fail([locked], "LockingFailure")
    world.sim.script(rest, "success")
    until_batch(world, wave, "settled")
    tally = tallies.tally(wave, wave.rollout.policy, world.clock())
    assert (tally.failures, tally.retryable) == (1, 1)
    world.clock.forward(minutes=31)
    for _ in range(8):
        stride(world)
    wave.rollout.refresh_from_db()
    tally = tallies.tally(wave, wave.rollout.policy, world.clock())
    assert (tally.failures, tally.retryable) == (1, 0), world.story()
    assert (wave.rollout.state, wave.batches.count()) == ("halted", 2)
    assert "1 orgs failed; the limit of a wave is 1" in wave.rollout.reason
    assert wrongs(world) == []
