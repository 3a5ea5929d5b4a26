"""Facts from rows, a decision from the domain, and the deciding done: per rollout."""

from __future__ import annotations

from collections import Counter
from datetime import datetime, timedelta

from django.db import IntegrityError
from django.db.models import Count, Max, Q, QuerySet

from rollouts.domain.business_days import region
from rollouts.domain.decide import Action, Do, RolloutFacts, WaveFacts, decide
from rollouts.domain.failures import FailureKind
from rollouts.domain.judging import Tally
from rollouts.domain.lifecycle import (
    ATTEMPT_LIVE,
    AttemptState,
    BatchState,
    RolloutState,
    TargetState,
    WaveState,
)
from rollouts.domain.policy import STRICT_KINDS, Policy, WaveKind
from rollouts.models import Attempt, Batch, Event, FrozenList, FrozenOrg, Rollout, Target, Wave
from rollouts.pipeline import approve, halting, holds, openings, tallies, timing
from rollouts.pipeline.dropouts import hold_for_review
from rollouts.pipeline.prepare import reserve
from rollouts.pipeline.transitions import Overtaken, move_rollout, move_wave, writing

_LIVE = [state.value for state in ATTEMPT_LIVE]
NOWHERE: frozenset[str] = frozenset()
_UNDER_WAY = [
    WaveState.FROZEN.value,
    WaveState.APPROVED.value,
    WaveState.DISPATCHING.value,
    WaveState.BAKING.value,
]


# What may lie between a look at the rows and what follows from it is a whole other conductor, so
# both are one transaction on the locked rollout; no call to Salesforce is made in it.
@writing()
def conduct(rollout: Rollout, now: datetime) -> list[Action]:
    """Decide about one rollout and do it; returns what was decided, for the log and the page."""
    # The lock first, and only then what hangs on it: rows that are read while waiting are old.
    Rollout.objects.select_for_update().get(pk=rollout.pk)
    rollout = Rollout.objects.select_related("to_version__package__connection").get(pk=rollout.pk)
    facts = gather(rollout, now)
    actions = decide(facts, rollout.policy, now)
    for action in actions:
        try:
            _do(rollout, action, now)
        except Overtaken:
            # A person or another worker was first; the next tick decides afresh.
            break
    return actions


def gather(rollout: Rollout, now: datetime) -> RolloutFacts:
    """Count everything that a decision needs, from the rows as they are now."""
    policy = rollout.policy
    waves = rollout.waves.select_related(
        "frozen_list__wave__rollout", "rollout__to_version__package"
    )
    targets: dict[int, Counter[str]] = {}
    for wave, state, count in (
        rollout.targets.order_by().values_list("wave", "state").annotate(n=Count("pk"))
    ):
        targets.setdefault(wave, Counter())[state] = count
    ended = rollout_attempts(rollout).exclude(state__in=[*_LIVE, AttemptState.CANCELED.value])
    return RolloutFacts(
        pushed_today=_pushed_since(rollout, now - timedelta(days=1)),
        completed=ended.count(),
        failed=ended.filter(
            state__in=[AttemptState.FAILED.value, AttemptState.UNCONFIRMED.value]
        ).count(),
        state=RolloutState(rollout.state),
        waves=[_facts(wave, targets.get(wave.pk, Counter()), policy, now) for wave in waves],
        holds=holds.on_rollout(rollout, now),
        open_batches=Batch.objects.open().filter(wave__rollout=rollout).count(),
    )


def rollout_attempts(rollout: Rollout) -> QuerySet[Attempt]:
    """Return the attempts of one rollout."""
    return Attempt.objects.filter(batch__wave__rollout=rollout)


def _pushed_since(rollout: Rollout, since: datetime) -> int:
    """Count customers' orgs that were cut into batches lately, over all rollouts."""
    link = rollout.to_version.package.connection
    rows = Attempt.objects.filter(batch__connection=link, reserved_at__gt=since, org__is_own=False)
    return rows.exclude(state=AttemptState.CANCELED.value).values("org").distinct().count()


