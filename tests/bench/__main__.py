"""What reading, dispatching and following cost, against the simulator as its own process.

    python -m tests.bench                     every scenario, five runs each, SQLite and PostgreSQL
    python -m tests.bench sync --runs 1       one scenario, once
    python -m tests.bench --write             and write into docs/benchmarks.md what was measured

Each run is a process of its own with an empty database and a fresh simulated org. Calls are those
that the simulator has counted. Exits with 1 when a median is over its limit.
"""

from __future__ import annotations

import argparse
import os
import platform
import statistics
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.bench.programs import ROOT, Scenario, databases, run

PAGE = ROOT / "docs" / "benchmarks.md"
MARK = "<!-- what follows is written by `make bench ARGS=--write` -->"
# Some orgs of the simulated fleet have another package only.
_FLEET = ("--orgs", "21500", "--role", "packaging")
_SLOW = ("--latency-ms", "100")

SCENARIOS = (
    Scenario(
        "sync",
        "first sync of 20,000 subscribers into an empty database, 100 ms per call",
        (*_FLEET, *_SLOW),
        most_seconds=2.5,
        most_calls=14,
        peers="package-manager 7.6 s, 32 calls with licences; sf CLI 2.8 s, 11 calls, lists only; "
        "CumulusCI 3.6 s, 15 calls, ids only",
    ),
    Scenario(
        "nightly",
        "full sync of 20,000 known subscribers, 100 ms per call",
        (*_FLEET, *_SLOW),
        most_seconds=2.5,
        most_calls=14,
        peers="package-manager 7.6 s, 32 calls",
    ),
    Scenario(
        "quiet",
        "sync of 20,000 subscribers when nothing has changed, 100 ms per call",
        (*_FLEET, *_SLOW),
        most_calls=2,
        peers="package-manager 1.5 s, 5 calls",
    ),
    Scenario(
        "licences",
        "joining 20,000 licences of a License org, 100 ms per call",
        ("--orgs", "21500", "--role", "lmo", *_SLOW),
        # With the 14 of a first sync at most 36.
        most_calls=22,
        peers="in package-manager's 7.6 s and 32 calls",
    ),
    Scenario(
        "dispatch",
        "5,000 orgs in one batch: create, fill, read back, arm, read back, 0 ms",
        _FLEET,
        most_seconds=3.0,
        most_calls=18,
        peers="sf CLI 1.8 s, 8 calls, verifies nothing; CumulusCI 34 s, 42 calls; "
        "package-manager about 95 s, 92 calls",
    ),
    Scenario(
        "tracking",
        "following 1,000 orgs to the end with all errors: calls beyond one per poll",
        (*_FLEET, "--fast"),
        most_calls=15,
        factor="60",
        peers="CumulusCI 1,022 calls",
    ),
    Scenario(
        "preflight",
        "preflight and forecast of a draft with 5,000 orgs over 30 zones",
        ("--orgs", "7000", "--role", "packaging"),
        most_seconds=10.0,
        most_calls=0,
        peers="none has one",
    ),
    Scenario(
        "planning",
        "planning 100,000 orgs: reading them, who is left out, the cut into waves",
        ("--orgs", "500", "--role", "packaging"),
        most_seconds=5.0,
        most_calls=0,
        most_mb=500,
        peers="none has one",
    ),
)


@dataclass(frozen=True, slots=True)
class Result:
    """The runs of one scenario on one database, and their median."""

    scenario: Scenario
    database: str
    runs: list[dict[str, Any]]
    load: float

    def median(self, figure: str) -> float:
        return statistics.median(float(one[figure]) for one in self.runs)

    @property
    def broken(self) -> list[str]:
        limits = (
            ("seconds", self.scenario.most_seconds),
            ("calls", self.scenario.most_calls),
            ("peak_mb", self.scenario.most_mb),
            ("live_calls", self.runs[0].get("most_live_calls")),
        )
        return [
            f"{self.scenario.name} on {self.database}: {self.median(name):g} {name}, "
            f"at most {limit:g} allowed"
            for name, limit in limits
            if limit is not None and self.median(name) > float(limit)
        ]

    def row(self) -> str:
        limits = [
            f"{limit:g} {unit}"
            for limit, unit in (
                (self.scenario.most_seconds, "s"),
                (self.scenario.most_calls, "calls"),
                (self.scenario.most_mb, "MB"),
            )
            if limit is not None
        ]
        known = ("seconds", "cpu_seconds", "calls", "peak_mb")
        more = ", ".join(f"{k} {v:g}" for k, v in self.runs[0].items() if k not in known)
        cells = (
            self.scenario.told,
            self.database,
            f"{self.median('seconds'):.2f}",
            f"{self.median('cpu_seconds'):.2f}",
            f"{self.median('calls'):g}",
            f"{self.median('peak_mb'):.0f}",
            ", ".join(limits),
            more.replace("_", " "),
            self.scenario.peers,
            f"{_commit()}, {len(self.runs)} runs, load {self.load:.1f}",
        )
        return "| " + " | ".join(cells) + " |"


HEAD = (
    "| what | database | s | s of our CPU | calls | peak MB | at most | besides | peers | taken |\n"
    "|---|---|---|---|---|---|---|---|---|---|"
)


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.bench", description=__doc__)
    names = [scenario.name for scenario in SCENARIOS]
    parser.add_argument("names", nargs="*", metavar="SCENARIO", help=", ".join(names))
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("--database", choices=["SQLite", "PostgreSQL"], action="append")
    parser.add_argument("--write", action="store_true", help=f"write {PAGE.relative_to(ROOT)}")
    given = parser.parse_args()
    if unknown := set(given.names) - set(names):
        parser.error(f"no scenario {', '.join(sorted(unknown))}; there are {', '.join(names)}")
    results = []
    with databases(given.database or ["SQLite", "PostgreSQL"]) as servers:
        for scenario in SCENARIOS:
            if given.names and scenario.name not in given.names:
                continue
            for kind, server in servers.items():
                runs = [run(scenario, server, number) for number in range(given.runs)]
                # Over the last minute, so of these runs and of whatever else went on.
                results.append(Result(scenario, kind, runs, os.getloadavg()[0]))
                print(results[-1].row(), flush=True)
    if given.write:
        _write(results)
    broken = [line for result in results for line in result.broken]
    print("\n".join(broken) or "Every limit was kept.")
    return 1 if broken else 0


def _write(results: list[Result]) -> None:
    """Put the results into the page; lines of what was not measured stay, in the order above."""
    by_hand, _, table = PAGE.read_text(encoding="utf-8").partition(MARK)
    rows = {_key(row): row for row in table.splitlines() if row.startswith("| ")}
    rows |= {_key(row): row for row in (result.row() for result in results)}
    known = [(one.told, base) for one in SCENARIOS for base in ("SQLite", "PostgreSQL")]
    machine = f"{os.cpu_count()} cores ({platform.machine()})"
    lines = [
        f"Medians, on {machine}, Python {platform.python_version()}.",
        "",
        HEAD,
        *(rows[key] for key in known if key in rows),
    ]
    PAGE.write_text(f"{by_hand}{MARK}\n\n" + "\n".join(lines) + "\n", encoding="utf-8")


def _key(row: str) -> tuple[str, str]:
    cells = [cell.strip() for cell in row.split("|")]
    return cells[1], cells[2]


def _commit() -> str:
    asked = ["git", "-C", str(Path(ROOT)), "rev-parse", "--short", "HEAD"]
    done = subprocess.run(asked, capture_output=True, text=True, check=False)
    return done.stdout.strip() or "unknown"


if __name__ == "__main__":
    sys.exit(main())
