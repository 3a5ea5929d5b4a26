"""How far ahead a batch starts, when it is armed, and how long an unknown call may still land."""

from __future__ import annotations

from datetime import datetime, timedelta

from django.conf import settings

from rollouts.domain.policy import Policy
from rollouts.models import Batch, FrozenList
from rollouts.pipeline import clock

# Salesforce may work on a call for ten minutes; one more for clocks.
LATE_CALL = timedelta(minutes=11)
# Orgs that one collection call takes; more are added by a bulk job, which works in its own time.
COLLECTION = 200
BULK_TIME = timedelta(minutes=10)


def late_call() -> timedelta:
    """Return how long after sending a call may still take effect."""
    # On a fast clock the eleven minutes pass in a moment while a real call is still on its way.
    return max(LATE_CALL, clock.wire(float(settings.SALESFORCE["timeout"])))


def fuse(policy: Policy) -> timedelta:
    """Return the fuse of a policy, but never shorter than a call may still land.

    Else a PATCH whose answer was lost could come after the start, and Salesforce would begin at
    once with nobody able to call it back.
    """
    return max(timedelta(seconds=policy.fuse), late_call() + timedelta(minutes=1))


def arm_slack() -> timedelta:
    """Return how long before the fuse's edge arming may begin: a few ticks, at least 5 minutes."""
    return max(timedelta(minutes=5), clock.wire(3 * settings.TICK_SECONDS + 2))


def prepare_slack(orgs: int = 0) -> timedelta:
    """Return how much time preparing and verifying gets before arming is due."""
    usual = max(timedelta(minutes=5), clock.wire(4 * settings.TICK_SECONDS + 3))
    return usual + (BULK_TIME if orgs > COLLECTION else timedelta())


def lead(policy: Policy, orgs: int = 0) -> timedelta:
    """Return how long before its start a batch of so many orgs is cut at the latest."""
    return fuse(policy) + arm_slack() + prepare_slack(orgs)


def earliest_start(frozen: FrozenList, policy: Policy, now: datetime, orgs: int = 0) -> datetime:
    """Return the earliest whole second at which a batch reserved now may start."""
    return clock.whole_second(max(now + lead(policy, orgs), frozen.not_before))


def arm_from(batch: Batch, policy: Policy) -> datetime:
    """Return when arming of a verified batch begins."""
    assert batch.start_at is not None  # noqa: S101 - reserved batches have a start
    return batch.start_at - fuse(policy) - arm_slack()


def arm_until(batch: Batch, policy: Policy) -> datetime:
    """Return the last moment at which the fuse is still long enough."""
    assert batch.start_at is not None  # noqa: S101 - reserved batches have a start
    return batch.start_at - fuse(policy)