def _facts(wave: Wave, targets: Counter[str], policy: Policy, now: datetime) -> WaveFacts:
    """Count one wave as far as its state needs: nothing is judged of one that has not begun."""
    if wave.state not in _UNDER_WAY:
        return WaveFacts(
            number=wave.number,
            state=WaveState(wave.state),
            tally=Tally(kind=WaveKind(wave.kind), orgs=sum(targets.values())),
            bake=wave.bake,
            planned=targets[TargetState.PLANNED.value],
            unsettled=targets[TargetState.IN_FLIGHT.value],
        )
    return wave_facts(wave, policy, now)


def wave_facts(wave: Wave, policy: Policy, now: datetime) -> WaveFacts:
    """Count one wave."""
    targets = Counter(wave.targets.values_list("state", flat=True))
    frozen = wave.frozen_list
    approvals = approve.in_force(frozen, now) if frozen else []
    newest = wave.batches.open().order_by("-number").first()
    goes_on = wave.state == WaveState.DISPATCHING.value
    due, waiting = retryable(wave, policy, now) if goes_on else ([], 0)
    unarmed, because = _unarmed(wave) if goes_on else (0, "")
    regions, zones = _places(wave) if wave.kind == WaveKind.CANARY.value else (NOWHERE, NOWHERE)
    return WaveFacts(
        number=wave.number,
        state=WaveState(wave.state),
        tally=tallies.tally(wave, policy, now),
        bake=wave.bake,
        approved=len(approvals) >= wave.approvals_needed,
        lapsed=frozen is not None and _lapsed(frozen, policy, now),
        planned=targets[TargetState.PLANNED.value],
        unsettled=targets[TargetState.IN_FLIGHT.value],
        open_batches=wave.batches.open().count(),
        newest_settled_percent=_settled_percent(newest) if newest else 100.0,
        retry_due=len(due),
        retry_waiting=waiting,
        last_ended=wave.batches.aggregate(at=Max("attempts__ended_at"))["at"],
        baked_until=wave.baked_until,
        review=wave.review,
        next_size=min(_next_size(wave, frozen), targets[TargetState.PLANNED.value])
        if frozen and goes_on
        else 0,
        regions=regions,
        zones=zones,
        waits=openings.wait_of(wave, policy, now),
        next_start=wave.next_start_at,
        unarmed=unarmed,
        unarmed_because=because,
    )


def _places(wave: Wave) -> tuple[frozenset[str], frozenset[str]]:
    """Return (regions of the orgs without frozen zones, zones of the others), for a working day."""
    rows = wave.targets.order_by()
    zones = FrozenOrg.objects.filter(list__wave=wave).exclude(zones=None).order_by()
    bare = rows.exclude(org__in=zones.values("org")).values_list("org__instance", flat=True)
    named = zones.values_list("zones", flat=True).distinct()
    return (
        frozenset(region(name) for name in bare.distinct()),
        frozenset(zone for row in named if row for zone in row.split(",")),
    )


def _lapsed(frozen: FrozenList, policy: Policy, now: datetime) -> bool:
    """Say whether nothing more of a list can be armed, whatever else is so."""
    if timing.earliest_start(frozen, policy, now) >= frozen.end_by:
        return True
    if Batch.objects.filter(list=frozen).exclude(armed_at=None).exists():
        return False
    return any(approval.lapsed(now) for approval in frozen.approvals.standing())


def _unarmed(wave: Wave) -> tuple[int, str]:
    """Count the newest batches in a row that were called back unarmed since the last look."""
    looked = Event.objects.filter(action="look_over_wave", wave=wave).order_by("-sequence").first()
    rows = wave.batches.filter(list=wave.frozen_list).order_by("-number")
    if looked is not None:
        rows = rows.exclude(attempts__reserved_at__lte=looked.at)
    count, because = 0, ""
    for batch in rows:
        over = batch.state in (BatchState.CANCELED.value, BatchState.ABANDONED.value)
        if not over or batch.armed_at:
            break
        count += 1
        because = because or batch.cancel_reason or batch.reason
    return count, because


