"""Push mode turned off: nothing starts, and what has not started is recalled."""

from __future__ import annotations

from datetime import timedelta

import pytest

from rollouts.models import Batch, Connection
from rollouts.pipeline import arm, connections, holds, tick
from rollouts.pipeline.timing import arm_from
from tests.support.trouble import nothing_swallowed, own_rollout, until_batch
from tests.support.world import World

__all__ = ["nothing_swallowed"]
pytestmark = pytest.mark.usefixtures("nothing_swallowed")


@pytest.fixture
def gated(world: World, monkeypatch: pytest.MonkeyPatch) -> World:
    """The gateway asks the row before each write, as that of the product does."""
    Connection.objects.update(pushed_since=world.clock())
    monkeypatch.setattr(world.gateway, "_writes", world.link.writes)
    return world


@pytest.mark.parametrize("state", ["verified", "armed"])
def test_what_has_not_started_is_recalled_when_push_mode_is_turned_off(
    gated: World, state: str
) -> None:
    batch = until_batch(gated, own_rollout(gated), state)
    connections.turn_push_off(gated.link, by=gated.pia, now=gated.clock())

    gated.ticks(8, minutes=6)

    batch.refresh_from_db()
    assert batch.state == "canceled"
    assert gated.effects("job_started") == []
    assert "only observes" in " ".join(holds.on_rollout(batch.wave.rollout, gated.clock()))


def test_what_runs_is_followed_to_its_end(gated: World) -> None:
    batch = until_batch(gated, own_rollout(gated), "running")
    connections.turn_push_off(gated.link, by=gated.pia, now=gated.clock())

    gated.until(lambda: Batch.objects.get(pk=batch.pk).state == "settled")

    assert gated.effects("job_succeeded")


def test_a_mode_turned_off_between_the_live_reads_and_the_transaction_arms_nothing(
    gated: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    batch = until_batch(gated, own_rollout(gated), "verified")
    gated.clock.at = arm_from(batch, batch.wave.rollout.policy) + timedelta(minutes=1)
    commit = arm._commit

    def turned_off_then_commit(*args: object) -> tuple[str, ...]:
        Connection.objects.update(mode="observe")
        return commit(*args)  # type: ignore[arg-type]

    monkeypatch.setattr(arm, "_commit", turned_off_then_commit)
    tick.tick()

    batch.refresh_from_db()
    assert (batch.state, batch.armed_at) == ("verified", None)
    assert "only observes" in batch.reason
    assert gated.effects("request_pending") == []


def test_a_connection_that_only_observes_begins_nothing_and_says_why(gated: World) -> None:
    Connection.objects.update(mode="observe", pushed_since=None)
    wave = own_rollout(gated)

    gated.ticks(6)

    assert gated.effects("request_created") == []
    assert not Batch.objects.filter(wave=wave).exclude(sf_id=None).exists()
    assert "an admin turns push mode on" in " ".join(holds.on_rollout(wave.rollout, gated.clock()))
