"""Try every kind of call under every fault: the gateway in process and over TLS, then the engine.

    .venv/bin/python -m tests.batteries.faults [--only in-process|tls|engine] [--write]

``--write`` puts its line into docs/reliability.md. The exit code is 1 when a cell finds something
wrong or a mistake made on purpose goes unnoticed.
"""

from __future__ import annotations

import argparse
import re
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from unittest import mock

from rollouts.simulator import query
from tests.batteries.demo import ROOT
from tests.batteries.report import Line, commit, table, write
from tests.salesforce import fault_table
from tests.salesforce.call_kinds import KINDS
from tests.salesforce.fault_breaks import BREAKS
from tests.salesforce.simulated import IN_PROCESS, TLS

SMALL_PAGE = 25
PARTS = {"in-process": IN_PROCESS, "tls": TLS}
ENGINE = "engine"
STORIES = "tests/stories/test_faults.py::test_a_fault_of_a_call_costs_time_and_nothing_else"


@dataclass
class Part:
    """What one run over a table came to."""

    name: str
    cells: int = 0
    seconds: float = 0.0
    violations: list[str] = field(default_factory=list)
    outcomes: Counter[str] = field(default_factory=Counter)

    def row(self) -> tuple[str, ...]:
        """Its line of the table."""
        told = ", ".join(f"{count} {word}" for word, count in self.outcomes.most_common())
        found = str(len(self.violations))
        return self.name, str(self.cells), told, found, f"{self.seconds:.0f} s"


def gateway(name: str, how: str) -> Part:
    """Try every cell of the gateway's table."""
    part, began = Part(name), time.monotonic()
    with mock.patch.object(query, "LARGEST_PAGE", SMALL_PAGE):
        for call, fault in fault_table.cells():
            found = fault_table.run(call, fault, how)
            part.cells += 1
            part.outcomes[found.outcome] += 1
            part.violations += [f"{call}, {fault}: {wrong}" for wrong in found.wrong]
    part.seconds = time.monotonic() - began
    return part


def breaks() -> tuple[int, list[str]]:
    """Make each mistake on purpose; returns how many, and those that nothing noticed."""
    missed = []
    with mock.patch.object(query, "LARGEST_PAGE", SMALL_PAGE):
        for name, broken in BREAKS.items():
            with broken.made():
                if not fault_table.run(broken.call, broken.fault).wrong:
                    missed.append(name)
    return len(BREAKS), missed


def engine() -> Part:
    """Live through the engine's table, which needs a database and so is told by pytest."""
    part, began = Part(ENGINE), time.monotonic()
    run = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "--no-header", "-rf", STORIES],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    lines = run.stdout.splitlines()
    counted = {word: int(number) for number, word in re.findall(r"(\d+) (\w+)", lines[-1])}
    part.cells = counted.get("passed", 0) + counted.get("failed", 0) + counted.get("errors", 0)
    part.outcomes["in order"] = counted.get("passed", 0)
    part.violations = [line for line in lines if line.startswith(("FAILED", "ERROR"))]
    if run.returncode and not part.violations:
        part.violations = lines[-5:]
    part.seconds = time.monotonic() - began
    return part


def main(arguments: Sequence[str] | None = None) -> int:
    """Run what was asked for and print it."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--only", choices=[*PARTS, ENGINE])
    parser.add_argument("--write", action="store_true", help="put the line into the page")
    given = parser.parse_args(arguments)
    only = given.only
    parts = [gateway(name, how) for name, how in PARTS.items() if only in (None, name)]
    if only in (None, ENGINE):
        parts.append(engine())
    count, missed = breaks()
    print(f"commit {commit()}; {len(KINDS)} kinds of call, {len(fault_table.FAULTS)} faults")
    head = ("table", "cells", "outcomes", "violations", "wall")
    print(table(head, [part.row() for part in parts]))
    print(f"{count - len(missed)} of {count} mistakes made on purpose were noticed.")
    wrong = [line for part in parts for line in part.violations]
    for line in [*wrong, *(f"not noticed: {name}" for name in missed)]:
        print(line)
    if given.write:
        write(
            Line(
                battery="faults",
                command="make battery-faults",
                quantity=", ".join(f"{part.cells} cells {part.name}" for part in parts),
                seeds="none",
                violations=len(wrong) + len(missed),
                seconds=sum(part.seconds for part in parts),
            )
        )
    return 1 if wrong or missed else 0


if __name__ == "__main__":
    sys.exit(main())
