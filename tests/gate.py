"""The whole gate, one line per check: `make test` and `make lint`.

    python -m tests.gate                     everything
    python -m tests.gate lint                the checks without the tests
    python -m tests.gate tests/domain -x     only these tests, in pytest's words

A check that passes takes one line; one that fails shows what it said.
"""

from __future__ import annotations

import os
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
BIN = Path(sys.executable).parent
# What the settings need to be read at all; pytest makes its own.
ENVIRONMENT = {
    **{name: value for name, value in os.environ.items() if not name.startswith("PUSHBOARD_")},
    "PUSHBOARD_MODE": "simulation",
}


@dataclass(frozen=True, slots=True)
class Check:
    """A name for people and the command behind it."""

    name: str
    command: tuple[str, ...]


def _tool(name: str) -> str:
    return str(BIN / name)


def _manage(*arguments: str) -> tuple[str, ...]:
    return (sys.executable, "manage.py", *arguments)


LINT = (
    Check("ruff check", (sys.executable, "-m", "ruff", "check", "--quiet", ".")),
    Check("ruff format", (sys.executable, "-m", "ruff", "format", "--check", "--quiet", ".")),
    Check("mypy --strict", (sys.executable, "-m", "mypy", "--no-error-summary")),
    Check("layers", (_tool("lint-imports"), "--no-logo")),
    Check("djlint", (sys.executable, "-m", "djlint", "--lint", "--quiet", "templates")),
    Check("manage.py check", _manage("check", "--fail-level", "WARNING")),
    Check("migrations", _manage("makemigrations", "--check", "--dry-run")),
)


@dataclass(frozen=True, slots=True)
class Verdict:
    """How a check went."""

    check: Check
    good: bool
    seconds: float
    said: str

    def show(self) -> None:
        """One line, and what it said only when it matters."""
        print(f"  {'ok  ' if self.good else 'FAIL'}  {self.check.name:<18} {self.seconds:5.1f} s")
        if not self.good:
            print(f"\n{self.said}\n", flush=True)


def judge(check: Check) -> Verdict:
    """Run one check."""
    began = time.monotonic()
    done = subprocess.run(
        check.command, cwd=ROOT, env=ENVIRONMENT, capture_output=True, text=True, check=False
    )
    seconds = time.monotonic() - began
    return Verdict(check, done.returncode == 0, seconds, done.stdout + done.stderr)


def tests_pass(arguments: list[str]) -> bool:
    """Run the tests, which speak for themselves; all of them share two cores, some need one."""
    spread = [] if arguments else ["-n", "2", "--dist", "loadfile"]
    command = [sys.executable, "-m", "pytest", "-q", "-m", "not browser and not slow"]
    command += [*spread, *arguments]
    return not subprocess.run(command, cwd=ROOT, env=ENVIRONMENT, check=False).returncode


def main(arguments: list[str]) -> int:
    """Run what was asked for. The exit code says all."""
    began = time.monotonic()
    failed: list[str] = []
    # The checks run beside the tests; their lines come after the tests' own.
    with ThreadPoolExecutor(max_workers=1) as pool:
        checks = LINT if arguments in ([], ["lint"]) else ()
        verdicts = pool.map(judge, checks)
        if arguments != ["lint"] and not tests_pass(arguments):
            failed.append("tests")
        for verdict in verdicts:
            verdict.show()
            if not verdict.good:
                failed.append(verdict.check.name)
    seconds = time.monotonic() - began
    if failed:
        print(f"\nNot good: {', '.join(failed)} ({seconds:.0f} s).")
        return 1
    print(f"\nAll good ({seconds:.0f} s).")
    return 0


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
