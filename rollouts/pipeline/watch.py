"""The watcher: another process, its own reads, and only one power, to cancel.

It looks at every open request of our packages, whoever made it. One that is Pending though the
rules no longer allow it is called back; one that we know nothing of is shown as foreign.
"""

from __future__ import annotations

import logging
from collections import defaultdict
from datetime import datetime

from django.db.models import Exists, OuterRef

from rollouts.domain.digest import same_set
from rollouts.domain.lifecycle import BATCH_ENDS, BatchState, RolloutState
from rollouts.models import Batch, Connection, Event, Package
from rollouts.pipeline import approve, clock, doubt, exclusions, halting, holds, keeping, sweep
from rollouts.pipeline.batches import advance_one
from rollouts.pipeline.holds import watcher_part
from rollouts.pipeline.leases import beat
from rollouts.pipeline.transitions import record
from rollouts.salesforce.errors import SalesforceError
from rollouts.salesforce.gateway import Gateway, SfRequest, SfStatus

log = logging.getLogger(__name__)
_ENDS = {state.value for state in BATCH_ENDS}
_BATCHES = Batch.objects.filter(wave__rollout__to_version__package=OuterRef("pk"))


def watch(link: Connection, gateway: Gateway) -> bool:
    """Make one round over a connection's packages; only a whole round writes its heartbeat."""
    now = clock.now()
    # Stopping comes first: it must not wait for reads that may fail.
    _finish_recalls(link, gateway)
    _look_for_strangers(link, gateway, now)
    whole = True
    for package in link.packages.filter(Exists(_BATCHES)).order_by("pk"):
        requests = gateway.open_requests(package.sf_id)
        for request in requests:
            try:
                _judge(package, request, gateway, clock.now())
            except SalesforceError as error:
                # No bug of ours: this round is not whole, and the next one asks again.
                log.warning("watcher could not judge %s: %s", request.id, error)
                whole = False
            except Exception:
                log.exception("watcher could not judge %s", request.id)
                whole = False
        _compare(requests, gateway)
    if whole:
        beat(watcher_part(link), now)
    return whole


def _look_for_strangers(link: Connection, gateway: Gateway, now: datetime) -> None:
    """Look for unknown requests. What can't be read keeps nobody from watching our own ones."""
    try:
        if sweep.due(link, now):
            sweep.sweep(link, gateway)
        else:
            sweep.follow(link, gateway, now)
    except SalesforceError as error:
        # The time of the last look stands, and once it is too old nothing is armed.
        log.warning("watcher could not look for unknown requests on %s: %s", link.name, error)


def _judge(package: Package, request: SfRequest, gateway: Gateway, now: datetime) -> None:
    batch = (
        Batch.objects.filter(sf_id=request.id)
        .select_related(
            "wave__rollout", "list__wave__rollout", "list__to_version__package", "connection"
        )
        .first()
    )
    if batch is None:
        sweep.meet(package, request, gateway, now)
        return
    if batch.state in _ENDS:
        _open_again(batch, request, gateway, now)
        return
    if request.status is SfStatus.IN_PROGRESS:
        return
    reason = "; ".join(holds.on_connection(batch.connection)) or why_not(batch, request, now)
    if reason and doubt.want_cancel(batch, reason, now):
        log.warning("watcher calls batch %s back: %s", batch.pk, reason)
        advance_one(batch, gateway, by_force=True)


def _compare(requests: list[SfRequest], gateway: Gateway) -> None:
    """Call back what holds other orgs than were armed: sets are compared, not counts."""
    pending = [request.id for request in requests if request.status is SfStatus.PENDING]
    batches = list(
        Batch.objects.open()
        .filter(sf_id__in=pending, cancel_wanted_at=None)
        .select_related("wave__rollout", "list", "connection")
    )
    if not batches:
        return
    found: defaultdict[str, list[str]] = defaultdict(list)
    for job in gateway.jobs([batch.sf_id for batch in batches if batch.sf_id]):
        found[job.request_id].append(job.org)
    for batch in batches:
        armed = batch.attempts.exclude(sf_id=None).values_list("org__key", flat=True)
        difference = same_set(frozenset(armed), found[batch.sf_id or ""])
        reason = f"the request at Salesforce holds other orgs than were armed: {difference}"
        if difference and doubt.want_cancel(batch, reason, clock.now()):
            advance_one(batch, gateway, by_force=True)


def why_not(batch: Batch, request: SfRequest, now: datetime) -> str:
    """Say why an open request of ours must not be left to start, or ""."""
    rollout = batch.wave.rollout
    if request.status is SfStatus.PENDING and batch.armed_at is None:
        return "it is Pending at Salesforce though we did not arm it"
    if rollout.state in (RolloutState.HALTED.value, RolloutState.ABORTING.value):
        return f"the rollout is {rollout.state}"
    if rollout.epoch != batch.rollout_epoch:
        return "the rollout was stopped since this batch was made"
    if batch.list.voided_at is not None:
        return "the approved list was voided"
    if len(approve.in_force(batch.list, now)) < batch.wave.approvals_needed:
        return "the approval was taken back"
    if now > batch.list.end_by:
        return "the approved end date has passed"
    if exclusions.barred(batch.attempts.live().values_list("org", flat=True), now):
        return "an org of it was excluded since"
    return keeping.wrong(batch, now)


def _open_again(batch: Batch, request: SfRequest, gateway: Gateway, now: datetime) -> None:
    """A request that we have seen canceled lives: a late PATCH has landed. Hunt it, and say so."""
    seen = gateway.request(request.id)
    if batch.state != BatchState.CANCELED.value or seen is None or seen.status is SfStatus.CANCELED:
        # The list of open requests was read before the batch ended.
        return
    if not Event.objects.filter(action="late_patch", reason__contains=request.id).exists():
        record(
            "late_patch",
            f"wave {batch.wave.number} batch {batch.number}",
            now=now,
            rollout=batch.wave.rollout,
            wave=batch.wave,
            reason=f"{request.id} is {seen.status.value} though it was read back as Canceled",
        )
    if seen.status in (SfStatus.CREATED, SfStatus.PENDING):
        _cancel_quietly(request, gateway)
    elif batch.wave.rollout.state == RolloutState.ACTIVE.value:
        halting.halt(batch.wave.rollout, because=f"{request.id} runs though canceled", now=now)


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
        try:
            advance_one(batch, gateway)
        except Exception:
            log.exception("watcher could not go on with the recall of batch %s", batch.pk)
