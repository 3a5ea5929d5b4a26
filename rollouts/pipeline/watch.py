"""The watcher: another process, its own reads, and only one power, to cancel.

It looks at every open request of our packages, whoever made it. One that is Pending though the
rules no longer allow it is called back; one that we know nothing of is shown as foreign.
"""

from __future__ import annotations

import logging
from datetime import datetime

from rollouts.domain.lifecycle import BATCH_ENDS, BatchState, RolloutState
from rollouts.models import Batch, Connection, Event, Package
from rollouts.pipeline import clock, doubt, timing
from rollouts.pipeline.batches import advance_one
from rollouts.pipeline.leases import beat
from rollouts.pipeline.transitions import record
from rollouts.salesforce.errors import SalesforceError
from rollouts.salesforce.gateway import Gateway, SfRequest, SfStatus

log = logging.getLogger(__name__)
_ENDS = {state.value for state in BATCH_ENDS}
_MAY_BE_PENDING = {BatchState.ARMING.value, BatchState.ARMED.value, BatchState.RUNNING.value}


def watch(link: Connection, gateway: Gateway) -> None:
    """Make one round over a connection's packages; only a whole round writes the heartbeat."""
    now = clock.now()
    for package in link.packages.all():
        if Batch.objects.filter(wave__rollout__to_version__package=package).exists():
            for request in gateway.open_requests(package.sf_id):
                _judge(package, request, gateway, clock.now())
    _finish_recalls(link, gateway)
    beat("watcher", now)


def _judge(package: Package, request: SfRequest, gateway: Gateway, now: datetime) -> None:
    batch = (
        Batch.objects.filter(sf_id=request.id)
        .select_related("wave__rollout", "list", "connection")
        .first()
    )
    if batch is None:
        _unknown_request(package, request, gateway, now)
        return
    if request.status is SfStatus.IN_PROGRESS:
        return
    reason = why_not(batch, request, now)
    if reason and doubt.want_cancel(batch, reason, now):
        log.warning("watcher calls batch %s back: %s", batch.pk, reason)
        advance_one(batch, gateway, by_force=True)
    elif batch.state in _ENDS:
        _cancel_again(batch, request, gateway, now)


def why_not(batch: Batch, request: SfRequest, now: datetime) -> str:
    """Say why an open request of ours must not be left to start, or ""."""
    rollout = batch.wave.rollout
    if batch.state in _ENDS:
        return ""
    if request.status is SfStatus.PENDING and batch.state not in _MAY_BE_PENDING:
        return "it is Pending at Salesforce though we did not arm it"
    if rollout.state in (RolloutState.HALTED.value, RolloutState.ABORTING.value):
        return f"the rollout is {rollout.state}"
    if rollout.epoch != batch.rollout_epoch:
        return "the rollout was stopped since this batch was made"
    if batch.list.voided_at is not None:
        return "the approved list was voided"
    if batch.list.approvals.standing().count() < batch.wave.approvals_needed:
        return "the approval was taken back"
    if now > batch.list.end_by:
        return "the approved end date has passed"
    return ""


def _cancel_again(batch: Batch, request: SfRequest, gateway: Gateway, now: datetime) -> None:
    """A request we ended is open again: a late PATCH has landed. Hunt it, and say so."""
    record(
        "late_patch",
        f"wave {batch.wave.number} batch {batch.number}",
        now=now,
        rollout=batch.wave.rollout,
        wave=batch.wave,
        reason=f"{request.id} is {request.status.value} though the batch is {batch.state}",
    )
    _cancel_quietly(request, gateway)


def _unknown_request(package: Package, request: SfRequest, gateway: Gateway, now: datetime) -> None:
    """Ours by its start second but bound to nothing: an orphan. Else it is somebody else's."""
    ours = Batch.objects.filter(
        connection=package.connection,
        start_at=request.start,
        list__to_version__sf_id=request.version_id,
    ).first()
    if ours is not None:
        sent = ours.created_sent_at
        still_looking = ours.sf_id is None and ours.state not in _ENDS
        if still_looking or (sent and now < sent + timing.late_call()):
            return
        _cancel_quietly(request, gateway)
        return
    said = Event.objects.filter(action="foreign_request", subject=request.id).exists()
    if not said:
        record(
            "foreign_request",
            request.id,
            now=now,
            reason=f"a push request that Pushboard did not make is {request.status.value}",
        )


def _cancel_quietly(request: SfRequest, gateway: Gateway) -> None:
    try:
        gateway.cancel(request.id)
    except SalesforceError as error:
        log.warning("watcher could not cancel %s: %s", request.id, error)


def _finish_recalls(link: Connection, gateway: Gateway) -> None:
    """Go on with every recall that is wanted and not read back yet."""
    wanted = (
        Batch.objects.open()
        .filter(connection=link)
        .exclude(cancel_wanted_at=None)
        .exclude(state=BatchState.RUNNING.value)
    )
    for batch in wanted:
        advance_one(batch, gateway)
