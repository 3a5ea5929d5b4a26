"""A call that is lost is not gone: it may land minutes later, after what was done meanwhile."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from rollouts.domain.policy import Policy
from rollouts.models import Batch, Event, Heartbeat
from rollouts.pipeline import control, tick, timing
from rollouts.pipeline.holds import watcher_part
from tests.support.trouble import (
    exactly_once,
    nothing_swallowed,
    own_rollout,
    settle,
    until_batch,
    wrongs,
)
from tests.support.world import World

__all__ = ["nothing_swallowed"]
pytestmark = pytest.mark.usefixtures("nothing_swallowed")


def lost_in_arming(world: World, lands_after: float) -> Batch:
    """Come to a batch whose PATCH to Pending is still on its way, and ask for it back."""
    unknowns = replace(world.sim.options.unknowns, reopens_canceled=True)
    world.sim.options = replace(world.sim.options, unknowns=unknowns)
    batch = until_batch(world, own_rollout(world), "verified")
    world.clock.at = timing.arm_from(batch, batch.wave.rollout.policy)
    tick.watch_all()
    world.sim.plan_fault("late", call="update:PackagePushRequest", seconds=lands_after)
    tick.tick()
    batch.refresh_from_db()
    assert batch.state == "arming", batch.reason
    control.recall(batch, by=world.pia, now=world.clock())
    batch.refresh_from_db()
    return batch


def test_canceled_counts_only_when_no_lost_arming_can_land_any_more(world: World) -> None:
    batch = lost_in_arming(world, 400)
    assert (batch.state, batch.sf_status) == ("arming", "Canceled")
    assert world.live() == 3

    world.clock.forward(minutes=12)
    tick.tick()
    batch.refresh_from_db()
    assert batch.state == "canceled"
    assert batch.wave.targets.filter(state="in_flight").count() in (0, 3)
    settle(world, batch.wave)
    exactly_once(world, batch.wave)


def test_a_lost_arming_that_starts_though_called_back_is_followed_and_doubles_nothing(
    world: World,
) -> None:
    batch = lost_in_arming(world, 400)
    world.clock.forward(minutes=8)
    world.sim.now()
    # Nobody looks again before Salesforce has started it.
    assert batch.start_at
    world.clock.at = batch.start_at + timedelta(hours=1)
    world.sync()
    tick.tick()
    batch.refresh_from_db()
    assert batch.cancel_too_late_at
    settle(world, batch.wave)
    exactly_once(world, batch.wave)
    assert wrongs(world) == []


def test_a_patch_that_lands_after_the_recall_is_hunted(world: World) -> None:
    unknowns = replace(world.sim.options.unknowns, reopens_canceled=True)
    world.sim.options = replace(world.sim.options, unknowns=unknowns)
    wave = own_rollout(world)
    until_batch(world, wave, "verified")
    world.sim.plan_fault("late", call="update:PackagePushRequest", seconds=400)
    batch = until_batch(world, wave, "arming")
    stopped = control.halt(wave.rollout, by=world.pia, now=world.clock())
    assert stopped.pending == (batch.pk,)
    world.ticks(4)
    assert [e.kind for e in world.sim.effects() if e.kind.startswith("request_")][-2:] == [
        "request_pending",
        "request_canceled",
    ]
    world.ticks(4)
    batch.refresh_from_db()
    assert batch.state == "canceled"
    assert world.effects("job_started") == []


def test_a_canceled_request_that_somebody_opens_again_is_hunted(world: World) -> None:
    unknowns = replace(world.sim.options.unknowns, reopens_canceled=True)
    world.sim.options = replace(world.sim.options, unknowns=unknowns)
    batch = until_batch(world, own_rollout(world), "armed")
    world.clock.forward(minutes=1)
    control.halt(batch.wave.rollout, by=world.pia, now=world.clock())
    world._gateway().arm(batch.sf_id or "")
    world.ticks(2)
    assert Event.objects.filter(action="late_patch").count() == 1
    assert world.effects("job_started") == []


def test_a_watcher_that_gets_no_answer_meanwhile_says_so_and_hunts_on(world: World) -> None:
    unknowns = replace(world.sim.options.unknowns, reopens_canceled=True)
    world.sim.options = replace(world.sim.options, unknowns=unknowns)
    batch = until_batch(world, own_rollout(world), "armed")
    world.clock.forward(minutes=1)
    control.halt(batch.wave.rollout, by=world.pia, now=world.clock())
    beats = Heartbeat.objects.filter(part=watcher_part(batch.connection))
    whole = beats.get().beat_at

    world._gateway().arm(batch.sf_id or "")
    world.sim.plan_fault("reset_before", call="query", contains=batch.sf_id or "")
    world.clock.forward(minutes=2)
    tick.watch_all()
    # The round was not whole, and is no bug of ours either: `nothing_swallowed` would tell.
    assert beats.get().beat_at == whole
    tick.watch_all()
    assert beats.get().beat_at > whole
    assert Event.objects.filter(action="late_patch").count() == 1
    assert world.effects("job_started") == []


def test_the_fuse_is_longer_than_a_call_may_take(monkeypatch: pytest.MonkeyPatch) -> None:
    policy = Policy()
    assert timing.fuse(policy) == timedelta(minutes=15)
    monkeypatch.setattr(timing, "late_call", lambda: timedelta(minutes=20))
    assert timing.fuse(policy) == timedelta(minutes=21)
    assert timing.fuse(replace(policy, fuse=3600)) == timedelta(hours=1)
