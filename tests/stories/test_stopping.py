"""Stopping is always easier than starting: at every point, by every hand, and starting again."""

from __future__ import annotations

import pytest
from django.db import OperationalError

from rollouts.models import Approval, Attempt, Batch
from rollouts.pipeline import approve, control, halting
from rollouts.pipeline.transitions import Forbidden, Overtaken, Refusal
from rollouts.salesforce.errors import TryAgain
from tests.support.trouble import (
    exactly_once,
    nothing_swallowed,
    own_rollout,
    settle,
    stride,
    tell,
    until_batch,
    wrongs,
)
from tests.support.world import World

__all__ = ["nothing_swallowed"]
pytestmark = pytest.mark.usefixtures("nothing_swallowed")

# A fault that keeps a batch in the state between two steps.
KEEPS = {
    "reserved": "create:PackagePushRequest",
    "created": "collection:PackagePushJob",
    "arming": "update:PackagePushRequest",
}
STATES = ("reserved", "created", "verified", "arming", "armed", "running")


def come_to(world: World, state: str) -> Batch:
    wave = own_rollout(world, batch_strict=2)
    if state == "arming":
        until_batch(world, wave, "verified")
    if state in KEEPS:
        how = ("error_before", 2) if state == "arming" else ("error_after", 1)
        world.sim.plan_fault(how[0], call=KEEPS[state], times=how[1])
    return until_batch(world, wave, state)


@pytest.mark.parametrize("state", STATES)
def test_a_halt_voids_calls_back_and_goes_on_only_with_a_new_yes(world: World, state: str) -> None:
    batch = come_to(world, state)
    wave, rollout = batch.wave, batch.wave.rollout
    before = len(world.effects("job_started"))
    control.halt(rollout, by=world.pia, now=world.clock())
    assert not Approval.objects.standing().exists()
    world.ticks(6, minutes=6)
    assert len(world.effects("job_started")) == before
    assert not Attempt.objects.live().exists()
    batch.refresh_from_db()
    assert batch.state == ("settled" if state == "running" else "canceled")

    rollout.refresh_from_db()
    with pytest.raises(Refusal):
        approve.freeze(wave, by=world.pia, now=world.clock())
    control.resume(rollout, by=world.ari, reason="found it", acknowledged=0, now=world.clock())
    world.ticks(2)
    assert len(world.effects("job_started")) == before
    world.approve(world.freeze(wave))
    settle(world, wave)
    exactly_once(world, wave)


@pytest.mark.parametrize("state", ["created", "armed", "running"])
def test_stop_everything_stops_and_its_end_leaves_all_paused(world: World, state: str) -> None:
    batch = come_to(world, state)
    wave, rollout = batch.wave, batch.wave.rollout
    before = len(world.effects("job_started"))
    control.stop_everything(by=world.ari, now=world.clock())
    world.ticks(6, minutes=6)
    assert len(world.effects("job_started")) == before
    assert not Attempt.objects.live().exists()

    control.ask_lift_stop(by=world.pia, reason="all clear", now=world.clock())
    with pytest.raises(Forbidden):
        control.confirm_lift_stop(by=world.pia, now=world.clock())
    control.confirm_lift_stop(by=world.ann, now=world.clock())
    world.approve(world.freeze(wave))
    world.ticks(3)
    assert len(world.effects("request_created")) <= 1
    control.lift_pause(rollout, by=world.pia, now=world.clock())
    settle(world, wave)
    exactly_once(world, wave)


@pytest.mark.parametrize("state", ["reserved", "armed", "running"])
def test_an_abort_ends_it_for_good(world: World, state: str) -> None:
    batch = come_to(world, state)
    before = len(world.effects("job_started"))
    control.abort(batch.wave.rollout, by=world.pia, reason="wrong version", now=world.clock())
    world.ticks(6, minutes=6)
    rollout = batch.wave.rollout
    rollout.refresh_from_db()
    assert rollout.state == "aborted"
    assert len(world.effects("job_started")) == before
    assert wrongs(world) == []
    assert not Batch.objects.open().exists()
    ends = set(batch.wave.targets.values_list("state", flat=True))
    assert ends <= {"done", "left_over"}


@pytest.mark.parametrize("state", ["verified", "arming", "armed"])
def test_a_pause_starts_nothing_new_and_voids_nothing(world: World, state: str) -> None:
    batch = come_to(world, state)
    loose = batch.state in ("armed", "running")
    control.pause(batch.wave.rollout, by=world.pia, now=world.clock())
    world.ticks(12, minutes=5)
    assert len(world.pushed()) == (2 if loose else 0)
    assert batch.wave.batches.count() == 1
    control.lift_pause(batch.wave.rollout, by=world.ari, now=world.clock())
    settle(world, batch.wave)
    exactly_once(world, batch.wave)


