"""Reserve, create, fill, verify: everything that does nothing yet at Salesforce.

The protocol (research note on reliability, section 2.4): write the intent and commit, call, write
the outcome and commit. A request that is only Created is inert, so an orphan is found by its start
second and adopted or left; nothing here is urgent, and nothing here can push anybody.
"""

from __future__ import annotations

from datetime import datetime, timedelta

from django.db import IntegrityError
from django.db.models import Max

from rollouts.domain.digest import same_set
from rollouts.domain.lifecycle import ATTEMPT_LIVE, AttemptState, BatchState, TargetState
from rollouts.domain.starts import PlannedStart
from rollouts.models import (
    Attempt,
    Batch,
    Connection,
    FrozenOrg,
    Installation,
    Target,
    Wave,
)
from rollouts.models.rows import update_rows
from rollouts.pipeline import bulk, clock, doubt, exclusions, memory, timing
from rollouts.pipeline.dropouts import hold_for_review, leave_out
from rollouts.pipeline.leases import Claim
from rollouts.pipeline.ledger import sending
from rollouts.pipeline.refused import Waiting, fenced, leave_refused_out, takes_orgs, waiting
from rollouts.pipeline.shifts import drop_attempts, set_targets
from rollouts.pipeline.transitions import Overtaken, move_batch, writing
from rollouts.salesforce.errors import Refused, TryAgain, Unknown
from rollouts.salesforce.gateway import Gateway, SfStatus

CHUNK = timing.COLLECTION
_LIVE = [state.value for state in ATTEMPT_LIVE]
_PUSHED = [AttemptState.CONFIRMED.value, AttemptState.UNCONFIRMED.value]


@writing()
def reserve(
    wave: Wave,
    targets: list[Target],
    planned: PlannedStart[int],
    *,
    retry: bool,
    now: datetime,
) -> Batch | None:
    """Write a batch and its attempts down before anything is asked of Salesforce.

    ``planned`` is a start that all of these targets share; it moves on to a free second.

    Orgs that no longer need or may get the push are marked with the reason and left out. Raises
    IntegrityError when one of them has a live attempt anywhere: the database decides that.
    """
    frozen = wave.frozen_list
    if frozen is None or frozen.voided_at:
        raise Overtaken("the list was voided")
    still = _still_wanted(wave, targets, now)
    if not still:
        return None
    policy = wave.rollout.policy
    link = wave.rollout.to_version.package.connection
    start = memory.marked_second(planned.start, link)
    while Batch.objects.filter(connection=link, start_at=start).exists():
        start += memory.MINUTE
    planned = planned.shifted(start, timedelta(seconds=policy.not_after))
    if planned.not_after < start:
        # All free seconds of the opening are taken by others; the next look finds another one.
        return None
    number = (wave.batches.aggregate(top=Max("number"))["top"] or 0) + 1
    batch = Batch.objects.create(
        wave=wave,
        list=frozen,
        connection=link,
        number=number,
        size=len(still),
        is_retry=retry,
        rollout_epoch=wave.rollout.epoch,
    )
    move_batch(
        batch,
        BatchState.RESERVED,
        now=now,
        because=f"{len(still)} orgs",
        start_at=planned.start,
        not_after=planned.not_after,
    )
    approved = dict(FrozenOrg.objects.filter(list=frozen).values_list("org_id", "pk"))
    tries = dict(
        Target.objects.filter(pk__in=[t.pk for t in still])
        .annotate(tries=Max("attempts__number"))
        .values_list("pk", "tries")
    )
    Attempt.objects.bulk_create(
        [
            Attempt(
                batch=batch,
                target=target,
                approved_id=approved[target.org_id],
                org_id=target.org_id,
                version=frozen.to_version,
                number=(tries[target.pk] or 0) + 1,
                reserved_at=now,
                moved_at=now,
            )
            for target in still
        ],
        batch_size=500,
    )
    set_targets([target.pk for target in still], TargetState.IN_FLIGHT)
    return batch


