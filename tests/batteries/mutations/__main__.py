"""Take safety rules away and see that something notices.

    make battery-mutations                        the ARM guard's mutants, then twelve rules
    python -m tests.batteries.mutations guard     only the mutants
    python -m tests.batteries.mutations rules --seeds 50 --only a_pause_holds
    python -m tests.batteries.mutations --quick   the guard without its transaction, and the rules
    python -m tests.batteries.mutations --write   put the tables into docs/reliability.md

Exit code 1: a mutant lived, a rule was not missed, or a schedule failed with every rule standing.
"""

from __future__ import annotations

import argparse
import resource
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import pytest

import tests.conftest  # noqa: F401  (the environment of the tests, before Django is asked anything)
from tests.batteries.mutations import guard, rules
from tests.batteries.report import Line, commit, put, table, write
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


Results = Sequence[tuple[str, Sequence[guard.Result]]]


def mutants(*, quick: bool) -> Results:
    """Try every mutant of the guard and, unless it must be quick, of the ARM transaction."""
    found = [("rollouts/domain/guards.py", guard.guard_results())]
    if not quick:
        with database(), a_world() as world:
            of_arm = guard.arm_results(
                last_look(world), lambda one: print(end="." if one.by else "!", flush=True)
            )
        print()
        found.append(("rollouts/pipeline/arm.py (transaction and repeat)", of_arm))
    for one in guard.survivors([one for _, some in found for one in some]):
        print(f"LIVED: line {one.mutant.line}, {one.mutant.name}")
    return found


def of_mutants(found: Results) -> str:
    """The table of the mutants, as docs/reliability.md has it."""
    rows, same = [], []
    for name, some in found:
        lived = guard.survivors(list(some))
        equal = [one for one in some if not one.by and one not in lived]
        killed = str(sum(bool(one.by) for one in some))
        rows.append((name, str(len(some)), killed, str(len(equal)), str(len(lived))))
        same += [f"- `{one.mutant.name}`: {guard.EQUIVALENT[one.mutant.name]}" for one in equal]
    parts = [table(("mutants of", "made", "killed", "equivalent", "lived"), rows)]
    return "\n\n".join([*parts, *(["\n".join(same)] if same else [])])


def cpu() -> float:
    """Seconds of processor time, of this process and of children that have ended."""
    who = (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)
    used = [resource.getrusage(one) for one in who]
    return sum(one.ru_utime + one.ru_stime for one in used)


def main() -> int:
    """Run what was asked for."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n", maxsplit=1)[0])
    parser.add_argument("part", nargs="?", choices=("guard", "rules", "all"), default="all")
    parser.add_argument("--seeds", type=int, default=200, help="schedules for each rule at most")
    parser.add_argument("--only", default="", help="one rule")
    parser.add_argument("--quick", action="store_true", help="what CI runs")
    parser.add_argument("--write", action="store_true", help="write docs/reliability.md")
    asked = parser.parse_args()
    began, of = time.monotonic(), commit()
    wrong: list[str] = []
    words: list[str] = []
    tried: Results = ()
    found = rules.Found((), whole=False)
    if asked.part in ("guard", "all"):
        tried = mutants(quick=asked.quick)
        every = [one for _, some in tried for one in some]
        lived = guard.survivors(every)
        wrong += [f"{one.mutant.name} lived" for one in lived]
        words.append(f"{len(every) - len(lived)} of {len(every)} mutants of the ARM guard noticed")
        print(of_mutants(tried))
    if asked.part in ("rules", "all"):
        standing = 0 if asked.quick else rules.STANDING
        found = rules.take_away(asked.seeds, standing, asked.only)
        wrong += found.wrong
        words.append(f"{found.caught} of {len(found.rules)} rules missed when taken away")
        print(rules.tell(found))
    seconds = time.monotonic() - began
    said = f"commit {of}: {'; '.join(words)}; {seconds:.0f} s, {cpu():.0f} s of processor time."
    print(said)
    for line in wrong:
        print(f"NOT AS IT SHOULD BE: {line}")
    if asked.write and asked.part == "all" and not asked.only and not asked.quick:
        put("mutants", f"`make battery-mutations`, {said}\n\n{of_mutants(tried)}")
        put("rules taken away", rules.tell(found))
        seeds = "0 to where it was missed"
        write(
            Line(
                "mutations", "make battery-mutations", "; ".join(words), seeds, len(wrong), seconds
            )
        )
    return 1 if wrong else 0


if __name__ == "__main__":
    raise SystemExit(main())
