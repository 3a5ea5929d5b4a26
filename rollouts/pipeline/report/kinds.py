"""Failures by kind: how many orgs, where, since when, and what people have said of them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from django.db.models import Count

from rollouts.domain.business_days import region
from rollouts.domain.contrast import Contrast, Traits, contrasts
from rollouts.domain.failure_knowledge import Knowledge, knowledge, title_of
from rollouts.domain.failures import FailureKind, is_customers_block, kind_among, type_of
from rollouts.domain.lifecycle import TargetState
from rollouts.domain.triage import SETTLED, TriageState, key_of, standing
from rollouts.domain.versions import Number
from rollouts.models import Attempt, FailureTriage, Package, Rollout, Target
from rollouts.pipeline import failing
from rollouts.pipeline.failing import Hit, Now

_TRIED = (TargetState.IN_FLIGHT.value, TargetState.DONE.value, TargetState.FAILED.value)


@dataclass(frozen=True, slots=True)
class Kind:
    """Failures that look the same in one package.

    ``every`` failed attempt is in it, in order of time, ``hits`` has the last one of each org, the
    newest first. ``counted`` are the targets of its rollouts, by slug and state.
    """

    package: Package
    signature: str
    every: list[Hit]
    hits: list[Hit]
    counted: Mapping[str, Counter[str]]
    triage: FailureTriage | None
    now: Counter[Now]

    @property
    def first_at(self) -> datetime:
        """When it was seen first, by Salesforce's end of the push."""
        return self.every[0].at

    @property
    def last_at(self) -> datetime:
        """When it was seen last."""
        return self.every[-1].at

    @property
    def tried(self) -> int:
        """Orgs that were pushed in the rollouts where it was seen."""
        slugs = {one.slug for one in self.every}
        return sum(self.counted.get(slug, Counter())[state] for slug in slugs for state in _TRIED)

    @property
    def key(self) -> str:
        """Its short name in addresses."""
        return key_of(self.package.sf_id, self.signature)

    @property
    def title(self) -> str:
        """What it is called."""
        return title_of(self.signature)

    @property
    def type(self) -> str:
        """Salesforce's error type, or "" when there is none."""
        return type_of(self.signature)

    @property
    def orgs(self) -> int:
        """Orgs that it has happened to."""
        return len(self.hits)

    @property
    def open(self) -> int:
        """Orgs of which nothing better is known yet."""
        return self.now[Now.OPEN]

    @property
    def upgraded(self) -> int:
        """Orgs that have the version, or a newer one, by now."""
        return self.now[Now.UPGRADED]

    @property
    def blocked(self) -> int:
        """Orgs whose customer does not accept push upgrades."""
        return self.now[Now.BLOCKED]

    @property
    def elsewhere(self) -> int:
        """Orgs that are neither open, blocked nor upgraded: they wait for a retry, or are out."""
        return self.orgs - self.open - self.upgraded - self.blocked

    @property
    def kind(self) -> FailureKind:
        """Whose turn it is."""
        return kind_among(self.hits[0].kind, self.signature, self.orgs)

    @property
    def is_block(self) -> bool:
        """Whether nothing has failed: the customer does not accept push upgrades."""
        return is_customers_block(self.signature)

    @property
    def known(self) -> Knowledge:
        """What it usually means and what to do."""
        return knowledge(self.signature, self.kind)

    @property
    def state(self) -> TriageState:
        """Where it stands with people; what was solved and came back is new."""
        if self.triage is None:
            return TriageState.NEW
        said = TriageState(self.triage.state)
        return standing(said, said_at=self.triage.at, last_at=self.last_at)

    @property
    def came_back(self) -> bool:
        """Whether somebody had called it solved."""
        return self.triage is not None and self.state.value != self.triage.state

    @property
    def is_open(self) -> bool:
        """Whether somebody has something to do about it."""
        return self.open > 0 and self.state not in SETTLED

    @property
    def places(self) -> list[tuple[str, list[int]]]:
        """Where it was seen: slugs of rollouts with the numbers of their waves."""
        seen: dict[str, set[int]] = {}
        for one in self.every:
            seen.setdefault(one.slug, set()).add(one.wave)
        return [(slug, sorted(waves)) for slug, waves in seen.items()]

    @property
    def open_in(self) -> list[tuple[str, int]]:
        """Rollouts in which orgs are open, with how many."""
        return list(Counter(one.slug for one in self.hits if one.now is Now.OPEN).items())

    def seen_beside(self, slug: str) -> list[tuple[str, int]]:
        """Rollouts other than this one where it was seen, with orgs; the newest first."""
        orgs: dict[str, set[int]] = {}
        for one in reversed(self.every):
            orgs.setdefault(one.slug, set()).add(one.org)
        return [(name, len(found)) for name, found in orgs.items() if name != slug]


