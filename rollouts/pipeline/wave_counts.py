"""What only some decisions ask of a wave, each read by itself."""

from __future__ import annotations

from collections import Counter
from datetime import datetime

from rollouts.domain.business_days import region
from rollouts.domain.lifecycle import ATTEMPT_LIVE, BatchState
from rollouts.domain.policy import Policy
from rollouts.models import Batch, Event, FrozenList, FrozenOrg, Wave
from rollouts.pipeline import timing

_LIVE = [state.value for state in ATTEMPT_LIVE]


def places(wave: Wave) -> tuple[frozenset[str], frozenset[str]]:
    """Return (regions of the orgs without frozen zones, zones of the others), for a working day."""
    rows = wave.targets.order_by()
    zones = FrozenOrg.objects.filter(list__wave=wave).exclude(zones=None).order_by()
    bare = rows.exclude(org__in=zones.values("org")).values_list("org__instance", flat=True)
    named = zones.values_list("zones", flat=True).distinct()
    return (
        frozenset(region(name) for name in bare.distinct()),
        frozenset(zone for row in named if row for zone in row.split(",")),
    )


def lapsed(frozen: FrozenList, policy: Policy, now: datetime) -> bool:
    """Say whether nothing more of a list can be armed, whatever else is so."""
    if timing.earliest_start(frozen, policy, now) >= frozen.end_by:
        return True
    if Batch.objects.filter(list=frozen).exclude(armed_at=None).exists():
        return False
    return any(approval.lapsed(now) for approval in frozen.approvals.standing())


def unarmed(wave: Wave) -> tuple[int, str]:
    """Count the newest batches in a row that were called back unarmed since the last look."""
    looked = Event.objects.filter(action="look_over_wave", wave=wave).order_by("-sequence").first()
    rows = wave.batches.filter(list=wave.frozen_list).order_by("-number")
    if looked is not None:
        rows = rows.exclude(attempts__reserved_at__lte=looked.at)
    count, because = 0, ""
    for batch in rows:
        over = batch.state in (BatchState.CANCELED.value, BatchState.ABANDONED.value)
        if not over or batch.armed_at:
            break
        count += 1
        because = because or batch.cancel_reason or batch.reason
    return count, because


def settled_percent(batch: Batch) -> float:
    """Return how much of a batch has ended, in percent."""
    states = Counter(batch.attempts.values_list("state", flat=True))
    total = sum(states.values())
    live = sum(states[state] for state in _LIVE)
    return 100.0 * (total - live) / total if total else 100.0