@pytest.mark.parametrize("state", ["reserved", "arming", "running"])
def test_a_recalled_batch_is_cut_anew_under_the_same_approval(world: World, state: str) -> None:
    batch = come_to(world, state)
    if state == "running":
        with pytest.raises(Overtaken):
            control.recall(batch, by=world.pia, now=world.clock())
    else:
        control.recall(batch, by=world.pia, reason="not yet", now=world.clock())
    settle(world, batch.wave)
    exactly_once(world, batch.wave)
    assert batch.wave.batches.count() == (2 if state == "running" else 3)


def test_a_recall_that_comes_too_late_says_so(world: World) -> None:
    batch = until_batch(world, own_rollout(world), "armed")
    assert batch.start_at
    world.clock.at = batch.start_at.replace(microsecond=0)
    world.clock.forward(minutes=1)
    stopped = control.recall(batch, by=world.pia, now=world.clock())
    assert (stopped.called_back, stopped.too_late) == ((), (batch.pk,))
    batch.refresh_from_db()
    assert batch.state == "running"
    settle(world, batch.wave)
    exactly_once(world, batch.wave)


def test_a_cancel_without_an_answer_is_only_asked_for(world: World) -> None:
    batch = until_batch(world, own_rollout(world), "armed")
    world.clock.forward(minutes=1)
    world.sim.plan_fault("error_before", call="update:PackagePushRequest", times=2)
    stopped = control.recall(batch, by=world.pia, now=world.clock())
    assert (stopped.called_back, stopped.pending) == ((), (batch.pk,))
    batch.refresh_from_db()
    assert (batch.state, batch.sf_status) == ("armed", "Pending")
    world.ticks(2)
    batch.refresh_from_db()
    assert batch.state == "canceled"


def test_the_web_process_cancels_though_a_worker_holds_the_batch(world: World) -> None:
    batch = until_batch(world, own_rollout(world), "armed")
    world.clock.forward(minutes=1)
    Batch.objects.filter(pk=batch.pk).update(leased_until=world.clock().replace(year=2030))
    stopped = control.halt(batch.wave.rollout, by=world.pia, now=world.clock())
    assert stopped.called_back == (batch.pk,)


def test_a_recall_goes_on_though_nothing_else_can_be_read(world: World) -> None:
    told = tell(world)
    batch = until_batch(world, own_rollout(world), "armed")

    def broken(*_: object) -> None:
        raise TryAgain("a status that nobody knows")

    for name in ("open_requests", "pulse", "progress", "requests"):
        told.instead[name] = broken
    told.instead["cancel"] = broken
    control.recall(batch, by=world.pia, now=world.clock())
    del told.instead["cancel"]
    world.ticks()
    batch.refresh_from_db()
    assert batch.state == "canceled"


def test_a_stop_that_lost_a_deadlock_is_tried_again(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    batch = until_batch(world, own_rollout(world), "armed")
    void, tries = halting.void_and_recall, []

    def deadlocked(*args: object, **kwargs: object) -> list[Batch]:
        tries.append(1)
        if len(tries) == 1:
            raise OperationalError("deadlock detected")
        return void(*args, **kwargs)  # type: ignore[arg-type]

    monkeypatch.setattr(halting, "void_and_recall", deadlocked)
    world.clock.forward(minutes=1)
    stopped = control.halt(batch.wave.rollout, by=world.pia, now=world.clock())
    assert stopped.called_back == (batch.pk,)


def test_what_salesforce_has_not_started_by_its_latest_start_is_called_back(world: World) -> None:
    batch = until_batch(world, own_rollout(world, end_by_after=5 * 3600), "armed")
    # As if the platform had forgotten it.
    with world.sim._turn() as work:
        work.db.execute("DELETE FROM event WHERE request_id IS NOT NULL")
    assert batch.not_after
    world.clock.at = batch.not_after
    world.sync()
    world.ticks(2)
    batch.refresh_from_db()
    assert batch.state == "canceled"
    assert "latest start" in batch.reason


def test_nobody_at_the_wheel_for_days_starts_nothing_by_itself(world: World) -> None:
    wave = own_rollout(world)
    until_batch(world, wave, "verified")
    world.clock.forward(days=20)
    world.sync()
    for _ in range(4):
        stride(world)
    wave.refresh_from_db()
    assert wave.state == "frozen"
    assert world.pushed() == []
