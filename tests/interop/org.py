"""A simulated org in a process of its own, and its witnesses: requests, effects, database."""

from __future__ import annotations

import json
import os
import signal
import sqlite3
import subprocess
import sys
import time
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path
from typing import Any, Final

import requests

from .install import ROOT

FACTOR: Final = "60"  # simulated seconds per second
_GRANT: Final = {
    "grant_type": "client_credentials",
    "client_id": "pushboard-demo",
    "client_secret": "simulated-secret",
}


class Org:
    """One running org; `url` is what clients are given."""

    def __init__(
        self,
        folder: Path,
        role: str,
        orgs: int,
        *,
        tls: tuple[Path, Path] | None = None,
        bundle: Path | None = None,
        spoil: str | None = None,
    ) -> None:
        folder.mkdir(parents=True)
        self._log = folder / "requests.jsonl"
        self._log.touch()
        self._database = folder / "data" / "simulator.sqlite3"
        command = [sys.executable, "-m", "tests.interop.serve"]
        command += ["--data", str(folder / "data"), "--log", str(self._log)]
        command += ["--role", role, "--orgs", str(orgs)]
        if tls:
            command += ["--tls", *map(str, tls)]
        if spoil:
            command += ["--spoil", spoil]
        self._process = subprocess.Popen(
            command,
            cwd=ROOT,
            env={"PATH": os.environ["PATH"], "PUSHBOARD_CLOCK_FACTOR": FACTOR},
            stdout=subprocess.PIPE,
            text=True,
        )
        assert self._process.stdout is not None
        port = self._process.stdout.readline().strip()
        self.url = f"https://localhost:{port}" if tls else f"http://localhost:{port}"
        self._session = requests.Session()
        self._session.trust_env = False
        self._session.verify = str(bundle) if bundle else True
        granted = self._session.post(f"{self.url}/services/oauth2/token", _GRANT).json()
        self.token = str(granted["access_token"])
        self.identity = str(granted["id"])
        self.username = self.value("SELECT username FROM person")

    def stop(self) -> None:
        """End the process."""
        self._session.close()
        self._process.send_signal(signal.SIGTERM)
        self._process.communicate(timeout=20)

    # --- witnesses --------------------------------------------------------------------------

    def requests(self, after: int = 0) -> list[dict[str, Any]]:
        """The calls that clients made, after so many."""
        lines = self._log.read_text(encoding="utf-8").splitlines()
        return [json.loads(line) for line in lines[after:]]

    def effects(self, after: int = 0) -> list[dict[str, Any]]:
        """The effect log after a line of it."""
        told = self._session.get(f"{self.url}/simulator/effects", params={"after": after}).json()
        return list(told["effects"])

    def last_effect(self) -> int:
        """The number of the effect log's last line."""
        return int(self.value("SELECT MAX(seq) FROM effect"))

    def rows(self, sql: str, *values: object) -> list[tuple[Any, ...]]:
        """What the org's own database says."""
        with closing(sqlite3.connect(f"file:{self._database}?mode=ro", uri=True)) as db:
            return db.execute(sql, values).fetchall()

    def value(self, sql: str, *values: object) -> Any:
        """The first value of the first row."""
        return self.rows(sql, *values)[0][0]

    def version(self, number: str, package: str = "Harbor") -> str:
        """The id of a package version."""
        catalog = self._session.get(f"{self.url}/simulator/catalog").json()
        return str(catalog[package]["versions"][number])

    def package(self, name: str = "Harbor") -> str:
        """The id of a package."""
        return str(self.value("SELECT id FROM package WHERE name = ?", name))

    def subscribers(self, count: int, *, status: str = "Active", skip: int = 0) -> list[str]:
        """Keys of orgs that have 4.2.1 of the package Harbor and block nothing."""
        rows = self.rows(
            "SELECT s.org_key FROM subscriber s JOIN version v ON v.id = s.version_id"
            " JOIN package p ON p.id = s.package_id WHERE p.name = 'Harbor' AND v.major = 4"
            " AND v.minor = 2 AND v.patch = 1 AND s.org_status = ? AND NOT s.has_restriction"
            " ORDER BY s.id LIMIT ? OFFSET ?",
            status,
            count,
            skip,
        )
        return [row[0] for row in rows]

    # --- what the check sets up -------------------------------------------------------------

    def script(self, orgs: Sequence[str], error: str) -> None:
        """Let the next pushes into these orgs fail."""
        self._post("outcomes", {"orgs": list(orgs), "outcome": "fail", "error": error})

    def wait_for(self, request_id: str, *statuses: str) -> str:
        """Wait, half a minute at most, until a push request has one of these statuses."""
        status = ""
        for _ in range(150):
            # Somebody must ask for time to pass: nothing runs in the background.
            self._session.get(f"{self.url}/simulator/clock")
            status = str(self.value("SELECT status FROM push_request WHERE id = ?", request_id))
            if status in statuses:
                return status
            time.sleep(0.2)
        return status

    def _post(self, name: str, body: dict[str, object]) -> None:
        self._session.post(f"{self.url}/simulator/{name}", json=body).raise_for_status()
