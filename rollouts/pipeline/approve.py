"""Freezing a wave, and the yes of a second person to exactly what was frozen."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from django.db.models import Exists, F, Max, OuterRef, Q

from rollouts.domain.digest import FrozenPlan, digest, short
from rollouts.domain.lifecycle import RolloutState, TargetState, WaveState
from rollouts.domain.permissions import Permission, may, roles_with
from rollouts.domain.permissions import approval_refusal as refusal_for
from rollouts.domain.planner import BLOCKING_UNKNOWN
from rollouts.domain.policy import WaveKind, batch_sizes
from rollouts.domain.windows import BadWindow
from rollouts.models import (
    Approval,
    Attempt,
    FrozenList,
    FrozenOrg,
    Installation,
    Person,
    RoleGrant,
    Rollout,
    SyncRun,
    Target,
    Wave,
)
from rollouts.pipeline import deadlines, dependencies, keeping, timing
from rollouts.pipeline.transitions import Overtaken, Refusal, demand, move_wave, record, writing

_APPROVING = [role.value for role in roles_with(Permission.APPROVE)]


@dataclass(frozen=True, slots=True)
class Drift:
    """What the data says today that it did not say when the list was frozen, in sentences."""

    changes: tuple[str, ...] = ()

    def __bool__(self) -> bool:
        return bool(self.changes)


def _targets_left(wave: Wave) -> list[Target]:
    """The orgs of the wave that still wait: planned, in order."""
    return list(
        wave.targets.filter(state=TargetState.PLANNED.value)
        .select_related("org", "from_version")
        .order_by("place")
    )


@writing()
def freeze(wave: Wave, *, by: Person, now: datetime) -> FrozenList:
    """Take the snapshot that people will approve: orgs, from-versions, batches, times, policy.

    A frozen wave whose list was voided may be frozen again with what is left. Raises Refusal
    while pushes of the wave are unsettled, or when nothing is left.
    """
    demand(by, Permission.FREEZE, now)
    wave = (
        Wave.objects.select_for_update(of=("self", "rollout"))
        .select_related("rollout__to_version__package")
        .get(pk=wave.pk)
    )
    rollout = wave.rollout
    if rollout.state not in (RolloutState.READY.value, RolloutState.ACTIVE.value):
        raise Refusal(f"The rollout is {rollout.state}; a wave can be frozen when it is active.")
    if wave.state == WaveState.FROZEN.value and _is_void(wave):
        move_wave(wave, WaveState.PLANNED, now=now, by=by, because="what is left is frozen anew")
    if wave.state != WaveState.PLANNED.value:
        raise Overtaken(f"Wave {wave.number} is {wave.state} already.")
    if Attempt.objects.live().filter(target__wave=wave).exists():
        raise Refusal(
            "Some pushes of this wave are not settled yet; freeze what is left after that."
        )
    left = _targets_left(wave)
    if not left:
        raise Refusal(f"No org is left in wave {wave.number}.")
    dependencies.demand_met(wave)
    return _store_list(wave, left, by, now)


def nothing_left(wave: Wave) -> bool:
    """Say whether a called-back wave has no org left to push: it needs no list, it bakes next."""
    if wave.state != WaveState.FROZEN.value or not _is_void(wave):
        return False
    return not wave.targets.filter(state=TargetState.PLANNED.value).exists()


def _is_void(wave: Wave) -> bool:
    return wave.frozen_list is None or wave.frozen_list.voided_at is not None


def _store_list(wave: Wave, left: list[Target], by: Person, now: datetime) -> FrozenList:
    rollout = wave.rollout
    policy = rollout.policy
    number = (wave.lists.aggregate(top=Max("number"))["top"] or 0) + 1
    orgs = [target.org_id for target in left]
    try:
        times = keeping.times_of(orgs, rollout.when, now)
    except BadWindow as unreadable:
        raise Refusal(f"A stored window can't be read: {unreadable}. Mend it first.") from None
    sizes = batch_sizes(len(left), WaveKind(wave.kind), policy)
    not_before = max(now, rollout.when.earliest.get(wave.number, now))
    frozen = FrozenList(
        wave=wave,
        number=number,
        to_version=rollout.to_version,
        batches=list(sizes),
        window=rollout.when.label,
        not_before=not_before,
        end_by=deadlines.end_by(wave, orgs, times, sizes, not_before, now),
        policy_json=rollout.policy_json,
        frozen_by=by,
        frozen_at=now,
    )
    frozen.digest = digest(
        FrozenPlan(
            package=rollout.to_version.package.sf_id,
            to_version=rollout.to_version.sf_id,
            orgs={target.org.key: target.from_version.sf_id for target in left},
            batches=tuple(frozen.batches),
            not_before=frozen.not_before,
            end_by=frozen.end_by,
            window=frozen.window,
            policy=frozen.policy_json,
            bake=wave.bake,
            approvals=wave.approvals_needed,
            hours={target.org.key: keeping.as_frozen(times[target.org_id]) for target in left},
        )
    )
    frozen.save()
    FrozenOrg.objects.bulk_create(
        [
            FrozenOrg(
                list=frozen,
                org=target.org,
                from_version=target.from_version,
                place=place,
                window=window,
                zones=zones,
                zone_source=source,
            )
            for place, target in enumerate(left)
            for window, zones, source in [keeping.as_frozen(times[target.org_id])]
        ],
        batch_size=500,
    )
    frozen.edited_by.set(wave.editors.all())
    move_wave(
        wave,
        WaveState.FROZEN,
        now=now,
        by=by,
        because=f"{len(left)} orgs, digest {short(frozen.digest)}",
        digest=frozen.digest,
        frozen_list=frozen,
    )
    return frozen


def void(frozen: FrozenList, *, reason: str, now: datetime) -> None:
    """Void a list and every approval of it. In the caller's transaction."""
    FrozenList.objects.filter(pk=frozen.pk, voided_at=None).update(
        voided_at=now, void_reason=reason
    )
    frozen.approvals.standing().update(voided_at=now, void_reason=reason)


