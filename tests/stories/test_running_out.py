"""What can't go on says so and waits for people; nothing turns in circles or hangs for ever."""

from __future__ import annotations

from datetime import timedelta

import pytest

from rollouts.models import Approval, Attempt, Batch, FrozenList, Org, RoleGrant, Target, Wave
from rollouts.pipeline import approve, control
from tests.support.trouble import (
    exactly_once,
    nothing_swallowed,
    own_rollout,
    sandbox_rollout,
    settle,
    stride,
    tell,
    until_batch,
    wrongs,
)
from tests.support.world import World

__all__ = ["nothing_swallowed"]
pytestmark = pytest.mark.usefixtures("nothing_swallowed")


def go_on(world: World, wave: Wave) -> None:
    """Freeze and approve what is left of a wave, and let it be pushed."""
    world.approve(world.freeze(wave))
    settle(world, wave)


def test_an_approval_that_ran_out_in_mid_wave_is_asked_for_again(world: World) -> None:
    wave = own_rollout(world)
    world.ticks()
    control.pause(wave.rollout, by=world.pia, now=world.clock())
    world.clock.forward(hours=73)
    control.lift_pause(wave.rollout, by=world.pia, now=world.clock())
    world.ticks(3, minutes=12)
    wave.refresh_from_db()
    assert (wave.state, len(world.effects("request_created"))) == ("frozen", 0)
    assert not Approval.objects.standing().exists()
    go_on(world, wave)
    exactly_once(world, wave)


def test_what_is_left_at_the_end_date_is_frozen_anew(world: World) -> None:
    wave = own_rollout(world, batch_strict=2, end_by_after=3600)
    first = until_batch(world, wave, "settled")
    world.clock.at = first.list.end_by - timedelta(minutes=10)
    world.ticks(3)
    wave.refresh_from_db()
    assert wave.state == "frozen"
    assert len(world.effects("request_created")) == 1
    go_on(world, wave)
    exactly_once(world, wave)
    assert FrozenList.objects.count() == 2


def test_an_approval_falls_with_the_role_of_its_giver(world: World) -> None:
    wave = own_rollout(world)
    until_batch(world, wave, "verified")
    RoleGrant.objects.filter(person=world.ari).update(ended_at=world.clock())
    for _ in range(8):
        stride(world)
    wave.refresh_from_db()
    assert wave.state == "frozen"
    assert world.effects("request_pending") == []
    assert len(world.effects("request_created")) == 1


def test_the_watcher_calls_back_what_an_approver_who_left_had_approved(world: World) -> None:
    batch = until_batch(world, own_rollout(world), "armed")
    RoleGrant.objects.filter(person=world.ari).update(ended_at=world.clock())
    world.ticks()
    batch.refresh_from_db()
    assert batch.state == "canceled"


def test_three_batches_that_could_not_be_armed_need_a_look(world: World) -> None:
    told = tell(world)
    wave = own_rollout(world)
    told.instead["clock_drift"] = lambda: timedelta(minutes=5)
    for _ in range(20):
        stride(world)
    wave.refresh_from_db()
    assert "3 batches in a row" in wave.review
    assert "clock" in wave.review
    assert len(world.effects("request_created")) == 3

    del told.instead["clock_drift"]
    control.look_over(wave, by=world.ari, reason="time server mended", now=world.clock())
    settle(world, wave)
    exactly_once(world, wave)


def test_a_halt_of_a_wave_that_only_bakes_is_no_dead_end(world: World) -> None:
    wave = own_rollout(world)
    world.until(world.wave_is(wave, "baking"))
    control.halt(wave.rollout, by=world.pia, reason="odd log", now=world.clock())
    wave.refresh_from_db()
    assert wave.state == "frozen"
    control.resume(
        wave.rollout, by=world.ari, reason="all is well", acknowledged=0, now=world.clock()
    )
    world.until(world.wave_is(wave, "passed"))
    exactly_once(world, wave)


def test_a_halt_while_the_last_batch_runs_is_no_dead_end(world: World) -> None:
    wave = own_rollout(world)
    until_batch(world, wave, "running")
    stopped = control.halt(wave.rollout, by=world.pia, now=world.clock())
    assert stopped.called_back == ()
    control.resume(
        wave.rollout, by=world.ari, reason="all is well", acknowledged=0, now=world.clock()
    )
    world.until(world.wave_is(wave, "passed"))
    exactly_once(world, wave)


def test_a_failure_waiting_for_its_retry_does_not_survive_a_halt(world: World) -> None:
    wave = sandbox_rollout(world)
    org = wave.targets.first().org.key  # type: ignore[union-attr]
    world.fail([org], "LockingFailure", times=1)
    world.until(lambda: settled_but_failed(wave))
    control.halt(wave.rollout, by=world.pia, now=world.clock())
    control.resume(wave.rollout, by=world.ari, reason="known", acknowledged=1, now=world.clock())
    world.ticks(12, minutes=5)
    wave.refresh_from_db()
    assert wave.state == "baking"
    assert len(world.pushed()) == 3
    control.close_wave(wave, by=world.ari, reason="one org is locked", now=world.clock())
    world.ticks()
    wave.rollout.refresh_from_db()
    assert wave.rollout.state == "completed_with_failures"
    assert wrongs(world) == []


def settled_but_failed(wave: Wave) -> bool:
    states = set(wave.targets.values_list("state", flat=True))
    return states == {"done", "failed"}


