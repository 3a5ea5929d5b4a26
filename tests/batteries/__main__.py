"""All batteries, one after the other: `make battery`, or in small for CI: `make battery-quick`.

    .venv/bin/python -m tests.batteries [--quick] [--only schedules --only storms]

The full run writes docs/reliability.md. Exit code 1: one of them failed.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass

from tests.batteries.demo import ROOT


@dataclass(frozen=True, slots=True)
class Battery:
    """A module, and its arguments in full and in small; None: not part of that run."""

    name: str
    module: str
    full: str | None
    quick: str | None


BATTERIES = (
    Battery(
        "stories",
        "pytest",
        None,
        "-q tests/stories tests/house/test_broker_bounce.py",
    ),
    # Invariants and whatever two workers may do at once, on the engine that production has.
    Battery("postgres", "tests.postgres_gate", "", "tests/models tests/pipeline tests/stories"),
    Battery(
        "schedules",
        "tests.batteries.schedules",
        "--quantity 20000 --write",
        "--quantity 200",
    ),
    Battery("storms", "tests.batteries.storms", "--quantity 1000 --write", "--quantity 10"),
    Battery("restores", "tests.batteries.restores", "--quantity 20 --write", "--quantity 2"),
    Battery(
        "processes",
        "tests.batteries.processes",
        "--kills 500 --stops 100 --redis 24 --postgres 24 --cuts 100 --longest 120 --write",
        None,
    ),
    Battery("model", "tests.batteries.dispatch", "--write", "--quick"),
    Battery("policy", "tests.batteries.policy", "--write", "--rollouts 200"),
    Battery("mutations", "tests.batteries.mutations", "--write", "--quick"),
    Battery("faults", "tests.batteries.faults", "--write", None),
    # On the embedded database and broker.
    Battery("kill", "tests.batteries.kill", "--kills 20", None),
    Battery("honesty", "tests.batteries.honesty", "", None),
)


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="what CI runs, within 15 minutes")
    parser.add_argument("--only", action="append", choices=[one.name for one in BATTERIES])
    given = parser.parse_args(arguments)
    failed, lines = [], []
    for one in BATTERIES:
        options = one.quick if given.quick else one.full
        if options is None or (given.only and one.name not in given.only):
            continue
        print(f"\n=== {one.name}", flush=True)
        began = time.monotonic()
        command = [sys.executable, "-m", one.module, *options.split()]
        code = subprocess.run(command, cwd=ROOT, check=False).returncode
        lines.append(
            f"  {'FAIL' if code else 'ok  '}  {one.name:<12}{time.monotonic() - began:6.0f} s"
        )
        if code:
            failed.append(one.name)
    print("\n" + "\n".join(lines))
    print(f"\nNot good: {', '.join(failed)}." if failed else "\nAll good.")
    return 1 if failed else 0


if __name__ == "__main__":
    raise SystemExit(main())
