"""One step of the protocol for one batch: which one, its state says."""

from __future__ import annotations

import logging
from datetime import datetime

from rollouts.domain.lifecycle import BATCH_ENDS, BatchState
from rollouts.models import Batch, Rollout
from rollouts.pipeline import arm, bulk, clock, doubt, memory, nameless, prepare, recall, timing
from rollouts.pipeline.leases import Claim, claimed, whole
from rollouts.pipeline.transitions import Overtaken
from rollouts.salesforce.errors import SalesforceError
from rollouts.salesforce.gateway import Gateway

log = logging.getLogger(__name__)
_ENDS = {state.value for state in BATCH_ENDS}
# What goes on from here makes something new at Salesforce; a database put back only reads.
_MAKES_NEW = {s.value for s in (BatchState.RESERVED, BatchState.CREATED, BatchState.VERIFIED)}


def advance(rollout: Rollout, gateway: Gateway) -> None:
    """Take every open batch of a rollout as far as it goes just now, each under its own claim.

    One batch's trouble, whatever it is, does not keep the others waiting: one of them may have
    to be called back.
    """
    rows = Batch.objects.open().filter(wave__rollout=rollout).select_related("wave__rollout")
    for batch in rows.order_by("pk"):
        try:
            if not _only_waits(batch, clock.now()):
                advance_one(batch, gateway)
        except Exception:
            log.exception("batch %s could not be taken further", batch.pk)


def _only_waits(batch: Batch, now: datetime) -> bool:
    """Say whether no step would do anything to a batch just now, so that nobody need claim it.

    What is read here may change a moment later; then the next look takes it further.
    """
    if batch.state == BatchState.RUNNING.value:
        return True
    if batch.cancel_wanted_at:
        return False
    if batch.state == BatchState.ARMED.value:
        return batch.not_after is None or now <= batch.not_after
    if batch.state == BatchState.VERIFIED.value and batch.start_at:
        return now < timing.arm_from(batch, batch.wave.rollout.policy)
    return False


def advance_one(batch: Batch, gateway: Gateway, *, by_force: bool = False) -> None:
    """Claim one batch and walk it through its steps until it has to wait."""
    with claimed(batch, clock.now(), by_force=by_force) as claim:
        if claim is None:
            return
        try:
            _walk(claim, gateway)
        except Overtaken:
            return
        except SalesforceError as error:
            # Reads that failed change nothing; the next tick looks again.
            log.warning("batch %s waits: %s", batch.pk, error)


def _walk(claim: Claim, gateway: Gateway) -> None:
    for _ in range(6):
        before = claim.batch.state
        _step(claim, gateway, clock.now())
        claim.batch.refresh_from_db(from_queryset=whole())
        # Read anew, the row may carry the epoch of whoever has taken it over: that is not ours.
        if claim.batch.state == before or claim.batch.epoch != claim.epoch:
            return


def _step(claim: Claim, gateway: Gateway, now: datetime) -> None:
    batch = claim.batch
    if batch.state in _ENDS:
        return
    _expire(batch, now)
    if batch.cancel_wanted_at and batch.sf_id and batch.state != BatchState.RUNNING.value:
        recall.call_back(claim, gateway, now)
        bulk.give_up(claim, gateway)
        return
    if batch.cancel_wanted_at and batch.state == BatchState.IN_DOUBT.value:
        nameless.call_back(claim, gateway, now)
        return
    if batch.state in _MAKES_NEW and memory.restored():
        return
    match BatchState(batch.state):
        case BatchState.RESERVED:
            prepare.create(claim, gateway, now)
        case BatchState.CREATED:
            prepare.fill(claim, gateway, now)
        case BatchState.VERIFIED:
            arm.arm(claim, gateway, now)
        case BatchState.ARMING:
            arm.confirm(claim, gateway, now)
        case BatchState.IN_DOUBT:
            doubt.look(batch, gateway, now)
        case _:
            return


def _expire(batch: Batch, now: datetime) -> None:
    """Call back what Salesforce has not started by its latest start; it is cut anew."""
    waiting = batch.state in (BatchState.ARMED.value, BatchState.ARMING.value)
    if waiting and batch.not_after and now > batch.not_after and not batch.cancel_wanted_at:
        doubt.want_cancel(batch, "Salesforce had not started it by its latest start", now)
