"""Calling a request back: said, sent, and done only when Salesforce shows Canceled.

Works from any process that can reach the database and Salesforce: the conductor, the watcher,
and the web process itself when no worker is alive.
"""

from __future__ import annotations

from datetime import datetime

from rollouts.domain.lifecycle import BatchState
from rollouts.models import Batch
from rollouts.pipeline import clock, doubt, timing
from rollouts.pipeline.leases import Claim
from rollouts.pipeline.ledger import sending
from rollouts.pipeline.shifts import drop_attempts
from rollouts.pipeline.transitions import joining, move_batch, record, writing
from rollouts.salesforce.errors import Refused, SalesforceError
from rollouts.salesforce.gateway import SF_ENDS, Gateway, SfStatus

_PAST_RECALL = frozenset({SfStatus.IN_PROGRESS, SfStatus.SUCCEEDED, SfStatus.FAILED})


def call_back(claim: Claim, gateway: Gateway, now: datetime) -> None:
    """Cancel a bound request and read it back; a refused cancel is shown as too late."""
    batch = claim.batch
    if batch.sf_id is None or batch.state in (BatchState.RUNNING, BatchState.SETTLED):
        return
    read_at = clock.now()
    request = gateway.request(batch.sf_id)
    if request is None:
        _doubt_once(batch, "Salesforce does not list the request any more", now)
        return
    if request.status in (SfStatus.CREATED, SfStatus.PENDING):
        try:
            with sending(batch, "cancel"):
                gateway.cancel(batch.sf_id)
        except Refused:
            # Not an error: it moved on between the read and the PATCH. The next read shows where.
            pass
        except SalesforceError:
            return
        read_at = clock.now()
        request = gateway.request(batch.sf_id)
    if request is None:
        return
    if request.status is SfStatus.CANCELED and arming_may_land(batch, read_at):
        # Should it land on a platform that takes Canceled -> Pending, the batch is still ours to
        # cancel again, and its orgs are not yet anybody else's.
        Batch.objects.filter(pk=batch.pk, epoch=batch.epoch).update(
            sf_status=request.status.value,
            sf_as_of=read_at,
            reason="Salesforce shows Canceled; a call that was lost could still arm it again, so "
            "its orgs stay with it for some minutes",
        )
    elif request.status is SfStatus.CANCELED:
        finish(batch, read_at)
    elif request.status in _PAST_RECALL:
        too_late(batch, request.status, read_at)


def arming_may_land(batch: Batch, now: datetime) -> bool:
    """Say whether an arming call without an answer may still reach Salesforce."""
    return batch.calls.filter(
        kind="arm", outcome__in=("intended", "unknown"), sent_at__gt=now - timing.late_call()
    ).exists()


def _doubt_once(batch: Batch, reason: str, now: datetime) -> None:
    if batch.state != BatchState.IN_DOUBT.value:
        doubt.raise_doubt(batch, reason, now)


@writing()
def finish(batch: Batch, now: datetime) -> None:
    """Salesforce shows Canceled: free the orgs and end the batch."""
    freed = drop_attempts(batch, batch.cancel_reason or "canceled at Salesforce", now)
    move_batch(
        batch,
        BatchState.CANCELED,
        now=now,
        because=f"read back as Canceled, {freed} orgs called back: {batch.cancel_reason}",
        sf_status=SfStatus.CANCELED.value,
        sf_as_of=now,
        settled_at=now,
    )


@joining()
def note_too_late(batch: Batch, status: SfStatus, now: datetime) -> None:
    """Write down, once, that a recall was wanted and that Salesforce had started the request."""
    if not Batch.objects.filter(pk=batch.pk, cancel_too_late_at=None).update(
        cancel_too_late_at=now
    ):
        return
    record(
        "recall_too_late",
        f"wave {batch.wave.number} batch {batch.number}",
        now=now,
        rollout=batch.wave.rollout,
        wave=batch.wave,
        before=batch.state,
        after=BatchState.RUNNING.value,
        reason=f"Salesforce had started it: {status.value}",
    )


@writing()
def too_late(batch: Batch, status: SfStatus, now: datetime) -> None:
    """The request had started: say so, and go on tracking it to its end."""
    note_too_late(batch, status, now)
    if batch.state != BatchState.RUNNING.value:
        if batch.state in (BatchState.CREATED.value, BatchState.VERIFIED.value):
            doubt.raise_doubt(batch, f"it is {status.value} though we never armed it", now)
            return
        move_batch(
            batch,
            BatchState.RUNNING,
            now=now,
            because="past recall",
            sf_status=status.value,
            sf_as_of=now,
            started_seen_at=now,
        )


__all__ = ["SF_ENDS", "arming_may_land", "call_back", "finish", "note_too_late", "too_late"]
