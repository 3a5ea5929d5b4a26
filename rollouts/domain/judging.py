"""Is this wave still within its limits? Rules that halt, hold or let a wave pass, with reasons.

Failures are judged in every phase. The rate rule uses the lower bound of the Wilson score
interval (Wilson 1927) at z = 2.58 on failed over completed, so that chance alone rarely halts.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from rollouts.domain.failures import FailureKind
from rollouts.domain.policy import STRICT_KINDS, Policy, WaveKind

Z = 2.58


@dataclass(frozen=True, slots=True)
class Tally:
    """What a wave's targets have come to, counted from attempts and never incremented.

    ``attempted`` orgs had an attempt; ``settled`` of them have Salesforce's final word;
    ``succeeded`` includes ``confirmed``. ``failed`` maps a failure kind to orgs whose last word is
    a failure, ``stuck`` are orgs stuck for so long that they count. ``retryable`` of the failed
    get another try under the approved retry rule. ``signatures`` maps a signature to orgs, first
    tries included; ``unheard`` are those new to this package.

    What an approver has accepted is in ``accepted`` and ``accepted_stuck`` and in none of
    ``failed``, ``stuck`` and ``signatures``: exactly those failures stop to count, and no others.
    """

    kind: WaveKind
    orgs: int = 0
    attempted: int = 0
    settled: int = 0
    succeeded: int = 0
    confirmed: int = 0
    failed: Mapping[FailureKind, int] = field(default_factory=dict)
    stuck: int = 0
    retryable: int = 0
    signatures: Mapping[str, int] = field(default_factory=dict)
    signature_kinds: Mapping[str, FailureKind] = field(default_factory=dict)
    unheard: frozenset[str] = frozenset()
    accepted: int = 0
    accepted_stuck: int = 0

    @property
    def failures(self) -> int:
        """Orgs that count as failed: final failures and those stuck for too long, not accepted."""
        return sum(self.failed.values()) + self.stuck

    @property
    def failures_so_far(self) -> int:
        """Orgs whose last word is a failure, accepted or not: what whoever goes on must see."""
        return self.failures + self.accepted + self.accepted_stuck

    @property
    def completed(self) -> int:
        """Orgs that the rate is taken of: ended or stuck for too long, and not accepted."""
        return self.settled + self.stuck - self.accepted


@dataclass(frozen=True, slots=True)
class Verdict:
    """What the rules say: go on, hold for a person's look, or halt; with the numbers."""

    halt: str = ""
    hold: str = ""


def wilson_lower(failed: int, completed: int, z: float = Z) -> float:
    """Return the lower bound (0..1) of the Wilson interval for failed out of completed."""
    if completed <= 0:
        return 0.0
    share = failed / completed
    centre = share + z * z / (2 * completed)
    spread = z * math.sqrt(share * (1 - share) / completed + z * z / (4 * completed * completed))
    return max(0.0, (centre - spread) / (1 + z * z / completed))


def wilson_upper(failed: int, completed: int, z: float = Z) -> float:
    """Return the upper bound (0..1) of the same interval: what may still be true."""
    return 1.0 - wilson_lower(completed - failed, completed, z) if completed else 1.0


def judge(tally: Tally, policy: Policy) -> Verdict:
    """Apply every halting rule to a wave's tally."""
    halts = (
        _cap(tally.failures - tally.retryable, policy),
        _rate(tally, policy),
        _signature(tally, policy),
    )
    halt = next((reason for reason in halts if reason), "")
    if halt:
        return Verdict(halt=halt)
    if tally.kind in STRICT_KINDS:
        return _canary(tally)
    return Verdict()


def _cap(failures: int, policy: Policy) -> str:
    # Counted without those that get another try, or every large wave would halt for a few locks.
    if failures < policy.failure_cap:
        return ""
    return f"{failures} orgs failed; the limit of a wave is {policy.failure_cap}"


def _rate(tally: Tally, policy: Policy) -> str:
    failures, completed = tally.failures, tally.completed
    if completed < policy.rate_sample or failures < policy.rate_failures:
        return ""
    lower = 100 * wilson_lower(failures, completed)
    if lower <= policy.rate_percent:
        return ""
    return (
        f"{failures} of {completed} finished orgs failed; the real rate is at least "
        f"{lower:.1f} %, the limit is {policy.rate_percent:g} %"
    )


def _signature(tally: Tally, policy: Policy) -> str:
    limit = policy.signature_limit_canary if tally.kind in STRICT_KINDS else policy.signature_limit
    for text, orgs in sorted(tally.signatures.items(), key=lambda row: -row[1]):
        # Locks and platform hiccups repeat by nature; the rate rule and the cap judge those.
        if tally.signature_kinds.get(text) is FailureKind.TRANSIENT:
            continue
        if orgs >= limit:
            return f"the same failure in {orgs} orgs, the limit is {limit}: {text}"
    return ""


def _canary(tally: Tally) -> Verdict:
    counted = (
        tally.failed.get(FailureKind.PACKAGE, 0)
        + tally.failed.get(FailureKind.UNKNOWN, 0)
        + tally.stuck
        + sum(
            tally.signatures.get(text, 0)
            for text in tally.unheard
            if tally.signature_kinds.get(text)
            not in (FailureKind.PACKAGE, FailureKind.UNKNOWN, FailureKind.TRANSIENT)
        )
    )
    if counted >= 2:  # noqa: PLR2004 - "halt at the second" is the rule itself
        return Verdict(halt=f"{counted} failures in a wave where one is already too many")
    if counted == 1:
        return Verdict(hold="one failure in the canary: look at it before more orgs start")
    return Verdict()


def may_pass(tally: Tally, policy: Policy, *, baked_until: datetime | None, now: datetime) -> str:
    """Say why a baking wave can't pass yet, or "" if it can.

    A wave with no confirmed success never passes, however long it bakes.
    """
    if tally.settled < tally.attempted:
        return f"{tally.attempted - tally.settled} orgs are not settled"
    if tally.confirmed < max(1, min(policy.evidence_confirmed, tally.orgs)) and (
        tally.confirmed < max(1, tally.succeeded)
    ):
        return f"the new version was seen in {tally.confirmed} of {tally.succeeded} upgraded orgs"
    if tally.confirmed == 0:
        return "no org has been seen on the new version"
    share = 100 * tally.succeeded / tally.attempted
    if share < policy.pass_percent:
        way = "an approver closes the wave, or a planner asks to retry what failed"
        if tally.kind in STRICT_KINDS:
            way = "this wave can't be closed, so only a retry or an abort of the rollout leads on"
        return f"{share:.1f} % of the orgs succeeded, {policy.pass_percent:g} % are needed: {way}"
    if baked_until is None or now < baked_until:
        return "the wave bakes"
    return ""


def bake_until(finished: datetime, bake: int) -> datetime:
    """Return when the bake is over that begins when the wave's last org finished."""
    return finished + timedelta(seconds=bake)
