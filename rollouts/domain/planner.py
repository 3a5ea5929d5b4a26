"""From candidates to waves: who is left out and why, and how the rest is cut.

Same input, same plan: the only chance in it is a hash of the seed and the org's id.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from enum import StrEnum

from rollouts.domain.audience import Ring
from rollouts.domain.ladder import Step, bearable, ladder, later_from
from rollouts.domain.policy import Policy, WaveKind
from rollouts.domain.strata import shuffled, spread
from rollouts.domain.versions import Number

# Unknown is neither yes nor no, and what is unknown holds.
BLOCKING_READ_FROM = 60.0
BLOCKING_UNKNOWN = (
    f"whether the customer blocks pushes, which takes API version {BLOCKING_READ_FROM} or newer"
)
LATE_RANK = 2


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
    NEVER_FIRST = "never_first"
    UNINSTALLED = "uninstalled"
    MIGRATION = "migration"
    EXPIRED = "expired"
    TRIAL = "trial"


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
    Because.NEVER_FIRST: "never first, and too few other production orgs are here to go before it",
    Because.UNINSTALLED: "the package is no longer installed",
    Because.MIGRATION: "waits for the migration from 1GP to 2GP; a normal push can't do that",
    Because.EXPIRED: "the licence has ended",
    Because.TRIAL: "a trial, and trials are to be left out",
}


@dataclass(frozen=True, slots=True)
class Candidate:
    """One org that has the package, as the planner sees it. Ids have 18 characters.

    What is not known stays empty: no customer (the id of its account), no edition, no region (that
    of its time zone; the instance then stands in), size 0 (its seats). ``failures`` counts its
    failed pushes of this package so far. ``expired`` and ``trial`` are set only where such orgs are
    to be left out.
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
    uninstalled: bool = False
    migration: bool = False


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
        (candidate.uninstalled, Because.UNINSTALLED),
        (not candidate.is_active, Because.INACTIVE),
        (candidate.number.release == to.release, Because.ALREADY_CURRENT),
        (candidate.number > to, Because.NEWER),
        (candidate.is_beta, Because.BETA),
        (candidate.migration, Because.MIGRATION),
        (candidate.blocked is True, Because.BLOCKED),
        (candidate.blocked is None, Because.BLOCKING_UNKNOWN),
        (bool(candidate.excluded), Because.EXCLUDED),
        (candidate.expired, Because.EXPIRED),
        (candidate.trial, Because.TRIAL),
        (bool(candidate.elsewhere), Because.ELSEWHERE),
    )
    return next((because for wrong, because in checks if wrong), None)


def plan_waves(candidates: Iterable[Candidate], to: Number, policy: Policy, seed: str) -> Plan:
    """Cut the candidates into waves: own orgs, sandboxes, canary, then the ladder.

    Raises `ladder.TooManyWaves` for more production orgs than the policy's growth can reach.
    """
    left_out: dict[str, Because] = {}
    inside: list[Candidate] = []
    for candidate in candidates:
        because = reason_out(candidate, to)
        if because:
            left_out[candidate.org] = because
        else:
            inside.append(candidate)
    first, sandboxes, late_boxes, production = _classes(inside, policy, seed)
    free = [one for one in production if not one.never_first]
    later = [one for one in production if one.never_first]
    kept = bearable(len(free), len(later), policy)
    later = shuffled(later, seed)
    left_out |= dict.fromkeys((one.org for one in later[kept:]), Because.NEVER_FIRST)
    return Plan(_waves(first, sandboxes, late_boxes, free, later[:kept], policy, seed), left_out)


def _classes(
    inside: Sequence[Candidate], policy: Policy, seed: str
) -> tuple[list[Candidate], list[Candidate], list[Candidate], list[Candidate]]:
    """Return the first wave, the sandboxes, the late sandboxes and the production orgs.

    Own orgs beyond the first wave's limit go with the sandboxes: before any customer's production.
    """
    own = shuffled([one for one in inside if _is_ours(one)], seed)
    first = own[: policy.own_limit]
    first += _volunteers(inside, seed)[: policy.own_limit - len(first)]
    in_first = {one.org for one in first}
    rest = [one for one in inside if one.org not in in_first]
    boxes = [one for one in rest if _is_ours(one) or not one.is_production]
    production = [one for one in rest if one.is_production and not _is_ours(one)]
    late = [one for one in boxes if one.ring == Ring.LATE and not _is_ours(one)]
    in_time = [one for one in boxes if one.ring != Ring.LATE or _is_ours(one)]
    return first, shuffled(in_time, seed), shuffled(late, seed), production


