"""The cut keeps its laws whatever the fleet: who goes first, how fast it grows, who waits."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rollouts.domain.audience import Ring
from rollouts.domain.canary import CUSTOMISED, rules_out, says
from rollouts.domain.ladder import TooManyWaves, bearable, ladder, later_from
from rollouts.domain.planner import Because, Candidate, plan_waves
from rollouts.domain.policy import Policy, WaveKind
from rollouts.domain.strata import spread
from rollouts.domain.versions import Number
from tests.support.plans import TO, broken_laws, fleet

OLD = Number(4, 2, 0)


def production(count: int, **facts: object) -> list[Candidate]:
    one = Candidate("", OLD, is_production=True)
    return [replace(one, org=f"p{n:05}", **facts) for n in range(count)]  # type: ignore[arg-type]


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 700), st.integers(0, 2**32))
def test_every_plan_of_any_fleet_keeps_every_law(size: int, seed: int) -> None:
    orgs = fleet(size, seed)
    plan = plan_waves(orgs, TO, Policy(), "seed")

    assert broken_laws(orgs, plan, Policy()) == []
    assert plan == plan_waves(orgs[::-1], TO, Policy(), "seed")


@settings(max_examples=300, deadline=None)
@given(st.integers(1, 200_000), st.floats(0, 1), st.sampled_from([(10, 10), (25, 60), (60, 100)]))
def test_the_ladder_keeps_its_growth_when_some_may_not_go_first(
    total: int, share: float, canary: tuple[int, int]
) -> None:
    policy = Policy(canary_floor=canary[0], canary_ceiling=canary[1])
    free = max(1, round(total * share))
    count = free + bearable(free, total - free, policy)
    steps = [step.end for step in ladder(count, policy, free=free)]

    assert steps[-1] == count
    assert steps[0] <= min(free, canary[1])
    assert all(a < b <= 5 * a for a, b in pairwise(steps))
    assert all(end <= free for end in steps if end < later_from(count))
    assert len(steps) + 3 <= policy.wave_limit


def test_an_emergency_ladder_puts_steps_in_where_it_leaps() -> None:
    policy = Policy(ladder_percent=(5.0, 50.0, 100.0), bake_production=(3600, 3600, 3600))

    assert [step.end for step in ladder(1_000, policy)] == [25, 50, 250, 500, 1000]


def test_steps_that_growth_does_not_need_are_dropped_for_the_most_waves() -> None:
    policy = Policy(growth=3)
    steps = [step.end for step in ladder(200_000, policy)]

    assert len(steps) == 9
    assert all(b <= 3 * a for a, b in pairwise(steps))
    with pytest.raises(TooManyWaves, match="Raise the canary or the growth"):
        ladder(200_000, Policy(growth=2))


def test_orgs_that_are_never_first_come_when_a_fifth_is_reached() -> None:
    orgs = production(400) + [
        Candidate(f"vip{n}", OLD, is_production=True, never_first=True) for n in range(100)
    ]
    plan = plan_waves(orgs, TO, Policy(), "s")

    first_with = next(w for w in plan.waves if any(org.startswith("vip") for org in w.orgs))
    assert (first_with.name, first_with.kind) == ("Production A", WaveKind.PRODUCTION)
    assert [len(wave.orgs) for wave in plan.waves] == [25, 75, 150, 250]
    assert plan.left_out == {}


def test_never_first_orgs_with_nobody_before_them_are_left_out_by_name() -> None:
    vips = production(300, never_first=True)
    others = [Candidate(f"x{n}", OLD, is_production=True) for n in range(4)]

    alone = plan_waves(vips, TO, Policy(), "s")
    assert alone.waves == ()
    assert set(alone.left_out.values()) == {Because.NEVER_FIRST}

    plan = plan_waves([*vips, *others], TO, Policy(), "s")
    assert set(plan.waves[0].orgs) == {one.org for one in others}
    assert sum(len(wave.orgs) for wave in plan.waves) == 100
    assert len(plan.left_out) == 204


def test_volunteers_go_with_our_own_but_not_before_their_own_sandbox() -> None:
    orgs = [
        Candidate("own", OLD, is_production=True, is_own=True),
        Candidate("eager", OLD, is_production=True, volunteer=True, customer="a"),
        Candidate("careful", OLD, is_production=True, volunteer=True, customer="b"),
        Candidate("box", OLD, is_production=False, customer="b"),
        Candidate("vip", OLD, is_production=True, volunteer=True, never_first=True),
        *production(30),
    ]
    plan = plan_waves(orgs, TO, Policy(), "s")

    assert plan.waves[0].name == "Own orgs and volunteers"
    assert set(plan.waves[0].orgs) == {"own", "eager"}
    assert plan.waves[1].orgs == ("box",)


def test_own_orgs_beyond_the_first_ten_go_before_any_customer() -> None:
    own = [Candidate(f"own{n}", OLD, is_production=True, is_own=True) for n in range(14)]
    plan = plan_waves([*own, *production(50)], TO, Policy(), "s")

    assert [len(wave.orgs) for wave in plan.waves] == [10, 4, 25, 25]
    assert all(org.startswith("own") for org in plan.waves[1].orgs)


def test_the_ring_late_goes_last_and_its_sandboxes_just_before() -> None:
    orgs = [
        *production(200),
        *[Candidate(f"late{n}", OLD, is_production=True, ring=Ring.LATE) for n in range(20)],
        Candidate("latebox", OLD, is_production=False, ring=Ring.LATE, customer="acme"),
        Candidate("acme", OLD, is_production=True, customer="acme"),
    ]
    plan = plan_waves(orgs, TO, Policy(), "s")

    names = [wave.name for wave in plan.waves]
    assert names[-2:] == ["Late sandboxes", "Production C"]
    assert {org for org in plan.waves[-1].orgs if org.startswith("late")} == {
        f"late{n}" for n in range(20)
    }
    assert "acme" in plan.waves[-1].orgs


def test_the_ring_early_comes_right_after_the_canary() -> None:
    eager = [Candidate(f"e{n}", OLD, is_production=True, ring=Ring.EARLY) for n in range(20)]
    plan = plan_waves([*production(980), *eager], TO, Policy(), "s")

    reached = {org for wave in plan.waves[:2] for org in wave.orgs}
    assert {one.org for one in eager} <= reached


@settings(max_examples=40, deadline=None)
@given(st.integers(50, 3_000), st.integers(0, 2**32))
def test_every_stretch_of_the_order_is_like_the_whole(size: int, seed: int) -> None:
    orgs = fleet(size, seed)
    whole = Counter(one.number for one in orgs)
    length = max(25, size // 20)
    for start in range(0, size - length, length):
        stretch = Counter(one.number for one in spread(orgs, "s")[start : start + length])
        for number, count in whole.items():
            assert abs(stretch[number] - count * length / size) <= 4


def test_another_seed_is_another_canary_and_the_same_seed_the_same() -> None:
    def canary(seed: str) -> tuple[str, ...]:
        return plan_waves(production(900), TO, Policy(), seed).waves[0].orgs

    assert canary("a") == canary("a")
    assert set(canary("a")) != set(canary("b"))


@pytest.mark.parametrize(("orgs", "percent"), [(10, 26), (25, 11), (60, 5), (300, 1)])
def test_a_canary_says_which_rates_it_rules_out(orgs: int, percent: int) -> None:
    assert round(rules_out(orgs)) == percent
    assert says(production(orgs), [])[0] == (
        f"{orgs} orgs without a failure rule out rates above {percent} %; "
        "a rarer fault can pass unseen."
    )


def test_a_canary_names_the_groups_that_are_not_in_it_and_what_nobody_knows() -> None:
    canary = production(25, edition="Enterprise", region="Europe", size=12)
    after = production(70, edition="Enterprise", region="Europe", size=12)
    after += production(30, edition="Professional", region="Europe", size=0)

    said = says(canary, after)

    assert said[1] == (
        "No org with edition Professional is in the canary; "
        "30 % of the production orgs after it are such."
    )
    assert said[2] == "Not known, and so not balanced: the size of 24 % of the production orgs."
    assert said[3] == CUSTOMISED
