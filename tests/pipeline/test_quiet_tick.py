"""What a tick asks of the database when nothing has changed: counted, since it is done all day."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager, suppress

import pytest
from django.db import connection, transaction
from django.test.utils import CaptureQueriesContext

from rollouts.models import Event
from rollouts.pipeline import control, tick
from rollouts.pipeline.transitions import record, writing
from tests.support.trouble import sandbox_rollout, until_batch
from tests.support.world import World

# Statements. What is added here is asked of every rollout every few seconds.
TICK, ROUND, TICK_OF_A_HALTED_ROLLOUT = 30, 25, 18


@contextmanager
def at_most(statements: int) -> Iterator[None]:
    with CaptureQueriesContext(connection) as asked:
        yield
    said = "\n".join(row["sql"][:150] for row in asked.captured_queries)
    assert len(asked) <= statements, f"{len(asked)} statements:\n{said}"


@pytest.mark.parametrize("orgs", [2, 6])
def test_a_quiet_tick_asks_the_same_little_however_many_orgs_wait(world: World, orgs: int) -> None:
    until_batch(world, sandbox_rollout(world, orgs), "armed")
    # The first look finds the jobs Pending, which is news.
    tick.tick()
    with at_most(TICK):
        tick.tick()


def test_a_quiet_round_of_the_watcher_asks_little(world: World) -> None:
    until_batch(world, sandbox_rollout(world, 6), "armed")
    tick.watch_all()
    with at_most(ROUND):
        tick.watch_all()


def test_nothing_is_judged_of_a_rollout_that_is_halted(world: World) -> None:
    wave = sandbox_rollout(world, 6)
    until_batch(world, wave, "armed")
    control.halt(wave.rollout, by=world.ari, reason="to look at it", now=world.clock())
    tick.tick()
    with at_most(TICK_OF_A_HALTED_ROLLOUT):
        tick.tick()


def test_history_stays_one_chain_when_a_part_of_a_transaction_is_undone(world: World) -> None:
    now = world.clock()
    with writing():
        record("first", "a story", now=now)
        with suppress(RuntimeError), transaction.atomic():
            record("undone", "a story", now=now)
            raise RuntimeError
        with suppress(RuntimeError), writing():
            record("undone too", "a story", now=now)
            raise RuntimeError
        record("second", "a story", now=now)

    told = list(Event.objects.filter(subject="a story").order_by("sequence"))
    assert [event.action for event in told] == ["first", "second"]
    assert told[1].previous == told[0].hash
    assert told[1].sequence == told[0].sequence + 1
    assert [event.hash for event in told] == [event.content_hash() for event in told]
