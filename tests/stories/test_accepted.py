"""What an approver has accepted stops to count; what fails later counts in full."""

from __future__ import annotations

import pytest

from rollouts.models import Attempt, Wave
from rollouts.pipeline import control, tallies
from tests.support.trouble import nothing_swallowed, planned, stride, wrongs
from tests.support.world import World

__all__ = ["nothing_swallowed"]
pytestmark = pytest.mark.usefixtures("nothing_swallowed")


def canary(world: World, orgs: int) -> tuple[Wave, list[str]]:
    keys = world.small_choice(sandboxes=0, production=orgs).org_ids[3:]
    wave = planned(world, keys, batch_strict=4, retry_delay=60, drop_percent=50.0)
    places = list(wave.targets.order_by("place").values_list("org__key", flat=True))
    world.sim.script(places, "success")
    return wave, places


def test_failures_that_a_retry_mended_hide_no_later_ones(world: World) -> None:
    wave, places = canary(world, 8)
    world.fail(places[:3], "LockingFailure", times=1)
    world.fail(places[3:4], "PACError")
    world.until(lambda: bool(Wave.objects.get(pk=wave.pk).review))
    control.look_over(wave, by=world.ari, reason="their own script", now=world.clock())
    world.fail(places[4:6], "PACError")
    for _ in range(12):
        stride(world)
    wave.rollout.refresh_from_db()
    assert wave.rollout.state == "halted", world.story()
    assert wrongs(world) == []


def test_resuming_accepts_what_was_counted_and_names_the_whole_number(world: World) -> None:
    wave, places = canary(world, 6)
    world.fail(places[:2], "PACError")
    world.until(lambda: Wave.objects.get(pk=wave.pk).rollout.state == "halted")
    seen = control.failures_so_far(wave.rollout, world.clock())
    assert seen == 2
    control.resume(wave.rollout, by=world.ari, reason="known", acknowledged=seen, now=world.clock())
    assert Attempt.objects.filter(state="failed", acknowledged_at=None).count() == 0
    after = tallies.tally(wave, wave.rollout.policy, world.clock())
    assert (after.failures, after.accepted, after.failures_so_far) == (0, 2, 2)


def test_a_stuck_push_that_was_accepted_counts_anew_when_it_fails(world: World) -> None:
    wave, places = canary(world, 3)
    world.sim.script(places[:2], "stuck")
    world.until(lambda: Attempt.objects.filter(state="stuck").count() == 2)
    world.clock.forward(hours=9)
    world.ticks(2)
    wave.rollout.refresh_from_db()
    assert wave.rollout.state == "halted"
    seen = control.failures_so_far(wave.rollout, world.clock())
    control.resume(wave.rollout, by=world.ari, reason="seen", acknowledged=seen, now=world.clock())
    policy = wave.rollout.policy
    assert tallies.tally(wave, policy, world.clock()).failures == 0

    with world.sim._turn() as work:
        work.db.execute("UPDATE push_job SET status = 'Failed' WHERE status = 'InProgress'")
    world.ticks()
    assert tallies.tally(wave, policy, world.clock()).failures == 2
