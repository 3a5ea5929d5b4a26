"""Killed at any named point and started again: nothing is lost, nothing is doubled."""

from __future__ import annotations

from dataclasses import replace

import pytest

from rollouts.models import Batch
from rollouts.pipeline import conduct, control, tick
from rollouts.pipeline.batches import _walk
from rollouts.pipeline.leases import claimed
from tests.support.trouble import (
    Death,
    exactly_once,
    nothing_swallowed,
    own_rollout,
    settle,
    stride,
    tell,
    until_batch,
)
from tests.support.world import World

__all__ = ["nothing_swallowed"]
pytestmark = pytest.mark.usefixtures("nothing_swallowed")

# Where a process may die: before a call its intent is committed, after it the effect is there
# and nobody has written it down.
POINTS = [
    (call, side)
    for call in ("create_request", "add_jobs", "arm", "jobs", "request", "installed")
    for side in ("before", "after")
]


@pytest.mark.parametrize(("call", "side"), POINTS)
def test_a_process_killed_at_a_call_is_made_good(world: World, call: str, side: str) -> None:
    told, death = tell(world), Death()
    wave = own_rollout(world)

    def kill(name: str) -> None:
        if name == call:
            told.before = told.after = lambda _name: None
            death.die()

    setattr(told, side, kill)
    died = 0
    for _ in range(12):
        died += not death.survived(lambda: stride(world))
        if died:
            break
    assert died == 1
    settle(world, wave)
    exactly_once(world, wave)


@pytest.mark.parametrize("side", ["before", "after"])
def test_a_process_killed_at_a_recall_leaves_it_to_the_next(world: World, side: str) -> None:
    told, death = tell(world), Death()
    wave = own_rollout(world)
    batch = until_batch(world, wave, "armed")

    def kill(name: str) -> None:
        if name == "cancel":
            told.before = told.after = lambda _name: None
            death.die()

    setattr(told, side, kill)
    assert not death.survived(lambda: control.recall(batch, by=world.pia, now=world.clock()))
    batch.refresh_from_db()
    assert (batch.state, batch.cancel_wanted_at) == ("armed", world.clock())
    world.ticks(2)
    batch.refresh_from_db()
    assert batch.state == "canceled"
    settle(world, wave)
    exactly_once(world, wave)


def test_an_effect_of_add_jobs_that_lands_after_a_kill_doubles_nobody(world: World) -> None:
    unknowns = replace(world.sim.options.unknowns, duplicate_jobs=True, jobs_after_pending=True)
    world.sim.options = replace(world.sim.options, unknowns=unknowns)
    told, death = tell(world), Death()
    wave = own_rollout(world)

    def kill(name: str) -> None:
        if name == "add_jobs":
            told.before = lambda _name: None
            # The call is on its way when the process dies; it lands nine minutes later.
            world.sim.plan_fault("late", call="collection:PackagePushJob", seconds=540)
            with pytest.raises(Exception, match="did not answer"):
                told._inner.add_jobs(
                    wave.batches.get().sf_id, list(wave.targets.values_list("org__key", flat=True))
                )
            death.die()

    told.before = kill
    world.ticks()
    assert not death.survived(world.ticks)
    settle(world, wave)
    exactly_once(world, wave)


def test_two_conductors_at_once_cut_one_batch(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    wave = own_rollout(world, batch_strict=2)
    world.ticks()
    gather = conduct.gather

    def gather_while_another_conducts(rollout: object, now: object) -> object:
        monkeypatch.setattr(conduct, "gather", gather)
        conduct.conduct(wave.rollout, world.clock())
        return gather(rollout, now)  # type: ignore[arg-type]

    monkeypatch.setattr(conduct, "gather", gather_while_another_conducts)
    conduct.conduct(wave.rollout, world.clock())
    assert wave.batches.count() == 1
    settle(world, wave)
    exactly_once(world, wave)


def test_a_tick_inside_a_tick_does_nothing_twice(world: World) -> None:
    told = tell(world)
    wave = own_rollout(world)
    inside = False

    def tick_again(_name: str) -> None:
        nonlocal inside
        if not inside:
            inside = True
            tick.tick()
            tick.watch_all()
            inside = False

    told.before = told.after = tick_again
    settle(world, wave)
    exactly_once(world, wave)
    writes = [name for name in told.made if name in ("create_request", "add_jobs", "arm")]
    assert writes == ["create_request", "add_jobs", "arm"]


def test_a_worker_frozen_before_its_create_makes_an_orphan_and_nothing_else(world: World) -> None:
    told = tell(world)
    wave = own_rollout(world)

    def freeze(name: str) -> None:
        if name == "create_request":
            told.before = lambda _name: None
            # Its lease runs out, another worker takes over and gives the request up for lost.
            for _ in range(5):
                world.clock.forward(minutes=4)
                batch = wave.batches.get()
                with claimed(batch, world.clock()) as claim:
                    if claim:
                        _walk(claim, world.gateway)

    told.before = freeze
    world.ticks(2)
    assert wave.batches.get().state == "abandoned"
    settle(world, wave)
    exactly_once(world, wave)
    orphan = world.effects("request_created")[0].request_id
    assert not Batch.objects.filter(sf_id=orphan).exists()
    assert world.effects("request_canceled")[0].request_id == orphan
