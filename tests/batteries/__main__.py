"""All batteries: `make battery`, or in small for CI: `make battery-quick`.

    .venv/bin/python -m tests.batteries [--quick] [--only schedules --only storms]

The full run writes docs/reliability.md, each battery its own line. Batteries that mostly wait run
beside those that mostly count: one after the other within a lane, the lanes side by side.
Exit code 1: one of them failed; 130: interrupted.
"""

from __future__ import annotations

import argparse
import os
import resource
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass, field

from tests.batteries.demo import ROOT
from tests.batteries.ending import orderly
from tests.batteries.report import commit

# Those that are told by the clock of the wall come first when all want the processors.
_POLITE = 5
_PATIENCE = 60.0  # seconds for a battery that is told to end


@dataclass(frozen=True, slots=True)
class Battery:
    """A module, its lane, and its arguments in full and in small; None: not part of that run."""

    name: str
    module: str
    full: str | None
    quick: str | None
    lane: str = "counts"


_BLOWS = "--kills 250 --stops 50 --redis 12 --postgres 12 --cuts 40 --longest 25 --write"
BATTERIES = (
    Battery(
        "stories",
        "pytest",
        None,
        "-q tests/stories tests/house/test_broker_bounce.py",
        lane="schedules",
    ),
    # Invariants and whatever two workers may do at once, on the engine that production has.
    Battery("postgres", "tests.postgres_gate", None, "tests/models tests/pipeline tests/stories"),
    Battery(
        "schedules",
        "tests.batteries.schedules",
        # What 85 minutes are too short for is not played, and said to be missing.
        "--quantity 20000 --within 5100 --write",
        "--quantity 200",
        lane="schedules",
    ),
    Battery("storms", "tests.batteries.storms", "--quantity 1000 --write", "--quantity 10"),
    Battery("model", "tests.batteries.dispatch", "--write", "--quick"),
    Battery("policy", "tests.batteries.policy", "--write", "--rollouts 200"),
    Battery("planning", "tests.batteries.planning", "", "--quick"),
    Battery("mutations", "tests.batteries.mutations", "--write", "--quick"),
    Battery("restores", "tests.batteries.restores", "--quantity 20 --write", "--quantity 2"),
    Battery("faults", "tests.batteries.faults", "--write", None),
    # Two demos, each with half of the blows: both mostly wait for processes to come back.
    Battery("processes", "tests.batteries.processes", f"{_BLOWS} --seed 1", None, lane="blows"),
    Battery(
        "processes-2",
        "tests.batteries.processes",
        f"{_BLOWS} --seed 2 --name processes-2",
        None,
        lane="more blows",
    ),
    Battery(
        "shipped",
        "tests.batteries.processes",
        "--shipped --kills 20 --stops 0 --redis 0 --postgres 0 --cuts 0 --away 600 --seed 3"
        " --name shipped --write",
        None,
        lane="shipped leases",
    ),
)
_WAITING = ("blows", "more blows", "shipped leases")


@dataclass(slots=True)
class Run:
    """What is going on: the batteries that run, and what has ended."""

    quick: bool
    lines: list[str] = field(default_factory=list)
    failed: list[str] = field(default_factory=list)
    children: dict[str, subprocess.Popen[str]] = field(default_factory=dict)
    ended: threading.Event = field(default_factory=threading.Event)
    lock: threading.Lock = field(default_factory=threading.Lock)

    def lane(self, batteries: Sequence[Battery]) -> None:
        """Run the batteries of a lane one after the other."""
        for one in batteries:
            if self.ended.is_set():
                return
            self._battery(one)

    def _battery(self, one: Battery) -> None:
        options = (one.quick if self.quick else one.full) or ""
        command = [sys.executable, "-m", one.module, *options.split()]
        polite = 0 if one.lane in _WAITING else _POLITE
        began = time.monotonic()
        with self.lock:
            print(f"=== {one.name}", flush=True)
            child = self.children[one.name] = subprocess.Popen(
                ["nice", "-n", str(polite), *command],  # noqa: S607
                cwd=ROOT,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                text=True,
                errors="replace",
                env=os.environ | {"PYTHONUNBUFFERED": "1"},
            )
        assert child.stdout is not None
        with child.stdout as said:
            for line in said:
                print(f"{one.name:<11} | {line}", end="", flush=True)
        code = child.wait()
        with self.lock:
            del self.children[one.name]
            word = "FAIL" if code else "ok"
            self.lines.append(f"  {word:<5} {one.name:<12}{time.monotonic() - began:6.0f} s")
            if code:
                self.failed.append(one.name)
            print(f"=== {one.name}: {word}, {time.monotonic() - began:.0f} s", flush=True)

    def end(self) -> None:
        """Tell every battery to end and to clean up after itself."""
        self.ended.set()
        with self.lock:
            children = list(self.children.values())
        for child in children:
            child.send_signal(signal.SIGTERM)
        for child in children:
            try:
                child.wait(_PATIENCE)
            except subprocess.TimeoutExpired:
                child.kill()


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="what CI runs, within 15 minutes")
    parser.add_argument("--only", action="append", choices=[one.name for one in BATTERIES])
    given = parser.parse_args(arguments)
    chosen = [
        one
        for one in BATTERIES
        if (one.quick if given.quick else one.full) is not None
        and (not given.only or one.name in given.only)
    ]
    if not chosen:
        parser.error("none of these is part of this run")
    lanes: dict[str, list[Battery]] = {}
    for one in chosen:
        lanes.setdefault(one.lane, []).append(one)
    began, run = time.monotonic(), Run(quick=given.quick)
    print(f"commit {commit()}; lanes: {'; '.join(_words(lane) for lane in lanes.values())}")
    threads = [
        threading.Thread(target=run.lane, args=(lane,), daemon=True) for lane in lanes.values()
    ]
    with orderly():
        try:
            for thread in threads:
                thread.start()
            for thread in threads:
                thread.join()
        except KeyboardInterrupt:
            run.end()
            print("\nInterrupted: what had not ended has written no line.")
            return 130
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    print("\n" + "\n".join(sorted(run.lines, key=lambda line: line.split()[1])))
    print(
        f"\n{time.monotonic() - began:.0f} s, of which the processors were used for"
        f" {used.ru_utime + used.ru_stime:.0f} s."
    )
    print(f"Not good: {', '.join(run.failed)}." if run.failed else "All good.")
    return 1 if run.failed else 0


def _words(lane: Sequence[Battery]) -> str:
    return ", ".join(one.name for one in lane)


if __name__ == "__main__":
    raise SystemExit(main())
