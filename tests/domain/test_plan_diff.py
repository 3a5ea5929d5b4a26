"""What differs between two frozen plans is told as a person asks: who, when, how."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

from rollouts.domain.digest import FrozenPlan
from rollouts.domain.plan_diff import PlanDiff, differences
from rollouts.domain.policy import Policy

NOW = datetime(2026, 11, 21, 3, tzinfo=UTC)
OLD = FrozenPlan(
    package="033p",
    to_version="04tA",
    orgs={"a": "04t1", "b": "04t1", "c": "04t2"},
    batches=(3,),
    not_before=NOW,
    end_by=NOW + timedelta(days=14),
    window="any hour",
    policy=Policy().as_json(),
    bake=3600,
    approvals=1,
    hours={"a": ("Mon-Fri 01:00-05:00", "Europe/Berlin", "person")},
)


def test_the_same_plan_frozen_a_day_later_has_not_changed() -> None:
    later = replace(OLD, not_before=NOW + timedelta(days=1), end_by=NOW + timedelta(days=15))

    assert differences(OLD, later, same_wave=True) == PlanDiff()
    assert not differences(OLD, later, same_wave=True)


def test_orgs_versions_hours_batches_window_and_policy_are_each_told() -> None:
    new = replace(
        OLD,
        orgs={"a": "04t2", "b": "04t1", "d": "04t1"},
        hours={"a": ("Mon-Fri 01:00-05:00", "Europe/Paris", "person")},
        batches=(10, 2),
        window="Sat 01:00-05:00",
        end_by=NOW + timedelta(days=7),
        policy=Policy(failure_cap=7, fuse=1800, live_read_age=60, batch_ramp=(5,)).as_json(),
    )

    diff = differences(OLD, new, same_wave=True)

    assert (diff.added, diff.removed) == (("d",), ("c",))
    assert diff.sentences == (
        "The window was “any hour” and is “Sat 01:00-05:00”.",
        "It may run for 7 days instead of 14 days.",
        "Halt at failed orgs in a wave: 25 orgs becomes 7 orgs.",
        "Armed before the start by: 0.25 hours becomes 0.5 hours.",
        "The ramp of batch sizes is another one.",
        "Other rules differ: live_read_age.",
        "1 org stands on another version than then.",
        "1 org has other hours or another time zone than then.",
        "Batches: 1 of at most 3 orgs became 2 of at most 10 orgs.",
    )


def test_another_waves_orgs_are_not_compared() -> None:
    other = replace(OLD, orgs={"x": "04t1"}, batches=(1,), to_version="04tB")

    diff = differences(OLD, other, same_wave=False)

    assert diff == PlanDiff(sentences=("The version is another one.",))


def test_an_unreadable_policy_is_said_to_be_so() -> None:
    odd = replace(OLD, policy={"canary": 3})

    assert "can't be compared" in differences(odd, OLD, same_wave=True).sentences[0]
