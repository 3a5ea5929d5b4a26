"""Stopping must not wait for words: the reason of a pause, a halt or a stop may follow later."""

from __future__ import annotations

from datetime import datetime

from rollouts.domain.lifecycle import RolloutState
from rollouts.domain.permissions import Permission
from rollouts.models import Hold, HoldKind, Person, Rollout
from rollouts.pipeline.transitions import Overtaken, Refusal, demand, record, writing


def owed(rollout: Rollout | None) -> str:
    """Name the stop of this rollout, or of everything, whose reason is still owed, or ""."""
    holds = Hold.objects.in_force().filter(rollout=rollout, reason="")
    if rollout is None:
        stopped = holds.filter(kind=HoldKind.STOP_EVERYTHING).exists()
        return "stop everything" if stopped else ""
    if rollout.state == RolloutState.HALTED.value and not rollout.reason:
        return "halt"
    return "pause" if holds.filter(kind=HoldKind.PAUSED).exists() else ""


_PERMISSION = {
    "stop everything": Permission.STOP_EVERYTHING,
    "halt": Permission.HALT,
    "pause": Permission.PAUSE,
}


@writing()
def give(rollout: Rollout | None, *, by: Person, reason: str, now: datetime) -> None:
    """Give the reason that is owed, as a later entry of the history; a given one never changes.

    Whoever may stop may also say why, for it is often somebody else who knows.
    """
    reason = reason.strip()
    if not reason:
        raise Refusal("Say why; it stays in the audit trail.")
    if rollout is not None:
        rollout = Rollout.objects.select_for_update().get(pk=rollout.pk)
    what = owed(rollout)
    if not what:
        raise Overtaken("The reason was given already, or the stop is over.")
    demand(by, _PERMISSION[what], now)
    if what == "halt" and rollout is not None:
        Rollout.objects.filter(pk=rollout.pk).update(reason=reason)
    else:
        Hold.objects.in_force().filter(rollout=rollout, reason="").update(reason=reason)
    record("reason", what, now=now, by=by, rollout=rollout, reason=reason)