def _still_wanted(wave: Wave, targets: list[Target], now: datetime) -> list[Target]:
    """Leave out what changed since the freeze, each with its reason; losing needs no approval."""
    version = wave.rollout.to_version
    seen = {
        row.org_id: row
        for row in Installation.objects.filter(
            package=version.package, org__in=[target.org_id for target in targets]
        ).select_related("org", "version")
    }
    orgs = [target.org_id for target in targets]
    held = exclusions.barred(orgs, now)
    # The database allows no second push of a version to an org unless the first one failed.
    pushed = dict(
        Attempt.objects.filter(org__in=orgs, version=version, state__in=_PUSHED).values_list(
            "org_id", "state"
        )
    )
    still: list[Target] = []
    lost: list[tuple[int, TargetState, str]] = []
    for target in targets:
        row = seen.get(target.org_id)
        if row is None or row.gone_at:
            lost.append((target.pk, TargetState.GONE, "the package is no longer installed"))
        elif row.version.number >= version.number:
            why = f"has {row.version.label} already"
            lost.append((target.pk, TargetState.ALREADY_CURRENT, why))
        elif row.blocked or not row.org.is_active or target.org_id in held:
            why = "the customer blocks pushes" if row.blocked else "inactive or excluded"
            lost.append((target.pk, TargetState.EXCLUDED, why))
        elif target.org_id in pushed:
            why = f"an earlier push of {version.label} to it is {pushed[target.org_id]}"
            lost.append((target.pk, TargetState.EXCLUDED, f"{why}; look at the org itself"))
        else:
            still.append(target)
    leave_out(wave, lost, now=now)
    return still


def create(claim: Claim, gateway: Gateway, now: datetime) -> None:
    """Create the request for a reserved batch, or find the one whose answer was lost."""
    batch = claim.batch
    if batch.created_sent_at is not None:
        _discover(batch, gateway, now)
        return
    policy = batch.wave.rollout.policy
    if batch.cancel_wanted_at or now > timing.arm_until(batch, policy):
        why = batch.cancel_reason or "not created in time; it is cut anew"
        drop_attempts(batch, why, now)
        move_batch(batch, BatchState.ABANDONED, now=now, because=why)
        return
    if not claim.may_send():
        return
    assert batch.start_at is not None  # noqa: S101 - reserved batches have a start
    if not fenced(batch, created_sent_at=clock.now()):
        return
    try:
        with sending(batch, "create"):
            sf_id = gateway.create_request(batch.list.to_version.sf_id, batch.start_at)
    except TryAgain:
        # Certainly not there: the intent is taken back, and the next tick begins afresh.
        fenced(batch, created_sent_at=None)
        return
    except Refused as refused:
        drop_attempts(batch, f"Salesforce refused the request: {refused}", now)
        move_batch(batch, BatchState.ABANDONED, now=now, because=f"Salesforce refused: {refused}")
        why = f"Salesforce refuses to create a push request: {refused}"
        hold_for_review(batch.wave, why, now)
        return
    except Unknown:
        return
    _bind(batch, sf_id, clock.now())


def _bind(batch: Batch, sf_id: str, now: datetime) -> None:
    """Bind once, by compare-and-set: a worker that loses this race stops; its request is swept."""
    if Batch.objects.filter(pk=batch.pk, sf_id=None).exists():
        move_batch(
            batch,
            BatchState.CREATED,
            now=now,
            because=f"request {sf_id}",
            sf_id=sf_id,
            sf_status=SfStatus.CREATED.value,
            # Not when it was sent: a call that was lost may have landed minutes after that.
            sf_as_of=now,
        )


def _discover(batch: Batch, gateway: Gateway, now: datetime) -> None:
    """Look for the request of a create whose answer never came, by version and start second."""
    assert batch.start_at is not None  # noqa: S101 - reserved batches have a start
    assert batch.created_sent_at is not None  # noqa: S101 - that is why we look
    found = gateway.requests_starting(batch.list.to_version.sf_id, batch.start_at)
    taken = set(
        Batch.objects.filter(sf_id__in=[row.id for row in found]).values_list("sf_id", flat=True)
    )
    found = [row for row in found if row.id not in taken]
    if len(found) == 1:
        (row,) = found
        if row.status is SfStatus.CREATED and not gateway.jobs([row.id]):
            _bind(batch, row.id, now)
        else:
            doubt.raise_doubt(batch, f"request {row.id} is {row.status} or has orgs already", now)
        return
    if found:
        doubt.raise_doubt(batch, f"{len(found)} requests could be this one", now)
        return
    if now >= batch.created_sent_at + timing.late_call():
        why = "the request never reached Salesforce; its orgs are cut anew"
        drop_attempts(batch, why, now)
        move_batch(batch, BatchState.ABANDONED, now=now, because=why)


