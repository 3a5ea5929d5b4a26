"""A request that somebody deleted can be ended by two people, and by nothing less."""

from __future__ import annotations

from datetime import timedelta

import pytest

from rollouts.models import Ask, Batch
from rollouts.pipeline import control, gone
from rollouts.pipeline.report import stuck
from rollouts.pipeline.transitions import Forbidden, Overtaken, Refusal
from rollouts.salesforce.gateway import Progress, Pulse
from tests.support.trouble import nothing_swallowed, own_rollout, settle, tell, until_batch
from tests.support.world import World

__all__ = ["nothing_swallowed"]
pytestmark = pytest.mark.usefixtures("nothing_swallowed")


@pytest.fixture(autouse=True)
def one_gateway(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(gone, "gateway_for", lambda _link: world.gateway)


def vanished(world: World, state: str) -> Batch:
    """Come to a batch whose request was deleted in Setup, jobs and all."""
    told = tell(world)
    batch = until_batch(world, own_rollout(world), state)
    told.instead["request"] = lambda *_: None
    told.instead["requests"] = lambda *_: []
    told.instead["jobs"] = lambda *_: []
    told.instead["pulse"] = lambda _ids: Pulse({}, {})
    told.instead["progress"] = lambda _ids: Progress({}, [], [])
    world.clock.forward(minutes=1)
    control.recall(batch, by=world.pia, now=world.clock())
    batch.refresh_from_db()
    assert batch.state == "in_doubt"
    return batch


def restore_reads(world: World) -> None:
    world.gateway.instead.clear()  # type: ignore[attr-defined]


def asked(world: World, batch: Batch) -> Ask:
    return gone.ask(batch, by=world.pia, reason="deleted in Setup by mistake", now=world.clock())


def test_two_people_end_a_batch_whose_request_is_gone(world: World) -> None:
    batch = vanished(world, "verified")
    (entry,) = stuck(world.clock() + timedelta(minutes=2))
    assert "is in doubt" in entry.sentence
    ask = asked(world, batch)
    with pytest.raises(Overtaken, match="asked already"):
        asked(world, batch)
    with pytest.raises(Forbidden):
        gone.confirm(ask, by=world.pia, now=world.clock())
    assert gone.confirm(ask, by=world.ari, now=world.clock()) == 3
    batch.refresh_from_db()
    assert batch.state == "abandoned"
    assert "as Pia and Ari say" in batch.reason
    # As deleted requests do, it stays away when everything can be read again.
    world._gateway().cancel(batch.sf_id or "")
    restore_reads(world)
    settle(world, batch.wave)
    assert len(world.pushed()) == 3


def test_who_asked_does_not_confirm(world: World) -> None:
    batch = vanished(world, "verified")
    ask = gone.ask(batch, by=world.ari, reason="I saw it go", now=world.clock())
    with pytest.raises(Refusal, match="somebody else confirms"):
        gone.confirm(ask, by=world.ari, now=world.clock())


def test_what_was_armed_could_still_start_and_is_waited_for(world: World) -> None:
    batch = vanished(world, "armed")
    ask = asked(world, batch)
    with pytest.raises(Refusal, match="could still start"):
        gone.confirm(ask, by=world.ari, now=world.clock())
    assert batch.not_after
    world.clock.at = batch.not_after + timedelta(minutes=12)
    assert gone.confirm(ask, by=world.ari, now=world.clock()) == 3


def test_what_salesforce_lists_after_all_is_not_gone(world: World) -> None:
    batch = vanished(world, "verified")
    ask = asked(world, batch)
    restore_reads(world)
    with pytest.raises(Refusal, match="lists it again"):
        gone.confirm(ask, by=world.ari, now=world.clock())
    batch.refresh_from_db()
    assert batch.state == "in_doubt"
    assert batch.attempts.live().count() == 3
