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


def passes(check: Check) -> bool:
    """Run one check and say how it went."""
    began = time.monotonic()
    done = subprocess.run(
        check.command, cwd=ROOT, env=ENVIRONMENT, capture_output=True, text=True, check=False
    )
    good = done.returncode == 0
    print(f"  {'ok  ' if good else 'FAIL'}  {check.name:<18} {time.monotonic() - began:5.1f} s")
    if not good:
        print(f"\n{done.stdout}{done.stderr}\n", flush=True)
    return good


def main(arguments: list[str]) -> int:
    """Run what was asked for. The exit code says all."""
    began = time.monotonic()
    failed: list[str] = []
    if arguments in ([], ["lint"]):
        failed += [check.name for check in LINT if not passes(check)]
    if arguments != ["lint"]:
        print("  tests", flush=True)
        command = [sys.executable, "-m", "pytest", "-q", "-m", "not browser and not slow"]
        if subprocess.run(
            [*command, *arguments], cwd=ROOT, env=ENVIRONMENT, check=False
        ).returncode:
            failed.append("tests")
    seconds = time.monotonic() - began
    if failed:
        print(f"\nNot good: {', '.join(failed)} ({seconds:.0f} s).")
        return 1
    print(f"\nAll good ({seconds:.0f} s).")
    return 0


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
