"""From candidates to waves: who is left out and why, and how the rest is cut.

Same input, same plan: the only chance in it is a hash of the seed and the org's id.
"""

from __future__ import annotations

import hashlib
import math
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from enum import StrEnum

from rollouts.domain.business_days import region
from rollouts.domain.policy import Policy, WaveKind
from rollouts.domain.versions import Number

# Unknown is neither yes nor no, and what is unknown holds.
BLOCKING_READ_FROM = 60.0
BLOCKING_UNKNOWN = (
    f"whether the customer blocks pushes, which takes API version {BLOCKING_READ_FROM} or newer"
)


class Because(StrEnum):
    """Why a candidate is not in the plan."""

    NOT_CHOSEN = "not_chosen"
    INACTIVE = "inactive"
    ALREADY_CURRENT = "already_current"
    NEWER = "newer"
    BETA = "beta"
    BLOCKED = "blocked"
    BLOCKING_UNKNOWN = "blocking_unknown"
    EXCLUDED = "excluded"
    ELSEWHERE = "elsewhere"


WORDS = {
    Because.NOT_CHOSEN: "not in the chosen audience",
    Because.INACTIVE: "inactive in Salesforce; inactive orgs can't receive pushes",
    Because.ALREADY_CURRENT: "already on this version",
    Because.NEWER: "on a newer version; a push never goes back",
    Because.BETA: "a beta is installed; the customer must uninstall it first",
    Because.BLOCKED: "the customer blocks pushes",
    Because.BLOCKING_UNKNOWN: f"nobody can read {BLOCKING_UNKNOWN}",
    Because.EXCLUDED: "on the exclusion list",
    Because.ELSEWHERE: "in another rollout that has not ended",
}


@dataclass(frozen=True, slots=True)
class Candidate:
    """One org that has the package, as the planner sees it. Ids have 18 characters.

    What is not known stays empty: no customer (the id of its account), no edition, no region (that
    of its time zone; the instance then stands in), size 0 (its seats). ``failures`` counts its
    failed pushes of this package so far.
    """

    org: str
    number: Number
    is_production: bool
    is_active: bool = True
    is_beta: bool = False
    is_own: bool = False
    instance: str = ""
    blocked: bool | None = False  # None: can't be read
    excluded: str = ""
    elsewhere: str = ""
    chosen: bool = True
    customer: str = ""
    tags: frozenset[str] = frozenset()
    ring: str = ""
    volunteer: bool = False
    never_first: bool = False
    region: str = ""
    edition: str = ""
    size: int = 0
    expired: bool = False
    trial: bool = False
    failures: int = 0


@dataclass(frozen=True, slots=True)
class PlannedWave:
    """One wave before it is frozen: orgs in push order, what it waits and who must agree."""

    kind: WaveKind
    name: str
    orgs: tuple[str, ...]
    bake: int
    approvals: int


@dataclass(frozen=True, slots=True)
class Plan:
    """The whole cut: every candidate is in exactly one wave or left out with one reason."""

    waves: tuple[PlannedWave, ...]
    left_out: dict[str, Because]


def reason_out(candidate: Candidate, to: Number) -> Because | None:
    """Say why this candidate can't be pushed to the version, or None if it can."""
    checks = (
        (not candidate.chosen, Because.NOT_CHOSEN),
        (not candidate.is_active, Because.INACTIVE),
        (candidate.number.release == to.release, Because.ALREADY_CURRENT),
        (candidate.number > to, Because.NEWER),
        (candidate.is_beta, Because.BETA),
        (candidate.blocked is True, Because.BLOCKED),
        (candidate.blocked is None, Because.BLOCKING_UNKNOWN),
        (bool(candidate.excluded), Because.EXCLUDED),
        (bool(candidate.elsewhere), Because.ELSEWHERE),
    )
    return next((because for wrong, because in checks if wrong), None)


