"""Facts from rows, a decision from the domain, and the deciding done: per rollout."""

from __future__ import annotations

from collections import Counter, defaultdict
from datetime import datetime, timedelta

from django.db import IntegrityError
from django.db.models import Count, Max, Q, QuerySet

from rollouts.domain.decide import Action, Do, RolloutFacts, WaveFacts, decide
from rollouts.domain.failures import FailureKind
from rollouts.domain.judging import Tally
from rollouts.domain.lifecycle import (
    ATTEMPT_LIVE,
    WAVE_ENDS,
    AttemptState,
    BatchState,
    RolloutState,
    TargetState,
    WaveState,
)
from rollouts.domain.policy import STRICT_KINDS, Policy, WaveKind
from rollouts.models import Attempt, Batch, FrozenList, Rollout, Target, Wave
from rollouts.pipeline import approve, halting, holds, openings, tallies, wave_counts
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
_RUNNING = [WaveState.DISPATCHING.value, WaveState.BAKING.value]
_GOING = [RolloutState.READY.value, RolloutState.ACTIVE.value]


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
    """Count what the decision at hand asks for, from the rows as they are now.

    A rollout that is stopped judges and starts nothing. Else the waves that run are judged, and
    the first that has not ended is taken further: only of these more is read than their targets.
    """
    policy = rollout.policy
    waves = list(
        rollout.waves.select_related("frozen_list__wave__rollout", "rollout__to_version__package")
    )
    targets: defaultdict[int, Counter[str]] = defaultdict(Counter)
    for wave, state, count in (
        rollout.targets.order_by().values_list("wave", "state").annotate(n=Count("pk"))
    ):
        targets[wave][state] = count
    going, ebbs = rollout.state in _GOING, rollout.state == RolloutState.ABORTING.value
    current = next((wave for wave in waves if WaveState(wave.state) not in WAVE_ENDS), None)
    facts = [
        wave_facts(wave, policy, now, targets[wave.pk])
        if going and _is_asked(wave, targets[wave.pk], current=wave is current)
        else _untold(wave, targets[wave.pk])
        for wave in waves
    ]
    at_hand = next((one for one in facts if current and one.number == current.number), None)
    # Who may cut a batch asks how much is let out; who may start anything asks what holds it.
    cuts = going and at_hand is not None and _may_cut(at_hand)
    starts = going and at_hand is not None and _may_start(at_hand)
    ended = _ended(rollout) if cuts else {"completed": 0, "failed": 0}
    return RolloutFacts(
        pushed_today=_pushed_since(rollout, now - timedelta(days=1)) if cuts else 0,
        completed=ended["completed"],
        failed=ended["failed"],
        state=RolloutState(rollout.state),
        waves=facts,
        holds=holds.on_rollout(rollout, now) if starts else [],
        open_batches=Batch.objects.open().filter(wave__rollout=rollout).count() if ebbs else 0,
    )


def _may_cut(wave: WaveFacts) -> bool:
    return wave.state is WaveState.DISPATCHING and wave.planned > 0


def _may_start(wave: WaveFacts) -> bool:
    approved = wave.state is WaveState.APPROVED and wave.planned > 0
    return approved or _may_cut(wave) or wave.retry_due > 0


def _ended(rollout: Rollout) -> dict[str, int]:
    """Count the attempts of a rollout that ran to an end, and those of them that failed."""
    failed = Q(state__in=[AttemptState.FAILED.value, AttemptState.UNCONFIRMED.value])
    return (
        rollout_attempts(rollout)
        .exclude(state__in=[*_LIVE, AttemptState.CANCELED.value])
        .aggregate(completed=Count("pk"), failed=Count("pk", filter=failed))
    )


def rollout_attempts(rollout: Rollout) -> QuerySet[Attempt]:
    """Return the attempts of one rollout."""
    return Attempt.objects.filter(batch__wave__rollout=rollout)


