"""The rules of one rollout as one value: sizes, bakes, approvals, guardrails, retries.

The figures are the defaults of the design (section 8) and of the rollout-control research; a
rollout keeps its policy as JSON, and that JSON is part of every digest.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields, replace
from enum import StrEnum

from rollouts.domain.versions import Jump


class WaveKind(StrEnum):
    """What a wave is for; it decides strictness, bake and approvals."""

    OWN = "own"
    SANDBOX = "sandbox"
    CANARY = "canary"
    PRODUCTION = "production"


USUAL_BATCH, LARGEST_BATCH = 200, 10_000
# What one call holds: rows of a page, orgs of a collection, orgs named in a query; and what a bulk
# job takes with its looks and its list of refusals.
ROWS_A_CALL, ORGS_A_COLLECTION, ORGS_A_QUERY, BULK_CALLS = 2_000, 200, 460, 8

STRICT_KINDS = frozenset({WaveKind.OWN, WaveKind.CANARY})


@dataclass(frozen=True, slots=True)
class Policy:
    """Durations in seconds of business time, shares in percent, everything else counts."""

    profile: str = "minor"
    own_limit: int = 10
    canary_floor: int = 25
    canary_percent: float = 1.0
    canary_ceiling: int = 60
    ladder_percent: tuple[float, ...] = (5.0, 20.0, 50.0, 100.0)
    growth: int = 5
    wave_limit: int = 12
    bake_own: int = 3600
    bake_sandbox: int = 7 * 86400
    bake_canary: int = 86400
    bake_production: tuple[int, ...] = (86400, 172800, 86400, 3600)
    two_approvals_from_percent: float = 20.0
    two_approvals_above: int = 500
    two_approvals_always: bool = False
    batch_strict: int = 10
    batch_ramp: tuple[int, ...] = (10, 20, 40, 80, 160, 200)
    next_batch_settled_percent: float = 90.0
    fuse: int = 15 * 60
    not_after: int = 4 * 3600
    pass_percent: float = 95.0
    evidence_settled_percent: float = 90.0
    evidence_confirmed: int = 10
    rate_percent: float = 5.0
    rate_sample: int = 20
    rate_failures: int = 3
    failure_cap: int = 25
    signature_limit: int = 3
    signature_limit_canary: int = 2
    stuck_after: int = 4 * 3600
    stuck_counts_after: int = 8 * 3600
    unconfirmed_after: int = 86400
    retries: int = 2
    retry_delay: int = 1800
    drop_percent: float = 5.0
    tickets_a_day: int = 100
    canary_business_day: bool = True
    approval_lasts: int = 72 * 3600
    end_by_after: int = 14 * 86400
    live_read_age: int = 300
    clock_limit: int = 60

    def as_json(self) -> dict[str, object]:
        """Return the policy as plain JSON, the form that is stored and hashed."""
        return {key: list(v) if isinstance(v, tuple) else v for key, v in asdict(self).items()}

    @classmethod
    def from_json(cls, stored: Mapping[str, object]) -> Policy:
        """Read a stored policy. An unknown or missing rule is an error: unreadable means hold."""
        names = {field.name for field in fields(cls)}
        if set(stored) != names:
            odd = sorted(names.symmetric_difference(stored))
            raise ValueError(f"this policy was written by another version: {', '.join(odd)}")
        values = {key: tuple(v) if isinstance(v, list) else v for key, v in stored.items()}
        return cls(**values)  # type: ignore[arg-type]


def policy_for(kind: Jump) -> Policy:
    """Return the default policy for a kind of version jump."""
    if kind is Jump.PATCH:
        return Policy(profile="patch", bake_sandbox=86400)
    if kind is Jump.MAJOR:
        return Policy(profile="major", two_approvals_always=True)
    return Policy()


def raised(policy: Policy, cap: int) -> Policy:
    """Let batches go on doubling after the usual ramp, up to a cap that somebody has accepted.

    What Salesforce has started can't be recalled, so the cap is also the reach of a late stop.

    Raises:
        ValueError: below the usual cap, or over 10,000.
    """
    usual = policy.batch_ramp[-1]
    if not usual <= cap <= LARGEST_BATCH:
        raise ValueError(f"the largest batch is between {usual} and {LARGEST_BATCH} orgs")
    ramp = list(policy.batch_ramp)
    while ramp[-1] < cap:
        ramp.append(min(cap, 2 * ramp[-1]))
    return replace(policy, batch_ramp=tuple(ramp))


def dispatch_calls(orgs: int) -> int:
    """Estimate the API calls of one batch from creating it to reading it back as armed.

    Create, read, fill, read back, the live reads, arm, read back; see docs/architecture.md.
    """
    pages = math.ceil(orgs / ROWS_A_CALL)
    fill = math.ceil(orgs / ORGS_A_COLLECTION) if orgs <= ORGS_A_COLLECTION else BULK_CALLS
    live = 3 + 2 * max(pages, math.ceil(orgs / ORGS_A_QUERY))
    reads = 1 + (1 + pages) + live
    return 1 + fill + reads + 2


def batch_sizes(orgs: int, kind: WaveKind, policy: Policy) -> tuple[int, ...]:
    """Cut a wave into batches: small and one at a time first, then a ramp up to the cap."""
    sizes: list[int] = []
    step = 0
    while orgs > 0:
        if kind in STRICT_KINDS:
            size = policy.batch_strict
        else:
            size = policy.batch_ramp[min(step, len(policy.batch_ramp) - 1)]
        sizes.append(min(size, orgs))
        orgs -= sizes[-1]
        step += 1
    return tuple(sizes)
