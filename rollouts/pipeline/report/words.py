"""A rollout in a sentence, and what waits for a person: made from the same rows as the numbers."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from django.urls import reverse

from rollouts.domain.judging import may_pass
from rollouts.domain.lifecycle import WAVE_ENDS, RolloutState, WaveState
from rollouts.domain.permissions import Permission, Role, may
from rollouts.models import Exclusion, Person, Rollout, Wave
from rollouts.pipeline import approve, conduct, holds
from rollouts.pipeline.halting import NOT_GIVEN
from rollouts.pipeline.report.counts import Counts, wave_counts

_ENDS = [state.value for state in WAVE_ENDS]


@dataclass(frozen=True, slots=True)
class Verdict:
    """What is the case, what comes next, who must act. ``tone`` is a status tone."""

    tone: str
    headline: str
    detail: str


@dataclass(frozen=True, slots=True)
class Need:
    """One thing that waits for this person."""

    sentence: str
    label: str
    tone: str
    url: str


def plural(number: int, one: str, many: str = "") -> str:
    """Return the number with its noun: "1 org", "3,412 orgs"."""
    return f"{number:,} {one if number == 1 else many or one + 's'}"


def verdict(rollout: Rollout, now: datetime, waves: dict[int, Counts] | None = None) -> Verdict:
    """Say where a rollout stands; ``waves`` are its counts if the page has them already."""
    counted = waves if waves is not None else wave_counts(rollout)
    total = sum(part.total for part in counted.values())
    done = sum(part.succeeded for part in counted.values())
    failed = sum(part["failed"] for part in counted.values())
    tally = f"{done:,} of {plural(total, 'org')} upgraded, {failed:,} failed."
    match RolloutState(rollout.state):
        case RolloutState.HALTED:
            return Verdict("fail", _halted(rollout), f"{tally} {_after_halt(rollout)}")
        case RolloutState.COMPLETED:
            return Verdict("ok", "Done: every wave has passed.", tally)
        case RolloutState.COMPLETED_WITH_FAILURES:
            return Verdict("need", "Done, with orgs left that failed.", tally)
        case RolloutState.ABORTED:
            return Verdict("idle", f"Aborted: {rollout.reason}", tally)
        case RolloutState.ABORTING:
            return Verdict(
                "need", "Being aborted: waiting until nothing of it can still start.", tally
            )
        case RolloutState.DRAFT:
            return Verdict("idle", "A draft.", "Nothing of it is at Salesforce.")
        case _:
            return _going(rollout, counted, tally, now)


def _halted(rollout: Rollout) -> str:
    if rollout.reason:
        return f"Halted: {rollout.reason}"
    return f"Halted by {rollout.halted_by}, {NOT_GIVEN}"


def _after_halt(rollout: Rollout) -> str:
    wave = rollout.waves.exclude(state__in=_ENDS).first()
    if wave is not None and approve.nothing_left(wave):
        return f"An approver resumes it; nothing of wave {wave.number} is left, it bakes then."
    return "An approver resumes it; what is left then needs a new approval."


def _going(rollout: Rollout, counted: dict[int, Counts], tally: str, now: datetime) -> Verdict:
    by_people = holds.set_by_people(rollout)
    if by_people:
        return Verdict("need", f"On hold: {by_people[0]}.", tally)
    wave = rollout.waves.exclude(state__in=_ENDS).select_related("frozen_list").first()
    if wave is None:
        return Verdict("run", "Every wave has ended; closing the rollout.", tally)
    name = f"Wave {wave.number}, {wave.name},"
    if wave.review:
        say = f"{name} waits for a look: {wave.review}."
        return Verdict("need", say, f"An approver looks it over and lets it go on. {tally}")
    part = counted.get(wave.number, Counts())
    match WaveState(wave.state):
        case WaveState.PLANNED:
            return Verdict("need", f"{name} waits to be frozen by a planner.", tally)
        case WaveState.FROZEN:
            return _waiting(wave, name, tally, now)
        case WaveState.APPROVED:
            waiting = holds.on_rollout(rollout, now)
            why = f": {waiting[0]}" if waiting else ""
            detail = tally if waiting else _next_start(wave, tally)
            return Verdict("queue", f"{name} is approved and starts next{why}.", detail)
        case WaveState.BAKING:
            return _bake_words(wave, name, tally, now)
        case _:
            say = f"{name} is on its way: {part.succeeded} of {plural(part.total, 'org')} upgraded."
            return Verdict("run", say, _dispatch_words(wave, part, tally, now))


def _waiting(wave: Wave, name: str, tally: str, now: datetime) -> Verdict:
    frozen = wave.frozen_list
    if approve.nothing_left(wave):
        return Verdict("run", f"{name} has nothing left to push; it bakes next.", tally)
    if frozen is None or frozen.voided_at:
        return Verdict("need", f"{name} waits: what is left must be frozen anew.", tally)
    given = frozen.approvals.standing().count()
    who = ", ".join(str(person) for person in approve.who_can(frozen, now)) or "another approver"
    missing = wave.approvals_needed - given
    return Verdict(
        "need", f"{name} needs {plural(missing, 'approval')}.", f"Can approve: {who}. {tally}"
    )


def _bake_words(wave: Wave, name: str, tally: str, now: datetime) -> Verdict:
    facts = conduct.wave_facts(wave, wave.rollout.policy, now)
    if wave.baked_until and now < wave.baked_until:
        left = wave.baked_until - now
        return Verdict("run", f"{name} bakes for another {_span(left)}.", tally)
    why = may_pass(facts.tally, wave.rollout.policy, baked_until=wave.baked_until, now=now)
    return Verdict("need", f"{name} has baked but can't pass: {why}.", tally)


def _span(left: timedelta) -> str:
    minutes = int(left.total_seconds() // 60) + 1
    if minutes >= 2 * 24 * 60:
        return f"{minutes // 1440} days"
    return f"{minutes // 60} h {minutes % 60} min" if minutes >= 60 else f"{minutes} min"  # noqa: PLR2004


def _dispatch_words(wave: Wave, part: Counts, tally: str, now: datetime) -> str:
    running = f"{part['running']} running, {part['queued']} queued, {part['failed']} failed."
    coming = wave.batches.open().exclude(start_at=None).order_by("start_at").first()
    if coming and coming.start_at and coming.start_at > now and not coming.started_seen_at:
        return f"{running} Next start {coming.start_at:%H:%M:%S} UTC. {tally}"
    return f"{running} {_next_start(wave, tally)}"


def _next_start(wave: Wave, tally: str) -> str:
    """Say what a wave waits for by the clock, if it does."""
    if wave.hours_because is None:
        return tally
    if wave.next_start_at is None:
        when = "No start fits before its approved end date"
    else:
        orgs = plural(wave.next_start_orgs or 0, "org")
        when = f"Next start {wave.next_start_at:%a %-d %b %H:%M} UTC, {orgs}"
    return f"{when}; until then {wave.hours_because}. {tally}"


def needs(person: Person, now: datetime) -> list[Need]:
    """List what waits for this very person, the gravest first."""
    roles = person.roles_at(now)
    found: list[tuple[int, Need]] = []
    for rollout in Rollout.objects.running().select_related("to_version__package"):
        page = reverse("rollout", args=[rollout.slug])
        title = f"{rollout.to_version}"
        if rollout.state == RolloutState.HALTED.value:
            if may(roles, Permission.RESUME):
                say = f"{title}: {_halted(rollout)}"
                found.append((0, Need(say, "Look", "fail", page)))
            continue
        wave = rollout.waves.exclude(state__in=_ENDS).select_related("frozen_list").first()
        if wave is None:
            continue
        need = _wave_need(wave, title, person, now)
        if need:
            found.append(need)
    found += _exclusion_needs(person, roles, now)
    return [need for _, need in sorted(found, key=lambda row: row[0])]


def _exclusion_needs(
    person: Person, roles: frozenset[Role], now: datetime
) -> list[tuple[int, Need]]:
    """List what waits of exclusions: ends that somebody asked for, sandboxes that are new."""
    page = reverse("exclusions")
    found: list[tuple[int, Need]] = []
    standing = Exclusion.objects.in_force(now)
    if may(roles, Permission.CONFIRM_END_EXCLUSION):
        asked = standing.exclude(end_asked_by=None).exclude(end_asked_by=person).count()
        if asked:
            say = f"{plural(asked, 'exclusion')} asked to end early: confirm, or keep it"
            found.append((2, Need(say, "Look", "need", f"{page}?show=asked")))
    if may(roles, Permission.PLAN):
        fresh = standing.filter(decided_at=None).exclude(taken_from=None).count()
        if fresh:
            which = plural(fresh, "new sandbox", "new sandboxes")
            say = f"{which} of an excluded org: may it be pushed?"
            found.append((3, Need(say, "Decide", "queue", f"{page}?show=undecided")))
    return found


def _wave_need(wave: Wave, title: str, person: Person, now: datetime) -> tuple[int, Need] | None:
    roles = person.roles_at(now)
    args = [wave.rollout.slug, wave.number]
    page = reverse("wave", args=args)
    frozen = wave.frozen_list
    void = frozen is None or frozen.voided_at is not None
    orgs = plural(wave.targets.filter(state="planned").count(), "org")
    if wave.review and may(roles, Permission.RESUME):
        say = f"{title}, wave {wave.number} waits for a look: {wave.review}"
        return 1, Need(say, "Look", "need", page)
    if wave.state == WaveState.FROZEN.value and frozen and not void:
        if approve.approval_refusal(frozen, person, now):
            return None
        say = f"{title}, wave {wave.number} ({wave.name}) needs your approval: {orgs}"
        return 2, Need(say, "Review", "need", reverse("wave-approve", args=args))
    freezable = wave.state == WaveState.PLANNED.value or (
        wave.state == WaveState.FROZEN.value and void
    )
    if freezable and not approve.nothing_left(wave) and may(roles, Permission.FREEZE):
        say = f"{title}, wave {wave.number} ({wave.name}) can be frozen: {orgs}"
        return 3, Need(say, "Freeze", "queue", page)
    return None
