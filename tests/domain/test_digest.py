from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import pytest

from rollouts.domain.digest import FrozenPlan, digest, same_set, short

NOW = datetime(2026, 11, 21, tzinfo=UTC)
PLAN = FrozenPlan(
    package="033",
    to_version="04tB",
    orgs={"00Da": "04tA", "00Db": "04tA"},
    batches=(1, 1),
    not_before=NOW,
    end_by=NOW + timedelta(days=14),
    window="any hour",
    policy={"fuse": 900},
    bake=3600,
    approvals=1,
)


@pytest.mark.parametrize(
    "change",
    [
        {"package": "034"},
        {"to_version": "04tC"},
        {"orgs": {"00Da": "04tA"}},
        {"orgs": {"00Da": "04tA", "00Dc": "04tA"}},
        {"orgs": {"00Da": "04tA", "00Db": "04tZ"}},
        {"batches": (2,)},
        {"not_before": NOW + timedelta(seconds=1)},
        {"end_by": NOW + timedelta(days=15)},
        {"window": "nights"},
        {"policy": {"fuse": 901}},
        {"bake": 60},
        {"approvals": 2},
        {"hours": {"00Da": ("any hour", "UTC", "person")}},
    ],
)
def test_any_change_of_what_is_approved_changes_the_digest(change: dict[str, Any]) -> None:
    assert digest(replace(PLAN, **change)) != digest(PLAN)


HOURS = dict.fromkeys(PLAN.orgs, ("Mon 01:00-Mon 05:00", "Europe/Berlin", "crm"))


@pytest.mark.parametrize(
    "other",
    [
        ("Mon 01:00-Mon 06:00", "Europe/Berlin", "crm"),
        ("Mon 01:00-Mon 05:00", "Europe/Paris", "crm"),
        ("Mon 01:00-Mon 05:00", "Europe/Berlin", "guess"),
    ],
)
def test_each_orgs_window_zones_and_their_source_are_part_of_it(
    other: tuple[str, str, str],
) -> None:
    frozen = replace(PLAN, hours=HOURS)
    assert digest(replace(PLAN, hours=HOURS | {"00Db": other})) != digest(frozen)
    assert digest(replace(PLAN, hours=dict(reversed(list(HOURS.items()))))) == digest(frozen)


def test_a_list_from_before_windows_were_kept_keeps_its_digest() -> None:
    assert short(digest(PLAN)) == "cc13-9a91"


def test_order_and_zone_of_writing_do_not_matter() -> None:
    berlin = timezone(timedelta(hours=1))
    same = replace(
        PLAN,
        orgs=dict(reversed(list(PLAN.orgs.items()))),
        not_before=PLAN.not_before.astimezone(berlin),
    )
    assert digest(same) == digest(PLAN)


def test_people_read_eight_characters() -> None:
    assert short("a91f3c07ffff") == "a91f-3c07"


@pytest.mark.parametrize(
    ("found", "says"),
    [
        (["a", "b"], ""),
        (["a"], "1 missing"),
        (["a", "b", "c"], "1 extra"),
        (["a", "b", "b"], "1 doubled"),
    ],
)
def test_sets_are_compared_not_counts(found: list[str], says: str) -> None:
    difference = same_set(frozenset({"a", "b"}), found)
    assert (says in difference) if says else difference == ""
