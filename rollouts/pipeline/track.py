"""Reading what became of the pushes: one consistent read per rollout, then one transaction.

Salesforce's words are stored as received with the time just before the read; our states follow
from them. Terminal facts never change: a later contradiction is recorded, not believed.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from django.db.models import Count

from rollouts.domain.failures import Failure, classify
from rollouts.domain.lifecycle import (
    ATTEMPT_ENDS,
    ATTEMPT_LIVE,
    AttemptState,
    BatchState,
    TargetState,
)
from rollouts.models import Attempt, Batch, PushError, Rollout
from rollouts.pipeline import clock, doubt, lateness, recall
from rollouts.pipeline.looking import ROWS_A_CALL
from rollouts.pipeline.shifts import came_from, drop_attempts, set_targets
from rollouts.pipeline.transitions import (
    Overtaken,
    move_batch,
    record,
    shift_attempt,
    touch,
    writing,
)
from rollouts.salesforce.gateway import SF_ENDS, Gateway, SfError, SfJob, SfStatus

_LIVE = [state.value for state in ATTEMPT_LIVE]
_OPEN = [
    BatchState.CREATED.value,
    BatchState.VERIFIED.value,
    BatchState.ARMING.value,
    BatchState.ARMED.value,
    BatchState.RUNNING.value,
    BatchState.IN_DOUBT.value,
]
_OF_BATCH = Batch.objects.select_related("wave__rollout", "list__to_version")
_ARMED = (BatchState.ARMING.value, BatchState.ARMED.value)
_UNARMED = (BatchState.CREATED.value, BatchState.VERIFIED.value)
_STARTED = (SfStatus.IN_PROGRESS, SfStatus.SUCCEEDED, SfStatus.FAILED)
_STATE_OF = {
    SfStatus.CREATED: AttemptState.SUBMITTED,
    SfStatus.PENDING: AttemptState.QUEUED,
    SfStatus.IN_PROGRESS: AttemptState.IN_PROGRESS,
    SfStatus.SUCCEEDED: AttemptState.SUCCEEDED,
    SfStatus.FAILED: AttemptState.FAILED,
    SfStatus.CANCELED: AttemptState.CANCELED,
}


@dataclass(slots=True)
class Reading:
    """One read of a rollout's open requests; ``as_of`` is just before its first call."""

    as_of: datetime
    requests: dict[str, SfStatus] = field(default_factory=dict)
    jobs: dict[str, list[SfJob]] | None = None
    errors: dict[str, list[SfError]] = field(default_factory=dict)


def track(rollout: Rollout, gateway: Gateway) -> None:
    """Read every open request of the rollout and take over what Salesforce says.

    One call when nothing moved, and one while a batch runs whose jobs fit on a page: then jobs and
    errors come in place of the counts. Any call that fails leaves everything as it was, with its
    older "as of".
    """
    batches = list(
        Batch.objects.filter(wave__rollout=rollout, state__in=_OPEN)
        .exclude(sf_id=None)
        .select_related("wave__rollout", "list__to_version")
    )
    if not batches:
        # Nothing is open there, so nothing is read, and no figure gets any younger.
        return
    reading = _read(batches, gateway)
    with writing():
        # Read again under a lock: a recall may have ended some of them since.
        for batch in (
            Batch.objects.select_for_update(of=("self",))
            .filter(pk__in=[batch.pk for batch in batches], state__in=_OPEN)
            .select_related("wave__rollout", "list__to_version")
            .order_by("pk")
        ):
            _apply(batch, reading)
        Rollout.objects.filter(pk=rollout.pk).update(sf_as_of=reading.as_of)
    for batch in batches:
        _follow(batch, reading)


def _read(batches: list[Batch], gateway: Gateway) -> Reading:
    ids = [batch.sf_id for batch in batches if batch.sf_id]
    reading = Reading(as_of=clock.now())
    known = _known_counts(batches)
    if not _on_the_move(batches, known):
        pulse = gateway.pulse(ids)
        reading.requests = dict(pulse.requests)
        if all(known.get(one, {}) == pulse.counts.get(one, {}) for one in ids):
            _without_jobs(ids, reading, gateway)
            return reading
    progress = gateway.progress(ids)
    reading.requests = dict(progress.requests)
    _without_jobs(ids, reading, gateway)
    jobs: defaultdict[str, list[SfJob]] = defaultdict(list)
    for job in progress.jobs:
        jobs[job.request_id].append(job)
    reading.jobs = jobs
    stored = set(
        PushError.objects.filter(attempt__batch__in=batches).values_list("sf_id", flat=True)
    )
    failed = {job.id for job in progress.jobs if job.status is SfStatus.FAILED}
    for error in progress.errors:
        if error.job_id in failed and error.id not in stored:
            reading.errors.setdefault(error.job_id, []).append(error)
    return reading


