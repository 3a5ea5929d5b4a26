"""The ARM guard: each reason alone is enough to refuse, and only the empty list is a go."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from rollouts.domain.freezes import ClosedSpan
from rollouts.domain.guards import ArmFacts, LiveReads, arm_refusals
from rollouts.domain.hours import Hours, Rule, refusal
from rollouts.domain.lifecycle import BatchState, RolloutState, WaveState
from rollouts.domain.policy import Policy
from rollouts.domain.spans import Span
from rollouts.domain.windows import parse

NOW = datetime(2026, 11, 21, 1, 0, tzinfo=UTC)
START = NOW + timedelta(minutes=20)
ORGS = frozenset({"a", "b"})

# A night in UTC that holds the start and every moment until the latest start.
NIGHT = Hours((Rule(parse("Sat 01:00-07:00"), ("UTC",)),))

FACTS = ArmFacts(
    rollout_state=RolloutState.ACTIVE,
    wave_state=WaveState.DISPATCHING,
    batch_state=BatchState.VERIFIED,
    epoch_read=3,
    epoch_now=3,
    holds=(),
    writes_allowed=True,
    list_digest="d",
    approvals=1,
    approvals_needed=1,
    approved_digests=("d",),
    approval_until=NOW + timedelta(hours=1),
    first_armed=False,
    end_by=NOW + timedelta(days=14),
    start_at=START,
    not_after=START + timedelta(hours=4),
    to_version="04t",
    orgs=ORGS,
    live_elsewhere=(),
    cancel_wanted=False,
    watcher_seen=True,
    fuse=timedelta(minutes=15),
    calls_left=1000,
    calls_reserve=50,
    hours={"a": NIGHT, "b": NIGHT, "c": NIGHT},
)
LIVE = LiveReads(
    read_at=NOW - timedelta(seconds=10),
    clock_drift=timedelta(seconds=1),
    version_pushable="",
    request_status="Created",
    request_version="04t",
    request_start=START,
    job_orgs=("b", "a"),
)


def test_with_every_rule_kept_the_batch_may_be_armed() -> None:
    assert arm_refusals(FACTS, LIVE, Policy(), NOW) == ()


@pytest.mark.parametrize(
    "change",
    [
        {"rollout_state": RolloutState.HALTED},
        {"rollout_state": RolloutState.ABORTING},
        {"wave_state": WaveState.FROZEN},
        {"batch_state": BatchState.CREATED},
        {"epoch_now": 4},
        {"holds": ("paused",)},
        {"writes_allowed": False},
        {"approvals": 0, "approved_digests": ()},
        {"approvals_needed": 2},
        {"approvals_needed": 0, "approvals": 0, "approved_digests": ()},
        {"approved_digests": ("other",)},
        {"approval_until": NOW - timedelta(seconds=1)},
        {"approval_until": None},
        {"end_by": NOW - timedelta(seconds=1), "not_after": NOW - timedelta(seconds=1)},
        {"start_at": NOW + timedelta(minutes=14)},
        {"not_after": START - timedelta(seconds=1)},
        {"not_after": NOW + timedelta(days=15)},
        {"orgs": frozenset()},
        {"orgs": frozenset({"a"})},
        {"orgs": frozenset({"a", "b", "c"})},
        {"live_elsewhere": ("a",)},
        {"cancel_wanted": True},
        {"watcher_seen": False},
        {"fuse": timedelta(minutes=21)},
        {"calls_left": 49},
    ],
)
def test_each_fact_alone_refuses(change: dict[str, Any]) -> None:
    assert arm_refusals(replace(FACTS, **change), LIVE, Policy(), NOW)


@pytest.mark.parametrize(
    "change",
    [
        {"read_at": NOW - timedelta(minutes=6)},
        {"clock_drift": timedelta(seconds=61)},
        {"clock_drift": timedelta(seconds=-61)},
        {"version_pushable": "deprecated"},
        {"request_status": "Pending"},
        {"request_status": ""},
        {"request_version": "04tX"},
        {"request_start": None},
        {"request_start": START + timedelta(seconds=1)},
        {"job_orgs": ("a",)},
        {"job_orgs": ("a", "b", "b")},
        {"job_orgs": ("a", "c")},
        {"not_pushable": (("a", "gone"),)},
        {"foreign_orgs": ("a",)},
        {"blocking_known": False},
    ],
)
def test_each_live_read_alone_refuses(change: dict[str, Any]) -> None:
    assert arm_refusals(FACTS, replace(LIVE, **change), Policy(), NOW)


def test_once_the_first_batch_is_armed_the_approval_holds_until_the_end_date() -> None:
    lapsed = replace(FACTS, approval_until=NOW - timedelta(hours=1), first_armed=True)
    assert arm_refusals(lapsed, LIVE, Policy(), NOW) == ()


@pytest.mark.parametrize(
    ("change", "reads"),
    [
        ({"calls_left": 50}, {}),
        ({"end_by": NOW + timedelta(hours=5), "not_after": NOW + timedelta(hours=5)}, {}),
        ({"approval_until": NOW}, {}),
        ({"start_at": NOW + timedelta(minutes=15)},
         {"request_start": NOW + timedelta(minutes=15)}),
        ({"fuse": START - NOW}, {}),
        ({"not_after": START}, {}),
        ({}, {"read_at": NOW - timedelta(minutes=5)}),
        ({}, {"clock_drift": timedelta(seconds=60)}),
        ({}, {"clock_drift": timedelta(seconds=-60)}),
    ],
)  # fmt: skip
def test_at_its_edge_a_rule_is_still_kept(change: dict[str, Any], reads: dict[str, Any]) -> None:
    assert arm_refusals(replace(FACTS, **change), replace(LIVE, **reads), Policy(), NOW) == ()


@pytest.mark.parametrize(
    ("change", "reads", "words"),
    [
        ({"orgs": frozenset()}, {"job_orgs": ()}, "no org is left in the batch"),
        (
            {"approvals": 2, "approved_digests": ("d", "other")}, {},
            "the approval is for another list",
        ),
        ({"fuse": timedelta(minutes=21)}, {}, "the start is nearer than the fuse"),
        ({}, {"clock_drift": timedelta(seconds=-61)},
         "our clock and Salesforce's differ by 0:01:01"),
        ({}, {"request_status": ""}, "Salesforce shows the request as missing"),
        ({}, {"request_status": "Pending"}, "Salesforce shows the request as Pending"),
    ],
)  # fmt: skip
def test_one_broken_rule_has_one_reason(
    change: dict[str, Any], reads: dict[str, Any], words: str
) -> None:
    said = arm_refusals(replace(FACTS, **change), replace(LIVE, **reads), Policy(), NOW)
    assert said == (words,)


def test_after_the_approved_end_date_nothing_is_armed() -> None:
    at_the_end = replace(FACTS, end_by=NOW)
    outside = "the start or its latest time is outside what was approved"
    assert arm_refusals(at_the_end, LIVE, Policy(), NOW) == (outside,)
    later = NOW + timedelta(seconds=1)
    past = "the approved end date has passed"
    assert arm_refusals(at_the_end, LIVE, Policy(), later) == (past, outside)


def rule(text: str, *zones: str) -> Hours:
    return Hours((Rule(parse(text), zones),))


def closed(start: datetime, end: datetime) -> Hours:
    return replace(NIGHT, closed=(ClosedSpan(Span(start, end), "Quarter end", "freeze 1"),))


LAST = FACTS.not_after
SECOND = timedelta(seconds=1)
OUTSIDE = "1 org is outside the window"


@pytest.mark.parametrize(
    ("hours", "says"),
    [
        (rule("Sat 01:21-06:00", "UTC"), OUTSIDE),
        (rule("Sat 01:20-05:20", "UTC"), OUTSIDE),
        (rule("Sat 01:00-03:00, Sat 03:01-06:00", "UTC"), OUTSIDE),
        (rule("Sat 01:00-06:00", "Europe/Berlin"), OUTSIDE),
        (rule("Sat 01:00-06:00", "UTC", "Europe/Berlin"), OUTSIDE),
        (rule("Sat 01:00-06:00", "Nowhere/Here"), "Nowhere/Here"),
        (rule("Sat 01:00-06:00"), "zone"),
        (Hours((*NIGHT.rules, *rule("Sun 01:00-06:00", "UTC").rules)), OUTSIDE),
        (closed(START, START + SECOND), "1 org is frozen by “Quarter end”"),
        (closed(LAST, LAST + SECOND), "1 org is frozen by “Quarter end”"),
        (closed(START + SECOND, LAST), "1 org is frozen by “Quarter end”"),
        (None, "1 org is held: its hours are not known"),
    ],
)
def test_hours_that_one_org_does_not_keep_are_refused_with_their_reason(
    hours: Hours | None, says: str
) -> None:
    known = {**FACTS.hours, "b": hours}
    (said,) = arm_refusals(replace(FACTS, hours=known), LIVE, Policy(), NOW)
    assert says in said


def test_an_org_without_an_entry_is_held_and_orgs_that_share_a_reason_are_counted() -> None:
    assert arm_refusals(replace(FACTS, hours={}), LIVE, Policy(), NOW) == (
        "2 orgs are held: its hours are not known",
    )


@pytest.mark.parametrize(
    "hours",
    [
        rule("Sat 01:20-05:21", "UTC"),
        rule("any hour"),
        rule("Fri 22:00-Sun 18:00", "Asia/Kathmandu", "UTC"),
        closed(START - SECOND, START),
        closed(LAST + SECOND, LAST + 2 * SECOND),
    ],
)
def test_hours_that_hold_the_start_and_the_latest_start_are_kept(hours: Hours) -> None:
    assert arm_refusals(replace(FACTS, hours={"a": hours, "b": hours}), LIVE, Policy(), NOW) == ()
    assert refusal(hours, START, LAST) == ""
