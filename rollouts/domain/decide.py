"""What the conductor does next with one rollout: facts in, actions with reasons out.

Settle first, then start a little. The order of the rules is the safety: halting is judged before
anything may start, and a wave starts only when the one before it has ended well.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from zoneinfo import ZoneInfo

from rollouts.domain.business_days import business_day_over, zones_of
from rollouts.domain.capacity import orgs_a_day
from rollouts.domain.judging import Tally, bake_until, judge, may_pass
from rollouts.domain.lifecycle import WAVE_ENDS, RolloutState, WaveState
from rollouts.domain.policy import STRICT_KINDS, Policy, WaveKind

# So many batches in a row that could not be armed are no chance: a person must look.
UNARMED_LIMIT = 3


class Do(StrEnum):
    """The kinds of action that a decision may ask for."""

    HALT = "halt"
    REVIEW = "review"
    LAPSE = "lapse"
    SKIP = "skip"
    START = "start"
    NEXT_BATCH = "next_batch"
    RETRY_BATCH = "retry_batch"
    BAKE = "bake"
    PASS = "pass"  # noqa: S105 - a wave passes; nobody signs in with it
    COMPLETE = "complete"
    DRAINED = "drained"
    WAIT = "wait"


@dataclass(frozen=True, slots=True)
class WaveFacts:
    """One wave as counted from its rows. Counts are orgs unless they say otherwise.

    ``lapsed``: nothing more of its list can be armed, since the approval was not used in time or
    the approved end date is too near. ``unarmed`` counts the newest batches in a row that were
    called back before they could be armed, and ``unarmed_because`` says why the last one was.
    ``next_size`` is what the approved plan cuts next; ``zones`` are those of the wave's orgs, and
    ``regions`` those of the orgs whose zones were not frozen. ``waits`` says why no org of it can
    start just now (windows and freezes), ``next_start`` when one can, if ever.
    """

    number: int
    state: WaveState
    tally: Tally
    bake: int
    approved: bool = False
    lapsed: bool = False
    planned: int = 0
    unsettled: int = 0
    open_batches: int = 0
    newest_settled_percent: float = 100.0
    retry_due: int = 0
    retry_waiting: int = 0
    left_failed: int = 0
    last_ended: datetime | None = None
    baked_until: datetime | None = None
    review: str = ""
    unarmed: int = 0
    unarmed_because: str = ""
    next_size: int = 0
    regions: frozenset[str] = frozenset()
    zones: frozenset[str] = frozenset()
    waits: str = ""
    next_start: datetime | None = None


@dataclass(frozen=True, slots=True)
class RolloutFacts:
    """One rollout as read from its rows, with everything that holds it back.

    ``pushed_today`` counts customers' orgs of all rollouts in the last 24 hours; ``completed`` and
    ``failed`` are those of this one that have come to an end, as evidence for the daily cap.
    """

    state: RolloutState
    waves: Sequence[WaveFacts]
    holds: Sequence[str] = ()
    open_batches: int = 0
    pushed_today: int = 0
    completed: int = 0
    failed: int = 0


@dataclass(frozen=True, slots=True)
class Action:
    """One thing to do, to which wave (0: the rollout itself), and why."""

    do: Do
    wave: int = 0
    because: str = ""
    until: datetime | None = None


def decide(facts: RolloutFacts, policy: Policy, now: datetime) -> list[Action]:
    """Return what to do now, in order; a single WAIT says why nothing."""
    unseen = sum(wave.unsettled for wave in facts.waves)
    if facts.state is RolloutState.ABORTING:
        if facts.open_batches:
            return [Action(Do.WAIT, because=f"{facts.open_batches} batches are not settled")]
        if unseen:
            return [Action(Do.WAIT, because=f"{unseen} pushed orgs were not looked at yet")]
        return [Action(Do.DRAINED, because="nothing of it can still start")]
    if facts.state not in (RolloutState.READY, RolloutState.ACTIVE):
        return [Action(Do.WAIT, because=f"the rollout is {facts.state}")]

    judged = [
        action
        for wave in facts.waves
        if wave.state in (WaveState.DISPATCHING, WaveState.BAKING)
        for action in _judged(wave, policy)
    ]
    if judged:
        return judged
    current = next((wave for wave in facts.waves if wave.state not in WAVE_ENDS), None)
    if current is None and unseen:
        return [Action(Do.WAIT, because=f"{unseen} pushed orgs were not looked at yet")]
    if current is None:
        return [Action(Do.COMPLETE, because="every wave has ended")]
    return [_next(current, facts, policy, now)]


def _judged(wave: WaveFacts, policy: Policy) -> list[Action]:
    verdict = judge(wave.tally, policy)
    if verdict.halt:
        return [Action(Do.HALT, wave.number, f"wave {wave.number}: {verdict.halt}")]
    if verdict.hold and not wave.review:
        return [Action(Do.REVIEW, wave.number, verdict.hold)]
    return []


def _next(wave: WaveFacts, facts: RolloutFacts, policy: Policy, now: datetime) -> Action:
    match wave.state:
        case WaveState.APPROVED:
            return _approved(wave, facts)
        case WaveState.DISPATCHING:
            return _dispatching(wave, facts, policy, now)
        case WaveState.BAKING:
            return _baking(wave, policy, now)
        case WaveState.FROZEN if not wave.planned:
            # A halt took its approval back, but nothing is left of it that needs one.
            return _over(wave, policy, now)
        case WaveState.FROZEN:
            return Action(Do.WAIT, wave.number, f"wave {wave.number} waits for approval")
        case _:
            return Action(Do.WAIT, wave.number, f"wave {wave.number} waits to be frozen")


def _approved(wave: WaveFacts, facts: RolloutFacts) -> Action:
    if not wave.planned and wave.tally.attempted:
        # A list for a retry of which nothing is left: what was pushed before bakes on.
        return Action(Do.LAPSE, wave.number, "no org is left of its list")
    if not wave.planned:
        return Action(Do.SKIP, wave.number, "no org is left in it")
    if wave.lapsed:
        return Action(Do.LAPSE, wave.number, "its approval lapsed before it started")
    if not wave.approved:
        why = "an approval of it no longer stands: who gave it may not approve any more"
        return Action(Do.LAPSE, wave.number, why)
    if facts.holds:
        return Action(Do.WAIT, wave.number, facts.holds[0])
    if wave.waits:
        return Action(Do.WAIT, wave.number, wave.waits, until=wave.next_start)
    return Action(Do.START, wave.number, "approved, and the wave before it has ended")


def _dispatching(wave: WaveFacts, facts: RolloutFacts, policy: Policy, now: datetime) -> Action:
    if wave.planned and not (wave.lapsed or not wave.approved):
        return _next_batch(wave, facts, policy)
    if wave.planned and not wave.open_batches:
        return Action(
            Do.LAPSE, wave.number, f"its approval ran out with {wave.planned} orgs still to go"
        )
    if wave.unsettled or wave.open_batches:
        return Action(Do.WAIT, wave.number, f"{wave.unsettled} orgs are not settled")
    retries = (wave.retry_due or wave.retry_waiting) and wave.approved and not wave.lapsed
    if retries and wave.retry_due and not facts.holds and not wave.review:
        if wave.waits:
            return Action(Do.WAIT, wave.number, wave.waits, until=wave.next_start)
        return Action(Do.RETRY_BATCH, wave.number, f"{wave.retry_due} failures are worth a retry")
    if retries:
        return Action(Do.WAIT, wave.number, "retries are due later")
    return _over(wave, policy, now)


def _over(wave: WaveFacts, policy: Policy, now: datetime) -> Action:
    """Nothing of the wave is left to push: it bakes, or there was nothing to bake."""
    if wave.unsettled or wave.open_batches:
        return Action(Do.WAIT, wave.number, f"{wave.unsettled} orgs are not settled")
    if not wave.tally.attempted and wave.review:
        return Action(Do.WAIT, wave.number, wave.review)
    if not wave.tally.attempted:
        return Action(Do.SKIP, wave.number, "none of its orgs needed a push any more")
    finished = wave.last_ended or now
    until = bake_until(finished, wave.bake)
    if wave.tally.kind is WaveKind.CANARY and policy.canary_business_day:
        zones = (*zones_of(wave.regions), *map(ZoneInfo, sorted(wave.zones)))
        until = max(until, business_day_over(finished, zones))
    return Action(Do.BAKE, wave.number, "every org has Salesforce's final word", until=until)


def _next_batch(wave: WaveFacts, facts: RolloutFacts, policy: Policy) -> Action:
    if facts.holds:
        return Action(Do.WAIT, wave.number, facts.holds[0])
    if wave.review:
        return Action(Do.WAIT, wave.number, wave.review)
    if wave.unarmed >= UNARMED_LIMIT:
        return Action(
            Do.REVIEW,
            wave.number,
            f"{wave.unarmed} batches in a row could not be armed; the last: {wave.unarmed_because}",
        )
    strict = wave.tally.kind in STRICT_KINDS
    needed = 100.0 if strict else policy.next_batch_settled_percent
    if wave.open_batches and (strict or wave.newest_settled_percent < needed):
        return Action(Do.WAIT, wave.number, "the batch before must settle first")
    cap = orgs_a_day(policy.tickets_a_day, facts.failed, facts.completed)
    # With nobody pushed today a batch above the cap still goes: else it would wait for ever.
    over = facts.pushed_today and facts.pushed_today + wave.next_size > cap
    if over and wave.tally.kind is not WaveKind.OWN:
        return Action(
            Do.WAIT,
            wave.number,
            f"{facts.pushed_today} orgs were pushed in 24 hours and support can bear {cap}; "
            "it goes on by itself as the day passes",
        )
    if wave.waits:
        return Action(Do.WAIT, wave.number, wave.waits, until=wave.next_start)
    return Action(Do.NEXT_BATCH, wave.number, f"{wave.planned} orgs are still to go")


def _baking(wave: WaveFacts, policy: Policy, now: datetime) -> Action:
    if wave.review:
        return Action(Do.WAIT, wave.number, wave.review)
    reason = may_pass(wave.tally, policy, baked_until=wave.baked_until, now=now)
    if reason:
        return Action(Do.WAIT, wave.number, reason, until=wave.baked_until)
    return Action(
        Do.PASS,
        wave.number,
        f"{wave.tally.succeeded} of {wave.tally.attempted} succeeded, "
        f"{wave.tally.confirmed} seen on the new version",
    )
