"""Several workers at one batch: only the newest claim counts, and trouble stays where it is."""

from __future__ import annotations

from typing import Any

import pytest
from django.db import connection

from rollouts.domain.lifecycle import BatchState
from rollouts.models import Batch, Rollout
from rollouts.pipeline import clock as pipeline_clock
from rollouts.pipeline import control, prepare, timing
from rollouts.pipeline.leases import claimed
from rollouts.pipeline.transitions import Overtaken, move_batch
from tests.support.trouble import (
    nothing_swallowed,
    own_rollout,
    sandbox_rollout,
    tell,
    until_batch,
)
from tests.support.world import World

__all__ = ["nothing_swallowed"]
pytestmark = pytest.mark.usefixtures("nothing_swallowed")


def test_a_recall_is_over_when_it_is_read_back(world: World) -> None:
    batch = until_batch(world, own_rollout(world), "armed")
    world.clock.forward(minutes=1)
    stopped = control.recall(batch, by=world.ann, reason="wait", now=world.clock())
    assert stopped.called_back == (batch.pk,)


def test_one_rollouts_trouble_does_not_stop_the_others(
    world: World, nothing_swallowed: list[str]
) -> None:
    broken, sound = own_rollout(world), sandbox_rollout(world)
    rules = dict(broken.rollout.policy_json)
    del rules["fuse"]
    Rollout.objects.filter(pk=broken.rollout_id).update(policy_json=rules)
    until_batch(world, sound, "verified")
    assert "another version" in nothing_swallowed[0]
    nothing_swallowed.clear()


def test_one_batchs_trouble_does_not_stop_the_others(
    world: World, monkeypatch: pytest.MonkeyPatch, nothing_swallowed: list[str]
) -> None:
    wave = own_rollout(world)
    first = until_batch(world, wave, "verified")
    second = Batch.objects.create(
        wave=wave, list=first.list, connection=first.connection, number=9, size=0, state="reserved",
        start_at=first.start_at and first.start_at.replace(year=2027),
    )  # fmt: skip
    seen = []

    def create(claim: Any, *_: object) -> None:
        seen.append(claim.batch.pk)
        raise LookupError("a bug")

    monkeypatch.setattr("rollouts.pipeline.arm.arm", create)
    monkeypatch.setattr(prepare, "create", create)
    world.clock.at = timing.arm_from(first, wave.rollout.policy)
    world.ticks()
    assert seen == [first.pk, second.pk]
    nothing_swallowed.clear()


def test_two_claims_at_the_same_moment_never_share_an_epoch(world: World) -> None:
    batch = until_batch(world, own_rollout(world), "verified")
    now = pipeline_clock.now()
    others: list[int] = []

    def another_claims(execute: Any, sql: str, *args: Any) -> Any:
        result = execute(sql, *args)
        if sql.startswith('UPDATE "rollouts_batch" SET "epoch"') and not others:
            others.append(0)
            with claimed(batch, now, by_force=True) as claim:
                assert claim is not None
                others[0] = claim.epoch
        return result

    with connection.execute_wrapper(another_claims), claimed(batch, now) as mine:
        assert mine is not None
        assert mine.epoch < others[0]
        with pytest.raises(Overtaken):
            move_batch(mine.batch, BatchState.ARMING, now=now)


def test_a_worker_that_was_overtaken_between_two_steps_stops(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    told = tell(world)
    own_rollout(world)
    create = prepare.create

    def create_and_lose(claim: Any, *args: Any) -> None:
        create(claim, *args)
        with claimed(claim.batch, pipeline_clock.now(), by_force=True):
            pass

    monkeypatch.setattr(prepare, "create", create_and_lose)
    world.ticks(2)
    assert "create_request" in told.made
    assert "add_jobs" not in told.made
    assert Batch.objects.get().state == "created"
