"""Every figure is dated by the read that it rests on, and reads do not fail for one hiccup."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.db import connection

from rollouts.models import Attempt, Batch, Connection, Rollout, SyncRun
from rollouts.pipeline import prepare, report
from tests.support.trouble import own_rollout, until_batch
from tests.support.world import World


def test_arming_reads_the_request_and_makes_the_jobs_no_younger(world: World) -> None:
    batch = until_batch(world, own_rollout(world), "verified")
    jobs_read_at = batch.attempts.values_list("sf_as_of", flat=True)[0]
    # What the arming does: it reads the request, not its jobs.
    Batch.objects.update(sf_status="Pending", sf_as_of=world.clock() + timedelta(minutes=3))

    counts = report.batch_counts(batch.wave)[batch.pk]

    assert counts["prepared"] == batch.size
    assert counts.as_of == jobs_read_at


def test_a_batchs_figures_are_as_old_as_the_oldest_of_its_jobs(world: World) -> None:
    batch = until_batch(world, own_rollout(world), "verified")
    old = world.clock() - timedelta(minutes=9)
    Attempt.objects.filter(pk=batch.attempts.order_by("pk")[1].pk).update(sf_as_of=old)

    assert report.batch_counts(batch.wave)[batch.pk].as_of == old


def test_a_batch_that_salesforce_does_not_know_yet_has_no_age(world: World) -> None:
    batch = until_batch(world, own_rollout(world), "verified")
    Batch.objects.update(sf_as_of=None)
    Attempt.objects.update(sf_as_of=None)

    assert report.batch_counts(batch.wave)[batch.pk].as_of is None


def test_a_read_stored_between_two_looks_dates_the_figures_that_it_brought(world: World) -> None:
    wave = own_rollout(world)
    until_batch(world, wave, "verified")
    rollout = Rollout.objects.get(pk=wave.rollout_id)
    later = world.clock() + timedelta(minutes=1)
    stored: list[str] = []

    def a_read_is_stored(execute: Any, sql: str, *args: Any) -> Any:
        if 'FROM "rollouts_attempt"' in sql and not stored:
            stored.append(sql)
            Attempt.objects.update(state="in_progress", sf_as_of=later)
            Rollout.objects.update(sf_as_of=later)
        return execute(sql, *args)

    with connection.execute_wrapper(a_read_is_stored):
        counts = report.wave_counts(rollout)[wave.number]

    assert counts["running"] == counts.total
    assert counts.as_of == later
    assert report.counts(rollout, {wave.number: counts}).as_of == later


@pytest.mark.parametrize("nth", range(1, 7))
def test_one_hiccup_does_not_cost_a_sync(world: World, nth: int) -> None:
    before = SyncRun.objects.count()
    world.clock.forward(minutes=1)
    world.sim.plan_fault("error_before", call="query", nth=nth)

    world.sync()

    runs = list(SyncRun.objects.order_by("pk")[before:])
    assert [run.ok for run in runs] == [True, True]
    assert Connection.objects.get().failure == ""


def test_a_salesforce_that_stays_away_costs_the_sync_and_changes_nothing(world: World) -> None:
    runs = SyncRun.objects.filter(ok=True).count()
    world.clock.forward(minutes=1)
    world.sim.plan_fault("error_before", call="query", times=50)

    world.sync()

    assert SyncRun.objects.filter(ok=True).count() == runs
    assert Connection.objects.get().failure


def test_a_sync_without_calls_left_does_not_spend_more_on_asking(world: World) -> None:
    world.clock.forward(minutes=1)
    world.sim.plan_fault("quota", call="query", times=2)
    before = sum(effect.kind == "fault" for effect in world.sim.effects())

    world.sync()

    assert sum(effect.kind == "fault" for effect in world.sim.effects()) == before + 1


def test_a_request_found_after_a_lost_answer_is_dated_by_the_look_that_found_it(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    wave = own_rollout(world)
    world.sim.plan_fault("reset_after", call="create:PackagePushRequest")
    batch = until_batch(world, wave, "reserved")
    while batch.created_sent_at is None:
        world.ticks(minutes=1)
        batch.refresh_from_db()
    monkeypatch.setattr(prepare, "fill", lambda *_: None)

    world.ticks(minutes=3)

    batch.refresh_from_db()
    assert batch.state == "created"
    assert batch.sf_as_of == world.clock()