@writing()
def edit(wave: Wave, *, by: Person, reason: str, now: datetime) -> None:
    """Open a frozen or approved wave for changes again: its list and approvals are void."""
    demand(by, Permission.FREEZE, now)
    wave.refresh_from_db()
    if wave.frozen_list:
        void(wave.frozen_list, reason=f"edited by {by}: {reason}", now=now)
    move_wave(wave, WaveState.PLANNED, now=now, by=by, because=reason or "to change it")


def drift(frozen: FrozenList, now: datetime) -> Drift:
    """Compare a frozen list with today's data. The digest itself is over the frozen snapshot."""
    today = {
        row.org_id: row
        for row in Installation.objects.filter(
            package=frozen.to_version.package, org__in=frozen.orgs.values("org")
        ).select_related("org", "version")
    }
    changes = []
    for row in frozen.orgs.select_related("org", "from_version"):
        seen = today.get(row.org_id)
        if seen is None or seen.gone_at:
            changes.append(f"{row.org.name} no longer has the package")
        elif seen.version_id != row.from_version_id:
            changes.append(
                f"{row.org.name} went from {row.from_version.label} to "
                f"{seen.version.label} by itself"
            )
        elif seen.blocked is None:
            changes.append(f"{row.org.name}: nobody can read {BLOCKING_UNKNOWN}")
        elif seen.blocked:
            changes.append(f"{row.org.name} blocks pushes now")
        elif not seen.org.is_active:
            changes.append(f"{row.org.name} is inactive now")
    changes += keeping.drift(frozen, now)
    if frozen.to_version.push_refusal:
        changes.append(
            f"{frozen.to_version.label} can't be pushed now: {frozen.to_version.push_refusal}"
        )
    return Drift(tuple(changes))


def approval_refusal(frozen: FrozenList, person: Person, now: datetime) -> str:
    """Say why this person can't approve this list, or ""."""
    if not may(person.roles_at(now), Permission.APPROVE):
        return "Only an approver can approve a wave."
    editors = _editors(frozen)
    granted = frozen.approvals.standing().values_list("person_id", flat=True)
    return refusal_for(
        person.pk,
        author_id=frozen.wave.rollout.author_id,
        editor_ids=frozenset(editors),
        granted_ids=frozenset(granted),
    )


def _editors(frozen: FrozenList) -> set[int]:
    """Return who froze this list, or had a hand in it or in the plan that it comes from."""
    planned = frozen.wave.rollout.editors.values_list("pk", flat=True)
    return {frozen.frozen_by_id, *frozen.edited_by.values_list("pk", flat=True), *planned}


def in_force(frozen: FrozenList, now: datetime) -> list[Approval]:
    """List the approvals of a list that count now.

    An approval counts while its giver may still give it: roles are read here, not remembered.
    """
    if frozen.voided_at is not None:
        return []
    # The same as ``_editors`` and ``Person.may_at``, asked of the database in one statement.
    may_now = RoleGrant.objects.filter(
        person=OuterRef("person"), role__in=_APPROVING, starts_at__lte=now, ended_at=None
    )
    frozen_with = frozen.edited_by.through.objects.filter(frozenlist=frozen)
    planned_with = Rollout.editors.through.objects.filter(rollout__waves=frozen.wave_id)
    return list(
        frozen.approvals.standing()
        .filter(Exists(may_now), digest=frozen.digest, person__is_active=True)
        .exclude(person=frozen.frozen_by_id)
        .exclude(person=F("list__wave__rollout__author"))
        .exclude(person__in=frozen_with.values("person"))
        .exclude(person__in=planned_with.values("person"))
        .select_related("person")
    )


