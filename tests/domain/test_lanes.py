"""Waves changed by hand: what may be done, and that no sequence leads around the laws."""

from __future__ import annotations

import random
from collections.abc import Callable

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rollouts.domain import lanes
from rollouts.domain.lanes import BadEdit, Lane, Lanes
from rollouts.domain.planner import Candidate, PlannedWave, plan_waves
from rollouts.domain.policy import Policy, WaveKind
from rollouts.domain.versions import Number
from tests.batteries.planning.cut import some_change
from tests.support.plans import TO, broken_laws, fleet

OLD = Number(4, 2, 0)


def cut(orgs: list[Candidate]) -> Lanes:
    plan = plan_waves(orgs, TO, Policy(), "s")
    return tuple(
        Lane(w.kind, w.name, w.orgs, w.bake, w.approvals, key)
        for key, w in enumerate(plan.waves, start=1)
    )


def customers(count: int) -> list[Candidate]:
    return [Candidate(f"p{n:04}", OLD, is_production=True) for n in range(count)]


PEOPLE = [
    *customers(400),
    Candidate("own", OLD, is_production=False, is_own=True),
    Candidate("vip", OLD, is_production=True, never_first=True),
    Candidate("box", OLD, is_production=False, customer="acme"),
    Candidate("acme", OLD, is_production=True, customer="acme"),
]
FACTS = {one.org: one for one in PEOPLE}


@pytest.fixture
def shaped() -> Lanes:
    made = cut(PEOPLE)
    assert [lane.name for lane in made] == [
        "Own orgs", "Sandboxes", "Canary", "Production A", "Production B", "Production C",
    ]  # fmt: skip
    assert lanes.broken(made, FACTS, Policy()) == ()
    return made


def said(made: Lanes) -> str:
    return " ".join(lanes.broken(made, FACTS, Policy()))


def test_an_org_moved_is_in_its_new_wave_only_and_at_the_end(shaped: Lanes) -> None:
    org = shaped[5].orgs[0]
    made = lanes.move(shaped, [org], 4)

    assert made[4].orgs[-1] == org
    assert org not in made[5].orgs
    assert said(made) == ""


def test_a_split_keeps_the_order_and_a_merge_takes_it_back(shaped: Lanes) -> None:
    apart = lanes.split(shaped, 5, 50)
    assert [len(lane.orgs) for lane in apart[5:]] == [50, len(shaped[5].orgs) - 50]
    assert apart[6].name == "Production C, part 2"

    assert lanes.merge(apart, 5) == shaped


def test_a_new_wave_holds_the_orgs_that_were_named_for_it(shaped: Lanes) -> None:
    made = lanes.settle(lanes.add(shaped, shaped[5].orgs[:3], 5, "Asked to wait"), Policy())

    assert (made[6].name, made[6].kind, made[6].approvals) == (
        "Asked to wait", WaveKind.PRODUCTION, 2,
    )  # fmt: skip
    assert len(made[6].orgs) == 3
    assert said(made) == ""


def test_a_wave_emptied_by_a_move_is_gone(shaped: Lanes) -> None:
    made = lanes.move(shaped, shaped[3].orgs, 4)

    assert [lane.name for lane in made][3] == "Production B"


def test_growth_is_refused_with_how_large_the_first_part_may_be(shaped: Lanes) -> None:
    made = lanes.merge(lanes.merge(shaped, 3), 3)

    assert said(made) == (
        "Production A reaches 402 orgs, more than 5 times the 25 before it. "
        "Split it: its first part may hold 100."
    )


def test_the_own_wave_and_the_canary_go_first(shaped: Lanes) -> None:
    assert "Own orgs goes first. Move it up." in said(lanes.shift(shaped, 0, 1))
    assert "The canary goes before Production A. Move it up." in said(lanes.shift(shaped, 2, 1))


