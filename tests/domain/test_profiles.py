"""Policies stay inside their bounds, and what loosens a guard is named."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from rollouts.domain.ladder import ladder
from rollouts.domain.policy import Policy, policy_for
from rollouts.domain.profiles import RULES, Profile, changed, default, loosened, refusals
from rollouts.domain.versions import Jump


@pytest.mark.parametrize("profile", list(Profile))
def test_each_profile_as_delivered_keeps_its_own_bounds(profile: Profile) -> None:
    assert refusals(default(profile), profile) == {}
    assert default(profile).profile == profile.value


@pytest.mark.parametrize("kind", list(Jump))
def test_the_profiles_of_jumps_are_those_of_the_design(kind: Jump) -> None:
    assert default(Profile(kind.value)) == policy_for(kind)


@pytest.mark.parametrize("name", [name for name, rule in RULES.items() if rule.unit.value != ""])
def test_every_rule_is_refused_beyond_either_bound_with_a_sentence(name: str) -> None:
    rule = RULES[name]
    in_stored = 3600 if "hours" in rule.unit.value else 1
    for wrong in (rule.least * in_stored - 1, rule.most * in_stored + 1):
        value = (wrong,) * 4 if rule.unit.value.endswith(("each", "production")) else wrong
        changes: dict[str, Any] = {name: value}
        said = refusals(replace(Policy(), **changes), Profile.MINOR)
        assert rule.label in said[name]
        assert f"from {rule.least:g} to {rule.most:g}" in said[name]


@pytest.mark.parametrize(
    ("change", "where"),
    [
        ({"canary_floor": 70}, "canary_ceiling"),
        ({"ladder_percent": (20.0, 5.0, 50.0, 100.0)}, "ladder_percent"),
        ({"ladder_percent": (5.0, 20.0, 50.0, 80.0)}, "ladder_percent"),
        ({"bake_production": (86400, 86400)}, "bake_production"),
        ({"stuck_counts_after": 3600}, "stuck_counts_after"),
        ({"canary_business_day": False}, "canary_business_day"),
    ],
)
def test_rules_that_do_not_go_together_are_refused(change: dict[str, object], where: str) -> None:
    assert where in refusals(replace(Policy(), **change), Profile.MINOR)  # type: ignore[arg-type]


def test_an_emergency_keeps_canary_growth_and_two_people() -> None:
    hasty = default(Profile.EMERGENCY)

    assert ladder(1_000, hasty)[0].end == ladder(1_000, Policy())[0].end
    assert hasty.growth == Policy().growth
    one = refusals(replace(hasty, two_approvals_always=False), Profile.EMERGENCY)
    assert one == {
        "two_approvals_always": "Two people always: can't be turned off for emergency rollouts."
    }
    small = refusals(replace(hasty, canary_floor=1), Profile.EMERGENCY)
    assert small["canary_floor"] == "Canary, at least: from 10 to 100 orgs."
    short = refusals(replace(Policy(), bake_canary=3600), Profile.MINOR)
    assert short["bake_canary"] == "After the canary: from 4 to 336 hours."


@pytest.mark.parametrize(
    ("change", "is_looser"),
    [
        ({"failure_cap": 30}, True),
        ({"failure_cap": 10}, False),
        ({"pass_percent": 90.0}, True),
        ({"bake_canary": 4 * 3600}, True),
        ({"bake_canary": 48 * 3600}, False),
        ({"two_approvals_always": True}, False),
        ({"growth": 3}, False),
        ({"ladder_percent": (5.0, 100.0), "bake_production": (86400, 3600)}, True),
        (
            {
                "ladder_percent": (5.0, 10.0, 20.0, 50.0, 100.0),
                "bake_production": (86400, 86400, 172800, 86400, 3600),
            },
            False,
        ),
        ({"bake_production": (86400, 3600, 86400, 3600)}, True),
        ({"canary_ceiling": 100}, True),
        ({"canary_floor": 10}, True),
    ],
)
def test_what_loosens_a_guard_is_told_from_what_tightens_it(
    change: dict[str, object], *, is_looser: bool
) -> None:
    new = replace(Policy(), **change)  # type: ignore[arg-type]

    assert bool(loosened(Policy(), new)) is is_looser
    assert changed(Policy(), new)
    assert bool(loosened(new, Policy())) is not is_looser or len(change) > 1
