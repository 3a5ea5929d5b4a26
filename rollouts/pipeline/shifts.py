"""Moves of many targets and attempts at once; the batch's line of history tells of them."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime

from django.db import transaction

from rollouts.domain.lifecycle import ATTEMPT_LIVE, AttemptState, TargetState
from rollouts.models import Attempt, Batch, Target

_LIVE = [state.value for state in ATTEMPT_LIVE]


def set_targets(pks: Iterable[int], to: TargetState, reason: str = "") -> None:
    """Move targets; in the caller's transaction."""
    Target.objects.filter(pk__in=list(pks)).update(state=to.value, reason=reason[:400])


def came_from(batch: Batch) -> TargetState:
    """Return where an org goes back to when its attempt in this batch never ran."""
    return TargetState.FAILED if batch.is_retry else TargetState.PLANNED


@transaction.atomic
def drop_attempts(batch: Batch, reason: str, now: datetime, *, without_job: bool = False) -> int:
    """End every live attempt of a batch that certainly never started, and free its orgs.

    First tries go back to planned; a retry's org goes back to failed, where it came from.
    ``without_job`` ends only those that never got a job at Salesforce.
    """
    rows = batch.attempts.filter(state__in=_LIVE)
    if without_job:
        rows = rows.filter(sf_id=None)
    live = list(rows.values_list("pk", "target_id"))
    Attempt.objects.filter(pk__in=[pk for pk, _ in live]).update(
        state=AttemptState.CANCELED.value, reason=reason[:400], moved_at=now
    )
    targets = [target for _, target in live]
    back = came_from(batch)
    Target.objects.filter(pk__in=targets, state=TargetState.IN_FLIGHT.value).update(
        state=back.value, reason=""
    )
    return len(targets)
