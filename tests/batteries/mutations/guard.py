"""The ARM guard and the ARM transaction under mutation: every change must be noticed.

The guard's mutants run under ``tests/domain/test_guards.py``, those of ``pipeline/arm.py`` under
the checks of ``tests/support/last_look_checks.py``.
"""

from __future__ import annotations

import ast
import itertools
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType

from rollouts.domain import guards, hours
from rollouts.pipeline import arm
from tests.batteries.demo import ROOT
from tests.batteries.mutations.mutants import Mutant, mutants
from tests.support.last_look import Look
from tests.support.last_look_checks import failing

GUARD = ("arm_refusals", "_decided", "_approved", "_timed", "_open", "_read")
HOURS = ("refusal", "refusals", "_said")
ARM = ("_commit", "_facts", "send_arm", "_arm_again")
_TESTS = ROOT / "tests" / "domain" / "test_guards.py"

# Changes that change nothing that can be told apart, each with its reason.
EQUIVALENT: dict[str, str] = {}


@dataclass(frozen=True, slots=True)
class Result:
    """What became of one mutant: what noticed it, "" if nothing did."""

    mutant: Mutant
    by: str


def loaded(original: ModuleType, tree: ast.Module) -> ModuleType:
    """The module as the changed source makes it, under its own name but not in its place."""
    made = ModuleType(original.__name__)
    made.__file__ = original.__file__
    exec(compile(tree, original.__file__ or "", "exec"), made.__dict__)  # noqa: S102 - our own source
    return made


def of(original: ModuleType, functions: tuple[str, ...]) -> Iterator[Mutant]:
    """The mutants of a module's functions."""
    return mutants(Path(original.__file__ or "").read_text(), functions)


def guard_results() -> list[Result]:
    """Run the guard's own tests against each of its mutants."""
    if by := noticed(guards):
        raise AssertionError(f"the guard as it is fails {by}")
    return [
        *(Result(mutant, _against_guard(mutant)) for mutant in of(guards, GUARD)),
        *(Result(mutant, _against_hours(mutant)) for mutant in of(hours, HOURS)),
    ]


def _against_guard(mutant: Mutant) -> str:
    try:
        changed = loaded(guards, mutant.tree)
    except Exception as error:  # noqa: BLE001 - a module that does not load is noticed by all
        return type(error).__name__
    return noticed(changed)


def _against_hours(mutant: Mutant) -> str:
    """Run the guard's tests with a guard that asks the changed rules about hours."""
    try:
        sys.modules[hours.__name__] = loaded(hours, mutant.tree)
        tree = ast.parse(Path(guards.__file__).read_text())
        return noticed(loaded(guards, tree))
    except Exception as error:  # noqa: BLE001 - a module that does not load is noticed by all
        return type(error).__name__
    finally:
        sys.modules[hours.__name__] = hours


def noticed(changed: ModuleType) -> str:
    """The first test of the guard that fails with this module in its place, or ""."""
    tests = ModuleType("guard_tests")
    sys.modules[guards.__name__] = changed
    try:
        exec(compile(_TESTS.read_text(), str(_TESTS), "exec"), tests.__dict__)  # noqa: S102 - ours
    finally:
        sys.modules[guards.__name__] = guards
    for name, test in vars(tests).items():
        if not name.startswith("test_"):
            continue
        for case in _cases(test):
            try:
                test(**case)
            except Exception:  # noqa: BLE001 - however it fails, it has noticed
                return name
    return ""


def _cases(test: Callable[..., None]) -> Iterator[dict[str, object]]:
    """The cases of a parametrised test, as pytest would make them."""
    marks = [mark for mark in getattr(test, "pytestmark", []) if mark.name == "parametrize"]
    choices = []
    for mark in marks:
        names = mark.args[0].split(",") if isinstance(mark.args[0], str) else mark.args[0]
        rows = [row if len(names) > 1 else (row,) for row in mark.args[1]]
        choices.append([dict(zip(names, row, strict=True)) for row in rows])
    for parts in itertools.product(*choices):
        yield {name: value for part in parts for name, value in part.items()}


def arm_results(look: Look, tell: Callable[[Result], None]) -> list[Result]:
    """Run the checks of the last look against each mutant of the ARM transaction."""
    if wrong := failing(arm, look):
        raise AssertionError(f"arming as it is fails {wrong}")
    results = []
    for mutant in of(arm, ARM):
        changed = loaded(arm, mutant.tree)
        results.append(Result(mutant, next(iter(failing(changed, look, first=True)), "")))
        tell(results[-1])
    return results


def survivors(results: list[Result]) -> list[Result]:
    """Mutants that nothing noticed and that are not known to be equivalent."""
    return [one for one in results if not one.by and one.mutant.name not in EQUIVALENT]
