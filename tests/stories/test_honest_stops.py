"""What a stop came to is said as it is: called back, asked for, too late, and who will finish."""

from __future__ import annotations

from typing import Any

import pytest

from rollouts.models import Batch, Event
from rollouts.pipeline import control, doubt, tick, track, transitions
from rollouts.salesforce.errors import TryAgain
from tests.support.trouble import (
    exactly_once,
    nothing_swallowed,
    own_rollout,
    settle,
    tell,
    until_batch,
)
from tests.support.world import World

__all__ = ["nothing_swallowed"]
pytestmark = pytest.mark.usefixtures("nothing_swallowed")


def test_a_stop_counts_the_orgs_that_salesforce_gave_back(world: World) -> None:
    batch = until_batch(world, own_rollout(world), "armed")
    world.clock.forward(minutes=1)
    stopped = control.halt(batch.wave.rollout, by=world.pia, now=world.clock())
    assert stopped.sentence == (
        "1 batch called back with 3 orgs, as Salesforce confirms; no org will finish at Salesforce."
    )


def test_a_stop_says_who_will_finish_and_only_of_its_own_rollout(world: World) -> None:
    batch = until_batch(world, own_rollout(world), "running")
    stopped = control.halt(batch.wave.rollout, by=world.pia, now=world.clock())
    assert stopped.sentence == "0 batches called back; 3 orgs will finish at Salesforce."
    assert control.send_cancels([], batch.wave.rollout).will_finish == 3


def test_a_stop_without_an_answer_claims_nothing(world: World) -> None:
    told = tell(world)
    batch = until_batch(world, own_rollout(world), "armed")
    world.clock.forward(minutes=1)

    def silent(*_: Any) -> None:
        raise TryAgain("no answer")

    told.instead["request"] = silent
    stopped = control.halt(batch.wave.rollout, by=world.pia, now=world.clock())
    assert "1 recall asked for and not confirmed yet" in stopped.sentence
    assert stopped.called_back == ()


def test_a_recall_asked_while_the_start_was_being_noted_is_too_late(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    batch = until_batch(world, own_rollout(world), "armed")
    assert batch.start_at
    world.clock.at = batch.start_at
    world.clock.forward(minutes=2)
    move = transitions.move_batch

    def asked_meanwhile(moving: Batch, *args: Any, **also: Any) -> None:
        # The wish is stored after the row was read for the last time and before it is moved.
        doubt.want_cancel(Batch.objects.get(pk=moving.pk), "stop", world.clock())
        move(moving, *args, **also)

    monkeypatch.setattr(track, "move_batch", asked_meanwhile)
    tick.tick()
    monkeypatch.setattr(track, "move_batch", move)
    batch.refresh_from_db()
    assert batch.state == "running"
    assert batch.cancel_too_late_at
    settle(world, batch.wave)
    assert Event.objects.filter(action="recall_too_late").count() == 1
    exactly_once(world, batch.wave)
