"""Filling a request by Bulk API 2.0: for batches of more orgs than one collection call takes.

A bulk job goes on adding orgs when whoever began it is long dead, so its id is committed before it
holds a single org, and nothing of the request counts as complete before that job is read as ended.
An open job without a close adds nothing, ever; so whatever is unknown before the close is ended by
an abort, and what is unknown about the close is asked of the job itself. What was added is decided
by reading the request's jobs, never by the bulk job's own lists.
"""

from __future__ import annotations

import time

from rollouts.pipeline import clock, doubt
from rollouts.pipeline.leases import Claim
from rollouts.pipeline.ledger import sending
from rollouts.pipeline.refused import Waiting, fenced, leave_refused_out, takes_orgs
from rollouts.salesforce.errors import Refused, SalesforceError, Unknown
from rollouts.salesforce.gateway import Gateway
from rollouts.salesforce.values import SfBulk, SfBulkState

# Real seconds between looks at a job that has just begun; the next tick looks again.
PATIENCE: tuple[float, ...] = (0.3, 0.7, 1.0)
JOBS_TRIED = 5


def begin(claim: Claim, gateway: Gateway, orgs: list[str]) -> bool:
    """Open a bulk job, store it, upload the orgs and close it; returns whether it now works.

    Each step is committed before the next one is sent. Whatever stops this in between leaves a
    job that is known and adds nothing; `go_on` ends it.
    """
    return _open(claim, gateway) and _load(claim, gateway, orgs) and _close(claim, gateway)


def _open(claim: Claim, gateway: Gateway) -> bool:
    batch = claim.batch
    if batch.calls.filter(kind="bulk_open").count() >= JOBS_TRIED:
        why = f"{JOBS_TRIED} bulk jobs have not added its orgs; it is cut anew"
        doubt.want_cancel(batch, why, clock.now())
        return False
    if not claim.may_send():
        return False
    try:
        with sending(batch, "bulk_open"):
            opened = gateway.bulk_open()
    except Refused as refused:
        doubt.want_cancel(batch, f"Salesforce refused a bulk job: {refused}", clock.now())
        return False
    except SalesforceError:
        # Perhaps there is one; without orgs and without a close it is nothing.
        return False
    return fenced(batch, bulk_id=opened)


def _load(claim: Claim, gateway: Gateway, orgs: list[str]) -> bool:
    batch = claim.batch
    assert batch.sf_id is not None  # noqa: S101 - created batches are bound
    was = batch.jobs_unknown
    if not claim.may_send() or not fenced(batch, jobs_sent_at=clock.now(), jobs_unknown=True):
        return False
    try:
        with sending(batch, "bulk_upload"):
            gateway.bulk_upload(batch.bulk_id or "", batch.sf_id, orgs)
    except Unknown:
        return False
    except SalesforceError:
        fenced(batch, jobs_unknown=was)
        return False
    # The orgs lie there and do nothing: from here on the job's own state tells what is so.
    return fenced(batch, jobs_unknown=was, bulk_loaded_at=clock.now())


def _close(claim: Claim, gateway: Gateway) -> bool:
    """Let Salesforce begin; saying it twice for one job does no harm."""
    batch = claim.batch
    if not claim.may_send() or not fenced(batch, jobs_sent_at=clock.now()):
        return False
    try:
        with sending(batch, "bulk_close"):
            gateway.bulk_close(batch.bulk_id or "")
    except SalesforceError:
        return False
    return True


def go_on(claim: Claim, gateway: Gateway, attempts: dict[str, Waiting]) -> bool:
    """Take the batch's bulk job to its end; returns whether it is over and the jobs may be read."""
    batch = claim.batch
    seen = _looked(claim, gateway)
    if seen is None:
        return False
    if seen.state is SfBulkState.OPEN:
        if batch.bulk_loaded_at:
            # The close was refused, or never arrived.
            _close(claim, gateway)
            return False
        # Nobody knows what lies in it: end it, and begin anew once it is read as ended.
        _abort(claim, gateway)
        return False
    if not seen.ended:
        return False
    return _take_in(claim, gateway, seen, attempts)


def _looked(claim: Claim, gateway: Gateway) -> SfBulk | None:
    """Read the bulk job, a few times while it works; None when Salesforce does not tell."""
    seen: SfBulk | None = None
    for pause in (0.0, *PATIENCE):
        if pause and not claim.may_send():
            break
        time.sleep(pause)
        try:
            seen = gateway.bulk_state(claim.batch.bulk_id or "")
        except Refused as refused:
            # An id that Salesforce does not know any more: a person must look.
            doubt.want_cancel(
                claim.batch, f"Salesforce does not show the bulk job: {refused}", clock.now()
            )
            return None
        except SalesforceError:
            return None
        if seen.ended or seen.state is SfBulkState.OPEN:
            break
    return seen


def _take_in(claim: Claim, gateway: Gateway, seen: SfBulk, attempts: dict[str, Waiting]) -> bool:
    """Leave the orgs out that Salesforce refused; the rest is for the jobs to tell."""
    batch = claim.batch
    if seen.state is SfBulkState.JOB_COMPLETE and seen.failed:
        try:
            added = gateway.bulk_rows(seen)
        except Unknown:
            # Its lists don't agree with its figures. What is there is read next, org by org; an
            # org that is refused again is asked for one by one then, by a collection call.
            added = None
        except SalesforceError:
            return False
        if added is not None and added.refused:
            if not takes_orgs(batch, gateway):
                return False
            leave_refused_out(batch, attempts, added, clock.now())
    return fenced(batch, bulk_id=None, bulk_loaded_at=None)


def _abort(claim: Claim, gateway: Gateway) -> None:
    batch = claim.batch
    if not claim.may_send():
        return
    try:
        with sending(batch, "bulk_abort"):
            gateway.bulk_abort(batch.bulk_id or "")
    except SalesforceError:
        return


def give_up(claim: Claim, gateway: Gateway) -> None:
    """End the bulk job of a batch that was called back: its request takes no orgs any more."""
    if claim.batch.bulk_id:
        _abort(claim, gateway)