def plan_waves(candidates: Iterable[Candidate], to: Number, policy: Policy, seed: str) -> Plan:
    """Cut the candidates into waves: own orgs, sandboxes, canary, then the ladder."""
    left_out: dict[str, Because] = {}
    own: list[Candidate] = []
    sandboxes: list[Candidate] = []
    production: list[Candidate] = []
    for candidate in candidates:
        because = reason_out(candidate, to)
        if because:
            left_out[candidate.org] = because
        elif candidate.is_own and len(own) < policy.own_limit:
            own.append(candidate)
        elif candidate.is_production:
            production.append(candidate)
        else:
            sandboxes.append(candidate)

    total = len(production)
    waves: list[PlannedWave] = []

    def add(kind: WaveKind, name: str, part: Sequence[Candidate], bake: int, share: float) -> None:
        if part:
            orgs = tuple(candidate.org for candidate in part)
            waves.append(PlannedWave(kind, name, orgs, bake, approvals(len(orgs), share, policy)))

    add(WaveKind.OWN, "Own orgs", _shuffled(own, seed), policy.bake_own, 0.0)
    add(WaveKind.SANDBOX, "Sandboxes", _shuffled(sandboxes, seed), policy.bake_sandbox, 0.0)
    ordered = _spread(production, seed)
    steps = ladder(total, policy)
    start = 0
    for rank, (end, bake) in enumerate(steps):
        kind = WaveKind.CANARY if rank == 0 else WaveKind.PRODUCTION
        name = "Canary" if rank == 0 else f"Production {_letter(rank - 1)}"
        share = 0.0 if rank == 0 else 100.0 * end / total
        add(kind, name, ordered[start:end], bake, share)
        start = end
    return Plan(tuple(waves), left_out)


def approvals(orgs: int, cumulative_percent: float, policy: Policy) -> int:
    """Return how many people must approve a wave of this size that reaches this share."""
    two = (
        policy.two_approvals_always
        or orgs > policy.two_approvals_above
        or cumulative_percent >= policy.two_approvals_from_percent
    )
    return 2 if two else 1


def ladder(production: int, policy: Policy) -> list[tuple[int, int]]:
    """Return (cumulative orgs, bake seconds) per production wave, the canary first.

    No wave's cumulative count exceeds ``growth`` times the one before: steps are put in where
    the percentages leap, and dropped where there are too few orgs to tell them apart.
    """
    if production <= 0:
        return []
    canary = max(policy.canary_floor, math.ceil(production * policy.canary_percent / 100))
    steps = [(min(production, canary, policy.canary_ceiling), policy.bake_canary)]
    for percent, bake in zip(policy.ladder_percent, policy.bake_production, strict=True):
        goal = min(production, math.ceil(production * percent / 100))
        while goal > policy.growth * steps[-1][0]:
            steps.append((policy.growth * steps[-1][0], policy.bake_production[0]))
        if goal > steps[-1][0]:
            steps.append((goal, bake))
    return steps


def _letter(rank: int) -> str:
    return chr(ord("A") + rank)


def _key(candidate: Candidate, seed: str) -> str:
    return hashlib.sha256(f"{seed}:{candidate.org}".encode()).hexdigest()


def _shuffled(part: list[Candidate], seed: str) -> list[Candidate]:
    return sorted(part, key=lambda candidate: _key(candidate, seed))


def _spread(part: list[Candidate], seed: str) -> list[Candidate]:
    """Order orgs so that each stretch of the list holds each stratum in about its share.

    A stratum is a from-version in a region (the instance's first letters): a canary cut from
    the front is then small and still like the whole.
    """
    strata: defaultdict[tuple[Number, str], list[Candidate]] = defaultdict(list)
    for candidate in _shuffled(part, seed):
        strata[(candidate.number, region(candidate.instance))].append(candidate)
    placed: list[tuple[float, str, Candidate]] = []
    for members in strata.values():
        for rank, candidate in enumerate(members):
            placed.append(((rank + 0.5) / len(members), _key(candidate, seed), candidate))
    return [candidate for _, _, candidate in sorted(placed, key=lambda row: row[:2])]
