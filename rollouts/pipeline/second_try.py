"""A retry outside the approved rule: a planner asks, and it is a new list with its own approval."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime

from django.db.models import Max, QuerySet

from rollouts.domain.lifecycle import AttemptState, RolloutState, TargetState, WaveState
from rollouts.domain.permissions import Permission
from rollouts.models import Attempt, Person, Target, Wave
from rollouts.pipeline import approve
from rollouts.pipeline.transitions import Overtaken, Refusal, demand, move_wave, writing

_MAY = (WaveState.BAKING.value, WaveState.FROZEN.value)


def candidates(wave: Wave) -> QuerySet[Target]:
    """Return the failed orgs of which Salesforce itself has reported that the push failed.

    One whose success nobody could confirm is not among them: it may well have been upgraded.
    """
    newest = (
        Attempt.objects.filter(target__wave=wave)
        .exclude(state=AttemptState.CANCELED.value)
        .values("target")
        .annotate(newest=Max("pk"))
        .values("newest")
    )
    failed = Attempt.objects.filter(pk__in=newest, state=AttemptState.FAILED.value)
    return wave.targets.filter(
        state=TargetState.FAILED.value, pk__in=failed.values("target")
    ).select_related("org", "from_version")


def may_ask(wave: Wave) -> bool:
    """Say whether a retry may be asked for now: everything settled, and not ended yet."""
    if wave.rollout.state != RolloutState.ACTIVE.value or wave.state not in _MAY:
        return False
    if wave.state == WaveState.FROZEN.value and not approve.nothing_left(wave):
        return False
    return candidates(wave).exists()


@writing()
def ask(wave: Wave, orgs: Iterable[str] | None, *, by: Person, reason: str, now: datetime) -> int:
    """Put failed orgs (all, or these 18-character ids) back into the wave's next list.

    Returns how many. The wave is planned again: it must be frozen and approved for exactly them.
    """
    demand(by, Permission.FREEZE, now)
    if not reason.strip():
        raise Refusal("Say what has changed, so that a retry can help.")
    wave = (
        Wave.objects.select_for_update(of=("self",))
        .select_related("rollout", "frozen_list")
        .get(pk=wave.pk)
    )
    if not may_ask(wave):
        raise Overtaken(
            f"Wave {wave.number} is {wave.state}; a retry waits until all its orgs are settled."
        )
    chosen = candidates(wave)
    if orgs is not None:
        wanted = set(orgs)
        chosen = chosen.filter(org__key__in=wanted)
        if not wanted or chosen.count() != len(wanted):
            raise Overtaken("Not each of these orgs has a failed push any more. Look again.")
    keys = sorted(chosen.values_list("org__key", flat=True))
    if wave.frozen_list is not None:
        approve.void(wave.frozen_list, reason=f"a retry was asked for by {by}", now=now)
    Target.objects.filter(pk__in=list(chosen.values_list("pk", flat=True))).update(
        state=TargetState.PLANNED.value, reason="a retry was asked for"
    )
    move_wave(
        wave,
        WaveState.PLANNED,
        now=now,
        by=by,
        because=f"retry of {len(keys)} failed orgs: {reason.strip()}",
        detail={"orgs": keys},
        baked_until=None,
    )
    return len(keys)
