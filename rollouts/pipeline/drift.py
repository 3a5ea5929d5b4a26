"""The inbox of a rollout: orgs that joined late or changed are shown, never added silently."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime

from rollouts.domain import lanes
from rollouts.domain.lanes import BadEdit, Lanes
from rollouts.domain.lifecycle import TargetState, WaveState
from rollouts.domain.permissions import Permission
from rollouts.domain.planner import WORDS, Because, Candidate, reason_out
from rollouts.models import DriftItem, Org, Person, Rollout, Target
from rollouts.models.drift import Decision
from rollouts.pipeline import reshape
from rollouts.pipeline.audiences import AudienceChoice, candidates
from rollouts.pipeline.shifts import set_targets
from rollouts.pipeline.transitions import Overtaken, Refusal, demand, record, writing

JOINED = "joined"
_WAITING = (WaveState.PLANNED.value, WaveState.FROZEN.value, WaveState.APPROVED.value)
_BECOMES = {
    Because.UNINSTALLED: TargetState.GONE,
    Because.ALREADY_CURRENT: TargetState.ALREADY_CURRENT,
    Because.NEWER: TargetState.ALREADY_CURRENT,
}
FOR_JOINED = (Decision.ADD, Decision.LEAVE_OUT, Decision.LATER)
FOR_CHANGED = (Decision.KEEP, Decision.LEAVE_OUT, Decision.LATER)


def words(what: str) -> str:
    """Say what is the case with an org of the inbox."""
    if what == JOINED:
        return "has the package and could be pushed; it was not in the plan"
    return WORDS[Because(what)]


def collect_all(now: datetime) -> None:
    """Fill the inboxes of all rollouts that have waves which have not begun."""
    waiting = Rollout.objects.running().filter(waves__state__in=_WAITING).distinct()
    for rollout in waiting.select_related("to_version__package"):
        collect(rollout, now)


def collect(rollout: Rollout, now: datetime) -> int:
    """Compare a rollout with today's data; returns how many items are new.

    What is no longer so is closed by itself; what a person has decided does not come again while
    it stays so.
    """
    seen = _seen(rollout, now)
    known = list(DriftItem.objects.filter(rollout=rollout).select_related("org").order_by("pk"))
    still_open = [item for item in known if item.decided_at is None]
    passed = {item.pk for item in still_open if seen.get(item.org.key) != item.what}
    DriftItem.objects.filter(pk__in=passed, decided_at=None).update(
        decision=Decision.PASSED.value, decided_at=now
    )
    latest = {item.org.key: item for item in known if item.pk not in passed}
    fresh = {
        key: what
        for key, what in seen.items()
        if key not in latest or latest[key].what != what or latest[key].decision == Decision.PASSED
    }
    orgs = dict(Org.objects.filter(key__in=fresh).values_list("key", "pk"))
    items = [
        DriftItem(rollout=rollout, org_id=orgs[key], what=what, seen_at=now)
        for key, what in fresh.items()
    ]
    DriftItem.objects.bulk_create(items, batch_size=500, ignore_conflicts=True)
    return len(items)


def _seen(rollout: Rollout, now: datetime) -> dict[str, str]:
    """Return what is the case today with orgs that differ from the plan, by their keys."""
    choice = AudienceChoice.from_json(rollout.audience)
    people = candidates(rollout.to_version, choice, now, rollout)
    to = rollout.to_version.number
    rows = Target.objects.filter(rollout=rollout).values_list("org__key", "state", "wave__state")
    targets = {key: (state, wave) for key, state, wave in rows}
    waiting = {
        key
        for key, (state, wave) in targets.items()
        if state == TargetState.PLANNED.value and wave in _WAITING
    }
    facts = {one.org: one for one in people}
    found = dict.fromkeys(waiting - facts.keys(), Because.UNINSTALLED.value)
    for key in waiting & facts.keys():
        # What happened to the org says more than that it left the audience by it.
        because = reason_out(replace(facts[key], chosen=True), to) or reason_out(facts[key], to)
        if because:
            found[key] = because.value
    at_planning = rollout.left_out
    for one in people:
        if one.org in targets or reason_out(one, to) is not None:
            continue
        if at_planning.get(one.org) != Because.NEVER_FIRST.value:
            found[one.org] = JOINED
    return found


def decide(
    rollout: Rollout, items: Sequence[int], decision: Decision, *, by: Person, now: datetime
) -> int:
    """Decide about some items of the inbox; returns how many. All of them or none.

    ``add`` puts late joiners into the first planned wave that the laws of the cut allow, whose
    list is then to be frozen and approved like any. Raises Overtaken for items that are decided
    already or no longer so, Refusal with what stands against it.
    """
    demand(by, Permission.PLAN, now)
    facts = reshape.facts_of(rollout, now) if decision is Decision.ADD and items else {}
    return _decide(rollout, items, decision, facts, by=by, now=now)


@writing()
def _decide(
    rollout: Rollout,
    items: Sequence[int],
    decision: Decision,
    facts: Mapping[str, Candidate],
    *,
    by: Person,
    now: datetime,
) -> int:
    demand(by, Permission.PLAN, now)
    held = Rollout.objects.select_for_update().get(pk=rollout.pk)
    rows = list(
        DriftItem.objects.open()
        .filter(rollout=held, pk__in=items)
        .select_related("org")
        .order_by("org__key")
    )
    if not items:
        raise Refusal("Tick the orgs first.")
    if len(rows) != len(set(items)):
        raise Overtaken("Some of these were decided meanwhile, or are no longer so. Look again.")
    for row in rows:
        fitting = FOR_JOINED if row.what == JOINED else FOR_CHANGED
        if decision not in fitting:
            raise Refusal(f"{row.org.name} {words(row.what)}: that can't be {decision.label}.")
    if decision is Decision.ADD:
        _add(held, rows, facts, by, now)
    elif decision is not Decision.KEEP:
        _take_out(held, [row for row in rows if row.what != JOINED], by)
    DriftItem.objects.filter(pk__in=[row.pk for row in rows]).update(
        decision=decision.value, decided_by=by, decided_at=now
    )
    record(
        "decide_drift",
        f"rollout {held.slug}",
        now=now,
        by=by,
        rollout=held,
        reason=f"{len(rows)} orgs {decision.label}",
        detail={"orgs": [row.org.key for row in rows]},
    )
    return len(rows)


def _take_out(rollout: Rollout, rows: Sequence[DriftItem], by: Person) -> None:
    for row in rows:
        target = _waiting(rollout, row)
        if target.wave.state != WaveState.PLANNED.value:
            raise Refusal(
                f"{row.org.name} is on the list of wave {target.wave.number}, which is "
                f"{target.wave.state}. Open that for changes first; or keep it: it is looked at "
                "again before its batch is armed."
            )
        state = _BECOMES.get(Because(row.what), TargetState.EXCLUDED)
        set_targets([target.pk], state, f"{words(row.what)}; left out by {by}")
        target.wave.editors.add(by)


def _waiting(rollout: Rollout, row: DriftItem) -> Target:
    """Return the org's target if it can still be left out. Raises Overtaken."""
    targets = Target.objects.select_for_update(of=("self",)).select_related("wave")
    target = targets.filter(rollout=rollout, org=row.org).first()
    if target is None:
        raise Overtaken(f"{row.org.name} is in no wave of this rollout any more. Look again.")
    if target.state != TargetState.PLANNED.value:
        raise Overtaken(
            f"{row.org.name} is {target.state.replace('_', ' ')} by now, and what became of it "
            "stays as it is. Look again."
        )
    if target.wave.started_at is not None:
        raise Overtaken(
            f"Wave {target.wave.number} has begun, with {row.org.name} on it. Keep it: it is "
            "looked at again before its batch is armed."
        )
    return target


