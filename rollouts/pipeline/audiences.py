"""Who has the package, whom the planner wants of them, and what speaks against each."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from rollouts.domain.audience import Audience, BadAudience, Facts, audience_of, read_rule
from rollouts.domain.lifecycle import ROLLOUT_ENDS, TargetState
from rollouts.domain.planner import Candidate
from rollouts.domain.policy import USUAL_BATCH
from rollouts.models import Package, PackageVersion, Rollout, Target
from rollouts.pipeline import exclusions, marks, org_facts
from rollouts.pipeline.heap import without_collecting
from rollouts.pipeline.org_facts import Known
from rollouts.pipeline.parts import parts
from rollouts.pipeline.transitions import Refusal

_ENDS = [state.value for state in ROLLOUT_ENDS]
_OVER = [TargetState.DONE.value, TargetState.FAILED.value, TargetState.LEFT_OVER.value]
_BESIDE = frozenset(
    {"largest_batch", "base", "saved", "saved_version", "skip_trials", "take_expired"}
)


@dataclass(frozen=True, slots=True)
class AudienceChoice(Audience):
    """Whom the planner wants; everything empty means everybody who has the package.

    ``base`` is what a saved audience meant when it was chosen (``saved`` its row, ``saved_version``
    its number); the conditions narrow it further. Orgs whose licence has ended are left out unless
    ``take_expired``, trial orgs only with ``skip_trials``.
    """

    largest_batch: int = USUAL_BATCH
    base: Audience | None = None
    saved: int = 0
    saved_version: int = 0
    skip_trials: bool = False
    take_expired: bool = False

    def as_json(self) -> dict[str, object]:
        """Return the choice as it is stored with the rollout."""
        stored: dict[str, object] = {
            "types": [],
            "from_versions": [],
            "instance_prefix": "",
            "org_ids": [],
            **self.rule_json(),
            "largest_batch": self.largest_batch,
        }
        if self.base is not None:
            stored |= {
                "base": self.base.rule_json(),
                "saved": self.saved,
                "saved_version": self.saved_version,
            }
        if self.skip_trials:
            stored["skip_trials"] = True
        if self.take_expired:
            stored["take_expired"] = True
        return stored

    @classmethod
    def from_json(cls, stored: Mapping[str, Any]) -> AudienceChoice:
        """Read what `as_json` wrote. Raises Refusal for what is not understood in full."""
        try:
            rule = read_rule(stored, beside=_BESIDE)
            base = audience_of(stored["base"]) if "base" in stored else None
        except BadAudience as bad:
            raise Refusal(f"The stored audience can't be read: {bad}") from bad
        for name in ("skip_trials", "take_expired"):
            if not isinstance(stored.get(name, False), bool):
                raise Refusal(f"The stored audience can't be read: “{name}” is neither yes nor no.")
        return cls(
            **rule,
            largest_batch=int(stored.get("largest_batch", USUAL_BATCH)),
            base=base,
            saved=int(stored.get("saved", 0)),
            saved_version=int(stored.get("saved_version", 0)),
            skip_trials=stored.get("skip_trials", False),
            take_expired=stored.get("take_expired", False),
        )

    def named(self) -> frozenset[str]:
        """Return the orgs that are named by id, so that each of them is accounted for."""
        ids = frozenset(self.org_ids)
        return ids | frozenset(self.base.org_ids) if self.base is not None else ids


@without_collecting()
def candidates(
    version: PackageVersion,
    choice: AudienceChoice,
    now: datetime,
    instead_of: Rollout | None = None,
    *,
    among: Collection[str] | None = None,
) -> list[Candidate]:
    """Gather every org that has the package, marked with what speaks against it.

    Orgs of the rollout ``instead_of`` are free: it is aborted for this one. Orgs that are named by
    id are gathered also when they have the package no longer. ``among`` names the only ones to
    gather, by their ids. Raises Refusal for an audience that can't be judged.
    """
    known = org_facts.of_package(version.package, also_gone=choice.named(), among=among)
    chosen = chooser(choice, version.package)
    barred = exclusions.barred(
        (row.pk for row in known), now, {row.pk: row.account for row in known}
    )
    elsewhere = _elsewhere(instead_of, None if among is None else [row.pk for row in known])
    today = now.date()
    return [
        Candidate(
            org=row.facts.org,
            number=row.facts.number,
            is_production=row.facts.is_production,
            is_active=row.facts.status != org_facts.INACTIVE,
            is_beta=not row.released,
            is_own=row.facts.is_own,
            instance=row.facts.instance,
            blocked=row.blocked,
            excluded=barred[row.pk].reason if row.pk in barred else "",
            elsewhere=elsewhere.get(row.pk, ""),
            chosen=chosen(row.facts),
            customer=row.facts.customer,
            tags=row.facts.tags,
            ring=row.said.ring,
            volunteer=row.said.volunteer,
            never_first=row.said.never_first,
            size=row.facts.seats or 0,
            expired=not choice.take_expired and row.is_expired(today),
            trial=choice.skip_trials and row.is_trial(),
            failures=row.facts.failures,
            uninstalled=row.gone,
            migration=marks.MIGRATION in row.facts.tags,
        )
        for row in known
    ]


def _elsewhere(instead_of: Rollout | None, among: Sequence[int] | None) -> dict[int, str]:
    """Return the running rollout that has an org, by the org's row; of these or of all orgs."""
    rows = (
        Target.objects.exclude(rollout__state__in=_ENDS)
        .exclude(rollout=instead_of)
        .exclude(state__in=_OVER)
        .values_list("org_id", "rollout__slug")
    )
    if among is None:
        return dict(rows)
    return dict(row for part in parts(among) for row in rows.filter(org__in=part))


def chooser(choice: AudienceChoice, package: Package) -> Callable[[Facts], bool]:
    """Return the test for who is chosen. Raises Refusal for conditions that can't be judged."""
    tests = [*_tests(choice, package), *(_tests(choice.base, package) if choice.base else ())]
    if not tests:
        return lambda _: True
    return lambda facts: all(test(facts) for test in tests)


def _tests(audience: Audience, package: Package) -> list[Callable[[Facts], bool]]:
    if audience.package in {"", package.sf_id}:
        try:
            return audience.conditions()
        except BadAudience as bad:
            raise Refusal(str(bad)) from bad
    other = Package.objects.filter(sf_id=audience.package).first()
    if other is None:
        raise Refusal("The audience is about a package that is not known here. Choose another one.")
    inside = {row.facts.org for row in members(audience, other)}
    return [lambda facts: facts.org in inside]


def members(audience: Audience, package: Package) -> list[Known]:
    """Return the orgs with the package that an audience means now, in the order of their ids."""
    tests = _tests(audience, package)
    return [row for row in org_facts.of_package(package) if all(test(row.facts) for test in tests)]
