"""Calling back a batch in doubt that has no request id: every request that could be it.

The create's answer was lost and what was found did not name one request for certain. Nothing of
it was ever armed by us, so canceling all that carry its nonce is safe, and the only way out.
"""

from __future__ import annotations

from datetime import datetime

from rollouts.domain.lifecycle import BatchState
from rollouts.models import Batch
from rollouts.pipeline.leases import Claim
from rollouts.pipeline.ledger import sending
from rollouts.pipeline.shifts import drop_attempts
from rollouts.pipeline.transitions import move_batch, writing
from rollouts.salesforce.errors import Refused
from rollouts.salesforce.gateway import SF_ENDS, Gateway, SfRequest, SfStatus

_OPEN = (SfStatus.CREATED, SfStatus.PENDING)


def call_back(claim: Claim, gateway: Gateway, now: datetime) -> None:
    """Cancel every request with the batch's version and start second, and read them back.

    The batch ends only when all of them have ended. One that Salesforce works on keeps it in doubt
    until then; an org that it has upgraded is seen on the new version before anything is armed.
    """
    batch = claim.batch
    if not claim.may_send():
        return
    for request in _candidates(batch, gateway):
        if request.status in _OPEN:
            try:
                with sending(batch, "cancel"):
                    gateway.cancel(request.id)
            except Refused:
                # It moved on since it was read; the read below shows where.
                continue
    left = [r for r in _candidates(batch, gateway) if r.status not in SF_ENDS]
    if not left:
        _end(batch, now)


def _candidates(batch: Batch, gateway: Gateway) -> list[SfRequest]:
    assert batch.start_at is not None  # noqa: S101 - reserved batches have a start
    found = gateway.requests_starting(batch.list.to_version.sf_id, batch.start_at)
    bound = Batch.objects.filter(sf_id__in=[request.id for request in found])
    others = set(bound.values_list("sf_id", flat=True))
    return [request for request in found if request.id not in others]


@writing()
def _end(batch: Batch, now: datetime) -> None:
    freed = drop_attempts(batch, batch.cancel_reason, now)
    move_batch(
        batch,
        BatchState.ABANDONED,
        now=now,
        because=f"every request that could be it is read back as ended, {freed} orgs freed",
        settled_at=now,
    )
