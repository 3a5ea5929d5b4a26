"""Stopping, for whatever reason: void what was approved, call back what can be called back."""

from __future__ import annotations

from datetime import datetime

from rollouts.domain.lifecycle import RolloutState, WaveState
from rollouts.models import Batch, Person, Rollout
from rollouts.pipeline import approve, doubt
from rollouts.pipeline.transitions import Overtaken, move_rollout, move_wave, writing

NOT_GIVEN = "reason not given yet"
_APPROVED_OR_ON = (WaveState.APPROVED.value, WaveState.DISPATCHING.value, WaveState.BAKING.value)


@writing()
def halt(rollout: Rollout, *, because: str, now: datetime, by: Person | None = None) -> list[Batch]:
    """Halt a rollout: from this commit on no arming transaction of it can succeed.

    A person's reason may follow later (``because`` is "" until then); a rule always has one.
    Returns the batches that are being called back.
    """
    rollout = Rollout.objects.select_for_update().get(pk=rollout.pk)
    if rollout.state != RolloutState.ACTIVE.value:
        raise Overtaken(f"The rollout is {rollout.state} already.")
    move_rollout(
        rollout,
        RolloutState.HALTED,
        now=now,
        because=because or NOT_GIVEN,
        by=by,
        reason=because,
        halted_by=by,
        epoch=rollout.epoch + 1,
    )
    why = because or f"by {by}, {NOT_GIVEN}"
    return void_and_recall(rollout, reason=f"halted: {why}", now=now, by=by)


@writing()
def void_and_recall(
    rollout: Rollout, *, reason: str, now: datetime, by: Person | None = None
) -> list[Batch]:
    """Void the approvals of every wave that has not ended and want every open batch back."""
    for wave in rollout.waves.select_related("frozen_list", "rollout"):
        if wave.frozen_list and wave.state in (*_APPROVED_OR_ON, WaveState.FROZEN.value):
            approve.void(wave.frozen_list, reason=reason, now=now)
        if wave.state in _APPROVED_OR_ON:
            move_wave(wave, WaveState.FROZEN, now=now, because=reason, by=by, review="")
    batches = list(
        Batch.objects.open()
        .filter(wave__rollout=rollout, started_seen_at=None)
        .select_related("wave__rollout", "list")
    )
    for batch in batches:
        doubt.want_cancel(batch, reason, now)
    return batches
