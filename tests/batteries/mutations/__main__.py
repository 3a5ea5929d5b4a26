"""Take safety rules away and see that something notices.

    make battery-mutations                        the ARM guard's mutants, then twelve rules
    python -m tests.batteries.mutations guard     only the mutants
    python -m tests.batteries.mutations rules --seeds 50 --only no_fence
    python -m tests.batteries.mutations --write   put the tables into docs/reliability.md

Exit code 1: a mutant lived, or a rule was not missed.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

import tests.conftest  # noqa: F401  (the environment of the tests, before Django is asked anything)
from tests.batteries.mutations import guard, rules
from tests.batteries.report import commit, put, table
from tests.stories.conftest import make_world
from tests.support.last_look import last_look
from tests.support.world import Clock, World


@contextmanager
def database() -> Iterator[None]:
    """An empty database in memory, as the tests have it."""
    from django.db import connection
    from django.test.utils import setup_test_environment, teardown_test_environment

    setup_test_environment()
    name = connection.settings_dict["NAME"]
    connection.creation.create_test_db(verbosity=0)
    try:
        yield
    finally:
        connection.creation.destroy_test_db(name, verbosity=0)
        teardown_test_environment()


@contextmanager
def a_world() -> Iterator[World]:
    """A world of its own whose rows are gone afterwards."""
    from django.db import transaction

    with pytest.MonkeyPatch.context() as patch, transaction.atomic():
        yield make_world(Clock(), patch)
        transaction.set_rollback(True)


def mutants() -> tuple[bool, str]:
    """Try every mutant of the guard and of the ARM transaction."""
    began = time.monotonic()
    of_guard = guard.guard_results()
    with database(), a_world() as world:
        of_arm = guard.arm_results(last_look(world), lambda one: print(end="." if one.by else "!"))
    print()
    lived = guard.survivors([*of_guard, *of_arm])
    for one in lived:
        print(f"LIVED: line {one.mutant.line}, {one.mutant.name}")
    same = [one for one in (*of_guard, *of_arm) if not one.by and one not in lived]
    seconds = time.monotonic() - began
    rows = [
        (name, str(len(some)), str(sum(bool(one.by) for one in some)),
         str(sum(one in same for one in some)), str(sum(one in lived for one in some)))
        for name, some in (
            ("rollouts/domain/guards.py", of_guard),
            ("rollouts/pipeline/arm.py (transaction and repeat)", of_arm),
        )
    ]  # fmt: skip
    said = f"`python -m tests.batteries.mutations guard`, commit {commit()}; {seconds:.0f} s."
    head = ("mutants of", "made", "killed", "equivalent", "lived")
    lines = [f"- `{one.mutant.name}`: {guard.EQUIVALENT[one.mutant.name]}" for one in same]
    text = "\n\n".join([said, table(head, rows), *(["\n".join(lines)] if lines else [])])
    print(text)
    return not lived, text


def main() -> int:
    """Run what was asked for."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n", maxsplit=1)[0])
    parser.add_argument("part", nargs="?", choices=("guard", "rules", "all"), default="all")
    parser.add_argument("--seeds", type=int, default=2_000, help="schedules for each rule at most")
    parser.add_argument("--only", default="", help="one rule")
    parser.add_argument("--write", action="store_true", help="write docs/reliability.md")
    asked = parser.parse_args()
    good = True
    if asked.part in ("guard", "all"):
        fine, text = mutants()
        good &= fine
        if asked.write and fine:
            put("guard mutants", text)
    if asked.part in ("rules", "all"):
        with database():
            fine, text = rules.caught(asked.seeds, asked.only, a_world)
        good &= fine
        if asked.write and fine and not asked.only:
            put("rule mutations", text)
    return 0 if good else 1


if __name__ == "__main__":
    raise SystemExit(main())
