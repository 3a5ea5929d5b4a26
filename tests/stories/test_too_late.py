"""A recall that came too late is said to be too late, and the batch is watched to its end."""

from __future__ import annotations

from datetime import timedelta

import pytest

from rollouts.models import Batch
from rollouts.pipeline import doubt, tick
from tests.support.world import World


@pytest.mark.parametrize("hours", [0.2, 3.0])
def test_a_recall_overtaken_by_the_start_is_too_late_and_says_so(
    world: World, hours: float
) -> None:
    rollout = world.rollout()
    wave = world.go(rollout, 1)
    world.until(lambda: wave.batches.filter(state="armed").exists(), minutes=2)
    batch = wave.batches.get()
    assert batch.start_at
    world.clock.at = batch.start_at + timedelta(hours=hours)
    while not world.effects("request_started"):
        world.clock.forward(minutes=1)
        world.sim.now()
        world.gateway.request(batch.sf_id or "")
    doubt.want_cancel(batch, "somebody pressed Recall a moment too late", world.clock())
    tick.tick()

    batch.refresh_from_db()
    assert batch.cancel_too_late_at
    assert batch.state in ("running", "settled")
    world.until(lambda: Batch.objects.filter(pk=batch.pk, state="settled").exists())
    assert not world.effects("request_canceled")