def _settled_percent(batch: Batch) -> float:
    states = Counter(batch.attempts.values_list("state", flat=True))
    total = sum(states.values())
    live = sum(states[state] for state in _LIVE)
    return 100.0 * (total - live) / total if total else 100.0


def retryable(wave: Wave, policy: Policy, now: datetime) -> tuple[list[Target], int]:
    """Return (targets whose transient failure may be retried now, how many must wait longer).

    Only those on the list that stands: any other retry needs a list and an approval of its own.
    A retry that was called back before it ran is not counted as one.
    """
    frozen = wave.frozen_list
    if frozen is None or frozen.voided_at:
        return [], 0
    ran = ~Q(attempts__state=AttemptState.CANCELED.value)
    failed = wave.targets.filter(
        state=TargetState.FAILED.value, org__in=frozen.orgs.values("org")
    ).annotate(
        tries=Count("attempts", filter=ran),
        newest=Max("attempts__number", filter=ran),
        transient=Max(
            "attempts__number",
            filter=Q(
                attempts__failure_kind=FailureKind.TRANSIENT.value,
                attempts__state=AttemptState.FAILED.value,
            ),
        ),
        last=Max("attempts__moved_at"),
    )
    due: list[Target] = []
    waiting = 0
    for target in failed:
        if target.transient != target.newest or target.tries > policy.retries:
            continue
        if target.last + timedelta(seconds=policy.retry_delay) <= now:
            due.append(target)
        else:
            waiting += 1
    return due, waiting


def _do(rollout: Rollout, action: Action, now: datetime) -> None:
    wave = (
        rollout.waves.select_related("frozen_list", "rollout__to_version__package")
        .filter(number=action.wave)
        .first()
    )
    match action.do:
        case Do.HALT:
            halting.halt(rollout, because=action.because, now=now)
        case Do.COMPLETE:
            _complete(rollout, now)
        case Do.DRAINED:
            rollout.targets.filter(state=TargetState.PLANNED.value).update(
                state=TargetState.LEFT_OVER.value, reason="the rollout was aborted"
            )
            move_rollout(
                rollout, RolloutState.ABORTED, now=now, because=action.because, ended_at=now
            )
        case Do.WAIT:
            return
        case _ if wave is not None:
            _do_wave(rollout, wave, action, now)


def _do_wave(rollout: Rollout, wave: Wave, action: Action, now: datetime) -> None:
    match action.do:
        case Do.REVIEW:
            hold_for_review(wave, action.because, now)
        case Do.LAPSE:
            approve.lapse(wave, because=action.because, now=now)
        case Do.SKIP:
            move_wave(wave, WaveState.SKIPPED, now=now, because=action.because)
        case Do.START:
            _start(rollout, wave, action.because, now)
        case Do.NEXT_BATCH:
            _next_batch(wave, now)
        case Do.RETRY_BATCH:
            _retry_batch(wave, now)
        case Do.BAKE:
            move_wave(
                wave,
                WaveState.BAKING,
                now=now,
                because=action.because,
                settled_at=now,
                baked_until=action.until,
            )
        case Do.PASS:
            move_wave(wave, WaveState.PASSED, now=now, because=action.because, passed_at=now)


@writing()
def _start(rollout: Rollout, wave: Wave, because: str, now: datetime) -> None:
    frozen = wave.frozen_list
    if frozen is None:
        return
    # Until its first batch can be cut it stays approved, so that it can be taken back quietly.
    first = openings.first_due(frozen, openings.pending(wave), _next_size(wave, frozen), now)
    if first.batch is None or not openings.is_due(first.batch, rollout.policy, now):
        openings.note_wait(wave, first, now)
        return
    if rollout.state == RolloutState.READY.value:
        move_rollout(
            rollout, RolloutState.ACTIVE, now=now, because="its first wave starts", started_at=now
        )
    move_wave(wave, WaveState.DISPATCHING, now=now, because=because, started_at=now)