def _is_ours(candidate: Candidate) -> bool:
    return candidate.is_own or candidate.ring == Ring.OWN


def _volunteers(inside: Sequence[Candidate], seed: str) -> list[Candidate]:
    """List those who asked to be first and may: nobody's production org before its sandboxes."""
    has_sandbox = {one.customer for one in inside if one.customer and not one.is_production}
    asked = [
        one
        for one in inside
        if one.volunteer
        and not one.never_first
        and not _is_ours(one)
        and not (one.is_production and one.customer in has_sandbox)
    ]
    return sorted(shuffled(asked, seed), key=lambda one: one.is_production)


def _waves(
    first: Sequence[Candidate],
    sandboxes: Sequence[Candidate],
    late_boxes: Sequence[Candidate],
    free: Sequence[Candidate],
    later: Sequence[Candidate],
    policy: Policy,
    seed: str,
) -> tuple[PlannedWave, ...]:
    waves: list[PlannedWave] = []

    def add(kind: WaveKind, name: str, part: Sequence[Candidate], bake: int, share: float) -> None:
        if part:
            orgs = tuple(candidate.org for candidate in part)
            waves.append(PlannedWave(kind, name, orgs, bake, approvals(len(orgs), share, policy)))

    guests = any(not _is_ours(one) for one in first)
    add(
        WaveKind.OWN,
        "Own orgs and volunteers" if guests else "Own orgs",
        first,
        policy.bake_own,
        0.0,
    )
    add(WaveKind.SANDBOX, "Sandboxes", sandboxes, policy.bake_sandbox, 0.0)
    total = len(free) + len(later)
    steps = ladder(total, policy, free=len(free))
    awaited = {one.customer for one in late_boxes if one.customer}
    ordered = _in_order(free, later, awaited, steps, seed)
    start = 0
    for rank, step in enumerate(steps):
        part = ordered[start : step.end]
        if any(one.customer in awaited for one in part):
            add(WaveKind.SANDBOX, "Late sandboxes", late_boxes, policy.bake_sandbox, 0.0)
            late_boxes, awaited = (), set()
        kind = WaveKind.CANARY if rank == 0 else WaveKind.PRODUCTION
        name = "Canary" if rank == 0 else f"Production {_letter(rank - 1)}"
        share = 0.0 if rank == 0 else 100.0 * step.end / total
        add(kind, name, part, step.bake, share)
        start = step.end
    add(WaveKind.SANDBOX, "Late sandboxes", late_boxes, policy.bake_sandbox, 0.0)
    return tuple(waves)


def _in_order(
    free: Sequence[Candidate],
    later: Sequence[Candidate],
    awaited: set[str],
    steps: Sequence[Step],
    seed: str,
) -> list[Candidate]:
    """Order the production orgs: a canary like the whole, then early, usual and late ones.

    Waves below a fifth of all, and the canary, hold free ones only. An org whose customer has a
    late sandbox is late too: it goes after it.
    """

    def rank(one: Candidate) -> int:
        late = one.ring == Ring.LATE or one.customer in awaited
        return LATE_RANK if late else int(one.ring != Ring.EARLY)

    if not steps:
        return []
    canary = steps[0].end
    ahead = sorted(spread(free, seed), key=lambda one: rank(one) == LATE_RANK)
    ahead[canary:] = sorted(ahead[canary:], key=rank)
    gate = later_from(len(free) + len(later))
    before = max(canary, *(step.end for step in steps if step.end < gate), 0)
    return ahead[:before] + sorted(spread([*ahead[before:], *later], seed), key=rank)


def approvals(orgs: int, cumulative_percent: float, policy: Policy) -> int:
    """Return how many people must approve a wave of this size that reaches this share."""
    two = (
        policy.two_approvals_always
        or orgs > policy.two_approvals_above
        or cumulative_percent >= policy.two_approvals_from_percent
    )
    return 2 if two else 1


def _letter(rank: int) -> str:
    return chr(ord("A") + rank)
