"""Batches filled by Bulk API 2.0: a job that works on by itself doubles nobody and loses nobody."""

from __future__ import annotations

from dataclasses import replace

import pytest

from rollouts.models import Batch, Wave
from rollouts.pipeline import bulk, prepare, timing
from rollouts.salesforce.errors import TryAgain, Unknown
from rollouts.simulator.options import BulkPace
from tests.support.trouble import (
    Death,
    exactly_once,
    nothing_swallowed,
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

CALLS = ("bulk_open", "bulk_upload", "bulk_close", "bulk_state", "jobs", "request", "arm")


@pytest.fixture(autouse=True)
def _two_at_a_time(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let a batch of four be one of many: a collection call takes two, and nobody waits."""
    monkeypatch.setattr(prepare, "CHUNK", 2)
    monkeypatch.setattr(bulk, "PATIENCE", ())


def slowly(world: World, seconds: float) -> None:
    """Let each row of a bulk job take so long, in simulated seconds."""
    world.sim.options = replace(world.sim.options, bulk=BulkPace(row=seconds))


def ledger(wave: Wave) -> list[str]:
    return [
        kind
        for batch in wave.batches.order_by("number")
        for kind in batch.calls.order_by("pk").values_list("kind", flat=True)
    ]


def test_it_is_filled_by_one_bulk_job_and_read_back_before_it_counts(world: World) -> None:
    wave = sandbox_rollout(world)
    until_batch(world, wave, "verified")
    assert ledger(wave) == ["create", "bulk_open", "bulk_upload", "bulk_close"]
    settle(world, wave)
    exactly_once(world, wave)


@pytest.mark.parametrize("side", ["before", "after"])
@pytest.mark.parametrize("call", CALLS)
@pytest.mark.parametrize("pace", [0.0, 30.0])
def test_a_process_killed_at_a_call_is_made_good(
    world: World, call: str, side: str, pace: float
) -> None:
    told, death = tell(world), Death()
    wave = sandbox_rollout(world)
    slowly(world, pace)

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
@pytest.mark.parametrize("outcome", [Unknown, TryAgain])
@pytest.mark.parametrize(
    "call", ["bulk_open", "bulk_upload", "bulk_close", "bulk_state", "bulk_abort"]
)
def test_an_answer_that_never_came_is_looked_up(
    world: World, call: str, outcome: type[Exception], side: str
) -> None:
    told = tell(world)
    wave = sandbox_rollout(world)
    # An abort is only made after an upload that nobody knows of.
    lost = {call} | ({"bulk_upload"} if call == "bulk_abort" else set())

    def lose(name: str) -> None:
        if name in lost:
            lost.remove(name)
            raise (outcome if name == call else Unknown)("no answer")

    setattr(told, side, lose)
    settle(world, wave)
    assert not lost
    exactly_once(world, wave)


def test_nothing_is_verified_while_the_bulk_job_works(world: World) -> None:
    wave = sandbox_rollout(world)
    slowly(world, 70)
    batch = until_batch(world, wave, "created")
    assert batch.bulk_id
    seen = set()
    for _ in range(14):
        world.ticks(minutes=0.5)
        batch.refresh_from_db()
        there = len(world.effects("job_created"))
        seen.add((there, batch.state))
        assert batch.state == "created" or there == 4
    assert (4, "armed") in seen
    assert any(0 < there < 4 for there, _ in seen)
    settle(world, wave)
    exactly_once(world, wave)


def test_after_an_unknown_upload_nothing_counts_for_eleven_minutes(world: World) -> None:
    told = tell(world)
    wave = sandbox_rollout(world)

    def lose(name: str) -> None:
        if name == "bulk_upload":
            told.after = lambda _name: None
            raise Unknown("no answer")

    told.after = lose
    batch = until_batch(world, wave, "created")
    sent = batch.jobs_sent_at
    assert sent is not None
    first = batch.bulk_id
    while world.clock() < sent + timing.late_call():
        batch.refresh_from_db()
        assert batch.state in ("created", "canceled")
        world.ticks(minutes=1)
    assert first
    assert wave.batches.filter(bulk_id=first).count() == 0
    settle(world, wave)
    exactly_once(world, wave)


def test_a_batch_called_back_takes_its_bulk_job_along(world: World) -> None:
    wave = sandbox_rollout(world)
    slowly(world, 100)
    batch = until_batch(world, wave, "created")
    assert batch.bulk_id
    Batch.objects.filter(pk=batch.pk).update(
        cancel_wanted_at=world.clock(), cancel_reason="called back by a test"
    )
    world.ticks(minutes=0.5)
    batch.refresh_from_db()
    assert batch.state == "canceled"
    assert "bulk_abort" in ledger(wave)
    settle(world, wave)
    exactly_once(world, wave)


def test_orgs_that_a_bulk_job_refuses_are_left_out_with_salesforces_words(world: World) -> None:
    told = tell(world)
    wave = sandbox_rollout(world, drop_percent=50)

    def uninstall(name: str) -> None:
        if name == "bulk_upload":
            told.before = lambda _name: None
            world.sim.change_org(org, uninstalled=True)

    org = wave.targets.order_by("place")[0].org.key
    told.before = uninstall
    settle(world, wave)
    assert wrongs(world) == []
    lost = wave.targets.get(org__key=org)
    assert lost.state == "excluded"
    assert lost.reason.startswith("refused by Salesforce")
    assert len(world.pushed()) == 3


def test_bulk_jobs_that_add_nothing_end_in_a_batch_cut_anew(world: World) -> None:
    told = tell(world)
    wave = sandbox_rollout(world)
    told.instead["bulk_close"] = told._inner.bulk_abort
    for _ in range(12):
        world.ticks(minutes=1)
    first = wave.batches.order_by("number")[0]
    assert first.calls.filter(kind="bulk_open").count() == bulk.JOBS_TRIED
    assert first.state == "canceled"
    told.instead.clear()
    settle(world, wave)
    exactly_once(world, wave)
