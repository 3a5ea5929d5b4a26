"""Wanting a request back, and not knowing: two facts about a batch that others act on."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from rollouts.domain.lifecycle import BatchState
from rollouts.models import Batch, Person
from rollouts.pipeline.dropouts import hold_for_review
from rollouts.pipeline.transitions import joining, move_batch, record, writing
from rollouts.salesforce.gateway import Gateway, SfStatus


@joining()
def want_cancel(batch: Batch, reason: str, now: datetime, *, by: Person | None = None) -> bool:
    """Note that this batch is to be called back; it counts as canceled only when read back.

    Returns whether this is news. From here on no arming transaction of it can commit.
    """
    news = Batch.objects.filter(pk=batch.pk, cancel_wanted_at=None).update(
        cancel_wanted_at=now, cancel_reason=reason
    )
    if news:
        batch.cancel_wanted_at, batch.cancel_reason = now, reason
        record(
            "recall_batch",
            f"wave {batch.wave.number} batch {batch.number}",
            now=now,
            by=by,
            rollout=batch.wave.rollout,
            wave=batch.wave,
            before=batch.state,
            after=batch.state,
            reason=reason,
            digest=batch.list.digest,
        )
    return bool(news)


@writing()
def canceled_elsewhere(batch: Batch, now: datetime) -> None:
    """Somebody canceled the request at Salesforce itself: its orgs are not pushed again unasked."""
    why = "somebody canceled the request at Salesforce"
    if want_cancel(batch, why, now):
        hold_for_review(batch.wave, f"{why}: batch {batch.number}, {batch.sf_id}", now)


def raise_doubt(batch: Batch, reason: str, now: datetime) -> None:
    """Hand the batch to a person: two safe buttons, look again and cancel."""
    move_batch(batch, BatchState.IN_DOUBT, now=now, because=reason)


def look(batch: Batch, gateway: Gateway, now: datetime) -> None:
    """Read a batch in doubt again: what Salesforce shows may settle the question by itself.

    A request that is Created, or Pending though we never armed it, stays for a person: cancel is
    the safe way out.
    """
    if batch.sf_id is None:
        return
    request = gateway.request(batch.sf_id)
    if request is None:
        return
    seen: dict[str, Any] = {"sf_status": request.status.value, "sf_as_of": now}
    if request.status is SfStatus.PENDING and batch.armed_at:
        move_batch(batch, BatchState.ARMED, now=now, because="read back as Pending", **seen)
    elif request.status in (SfStatus.IN_PROGRESS, SfStatus.SUCCEEDED, SfStatus.FAILED):
        move_batch(
            batch,
            BatchState.RUNNING,
            now=now,
            because=f"read back as {request.status.value}",
            started_seen_at=now,
            **seen,
        )
    else:
        Batch.objects.filter(pk=batch.pk).update(**seen)
        if request.status is SfStatus.CANCELED:
            canceled_elsewhere(batch, now)
