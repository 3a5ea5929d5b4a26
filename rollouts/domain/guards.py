"""The last look before the point of no return: why a batch must not be armed now.

``arm_refusals`` is called inside the ARM transaction with facts read there and live reads that
are at most a few minutes old. It answers with every reason, and an empty answer is the only go.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from rollouts.domain.digest import same_set
from rollouts.domain.hours import Hours, refusals
from rollouts.domain.lifecycle import BatchState, RolloutState, WaveState
from rollouts.domain.planner import BLOCKING_UNKNOWN
from rollouts.domain.policy import Policy


@dataclass(frozen=True, slots=True)
class LiveReads:
    """What Salesforce said a moment ago. ``read_at`` is when the first of the reads was sent."""

    read_at: datetime
    clock_drift: timedelta
    version_pushable: str
    request_status: str
    request_version: str
    request_start: datetime | None
    job_orgs: tuple[str, ...]
    not_pushable: tuple[tuple[str, str], ...] = ()
    foreign_orgs: tuple[str, ...] = ()
    blocking_known: bool = True


@dataclass(frozen=True, slots=True)
class ArmFacts:
    """What the database says inside the ARM transaction.

    ``hours`` maps each org's id to its hours as agreed and as they are today, with today's
    freezes; None, or no entry, means that nobody knows them.
    """

    rollout_state: RolloutState
    wave_state: WaveState
    batch_state: BatchState
    epoch_read: int
    epoch_now: int
    holds: tuple[str, ...]
    writes_allowed: bool
    list_digest: str
    approvals: int
    approvals_needed: int
    approved_digests: tuple[str, ...]
    approval_until: datetime | None
    first_armed: bool
    end_by: datetime
    start_at: datetime
    not_after: datetime
    to_version: str
    orgs: frozenset[str]
    live_elsewhere: tuple[str, ...]
    cancel_wanted: bool
    watcher_seen: bool
    fuse: timedelta
    calls_left: int
    calls_reserve: int
    hours: Mapping[str, Hours | None]


def arm_refusals(
    facts: ArmFacts, live: LiveReads, policy: Policy, now: datetime
) -> tuple[str, ...]:
    """Return every reason not to set this request to Pending now; empty means go."""
    return (
        *_decided(facts),
        *_approved(facts, now),
        *_timed(facts, policy, now),
        *_open(facts),
        *_read(facts, live, policy, now),
    )


def _decided(facts: ArmFacts) -> Sequence[str]:
    checks = (
        (
            facts.rollout_state is not RolloutState.ACTIVE,
            f"the rollout is {facts.rollout_state}",
        ),
        (facts.wave_state is not WaveState.DISPATCHING, f"the wave is {facts.wave_state}"),
        (
            facts.batch_state is not BatchState.VERIFIED,
            f"the batch is {facts.batch_state}, not verified",
        ),
        (facts.epoch_read != facts.epoch_now, "somebody else has taken this batch over"),
        (facts.cancel_wanted, "the batch is being called back"),
        (not facts.writes_allowed, "this connection only observes"),
        (not facts.orgs, "no org is left in the batch"),
        (
            bool(facts.live_elsewhere),
            f"{len(facts.live_elsewhere)} orgs have a live attempt elsewhere",
        ),
        (not facts.watcher_seen, "the watcher is silent"),
        (
            facts.calls_left < facts.calls_reserve,
            "the API calls left are needed to cancel what is armed",
        ),
    )
    held = [f"held: {hold}" for hold in facts.holds]
    return [*held, *(reason for wrong, reason in checks if wrong)]


def _approved(facts: ArmFacts, now: datetime) -> Sequence[str]:
    reasons = []
    if facts.approvals < max(1, facts.approvals_needed):
        reasons.append(f"{facts.approvals} of {facts.approvals_needed} approvals")
    if any(digest != facts.list_digest for digest in facts.approved_digests):
        reasons.append("the approval is for another list")
    if facts.approval_until is None:
        reasons.append("no approval is in force")
    elif not facts.first_armed and now > facts.approval_until:
        reasons.append("the approval has lapsed")
    if now > facts.end_by:
        reasons.append("the approved end date has passed")
    return reasons


def _timed(facts: ArmFacts, policy: Policy, now: datetime) -> Sequence[str]:
    reasons = []
    # Never shorter than the policy's, and never shorter than a call may take to land.
    if facts.start_at < now + max(facts.fuse, timedelta(seconds=policy.fuse)):
        reasons.append("the start is nearer than the fuse")
    if not facts.start_at <= facts.not_after <= facts.end_by:
        reasons.append("the start or its latest time is outside what was approved")
    return reasons


def _open(facts: ArmFacts) -> Sequence[str]:
    """Judge window and freeze for every moment at which Salesforce may start each org."""
    hours = [facts.hours.get(org) for org in sorted(facts.orgs)]
    return refusals(hours, facts.start_at, facts.not_after)


def _read(facts: ArmFacts, live: LiveReads, policy: Policy, now: datetime) -> Sequence[str]:
    reasons = []
    if now - live.read_at > timedelta(seconds=policy.live_read_age):
        reasons.append("the live reads are too old")
    if abs(live.clock_drift) > timedelta(seconds=policy.clock_limit):
        reasons.append(f"our clock and Salesforce's differ by {abs(live.clock_drift)}")
    if live.version_pushable:
        reasons.append(f"the version can't be pushed: {live.version_pushable}")
    if live.request_status != "Created":
        reasons.append(f"Salesforce shows the request as {live.request_status or 'missing'}")
    if live.request_version != facts.to_version:
        reasons.append("the request is for another version")
    if live.request_start != facts.start_at:
        reasons.append("the request has another start time")
    difference = same_set(facts.orgs, list(live.job_orgs))
    if difference:
        reasons.append(f"the orgs at Salesforce differ from the approved list: {difference}")
    reasons.extend(f"{org}: {why}" for org, why in live.not_pushable)
    if not live.blocking_known:
        reasons.append(f"nobody can read {BLOCKING_UNKNOWN}")
    if live.foreign_orgs:
        reasons.append(f"another push request holds {len(live.foreign_orgs)} of these orgs")
    return reasons