def _without_jobs(ids: list[str], reading: Reading, gateway: Gateway) -> None:
    """Ask for the requests that no job told of: those that have none."""
    rest = [one for one in ids if one not in reading.requests]
    if rest:
        reading.requests |= {request.id: request.status for request in gateway.requests(rest)}


def _on_the_move(batches: list[Batch], known: dict[str, dict[SfStatus, int]]) -> bool:
    """Say whether counts would be a wasted call: jobs move now, and all of them fit on a page."""
    running = any(batch.state == BatchState.RUNNING.value for batch in batches)
    return running and sum(sum(counts.values()) for counts in known.values()) <= ROWS_A_CALL


def _known_counts(batches: list[Batch]) -> dict[str, dict[SfStatus, int]]:
    """Count the attempts of each request by the word of Salesforce that we have: one query."""
    counts: dict[str, dict[SfStatus, int]] = {}
    rows = Attempt.objects.filter(batch__in=batches).exclude(sf_id=None).order_by()
    for one, word, n in rows.values_list("batch__sf_id", "sf_status").annotate(n=Count("pk")):
        if one and word:
            counts.setdefault(one, {})[SfStatus(word)] = n
    return counts


_SHOWN = (
    "state", "sf_id", "sf_status", "started_at", "ended_at", "moved_at", "failure_kind",
    "signature", "reason", "acknowledged_at",
)  # fmt: skip


def _shown(attempt: Attempt) -> tuple[str, ...]:
    return tuple(getattr(attempt, name) for name in _SHOWN)


def _apply(batch: Batch, reading: Reading) -> None:
    """Take over the request's and its jobs' words; all batches of a read share its as-of."""
    status = reading.requests.get(batch.sf_id or "")
    if status is None or (batch.sf_as_of and batch.sf_as_of > reading.as_of):
        # What we know was read after this.
        return
    if batch.sf_status != status.value:
        touch(batch.wave.rollout)
    Batch.objects.filter(pk=batch.pk).update(sf_status=status.value, sf_as_of=reading.as_of)
    if reading.jobs is None:
        batch.attempts.exclude(sf_id=None).update(sf_as_of=reading.as_of)
        return
    if status is SfStatus.CANCELED and recall.arming_may_land(batch, clock.now()):
        # Canceled now, and perhaps Pending again in a minute: no org is free before that is over.
        return
    _apply_jobs(batch, status, reading.jobs.get(batch.sf_id or "", []), reading)


def _apply_jobs(batch: Batch, status: SfStatus, jobs: list[SfJob], reading: Reading) -> None:
    rows = list(batch.attempts.select_related("org", "target"))
    attempts = {a.sf_id: a for a in rows if a.sf_id}
    # A request that runs though we never verified it: its jobs are found by their orgs.
    unbound = {a.org.key: a for a in rows if not a.sf_id and a.state in _LIVE}
    if status in (SfStatus.CREATED, SfStatus.PENDING, SfStatus.CANCELED):
        unbound = {}
    moved: list[Attempt] = []
    story: list[list[str]] = []
    errors: list[PushError] = []
    for job in jobs:
        attempt = attempts.get(job.id) or unbound.pop(job.org, None)
        if attempt is None:
            continue
        before = _shown(attempt)
        attempt.sf_id = job.id
        if _take_over(attempt, job, reading, errors):
            story.append([attempt.org.key, before[0], attempt.state])
        elif attempt.state == AttemptState.FAILED.value:
            # Salesforce may write its reasons after the job's end. They are kept beside it: what
            # the failure was judged as stays, for terminal facts never change.
            errors += _kept(attempt, reading.errors.get(job.id, []))
        if _shown(attempt) != before:
            moved.append(attempt)
    PushError.objects.bulk_create(errors, batch_size=500, ignore_conflicts=True)
    Attempt.objects.bulk_update(moved, _SHOWN, batch_size=100)
    # One statement for the age of all that were listed: most have not moved since the last look.
    batch.attempts.filter(sf_id__in=[job.id for job in jobs]).update(sf_as_of=reading.as_of)
    if story:
        _tell(batch, story, reading)


def _take_over(attempt: Attempt, job: SfJob, reading: Reading, errors: list[PushError]) -> bool:
    """Put one job's word on its attempt; returns whether our state changed."""
    if AttemptState(attempt.state) in ATTEMPT_ENDS | {AttemptState.SUCCEEDED}:
        return False
    to = _STATE_OF[job.status]
    if attempt.state == AttemptState.STUCK.value and to is AttemptState.IN_PROGRESS:
        return False
    attempt.sf_status = job.status.value
    # What an approver accepted was that it is stuck; what became of it is news.
    attempt.acknowledged_at = None
    attempt.started_at = job.started or attempt.started_at
    attempt.ended_at = job.ended or attempt.ended_at
    if attempt.state == to.value:
        return False
    shift_attempt(attempt, to, reading.as_of)
    if to is AttemptState.FAILED:
        errors += _explain(attempt, reading.errors.get(job.id, []))
    elif to is AttemptState.CANCELED:
        attempt.reason = "canceled at Salesforce"
    return True