def fill(claim: Claim, gateway: Gateway, now: datetime) -> None:
    """Add what a re-read shows to be missing, then verify when nothing is missing any more."""
    batch = claim.batch
    assert batch.sf_id is not None  # noqa: S101 - created batches are bound
    policy = batch.wave.rollout.policy
    if now > timing.arm_until(batch, policy):
        doubt.want_cancel(batch, "not verified in time; it is cut anew", now)
        return
    if batch.bulk_id and not bulk.go_on(claim, gateway, waiting(batch)):
        return
    attempts = waiting(batch)
    there = [job.org for job in gateway.jobs([batch.sf_id])]
    extra = set(there) - set(attempts)
    if extra:
        doubt.want_cancel(batch, f"{len(extra)} orgs in the request were never approved", now)
        return
    missing = [org for org in attempts if org not in set(there)]
    if not missing:
        verify(claim, gateway, clock.now())
        return
    if len(missing) > CHUNK:
        if bulk.begin(claim, gateway, missing) and bulk.go_on(claim, gateway, attempts):
            verify(claim, gateway, clock.now())
        return
    for start in range(0, len(missing), CHUNK):
        if not _add(claim, gateway, missing[start : start + CHUNK], attempts):
            return
    verify(claim, gateway, clock.now())


def _add(claim: Claim, gateway: Gateway, orgs: list[str], attempts: dict[str, Waiting]) -> bool:
    """Add some orgs; returns whether to go on at once."""
    batch = claim.batch
    assert batch.sf_id is not None  # noqa: S101 - created batches are bound
    # Until there is an answer the call is unknown, also when this process dies in it.
    was = batch.jobs_unknown
    if not claim.may_send() or not fenced(batch, jobs_sent_at=clock.now(), jobs_unknown=True):
        return False
    try:
        with sending(batch, "add_jobs"):
            added = gateway.add_jobs(batch.sf_id, orgs)
    except TryAgain:
        fenced(batch, jobs_unknown=was)
        return False
    except Unknown:
        return False
    except Refused as refused:
        doubt.want_cancel(batch, f"Salesforce refused the orgs: {refused}", clock.now())
        return False
    fenced(batch, jobs_unknown=was)
    if added.refused and not takes_orgs(batch, gateway):
        return False
    leave_refused_out(batch, attempts, added, clock.now())
    return not added.again


def _was_rounded(batch: Batch, kept: datetime | None) -> bool:
    """Say whether Salesforce kept our start to the minute only."""
    if kept is None or batch.start_at is None or kept == batch.start_at or kept.second:
        return False
    return abs(kept - batch.start_at) < memory.MINUTE


def verify(claim: Claim, gateway: Gateway, now: datetime) -> None:
    """Read everything back and compare sets, not counts; nothing is remembered, all is read."""
    batch = claim.batch
    assert batch.sf_id is not None  # noqa: S101 - created batches are bound
    if batch.bulk_id:
        # Salesforce may still be adding to it.
        return
    if batch.jobs_unknown and batch.jobs_sent_at and now < batch.jobs_sent_at + timing.late_call():
        return
    request = gateway.request(batch.sf_id)
    jobs = gateway.jobs([batch.sf_id])
    attempts = waiting(batch)
    difference = same_set(frozenset(attempts), [job.org for job in jobs])
    if request is not None and request.status is SfStatus.CANCELED:
        doubt.canceled_elsewhere(batch, now)
        return
    if not attempts:
        doubt.want_cancel(batch, "no org is left in it", now)
        return
    if difference:
        if {job.org for job in jobs} - set(attempts):
            doubt.want_cancel(
                batch, f"the request differs from the approved list: {difference}", now
            )
        return
    if request is not None and _was_rounded(batch, request.start):
        Connection.objects.filter(pk=batch.connection_id).update(whole_minutes=True)
        doubt.want_cancel(
            batch, "Salesforce keeps starts to the minute; it is cut anew at a whole one", now
        )
        return
    if (
        request is None
        or request.status is not SfStatus.CREATED
        or request.version_id != batch.list.to_version.sf_id
        or request.start != batch.start_at
    ):
        doubt.want_cancel(batch, "the request at Salesforce is not the one we made", now)
        return
    try:
        with writing():
            update_rows(
                Attempt,
                ("sf_id", "sf_status"),
                [(attempts[job.org].pk, job.id, job.status.value) for job in jobs],
                same={"sf_as_of": now, "state": AttemptState.SUBMITTED.value, "moved_at": now},
            )
            move_batch(
                batch,
                BatchState.VERIFIED,
                now=now,
                because=f"{len(jobs)} orgs read back, equal to what was approved",
                sf_as_of=now,
            )
    except IntegrityError:
        doubt.want_cancel(batch, "Salesforce gave a job id twice", now)