def who_can(frozen: FrozenList, now: datetime) -> list[Person]:
    """List the people who could approve this list."""
    grants = RoleGrant.objects.filter(
        Q(role="approver"), ended_at=None, starts_at__lte=now, person__is_active=True
    ).select_related("person")
    return [grant.person for grant in grants if not approval_refusal(frozen, grant.person, now)]


@writing()
def approve(wave: Wave, *, seen_digest: str, by: Person, reason: str, now: datetime) -> Approval:
    """Say yes to exactly the list that the person saw.

    The digest is taken anew over the frozen rows and compared with the list's own and with the
    one that the form carried. Raises Overtaken when any of them differ.
    """
    demand(by, Permission.APPROVE, now)
    wave = (
        Wave.objects.select_for_update(of=("self", "rollout"))
        .select_related("rollout", "frozen_list")
        .get(pk=wave.pk)
    )
    frozen = wave.frozen_list
    if wave.state != WaveState.FROZEN.value or frozen is None or frozen.voided_at:
        raise Overtaken(f"Wave {wave.number} is not waiting for approval any more. Look again.")
    refusal = approval_refusal(frozen, by, now)
    if refusal:
        raise Refusal(refusal)
    if not reason.strip():
        raise Refusal("Say in a few words why you are comfortable; it stays in the trail.")
    actual = digest(frozen.plan())
    if not actual == frozen.digest == seen_digest:
        raise Overtaken(
            "This list has changed since you opened the page; nothing was approved. "
            f"It is {short(actual)} now, you saw {short(seen_digest)}. Review it again."
        )
    if frozen.to_version.push_refusal:
        raise Refusal(f"{frozen.to_version} can't be pushed: {frozen.to_version.push_refusal}.")
    if now > frozen.end_by:
        raise Refusal("The list's end date has passed; freeze it anew.")
    return _grant(wave, frozen, by, reason.strip(), now)


def _grant(wave: Wave, frozen: FrozenList, by: Person, reason: str, now: datetime) -> Approval:
    latest = (
        SyncRun.objects.filter(package=frozen.to_version.package, ok=True)
        .order_by("-read_at")
        .first()
    )
    approval = Approval.objects.create(
        list=frozen,
        digest=frozen.digest,
        person=by,
        reason=reason,
        granted_at=now,
        expires_at=deadlines.lapses_at(frozen, now),
        data_as_of=latest.read_at if latest else None,
    )
    granted = frozen.approvals.standing().count()
    if granted >= wave.approvals_needed:
        move_wave(wave, WaveState.APPROVED, now=now, by=by, because=reason, digest=frozen.digest)
    else:
        record(
            "approve_wave",
            f"wave {wave.number}",
            now=now,
            by=by,
            rollout=wave.rollout,
            wave=wave,
            before=wave.state,
            after=wave.state,
            reason=f"{granted} of {wave.approvals_needed} approvals: {reason}",
            digest=frozen.digest,
        )
    return approval


@writing()
def send_back(wave: Wave, *, by: Person, reason: str, now: datetime) -> None:
    """Return a frozen wave to its planner with a reason; its list is void."""
    demand(by, Permission.SEND_BACK, now)
    if not reason.strip():
        raise Refusal("Say what should change, so that the planner can mend it.")
    wave.refresh_from_db()
    if wave.state not in (WaveState.FROZEN.value, WaveState.APPROVED.value) or not wave.frozen_list:
        raise Overtaken(f"Wave {wave.number} is {wave.state}; there is nothing to send back.")
    void(wave.frozen_list, reason=f"sent back by {by}: {reason}", now=now)
    move_wave(wave, WaveState.PLANNED, now=now, by=by, because=f"sent back: {reason}")


@writing()
def withdraw(wave: Wave, *, by: Person, reason: str, now: datetime) -> None:
    """Take the approvals of a wave back before it started; the frozen list stays."""
    demand(by, Permission.WITHDRAW, now)
    wave.refresh_from_db()
    if wave.state != WaveState.APPROVED.value or not wave.frozen_list:
        raise Overtaken(f"Wave {wave.number} is {wave.state}; halt the rollout to stop it.")
    wave.frozen_list.approvals.standing().update(
        voided_at=now, void_reason=f"withdrawn by {by}: {reason}"
    )
    move_wave(wave, WaveState.FROZEN, now=now, by=by, because=reason or "approval withdrawn")


@writing()
def lapse(wave: Wave, *, because: str, now: datetime) -> None:
    """Let an approval go that can open nothing more; what is left waits for a new one.

    A list that was begun or whose end date is too near is void with it: what is left of it is
    frozen anew.
    """
    frozen = wave.frozen_list
    policy = wave.rollout.policy
    if frozen and (
        wave.state == WaveState.DISPATCHING.value
        or timing.earliest_start(frozen, policy, now) >= frozen.end_by
    ):
        void(frozen, reason=because, now=now)
    elif frozen:
        frozen.approvals.standing().update(voided_at=now, void_reason="lapsed")
    move_wave(wave, WaveState.FROZEN, now=now, because=because)
