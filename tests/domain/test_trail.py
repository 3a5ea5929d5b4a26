"""Every word that the code writes into the history can be told, and belongs to a group."""

from __future__ import annotations

import ast
from collections.abc import Iterator

from rollouts.domain.lifecycle import BATCH_MOVES, ROLLOUT_MOVES, WAVE_MOVES
from rollouts.domain.trail import ACTIONS, OVERRIDES, Group, actions_of, told_of
from rollouts.models import HoldKind
from tests.conventions.sources import ours, text

# What hands its first word on to `record`, and the place of that word among the arguments.
WRITERS = {"record": 0, "_note": 0, "_tell": 0, "_save": 1}


def written() -> Iterator[str]:
    """Find every action that the code names where it writes history."""
    for path in ours(".py", under="rollouts/"):
        for call in ast.walk(ast.parse(text(path))):
            if not isinstance(call, ast.Call):
                continue
            name = getattr(call.func, "id", getattr(call.func, "attr", ""))
            place = WRITERS.get(name)
            if place is None or len(call.args) <= place:
                continue
            named = [call.args[place]]
            if isinstance(named[0], ast.IfExp):
                named = [named[0].body, named[0].orelse]
            yield from (
                one.value
                for one in named
                if isinstance(one, ast.Constant)
                and isinstance(one.value, str)
                and one.value.replace("_", "").isalpha()
            )


def test_every_action_that_is_written_is_told() -> None:
    moves = {move.name for move in ROLLOUT_MOVES}
    moves |= {f"{move.name}_wave" for move in WAVE_MOVES}
    moves |= {move.name if "batch" in move.name else f"{move.name}_batch" for move in BATCH_MOVES}
    holds = {kind.value for kind in HoldKind}
    # Chosen in a variable, which the search above does not see.
    chosen = {"end_freeze", "override_freeze", "mark_own", "unmark_own"}

    known = moves | holds | chosen | set(written())

    assert "approve_wave" in known
    assert known - set(ACTIONS) == set(), "give these a group and words in domain/trail.py"


def test_overrides_are_acts_of_people_that_set_a_guard_aside() -> None:
    assert {"override_freeze", "resume", "let_sync_through", "confirm_policy"} <= OVERRIDES
    assert not OVERRIDES & set(actions_of([Group.STEP, Group.SIGN_IN]))


def test_an_action_of_a_later_version_is_told_in_its_own_words() -> None:
    assert told_of("paint_wave").words.format(it="wave 1") == "paint wave: wave 1"
