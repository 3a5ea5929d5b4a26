"""Keeping the policies: a change is a new version; loosening a guard takes a second person."""

from __future__ import annotations

from datetime import datetime

from django.db.models import Max

from rollouts.domain.permissions import Permission
from rollouts.domain.policy import Policy
from rollouts.domain.profiles import Profile, changed, default, loosened, refusals
from rollouts.domain.versions import Jump
from rollouts.models import EmergencyReview, Person, PolicyVersion, Rollout
from rollouts.pipeline.transitions import Overtaken, Refusal, demand, record, writing

_RANK = {Profile.PATCH: 0, Profile.MINOR: 1, Profile.MAJOR: 2}


def in_force(profile: Profile) -> tuple[int, Policy]:
    """Return the number and the rules of the version that counts; 0 is as delivered.

    Raises Refusal for rules that can't be read: nothing is planned by a guess at them.
    """
    row = PolicyVersion.objects.effective().filter(profile=profile.value).first()
    if row is None:
        return 0, default(profile)
    try:
        return row.number, row.policy
    except ValueError as unreadable:
        raise Refusal(f"The policy “{profile.value}” can't be read: {unreadable}.") from unreadable


def chosen(kind: Jump, wanted: str) -> Profile:
    """Return the profile of a rollout: the jump's own, a stricter one, or the emergency one.

    Raises Refusal for one that is meant for smaller jumps.
    """
    own = Profile(kind.value)
    if not wanted:
        return own
    profile = Profile(wanted)
    if profile is not Profile.EMERGENCY and _RANK[profile] < _RANK[own]:
        raise Refusal(
            f"The policy “{wanted}” is for smaller jumps; this rollout is a {kind.value} one."
        )
    return profile


@writing()
def change(
    profile: Profile, policy: Policy, *, base: int, reason: str, by: Person, now: datetime
) -> PolicyVersion:
    """Make a new version. One that only tightens counts at once; one that loosens waits.

    ``base`` is the number of the version that the person saw. Raises Refusal for rules out of
    their bounds, with a sentence for each.
    """
    demand(by, Permission.CHANGE_POLICY, now)
    number, old = in_force(profile)
    if base != number:
        raise Overtaken("Somebody changed this policy after you opened the page. Look again.")
    if PolicyVersion.objects.waiting().filter(profile=profile.value).exists():
        raise Overtaken("A change of this policy waits for a second person; decide that first.")
    if not reason.strip():
        raise Refusal("Say why the policy is changed; it stays in the history.")
    wrong = refusals(policy, profile)
    if wrong:
        raise Refusal(" ".join(wrong.values()))
    if not changed(old, policy):
        raise Refusal("Nothing differs from the version in force.")
    loosens = list(loosened(old, policy))
    top = PolicyVersion.objects.filter(profile=profile.value).aggregate(top=Max("number"))["top"]
    made = PolicyVersion.objects.create(
        profile=profile.value,
        number=(top or 0) + 1,
        policy_json=policy.as_json(),
        reason=reason.strip(),
        loosens=loosens,
        made_by=by,
        made_at=now,
        in_force_at=None if loosens else now,
    )
    record(
        "ask_policy" if loosens else "change_policy",
        made,
        now=now,
        by=by,
        before=f"{profile.value} {number}",
        after=str(made),
        reason=made.reason,
        detail={"changes": changed(old, policy), "loosens": loosens},
    )
    return made


def confirm_refusal(row: PolicyVersion, person: Person) -> str:
    """Say why this person can't agree to a loosening, or ""."""
    if person.pk == row.made_by_id:
        return "You asked for it, so somebody else agrees."
    return ""


@writing()
def confirm(row: PolicyVersion, *, by: Person, now: datetime) -> None:
    """Agree to a change that loosens a guard; it counts for rollouts created from now on."""
    demand(by, Permission.CONFIRM_POLICY, now)
    held = PolicyVersion.objects.select_for_update().get(pk=row.pk)
    _refuse_decided(held)
    refusal = confirm_refusal(held, by)
    if refusal:
        raise Refusal(refusal)
    held.confirmed_by, held.in_force_at = by, now
    held.save(update_fields=["confirmed_by", "in_force_at"])
    record("confirm_policy", held, now=now, by=by, reason="; ".join(held.loosens))


@writing()
def refuse(row: PolicyVersion, *, by: Person, now: datetime) -> None:
    """Refuse a waiting change, or take one's own back."""
    held = PolicyVersion.objects.select_for_update().get(pk=row.pk)
    if by.pk != held.made_by_id:
        demand(by, Permission.CONFIRM_POLICY, now)
    _refuse_decided(held)
    held.refused_by, held.refused_at = by, now
    held.save(update_fields=["refused_by", "refused_at"])
    record("refuse_policy", held, now=now, by=by)


def _refuse_decided(row: PolicyVersion) -> None:
    if row.in_force_at or row.refused_at:
        raise Overtaken(f"{row} has been decided already.")


def review_due(rollout: Rollout) -> bool:
    """Say whether an emergency rollout is over and nobody has reviewed it."""
    over = rollout.ended_at is not None
    urgent = rollout.policy_json.get("profile") == Profile.EMERGENCY.value
    return over and urgent and not EmergencyReview.objects.filter(rollout=rollout).exists()


@writing()
def review(rollout: Rollout, *, text: str, by: Person, now: datetime) -> EmergencyReview:
    """Write down what was learned from an emergency; not by the one who planned it."""
    demand(by, Permission.REVIEW_EMERGENCY, now)
    if not review_due(rollout):
        raise Overtaken("No review of this rollout is due.")
    if by.pk == rollout.author_id:
        raise Refusal("You planned this rollout, so somebody else reviews it.")
    if not text.strip():
        raise Refusal("Say what happened, whether the haste was needed, and what is to change.")
    made = EmergencyReview.objects.create(rollout=rollout, text=text.strip(), by=by, at=now)
    record("review_emergency", f"rollout {rollout.slug}", now=now, by=by, rollout=rollout,
           reason=made.text)  # fmt: skip
    return made