def test_a_retry_that_was_called_back_is_tried_again(world: World) -> None:
    wave = own_rollout(world, 1)
    org = wave.targets.get().org.key
    world.fail([org], "LockingFailure", times=1)
    world.until(lambda: wave.targets.filter(state="failed").exists())
    world.until(lambda: wave.batches.filter(is_retry=True, state="verified").exists())
    batch = wave.batches.get(is_retry=True)
    control.recall(batch, by=world.pia, reason="not now", now=world.clock())
    assert wave.targets.get().state == "failed"
    world.until(lambda: wave.targets.filter(state="done").exists())
    exactly_once(world, wave)
    states = Attempt.objects.order_by("number").values_list("state", flat=True)
    assert list(states) == ["failed", "canceled", "confirmed"]


def test_retries_end(world: World) -> None:
    wave = own_rollout(world, 1)
    world.fail([wave.targets.get().org.key], "LockingFailure")
    world.until(world.wave_is(wave, "baking"))
    assert len(world.effects("job_failed")) == 3
    world.ticks(20, minutes=30)
    assert len(world.effects("job_failed")) == 3
    assert world.pushed() == []


def test_only_transient_failures_are_tried_again(world: World) -> None:
    wave = sandbox_rollout(world)
    world.fail([wave.targets.first().org.key], "PACError")  # type: ignore[union-attr]
    world.until(world.wave_is(wave, "baking"))
    world.ticks(10, minutes=30)
    assert len(world.effects("job_failed")) == 1


def test_an_aborted_rollout_first_looks_at_what_it_pushed(world: World) -> None:
    told = tell(world)
    wave = own_rollout(world, batch_strict=2)
    until_batch(world, wave, "armed")
    told.instead["installed"] = lambda *_: []
    world.until(lambda: Attempt.objects.filter(state="succeeded").count() == 2)
    control.abort(wave.rollout, by=world.pia, reason="wrong version", now=world.clock())
    world.ticks()
    wave.rollout.refresh_from_db()
    assert wave.rollout.state == "aborting"
    del told.instead["installed"]
    world.ticks(2)
    wave.rollout.refresh_from_db()
    assert wave.rollout.state == "aborted"
    assert sorted(wave.targets.values_list("state", flat=True)) == ["done", "done", "left_over"]


def test_what_an_abort_calls_back_is_left_over(world: World) -> None:
    wave = own_rollout(world)
    until_batch(world, wave, "armed")
    world.clock.forward(minutes=1)
    control.abort(wave.rollout, by=world.pia, reason="wrong version", now=world.clock())
    world.ticks()
    wave.rollout.refresh_from_db()
    assert wave.rollout.state == "aborted"
    assert set(wave.targets.values_list("state", flat=True)) == {"left_over"}
    assert world.pushed() == []


def test_an_org_that_is_busy_elsewhere_keeps_only_itself_waiting(world: World) -> None:
    busy = own_rollout(world, 1)
    until_batch(world, busy, "armed")
    wave = sandbox_rollout(world, batch_ramp=[10])
    target = busy.targets.get()
    # As if it were in a rollout of another package: one org, two rollouts.
    late = Target.objects.create(
        rollout=wave.rollout, wave=wave, org=target.org, from_version=target.from_version, place=-1
    )
    approve.edit(wave, by=world.pia, reason="one more org", now=world.clock())
    world.approve(world.freeze(wave))
    world.ticks(2)
    assert wave.batches.get().attempts.count() == 4
    late.refresh_from_db()
    assert late.state == "planned"
    settle(world, wave)
    late.refresh_from_db()
    assert late.state == "already_current"


def test_an_org_whose_earlier_push_nobody_could_confirm_does_not_block_its_wave(
    world: World,
) -> None:
    told = tell(world)
    before = own_rollout(world, 1)
    until_batch(world, before, "armed")
    told.instead["installed"] = lambda *_: []
    world.until(lambda: Attempt.objects.filter(state="succeeded").exists())
    world.clock.forward(hours=25)
    world.sync()
    world.ticks()
    assert Attempt.objects.get().state == "unconfirmed"
    del told.instead["installed"]
    control.abort(before.rollout, by=world.pia, reason="unclear", now=world.clock())
    world.ticks()

    org = before.targets.get().org
    world.sim.change_org(org.key, version_id=before.targets.get().from_version.sf_id)
    world.sync()
    wave = own_rollout(world, 3, drop_percent=50.0)
    settle(world, wave)
    assert wave.targets.get(org=org).state == "excluded"
    assert "unconfirmed" in wave.targets.get(org=org).reason
    assert Org.objects.filter(targets__wave=wave, targets__state="done").count() == 2


def test_a_wave_of_which_every_org_dropped_out_waits_for_a_look(world: World) -> None:
    wave = own_rollout(world)
    until_batch(world, wave, "verified")
    for org in wave.targets.values_list("org__key", flat=True):
        world.sim.change_org(org, blocked=True)
    for _ in range(6):
        stride(world)
    wave.refresh_from_db()
    assert wave.state == "dispatching"
    assert "dropped out" in wave.review
    assert not Batch.objects.open().exists()
    control.look_over(wave, by=world.ari, reason="as expected", now=world.clock())
    world.ticks()
    wave.refresh_from_db()
    assert wave.state == "skipped"
