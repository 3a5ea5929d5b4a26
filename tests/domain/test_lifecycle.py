from __future__ import annotations

from typing import Any

import pytest

from rollouts.domain import lifecycle as life
from rollouts.domain.permissions import GRANTS, Permission, Role, approval_refusal, may

TABLES: list[tuple[Any, Any, Any]] = [
    (life.ROLLOUT_MOVES, life.RolloutState, life.ROLLOUT_ENDS),
    (life.WAVE_MOVES, life.WaveState, life.WAVE_ENDS),
    (life.BATCH_MOVES, life.BatchState, life.BATCH_ENDS),
]


@pytest.mark.parametrize(("table", "states", "ends"), TABLES)
def test_every_state_is_reached_and_only_ends_are_dead_ends(
    table: Any, states: Any, ends: Any
) -> None:
    firsts = {states("draft") if states is life.RolloutState else states("planned")}
    assert {move.to for move in table} | firsts == set(states)
    for state in states:
        assert bool(life.moves_from(table, state)) is (state not in ends), state


@pytest.mark.parametrize(("table", "states", "ends"), TABLES)
def test_a_pair_of_states_has_at_most_one_move(table: Any, states: Any, ends: Any) -> None:
    for source in states:
        for to in states:
            fitting = [move for move in table if source in move.sources and move.to == to]
            assert len(fitting) <= 1
            if not fitting:
                with pytest.raises(life.IllegalMove):
                    life.find_move(table, source, to)


def test_nothing_leads_out_of_armed_back_to_being_created() -> None:
    loose = (life.BatchState.ARMING, life.BatchState.ARMED, life.BatchState.RUNNING)
    before = (life.BatchState.RESERVED, life.BatchState.CREATED, life.BatchState.VERIFIED)
    for move in life.BATCH_MOVES:
        if move.sources & set(loose):
            assert move.to not in before


def test_no_role_but_the_approvers_approves_and_no_admin_pushes() -> None:
    assert GRANTS[Permission.APPROVE] == {Role.APPROVER}
    assert not may(frozenset({Role.ADMIN}), Permission.PLAN)
    assert not may(frozenset({Role.ADMIN}), Permission.RESUME)
    assert not may(frozenset(), Permission.LOOK)


def test_stopping_is_open_to_more_people_than_starting() -> None:
    assert GRANTS[Permission.HALT] > GRANTS[Permission.RESUME]
    assert GRANTS[Permission.PAUSE] >= GRANTS[Permission.LIFT_PAUSE]


def test_every_permission_is_in_the_table() -> None:
    assert set(GRANTS) == set(Permission)


@pytest.mark.parametrize(
    ("author", "editors", "granted", "refused"),
    [
        (1, frozenset(), frozenset(), True),
        (2, frozenset({1}), frozenset(), True),
        (2, frozenset({3}), frozenset({1}), True),
        (2, frozenset({3}), frozenset({4}), False),
    ],
)
def test_whoever_made_the_list_does_not_approve_it(
    author: int, editors: frozenset[int], granted: frozenset[int], refused: bool
) -> None:
    said = approval_refusal(1, author_id=author, editor_ids=editors, granted_ids=granted)
    assert bool(said) is refused
