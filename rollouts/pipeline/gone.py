"""A bound request that Salesforce no longer lists: two people may say that it is gone for good."""

from __future__ import annotations

from datetime import datetime

from django.db import IntegrityError, transaction

from rollouts.domain.lifecycle import BatchState
from rollouts.domain.permissions import Permission
from rollouts.models import Ask, AskKind, Batch, Person
from rollouts.pipeline import clock, timing
from rollouts.pipeline.leases import claimed
from rollouts.pipeline.shifts import drop_attempts
from rollouts.pipeline.transitions import (
    Overtaken,
    Refusal,
    demand,
    move_batch,
    record,
    writing,
)
from rollouts.salesforce.connect import gateway_for
from rollouts.salesforce.errors import SalesforceError
from rollouts.salesforce.gateway import Gateway


def may_ask(batch: Batch) -> bool:
    """Say whether the question arises: in doubt, and bound to a request."""
    return batch.state == BatchState.IN_DOUBT.value and batch.sf_id is not None


def open_ask(batch: Batch) -> Ask | None:
    """Return what was asked about this batch and not confirmed yet."""
    return Ask.objects.open().filter(batch=batch).select_related("asked_by").first()


@writing()
def ask(batch: Batch, *, by: Person, reason: str, now: datetime) -> Ask:
    """Ask that the batch be ended without its request; another person, an approver, confirms."""
    demand(by, Permission.RECALL, now)
    batch.refresh_from_db()
    if not may_ask(batch):
        raise Overtaken(f"The batch is {batch.state}; there is nothing to resolve.")
    if not reason.strip():
        raise Refusal("Say how you know that the request is gone.")
    try:
        with transaction.atomic():
            asked = Ask.objects.create(
                kind=AskKind.GONE,
                batch=batch,
                seen=batch.attempts.live().count(),
                reason=reason.strip(),
                asked_by=by,
                asked_at=now,
            )
    except IntegrityError as error:
        raise Overtaken("Somebody asked already; another person confirms it.") from error
    record(
        "ask_gone",
        f"wave {batch.wave.number} batch {batch.number}",
        now=now,
        by=by,
        rollout=batch.wave.rollout,
        wave=batch.wave,
        before=batch.state,
        after=batch.state,
        reason=reason.strip(),
    )
    return asked


def confirm(asked: Ask, *, by: Person, now: datetime) -> int:
    """Look at Salesforce once more and end the batch; returns how many orgs are free again.

    Raises Refusal when the request or a job of it is there after all, or could still start.
    """
    demand(by, Permission.RESOLVE_DOUBT, now)
    if asked.asked_by_id == by.pk:
        raise Refusal("You asked for it, so somebody else confirms.")
    batch = Batch.objects.select_related("wave__rollout", "connection").get(pk=asked.batch_id)
    with claimed(batch, now, by_force=True) as claim:
        if claim is None or not may_ask(claim.batch) or asked.confirmed_at is not None:
            raise Overtaken("The batch has moved on. Look again.")
        try:
            _refuse_if_there(claim.batch, gateway_for(batch.connection))
        except SalesforceError as error:
            raise Refusal(f"Salesforce could not be asked: {error}") from error
        return _end(claim.batch, asked, by, clock.now())


def _refuse_if_there(batch: Batch, gateway: Gateway) -> None:
    now = clock.now()
    latest = max((at for at in (batch.armed_sent_at, batch.not_after) if at), default=now)
    if batch.armed_at is not None and now < latest + timing.late_call():
        raise Refusal(
            "It was armed, so it could still start. This can be confirmed from "
            f"{latest + timing.late_call():%d %b %H:%M} UTC on."
        )
    request = gateway.request(batch.sf_id or "")
    if request is not None:
        raise Refusal(f"Salesforce lists it again, as {request.status.value}. Look again.")
    jobs = gateway.jobs([batch.sf_id or ""])
    if jobs:
        raise Refusal(f"Salesforce still has {len(jobs)} jobs of it, so it is not gone.")


@writing()
def _end(batch: Batch, asked: Ask, by: Person, now: datetime) -> int:
    if not Ask.objects.open().filter(pk=asked.pk).update(confirmed_by=by, confirmed_at=now):
        raise Overtaken("Somebody has confirmed it already.")
    freed = drop_attempts(batch, "its request is gone from Salesforce", now)
    move_batch(
        batch,
        BatchState.ABANDONED,
        now=now,
        by=by,
        because=f"its request is gone from Salesforce, as {asked.asked_by} and {by} say; "
        f"{freed} orgs are free again",
        settled_at=now,
    )
    return freed