@dataclass(frozen=True, slots=True)
class Overview:
    """All kinds of failure of a rollout, or of all: biggest first.

    ``done`` orgs have the version, ``unread`` failures still wait for Salesforce's words.
    """

    kinds: list[Kind]
    done: int
    unread: int

    @property
    def open_orgs(self) -> int:
        """Orgs of which nothing better is known, over all kinds."""
        return sum(kind.open for kind in self.kinds)

    @property
    def open_kinds(self) -> int:
        """Kinds that such orgs are in."""
        return sum(kind.open > 0 for kind in self.kinds)

    @property
    def upgraded(self) -> int:
        """Orgs that failed and have the version by now."""
        return sum(kind.upgraded for kind in self.kinds)


def overview(rollout: Rollout | None = None) -> Overview:
    """Read the kinds of failure of one rollout, or of all: eight queries at most."""
    found = failing.hits(failing.failed(rollout=rollout))
    slugs = {one.slug for one in found} if rollout is None else {rollout.slug}
    counted = failing.standing_of(slugs)
    done = sum(states[TargetState.DONE.value] for states in counted.values())
    return Overview(kinds_of(found, counted), done, failing.unread(rollout))


def kinds_of(found: list[Hit], counted: Mapping[str, Counter[str]]) -> list[Kind]:
    """Group hits by package and signature, the biggest first: two queries."""
    if not found:
        return []
    rows = Package.objects.filter(pk__in={hit.package for hit in found})
    packages = {row.pk: row for row in rows}
    said = {
        (row.package_id, row.signature): row
        for row in FailureTriage.objects.filter(package__in=packages).select_related("owner", "by")
    }
    groups: dict[tuple[int, str], list[Hit]] = {}
    for one in found:
        groups.setdefault((one.package, one.signature), []).append(one)
    kinds = [
        _kind(packages[package], signed, members, counted, said.get((package, signed)))
        for (package, signed), members in groups.items()
    ]
    return sorted(kinds, key=lambda kind: (-kind.orgs, kind.signature))


def _kind(
    package: Package,
    signed: str,
    every: list[Hit],
    counted: Mapping[str, Counter[str]],
    said: FailureTriage | None,
) -> Kind:
    hits = failing.latest(every)
    now = Counter(one.now for one in hits)
    return Kind(package, signed, every, hits, counted, said, now)


def within(kind: Kind, slug: str) -> Kind | None:
    """Return what a kind has come to in one rollout; None when it was not seen there."""
    here = [one for one in kind.every if one.slug == slug]
    if not here:
        return None
    return _kind(kind.package, kind.signature, here, kind.counted, kind.triage)


def find(key: str) -> Kind | None:
    """Find a kind by its short name, over all rollouts: seven queries at most."""
    named = (
        Attempt.objects.filter(signature__gt="")
        .order_by()
        .values_list("version__package_id", "version__package__sf_id", "signature")
        .distinct()
    )
    chosen = [(package, signed) for package, sf_id, signed in named if key_of(sf_id, signed) == key]
    if not chosen:
        return None
    package, signed = chosen[0]
    found = failing.hits(failing.failed(signature=signed).filter(version__package_id=package))
    kinds = kinds_of(found, failing.standing_of({one.slug for one in found}))
    return kinds[0] if kinds else None


def in_common(kind: Kind) -> list[Contrast]:
    """Return what its orgs have in common that upgraded orgs of the same rollouts have not."""
    slugs = {one.slug for one in kind.every}
    upgraded = (
        Target.objects.filter(rollout__slug__in=slugs, state=TargetState.DONE.value)
        .order_by()
        .values_list(
            "from_version__major", "from_version__minor", "from_version__patch",
            "org__is_production", "org__is_own", "org__instance",
        )
        .annotate(n=Count("pk"))
    )  # fmt: skip
    return contrasts(
        (
            (_traits(one.from_version, one.production, one.own, one.instance), 1)
            for one in kind.hits
        ),
        (
            (_traits(Number(*number), production, own, instance), count)
            for *number, production, own, instance, count in upgraded
        ),
    )


def _traits(version: Number, production: bool, own: bool, instance: str) -> Traits:  # noqa: FBT001
    what = "our own" if own else "production" if production else "sandbox"
    return {
        "came from": (str(version), f"{version.major}.{version.minor}.x"),
        "kind of org": (what,),
        "instance": (instance, region(instance)),
    }