def _next_size(wave: Wave, frozen: FrozenList) -> int:
    """Return how many orgs the approved batch plan cuts next."""
    made = (
        wave.batches.filter(list=frozen, is_retry=False)
        .exclude(state__in=[BatchState.CANCELED.value, BatchState.ABANDONED.value])
        .count()
    )
    sizes = frozen.batches
    return int(sizes[min(made, len(sizes) - 1)])


def _next_batch(wave: Wave, now: datetime) -> None:
    frozen = wave.frozen_list
    if frozen is None:
        return
    size = _next_size(wave, frozen)
    busy = Attempt.objects.filter(
        Q(state__in=_LIVE) | Q(state=AttemptState.SUCCEEDED.value, version=frozen.to_version)
    )
    planned = wave.targets.filter(
        state=TargetState.PLANNED.value, org__in=frozen.orgs.values("org")
    )
    free = planned.exclude(org__in=busy.values("org"))
    rows = list(free.order_by("place", "pk").values_list("pk", "org_id"))
    if rows:
        _cut(wave, openings.first_due(frozen, rows, size, now), retry=False, now=now)
    else:
        _say(
            wave,
            f"{planned.count()} orgs are being pushed elsewhere; it goes on when those are settled",
        )


def _largest(wave: Wave) -> int:
    """How many orgs of this wave may be in flight at once."""
    policy = wave.rollout.policy
    return policy.batch_strict if wave.kind in STRICT_KINDS else policy.batch_ramp[-1]


def _retry_batch(wave: Wave, now: datetime) -> None:
    """Cut a batch of failures that are due: the first time soon, then in another window."""
    frozen = wave.frozen_list
    due, _ = retryable(wave, wave.rollout.policy, now)
    if frozen is None or not due:
        return
    rows = [(target.pk, target.org_id) for target in due]
    again = Attempt.objects.filter(target__in=due, started_at__isnull=False)
    last = again.order_by().values("target").annotate(n=Count("pk"), at=Max("started_at"))
    ran = {row["target"]: row["at"] for row in last if row["n"] > 1}
    opening = openings.next_opening(frozen, rows, _largest(wave), now, ran=ran)
    _cut(wave, opening, retry=True, now=now)


def _cut(wave: Wave, opening: openings.Opening, *, retry: bool, now: datetime) -> None:
    """Reserve the batch that can start first, or write down what the wave waits for.

    When the database refuses it, the wave waits and tries again.
    """
    batch = opening.batch
    if batch is None or not openings.is_due(batch, wave.rollout.policy, now):
        openings.note_wait(wave, opening, now)
        return
    openings.clear_wait(wave)
    targets = list(
        Target.objects.filter(pk__in=batch.orgs).select_related("org").order_by("place", "pk")
    )
    try:
        reserve(wave, targets, batch, retry=retry, now=now)
    except IntegrityError:
        _say(wave, "another rollout took one of its orgs or its start second; it tries again")


def _say(wave: Wave, reason: str) -> None:
    Wave.objects.filter(pk=wave.pk).update(reason=reason)


def _complete(rollout: Rollout, now: datetime) -> None:
    bad = rollout.waves.filter(state=WaveState.CLOSED.value).exists() or (
        rollout.targets.filter(
            state__in=[TargetState.FAILED.value, TargetState.LEFT_OVER.value]
        ).exists()
    )
    to = RolloutState.COMPLETED_WITH_FAILURES if bad else RolloutState.COMPLETED
    move_rollout(rollout, to, now=now, because="every wave has ended", ended_at=now)