def test_never_first_orgs_do_not_get_to_the_front(shaped: Lanes) -> None:
    assert "vip: never first, so not in Canary" in said(lanes.move(shaped, ["vip"], 2))
    small = lanes.split(shaped, 3, 10)
    assert "vip: never first, so not in Production A." in said(lanes.move(small, ["vip"], 3))
    assert said(lanes.move(shaped, ["vip"], 4)) == ""


def test_production_does_not_go_before_its_own_sandbox(shaped: Lanes) -> None:
    later = lanes.shift(lanes.shift(lanes.shift(lanes.shift(shaped, 1, 1), 2, 1), 3, 1), 4, 1)

    assert "acme: before a sandbox of the same customer. Move the sandbox up first." in said(later)


def test_orgs_stay_in_waves_of_their_kind(shaped: Lanes) -> None:
    assert "own: only customers' production orgs go in Canary" in said(
        lanes.move(shaped, ["own"], 2)
    )
    assert "p0000: only own orgs and volunteers go in Own orgs" in said(
        lanes.move(shaped, ["p0000"], 0)
    )
    assert "customers' production orgs do not go in Sandboxes" in said(
        lanes.move(shaped, ["p0000"], 1)
    )


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda now: lanes.move(now, [], 1), "Choose the orgs to move."),
        (lambda now: lanes.move(now, ["00Dnobody"], 1), "00Dnobody: not in any wave"),
        (lambda now: lanes.move(now, [now[3].orgs[0]], 3), "They are in Production A already."),
        (lambda now: lanes.split(now, 3, 0), "keep from 1 to"),
        (lambda now: lanes.split(now, 0, 1), "Own orgs go together"),
        (lambda now: lanes.merge(now, 5), "Production C is the last wave."),
        (lambda now: lanes.merge(now, 2), "are of different kinds, canary and production"),
        (lambda now: lanes.shift(now, 0, -1), "Own orgs is the first wave already."),
        (lambda now: lanes.add(now, ["p0000"], 0, ""), "There is one wave of own orgs."),
    ],
)
def test_what_can_not_be_done_says_why(shaped: Lanes, change: object, words: str) -> None:
    with pytest.raises(BadEdit) as bad:
        change(shaped)  # type: ignore[operator]
    assert words in str(bad.value)


def test_a_locked_wave_neither_gives_nor_takes_nor_moves(shaped: Lanes) -> None:
    held = Lane(**{f: getattr(shaped[4], f) for f in Lane.__slots__ if f != "locked"},
                locked="is frozen. Open it first.")  # fmt: skip
    now = (*shaped[:4], held, shaped[5])
    changes: tuple[Callable[[], Lanes], ...] = (
        lambda: lanes.move(now, [held.orgs[0]], 5),
        lambda: lanes.move(now, [now[5].orgs[0]], 4),
        lambda: lanes.merge(now, 3),
        lambda: lanes.shift(now, 5, -1),
        lambda: lanes.split(now, 4, 3),
    )
    for change in changes:
        with pytest.raises(BadEdit, match=r"Production B is frozen\. Open it first\."):
            change()


@settings(max_examples=60, deadline=None)
@given(st.integers(1, 300), st.integers(0, 2**32))
def test_changes_that_break_no_law_leave_a_plan_that_keeps_every_law(size: int, seed: int) -> None:
    rng, orgs = random.Random(seed), fleet(size, seed)
    facts = {one.org: one for one in orgs}
    now = cut(orgs)
    before = {org for lane in now for org in lane.orgs}
    for _ in range(12):
        if not now:
            return
        try:
            changed = some_change(now, rng)
        except BadEdit:
            continue
        if not lanes.broken(changed, facts, Policy()):
            now = lanes.settle(changed, Policy())
    plan = plan_waves(orgs, TO, Policy(), "s")
    waves = tuple(PlannedWave(w.kind, w.name, w.orgs, w.bake, w.approvals) for w in now)
    assert {org for lane in now for org in lane.orgs} == before
    assert broken_laws(orgs, type(plan)(waves, plan.left_out), Policy()) == []
