from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rollouts.domain.ladder import ladder
from rollouts.domain.planner import Because, Candidate, plan_waves
from rollouts.domain.policy import Policy, WaveKind, batch_sizes, dispatch_calls, policy_for, raised
from rollouts.domain.versions import Jump, Number

TO = Number(4, 3, 0)


@st.composite
def fleets(draw: st.DrawFn) -> list[Candidate]:
    size = draw(st.integers(0, 400))
    return [
        Candidate(
            org=f"org{n:05}",
            number=Number(4, draw(st.integers(0, 4)), 0),
            is_production=draw(st.booleans()),
            is_active=draw(st.booleans()) or draw(st.booleans()),
            is_own=n < 8,
            instance=draw(st.sampled_from(["USA1", "DEU4", "JPN2S", ""])),
            blocked=draw(st.integers(0, 20)) == 0,
            excluded="promised" if draw(st.integers(0, 30)) == 0 else "",
            chosen=draw(st.integers(0, 9)) > 0,
        )
        for n in range(size)
    ]


@settings(max_examples=60, deadline=None)
@given(fleets())
def test_every_org_is_in_exactly_one_wave_or_left_out_with_one_reason(
    fleet: list[Candidate],
) -> None:
    plan = plan_waves(fleet, TO, Policy(), "seed")
    placed = [org for wave in plan.waves for org in wave.orgs]
    assert len(placed) == len(set(placed))
    assert set(placed) | set(plan.left_out) == {candidate.org for candidate in fleet}
    assert not set(placed) & set(plan.left_out)


@settings(max_examples=30, deadline=None)
@given(fleets())
def test_the_same_input_gives_the_same_plan(fleet: list[Candidate]) -> None:
    again = list(reversed(fleet))
    assert plan_waves(fleet, TO, Policy(), "s").waves == plan_waves(again, TO, Policy(), "s").waves


@settings(max_examples=200, deadline=None)
@given(st.integers(1, 200_000))
def test_no_wave_of_the_ladder_grows_more_than_fivefold(production: int) -> None:
    steps = [step.end for step in ladder(production, Policy())]
    assert steps[-1] == production
    assert steps[0] <= min(production, 60)
    assert all(a < b <= 5 * a for a, b in pairwise(steps))
    assert len(steps) + 3 <= Policy().wave_limit


def test_own_orgs_come_first_then_sandboxes_then_the_canary() -> None:
    fleet = (
        [Candidate(f"own{n}", Number(4, 2), is_production=False, is_own=True) for n in range(3)]
        + [Candidate(f"sbx{n}", Number(4, 2), is_production=False) for n in range(30)]
        + [Candidate(f"prod{n}", Number(4, 2), is_production=True) for n in range(1000)]
    )
    plan = plan_waves(fleet, TO, Policy(), "s")
    kinds = [wave.kind for wave in plan.waves]
    assert kinds[:3] == [WaveKind.OWN, WaveKind.SANDBOX, WaveKind.CANARY]
    assert [len(wave.orgs) for wave in plan.waves] == [3, 30, 25, 25, 150, 300, 500]
    assert [wave.approvals for wave in plan.waves] == [1, 1, 1, 1, 2, 2, 2]


def test_orgs_that_need_nothing_are_named_with_the_reason() -> None:
    fleet = [
        Candidate("current", TO, is_production=True),
        Candidate("newer", Number(4, 4), is_production=True),
        Candidate("asleep", Number(4, 2), is_production=True, is_active=False),
        Candidate("locked", Number(4, 2), is_production=True, blocked=True),
        Candidate("unread", Number(4, 2), is_production=True, blocked=None),
        Candidate("busy", Number(4, 2), is_production=True, elsewhere="hbr-4-2-2"),
        Candidate("beta", Number(4, 2), is_production=True, is_beta=True),
    ]
    assert plan_waves(fleet, TO, Policy(), "s").left_out == {
        "current": Because.ALREADY_CURRENT,
        "newer": Because.NEWER,
        "asleep": Because.INACTIVE,
        "locked": Because.BLOCKED,
        "unread": Because.BLOCKING_UNKNOWN,
        "busy": Because.ELSEWHERE,
        "beta": Because.BETA,
    }


def test_a_canary_is_small_and_like_the_whole() -> None:
    fleet = [
        Candidate(
            f"p{n}", Number(4, n % 2), is_production=True, instance=["USA1", "DEU2"][n % 4 > 1]
        )
        for n in range(2000)
    ]
    canary = set(plan_waves(fleet, TO, Policy(), "s").waves[0].orgs)
    strata = [(c.number, c.instance) for c in fleet if c.org in canary]
    assert {strata.count(stratum) for stratum in set(strata)} <= {5, 6, 7, 8}
    assert len(set(strata)) == 4


def test_a_major_needs_two_people_for_every_wave() -> None:
    fleet = [Candidate("own", Number(3, 0), is_production=False, is_own=True)]
    plan = plan_waves(fleet, TO, policy_for(Jump.MAJOR), "s")
    assert plan.waves[0].approvals == 2


@given(st.integers(0, 5000), st.sampled_from(list(WaveKind)))
def test_batches_hold_the_whole_wave_and_start_small(orgs: int, kind: WaveKind) -> None:
    sizes = batch_sizes(orgs, kind, Policy())
    assert sum(sizes) == orgs
    assert all(size <= 200 for size in sizes)
    assert all(size <= 10 for size in sizes[:1])
    if kind in (WaveKind.OWN, WaveKind.CANARY):
        assert all(size <= 10 for size in sizes)


def test_a_policy_survives_being_stored_and_an_unreadable_one_is_refused() -> None:
    import pytest

    stored = Policy().as_json()
    assert Policy.from_json(stored) == Policy()
    with pytest.raises(ValueError, match="fuse"):
        Policy.from_json({key: value for key, value in stored.items() if key != "fuse"})


def test_a_raised_cap_goes_on_doubling_and_never_past_ten_thousand() -> None:
    policy = raised(Policy(), 1_000)
    assert policy.batch_ramp == (10, 20, 40, 80, 160, 200, 400, 800, 1_000)
    assert batch_sizes(5_000, WaveKind.PRODUCTION, policy)[-3:] == (1_000, 1_000, 290)
    assert batch_sizes(25, WaveKind.CANARY, policy) == (10, 10, 5)
    for cap in (199, 10_001):
        with pytest.raises(ValueError, match="largest batch"):
            raised(Policy(), cap)


def test_large_batches_take_fewer_calls_than_small_ones() -> None:
    small = sum(dispatch_calls(size) for size in batch_sizes(5_000, WaveKind.PRODUCTION, Policy()))
    assert dispatch_calls(200) == 12
    assert dispatch_calls(5_000) < 45 < small
