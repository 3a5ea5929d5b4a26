"""What the ways of filling a request share: fenced columns, and orgs that Salesforce refuses."""

from __future__ import annotations

from datetime import datetime
from typing import NamedTuple

from rollouts.domain.lifecycle import ATTEMPT_LIVE, AttemptState, TargetState
from rollouts.models import Attempt, Batch
from rollouts.pipeline import clock, doubt
from rollouts.pipeline.dropouts import leave_out
from rollouts.pipeline.transitions import writing
from rollouts.salesforce.gateway import Added, Gateway, SfStatus


class Waiting(NamedTuple):
    """An attempt that has not ended, as far as filling needs it."""

    pk: int
    target_id: int


def waiting(batch: Batch) -> dict[str, Waiting]:
    """Return the attempts of a batch that have not ended, by org in push order: one query."""
    rows = batch.attempts.filter(state__in=[state.value for state in ATTEMPT_LIVE])
    return {
        key: Waiting(pk, target)
        for key, pk, target in rows.order_by("pk").values_list("org__key", "pk", "target_id")
    }


def fenced(batch: Batch, **values: object) -> bool:
    """Write columns only while this worker's claim is the newest."""
    changed = Batch.objects.filter(pk=batch.pk, epoch=batch.epoch).update(**values)
    if changed:
        for name, value in values.items():
            setattr(batch, name, value)
    return bool(changed)


def takes_orgs(batch: Batch, gateway: Gateway) -> bool:
    """Say whether a refusal was about the orgs: a request that is not Created refuses any org."""
    assert batch.sf_id is not None  # noqa: S101 - created batches are bound
    request = gateway.request(batch.sf_id)
    if request is not None and request.status is SfStatus.CREATED:
        return True
    if request is not None and request.status is SfStatus.CANCELED:
        doubt.canceled_elsewhere(batch, clock.now())
    else:
        doubt.want_cancel(batch, "the request takes no orgs any more", clock.now())
    return False


@writing()
def leave_refused_out(
    batch: Batch, attempts: dict[str, Waiting], added: Added, now: datetime
) -> None:
    """Take refused orgs out with Salesforce's own words."""
    lost: list[tuple[int, TargetState, str]] = []
    for org, (code, message) in added.refused.items():
        attempt = attempts.get(org)
        if attempt is None:
            continue
        reason = f"refused by Salesforce: {message} ({code})"[:400]
        ours = Attempt.objects.filter(pk=attempt.pk, state=AttemptState.RESERVED.value)
        # An attempt that was called back meanwhile says nothing about its org any more.
        if ours.update(state=AttemptState.CANCELED.value, reason=reason, moved_at=now):
            lost.append((attempt.target_id, TargetState.EXCLUDED, reason))
    orgs = {org: list(why) for org, why in added.refused.items()}
    leave_out(batch.wave, lost, now=now, detail={"orgs": orgs})