def _explain(attempt: Attempt, errors: list[SfError]) -> list[PushError]:
    kind, signature = classify(
        [Failure(e.type, e.title, e.message, e.details) for e in errors if e.severity != "Warning"]
        or [Failure(e.type, e.title, e.message, e.details) for e in errors],
        org=attempt.org.name,
    )
    attempt.failure_kind = kind.value
    attempt.signature = signature[:300]
    attempt.reason = (errors[0].title or errors[0].type)[:400] if errors else "no error recorded"
    return _kept(attempt, errors)


def _kept(attempt: Attempt, errors: list[SfError]) -> list[PushError]:
    return [
        PushError(
            attempt=attempt,
            sf_id=error.id,
            severity=error.severity,
            type=error.type,
            title=error.title[:255],
            message=error.message,
            details=error.details,
        )
        for error in errors
    ]


def _tell(batch: Batch, story: list[list[str]], reading: Reading) -> None:
    """Move the targets that follow from the attempts, and write one line about all of them."""
    for attempt_state, target_state in (
        (AttemptState.FAILED, TargetState.FAILED),
        (AttemptState.CANCELED, came_from(batch)),
    ):
        orgs = [org for org, _, after in story if after == attempt_state.value]
        if orgs:
            pks = batch.attempts.filter(
                org__key__in=orgs, target__state=TargetState.IN_FLIGHT.value
            ).values_list("target_id", flat=True)
            set_targets(pks, target_state)
    record(
        "progress",
        f"wave {batch.wave.number} batch {batch.number}",
        now=reading.as_of,
        rollout=batch.wave.rollout,
        wave=batch.wave,
        reason=", ".join(f"{n} {word}" for word, n in Counter(s[2] for s in story).items()),
        detail={"moves": story},
    )


def _follow(batch: Batch, reading: Reading) -> None:
    """Move the batch where its request and attempts have gone."""
    status = reading.requests.get(batch.sf_id or "")
    if status is None:
        return
    batch.refresh_from_db(from_queryset=_OF_BATCH)
    try:
        if status in _STARTED and batch.began_outside is None:
            lateness.note(batch, clock.now())
        if status in _STARTED and batch.cancel_wanted_at and batch.state in _ARMED:
            recall.too_late(batch, status, reading.as_of)
        elif status is SfStatus.IN_PROGRESS and batch.state == BatchState.ARMED.value:
            move_batch(
                batch,
                BatchState.RUNNING,
                now=reading.as_of,
                because=batch.began_outside or "Salesforce has started it; it is past recall",
                started_seen_at=reading.as_of,
            )
        if status in _STARTED and batch.cancel_wanted_at and not batch.cancel_too_late_at:
            # The wish came between a read that showed it started and our taking note of that.
            recall.note_too_late(batch, status, reading.as_of)
        if status in _STARTED and batch.state in _UNARMED:
            doubt.want_cancel(batch, f"it is {status.value} though we never armed it", clock.now())
        if status is SfStatus.CANCELED and batch.state != BatchState.RUNNING.value:
            doubt.canceled_elsewhere(batch, clock.now())
        elif status in SF_ENDS:
            settle(batch, status, clock.now())
    except Overtaken:
        # Another worker holds it just now and will see the same; nothing is lost.
        return


def settle(batch: Batch, status: SfStatus, now: datetime) -> None:
    """End a batch whose request and attempts all have Salesforce's final word."""
    running = (BatchState.ARMING.value, BatchState.ARMED.value, BatchState.RUNNING.value)
    if batch.state not in running:
        return
    # A request that has ended takes no jobs any more.
    drop_attempts(batch, "Salesforce has no job for it", now, without_job=True)
    if batch.attempts.filter(state__in=_LIVE).exists():
        return
    lateness.note(batch, now)
    ended = Counter(batch.attempts.values_list("state", flat=True))
    words = ", ".join(f"{n} {state}" for state, n in sorted(ended.items()))
    move_batch(
        batch,
        BatchState.SETTLED,
        now=now,
        because=f"Salesforce: {status.value}; {words}",
        settled_at=now,
    )


def mark_stuck(rollout: Rollout, now: datetime) -> int:
    """Mark pushes that have not moved for hours. They stay live: only Salesforce ends them."""
    limit = now - timedelta(seconds=rollout.policy.stuck_after)
    return Attempt.objects.filter(
        batch__wave__rollout=rollout,
        state=AttemptState.IN_PROGRESS.value,
        moved_at__lt=limit,
    ).update(state=AttemptState.STUCK.value, reason="no progress for hours")
