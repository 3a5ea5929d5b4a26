"""The small changes are really made, and the ARM guard's tests notice each of them."""

from __future__ import annotations

import ast

import pytest

from tests.batteries.mutations.guard import guard_results, survivors
from tests.batteries.mutations.mutants import mutants

SOURCE = """
def far(there, here, limit):
    if abs(there - here) < limit and not here:
        return "far"
    return [one for one in there if one > 1]

def not_asked(there):
    return there == 1
"""


def test_each_change_is_one_change_of_a_function_that_was_asked_for() -> None:
    made = list(mutants(SOURCE, ("far",)))
    assert {one.function for one in made} == {"far"}
    assert len({ast.unparse(one.tree) for one in made}) == len(made)
    assert ast.unparse(ast.parse(SOURCE)) not in {ast.unparse(one.tree) for one in made}


@pytest.mark.parametrize(
    "line",
    [
        "if abs(there - here) <= limit and (not here):",
        "if abs(there - here) < limit or not here:",
        "if abs(there + here) < limit and (not here):",
        "if False:",
        "return ()",
        "return [one for one in there if one >= 1]",
        "return [one for one in there]",
        "return [one for one in there if one > 2]",
    ],
)
def test_the_kinds_of_changes(line: str) -> None:
    assert any(line in ast.unparse(one.tree) for one in mutants(SOURCE, ("far",)))


@pytest.mark.slow
def test_no_change_to_the_guard_goes_unnoticed() -> None:
    results = guard_results()
    assert len(results) > 100
    assert [one.mutant.name for one in survivors(results)] == []