def _add(
    rollout: Rollout,
    rows: Sequence[DriftItem],
    known: Mapping[str, Candidate],
    by: Person,
    now: datetime,
) -> None:
    today = _today(rollout, rows, now)
    facts = dict(known) | today
    shape = reshape.read(rollout).lanes
    old = set(lanes.broken(shape, facts, rollout.policy))
    versions = dict(
        rollout.to_version.package.installations.present()
        .filter(org__in=[row.org_id for row in rows])
        .values_list("org_id", "version_id")
    )
    for row in rows:
        if row.org_id not in versions or row.org.key not in today:
            raise Overtaken(f"{row.org.name} no longer has the package. Look again.")
        because = reason_out(today[row.org.key], rollout.to_version.number)
        if because is not None:
            raise Overtaken(
                f"{row.org.name} can't be added any more: {WORDS[because]}. Look again."
            )
        shape, at = _joined(shape, facts[row.org.key], facts, rollout, old)
        Target.objects.create(
            rollout=rollout,
            wave_id=shape[at].key,
            org_id=row.org_id,
            from_version_id=versions[row.org_id],
            place=len(shape[at].orgs) - 1,
        )
        wave = rollout.waves.get(pk=shape[at].key)
        wave.editors.add(by)
    for lane in lanes.settle(shape, rollout.policy):
        rollout.waves.filter(pk=lane.key).update(approvals_needed=lane.approvals)


def _today(rollout: Rollout, rows: Sequence[DriftItem], now: datetime) -> dict[str, Candidate]:
    """Read anew what is known of the orgs of these items, by the rollout's own audience."""
    choice = AudienceChoice.from_json(rollout.audience)
    keys = [row.org.key for row in rows]
    people = candidates(rollout.to_version, choice, now, rollout, among=keys)
    return {one.org: one for one in people}


def _joined(
    shape: Lanes,
    one: Candidate,
    facts: dict[str, Candidate],
    rollout: Rollout,
    old: set[str],
) -> tuple[Lanes, int]:
    """Return the lanes with the org in the first wave that may take it, and which that is."""
    why = ""
    for at in range(len(shape)):
        try:
            with_it = lanes.join(shape, one.org, at)
        except BadEdit:
            continue
        wrong = [said for said in lanes.broken(with_it, facts, rollout.policy) if said not in old]
        if not wrong:
            return with_it, at
        why = wrong[0]
    raise Refusal(
        f"No planned wave can take {one.org}. {why or 'All waves are frozen or have begun.'} "
        "Leave it for the next rollout."
    )
