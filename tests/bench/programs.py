"""The other side of a benchmark: a simulator as a process of its own, and a database."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import tempfile
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tests import postgres_gate
from tests.batteries.servers.postgres import running

ROOT = Path(__file__).resolve().parents[2]
FACTOR = "1"


@dataclass(frozen=True, slots=True)
class Scenario:
    """One thing that is measured, and what it must not exceed."""

    name: str
    told: str
    simulator: tuple[str, ...]
    most_seconds: float | None = None
    most_calls: int | None = None
    most_mb: int | None = None
    factor: str = FACTOR
    peers: str = ""
    environment: dict[str, str] = field(default_factory=dict)


@contextmanager
def simulator(scenario: Scenario) -> Iterator[str]:
    """A fresh simulated org on a free port; gives its address."""
    command = [sys.executable, "-m", "rollouts.simulator", "--port", "0", "--data", ":memory:"]
    process = subprocess.Popen(
        [*command, *scenario.simulator],
        cwd=ROOT,
        env={"PATH": os.environ["PATH"], **clock(scenario)},
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        assert process.stdout is not None
        said = re.search(r"http://\S+:\d+", process.stdout.readline())
        assert said is not None, "the simulator did not start"
        yield said[0]
    finally:
        process.terminate()
        process.communicate()


def clock(scenario: Scenario) -> dict[str, str]:
    """The clock that simulator and Pushboard share."""
    return {
        "PUSHBOARD_CLOCK_FACTOR": scenario.factor,
        "PUSHBOARD_CLOCK_ANCHOR_WALL": "2026-01-01T00:00:00+00:00",
        "PUSHBOARD_CLOCK_ANCHOR_SIM": "2026-01-01T00:00:00+00:00",
    }


@contextmanager
def databases(kinds: list[str]) -> Iterator[dict[str, str]]:
    """Addresses of a database server or file for each kind; each run gets an empty one."""
    found: dict[str, str] = {"SQLite": "sqlite"}
    wanted = "PostgreSQL" in kinds
    with running(folder=postgres_gate.installed()) if wanted else nullcontext() as server:
        if server is not None:
            found["PostgreSQL"] = server.url()
        yield {kind: found[kind] for kind in kinds if kind in found}


def run(scenario: Scenario, database: str, number: int) -> dict[str, Any]:
    """Run a scenario once in a process of its own; gives its figures."""
    with tempfile.TemporaryDirectory(prefix="pushboard-bench-") as home, simulator(scenario) as url:
        address = f"sqlite:///{home}/bench.sqlite3"
        if database != "sqlite":
            address = _fresh(database, f"bench_{os.getpid()}_{scenario.name}_{number}")
        environment = {
            "PATH": os.environ["PATH"],
            "HOME": home,
            "PYTHONWARNINGS": "ignore",
            "DJANGO_SETTINGS_MODULE": "pushboard.settings",
            "PUSHBOARD_MODE": "simulation",
            "PUSHBOARD_SECRET_KEY": "bench-only-" + "x" * 50,
            "PUSHBOARD_DATA_DIR": home,
            "PUSHBOARD_DATABASE_URL": address,
            "PUSHBOARD_LOG_LEVEL": "ERROR",
            "PUSHBOARD_DEV_ALLOWED_HOSTS": url.removeprefix("http://"),
            "PUSHBOARD_SF_LOGIN_URL": url,
            "PUSHBOARD_SF_CLIENT_ID": "pushboard-demo",
            "PUSHBOARD_SF_CLIENT_SECRET": "simulated-secret",
            **clock(scenario),
            **scenario.environment,
        }
        done = subprocess.run(
            [sys.executable, "-m", "tests.bench.work", scenario.name],
            cwd=ROOT,
            env=environment,
            capture_output=True,
            text=True,
            check=False,
        )
        if done.returncode:
            sys.exit(f"{scenario.name} failed:\n{done.stdout}{done.stderr}")
        figures: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
        return figures


def counted(url: str) -> int:
    """API calls, as the simulator has counted them."""
    with urllib.request.urlopen(f"{url}/simulator/usage") as answer:  # noqa: S310 - loopback
        return int(json.load(answer)["calls"])


def _fresh(server: str, name: str) -> str:
    import psycopg

    with psycopg.connect(server, autocommit=True) as link:
        link.execute(f'CREATE DATABASE "{name}"')
    return server.rsplit("/", 1)[0] + f"/{name}"
