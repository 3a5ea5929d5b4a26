"""From a choice of version and audience to a rollout with waves and targets."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime

from rollouts.domain import canary
from rollouts.domain.ladder import TooManyWaves
from rollouts.domain.lifecycle import RolloutState
from rollouts.domain.permissions import Permission
from rollouts.domain.planner import Because, Candidate, PlannedWave, plan_waves
from rollouts.domain.policy import Policy, WaveKind, raised
from rollouts.domain.profiles import Profile, default
from rollouts.domain.schedule import Schedule
from rollouts.domain.versions import Jump, largest_jump
from rollouts.models import (
    Installation,
    Org,
    Package,
    PackageVersion,
    Person,
    Rollout,
    Target,
    Wave,
)
from rollouts.pipeline import profiles
from rollouts.pipeline.audiences import AudienceChoice, candidates
from rollouts.pipeline.transitions import Refusal, demand, move_rollout, record, writing

__all__ = [
    "AudienceChoice",
    "PlannedWave",
    "Proposal",
    "create_rollout",
    "propose",
    "versions_to_offer",
]


@dataclass(frozen=True, slots=True)
class Proposal:
    """A cut that nobody has agreed to yet; customers and seats are those of the orgs in it.

    ``canary``: what its canary can and can't show, in sentences;
    ``trouble``: why there is no cut at all.
    """

    kind: Jump
    policy: Policy
    waves: tuple[PlannedWave, ...]
    left_out: dict[str, Because]
    counts: dict[Because, int] = field(default_factory=dict)
    customers: int = 0
    seats: int = 0
    policy_number: int = 0
    canary: tuple[str, ...] = ()
    trouble: str = ""

    @property
    def eligible(self) -> int:
        """Orgs in some wave."""
        return sum(len(wave.orgs) for wave in self.waves)


def versions_to_offer(package: Package) -> list[tuple[PackageVersion, str]]:
    """List the package's versions, newest first, each with why it can't be chosen, or ""."""
    in_use = Installation.objects.present().filter(package=package).values("version")
    installed = PackageVersion.objects.filter(pk__in=in_use)
    oldest = min((version.number for version in installed), default=None)
    offer = []
    for version in package.versions.newest_first():
        why = version.push_refusal
        if not why and oldest is None:
            why = "no org has this package"
        elif not why and oldest is not None and version.number <= oldest:
            why = "every org already has this version or a newer one"
        offer.append((version, why))
    return offer


def propose(
    version: PackageVersion,
    choice: AudienceChoice,
    now: datetime,
    instead_of: Rollout | None = None,
    profile: str = "",
) -> Proposal:
    """Cut the audience into waves by the policy for the largest version jump in it.

    ``profile`` names another policy: a stricter one, or that for emergencies.
    """
    people = candidates(version, choice, now, instead_of)
    in_reach = [
        person.number for person in people if person.chosen and person.number < version.number
    ]
    kind = largest_jump(in_reach, version.number)
    try:
        number, policy = profiles.in_force(profiles.chosen(kind, profile))
        policy = raised(policy, choice.largest_batch)
        cut = plan_waves(people, version.number, policy, seed=version.sf_id)
    except (TooManyWaves, Refusal) as trouble:
        return Proposal(kind, default(Profile(kind.value)), (), {}, trouble=str(trouble))
    inside = [person for person in people if person.org not in cut.left_out]
    return Proposal(
        kind,
        policy,
        cut.waves,
        cut.left_out,
        dict(Counter(cut.left_out.values())),
        customers=len({person.customer for person in inside if person.customer}),
        seats=sum(person.size for person in inside),
        policy_number=number,
        canary=_canary_says(cut.waves, {person.org: person for person in inside}),
    )


def _canary_says(waves: Iterable[PlannedWave], facts: Mapping[str, Candidate]) -> tuple[str, ...]:
    def orgs(kind: WaveKind) -> list[Candidate]:
        return [facts[org] for wave in waves if wave.kind is kind for org in wave.orgs]

    return canary.says(orgs(WaveKind.CANARY), orgs(WaveKind.PRODUCTION))


def _refuse_bad_choice(version: PackageVersion, proposal: Proposal) -> None:
    if version.push_refusal:
        raise Refusal(f"{version} can't be pushed: {version.push_refusal}.")
    if proposal.trouble:
        raise Refusal(proposal.trouble)
    if proposal.eligible:
        return
    newest = Because.ALREADY_CURRENT, Because.NEWER
    behind = len(proposal.left_out) - sum(proposal.counts.get(because, 0) for because in newest)
    if proposal.left_out and not behind:
        raise Refusal(
            f"Every org already has {version.label} or a newer version; choose a newer one."
        )
    raise Refusal(
        "No org is left in this audience. Widen the choice, or look at why each org is left out."
    )


def _free_slug(version: PackageVersion) -> str:
    base = f"{version.package.namespace or 'pkg'}-{version.number}".replace(".", "-")
    taken = set(Rollout.objects.filter(slug__startswith=base).values_list("slug", flat=True))
    return next(
        slug
        for slug in (base, *(f"{base}-r{n}" for n in range(2, len(taken) + 3)))
        if slug not in taken
    )


@writing()
def create_rollout(
    version: PackageVersion,
    choice: AudienceChoice,
    *,
    by: Person,
    now: datetime,
    instead_of: Rollout | None = None,
    profile: str = "",
    reason: str = "",
    editors: Iterable[Person] = (),
    schedule: Schedule | None = None,
) -> Rollout:
    """Store the proposal as a rollout that waits for its first wave to be frozen (ready).

    ``editors`` worked on its plan: they, like its author, approve nothing of it. An emergency
    needs a reason.

    Raises Refusal for a version that can't be pushed and for an audience in which no org is left.
    """
    demand(by, Permission.PLAN, now)
    proposal = propose(version, choice, now, instead_of, profile)
    _refuse_bad_choice(version, proposal)
    if proposal.policy.profile == Profile.EMERGENCY and not reason.strip():
        raise Refusal("Say why this is an emergency; it is reviewed afterwards.")
    rollout = Rollout.objects.create(
        slug=_free_slug(version),
        to_version=version,
        kind=proposal.kind.value,
        policy_json=proposal.policy.as_json(),
        policy_number=proposal.policy_number,
        schedule=(schedule or Schedule()).as_json(),
        audience=choice.as_json(),
        left_out={org: because.value for org, because in proposal.left_out.items()},
        author=by,
        created_at=now,
    )
    rollout.editors.set({by, *editors})
    record(
        "plan",
        f"rollout {rollout.slug}",
        now=now,
        by=by,
        rollout=rollout,
        after=rollout.state,
        reason=reason.strip(),
        detail={"policy": proposal.policy.profile, "version": proposal.policy_number},
    )
    _store_waves(rollout, proposal)
    move_rollout(rollout, RolloutState.READY, now=now, by=by, because="every org has its wave")
    return rollout


def _store_waves(rollout: Rollout, proposal: Proposal) -> None:
    org_rows = {
        key: (org_id, version_id)
        for key, org_id, version_id in Org.objects.filter(
            installations__package=rollout.to_version.package
        ).values_list("key", "pk", "installations__version_id")
    }
    for number, planned in enumerate(proposal.waves, start=1):
        wave = Wave.objects.create(
            rollout=rollout,
            number=number,
            name=planned.name,
            kind=planned.kind.value,
            bake=planned.bake,
            approvals_needed=planned.approvals,
        )
        Target.objects.bulk_create(
            [
                Target(
                    rollout=rollout,
                    wave=wave,
                    org_id=org_rows[key][0],
                    from_version_id=org_rows[key][1],
                    place=place,
                )
                for place, key in enumerate(planned.orgs)
            ],
            batch_size=500,
        )