def _pushed_since(rollout: Rollout, since: datetime) -> int:
    """Count customers' orgs that were cut into batches lately, over all rollouts."""
    link = rollout.to_version.package.connection
    rows = Attempt.objects.filter(batch__connection=link, reserved_at__gt=since, org__is_own=False)
    return rows.exclude(state=AttemptState.CANCELED.value).values("org").distinct().count()


def _is_asked(wave: Wave, targets: Counter[str], *, current: bool) -> bool:
    """Say whether a decision asks for more of a wave than what its targets have come to."""
    if wave.state == WaveState.FROZEN.value and targets[TargetState.PLANNED.value]:
        # It waits for people.
        return False
    return wave.state in _RUNNING or (current and wave.state in _UNDER_WAY)


def _untold(wave: Wave, targets: Counter[str]) -> WaveFacts:
    return WaveFacts(
        number=wave.number,
        state=WaveState(wave.state),
        tally=Tally(kind=WaveKind(wave.kind), orgs=sum(targets.values())),
        bake=wave.bake,
        planned=targets[TargetState.PLANNED.value],
        unsettled=targets[TargetState.IN_FLIGHT.value],
    )


def wave_facts(
    wave: Wave, policy: Policy, now: datetime, targets: Counter[str] | None = None
) -> WaveFacts:
    """Count one wave; ``targets`` by state, where the caller has just counted them."""
    if targets is None:
        targets = Counter(wave.targets.values_list("state", flat=True))
    frozen = wave.frozen_list
    bakes = wave.state == WaveState.BAKING.value
    opened = [] if bakes else list(wave.batches.open().order_by("-number"))
    goes_on = wave.state == WaveState.DISPATCHING.value
    # What is open or not yet looked at is waited for before anything is said of the wave's end.
    left = targets[TargetState.PLANNED.value] or targets[TargetState.IN_FLIGHT.value]
    quiet = not (bakes or opened or left)
    cuts = goes_on and targets[TargetState.PLANNED.value] > 0
    # While pushed orgs are waited for, nobody asks who approved the list.
    approved = wave.state == WaveState.APPROVED.value
    asked = frozen if approved or cuts or (goes_on and quiet) else None
    approvals = approve.in_force(asked, now) if asked else []
    due, waiting = retryable(wave, policy, now) if goes_on and quiet else ([], 0)
    unarmed, because = wave_counts.unarmed(wave) if cuts else (0, "")
    settled = wave_counts.settled_percent(opened[0]) if opened and cuts else 100.0
    canary = quiet and wave.kind == WaveKind.CANARY.value
    regions, zones = wave_counts.places(wave) if canary else (NOWHERE, NOWHERE)
    return WaveFacts(
        number=wave.number,
        state=WaveState(wave.state),
        tally=tallies.tally(wave, policy, now, orgs=sum(targets.values())),
        bake=wave.bake,
        approved=len(approvals) >= wave.approvals_needed,
        lapsed=asked is not None and wave_counts.lapsed(asked, policy, now),
        planned=targets[TargetState.PLANNED.value],
        unsettled=targets[TargetState.IN_FLIGHT.value],
        open_batches=len(opened),
        newest_settled_percent=settled,
        retry_due=len(due),
        retry_waiting=waiting,
        last_ended=wave.batches.aggregate(at=Max("attempts__ended_at"))["at"] if quiet else None,
        baked_until=wave.baked_until,
        review=wave.review,
        next_size=min(_next_size(wave, frozen), targets[TargetState.PLANNED.value])
        if frozen and cuts
        else 0,
        regions=regions,
        zones=zones,
        waits=openings.wait_of(wave, policy, now),
        next_start=wave.next_start_at,
        unarmed=unarmed,
        unarmed_because=because,
    )


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
    match action.do:
        case Do.WAIT:
            return
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
        case _:
            waves = rollout.waves.select_related(
                "frozen_list__wave__rollout",
                "frozen_list__to_version__package__connection",
                "rollout__to_version__package",
            )
            wave = waves.filter(number=action.wave).first()
            if wave is not None:
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
