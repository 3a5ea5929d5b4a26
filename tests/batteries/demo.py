"""A real demo in a folder and on a port of its own: start it, stop it, kill parts of it."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import requests

ROOT = Path(__file__).resolve().parents[2]
CHILDREN = ("broker", "simulator", "web", "worker", "watcher", "beat")
_READY = "Pushboard is ready"
_PATIENCE = 150.0  # seconds for one start


class DemoFailed(Exception):
    """The demo did not come up; the text is what it said."""


class Demo:
    """One demo. Times of the wall are `time.monotonic`, simulated ones milliseconds since 1970."""

    def __init__(
        self,
        home: Path,
        *,
        speed: float,
        orgs: int,
        seed: int = 7,
        bent: str = "",
        database: str = "",
        redis: str = "",
        shipped: bool = False,
    ) -> None:
        """``database`` and ``redis``: addresses of servers that are not the demo's own.

        ``shipped``: with the product's leases and ticks and not the demo's shorter ones.
        """
        self.home = home / "demo"
        self._given = {"PUSHBOARD_DATABASE_URL": database, "PUSHBOARD_REDIS_URL": redis}
        # Looked at by the battery itself, past every proxy if it says so.
        self.where: Path | str = database or self.database
        self.speed = speed
        self.port = _free_port()
        self.log = home / "launcher.log"
        self._orgs, self._seed, self._bent = orgs, seed, bent
        self._shipped = shipped
        self._process: subprocess.Popen[bytes] | None = None

    # --- life -------------------------------------------------------------------------------

    def start(self) -> float:
        """Start it and wait until it is up; returns the seconds that took.

        Raises:
            DemoFailed: it ended, or took too long.
        """
        began = time.monotonic()
        said_before = self._said().count(_READY)
        command = [
            *(sys.executable, "-m", "tests.batteries.launch", "--home", str(self.home)),
            *("--port", str(self.port), "--speed", f"{self.speed:g}"),
            *("--orgs", str(self._orgs), "--seed", str(self._seed)),
            *(("--bent", self._bent) if self._bent else ()),
            *(("--shipped",) if self._shipped else ()),
        ]
        # The tether: a battery that is killed leaves no demo behind.
        tether = [sys.executable, "-I", "-S", str(ROOT / "pushboard" / "tether.py")]
        with self.log.open("ab") as log:
            self._process = subprocess.Popen(
                [*tether, str(os.getpid()), *command],
                cwd=ROOT,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
                env=os.environ | {name: text for name, text in self._given.items() if text},
            )
        while self._said().count(_READY) == said_before:
            if self._process.poll() is not None or time.monotonic() - began > _PATIENCE:
                self.kill()
                raise DemoFailed(self._said()[-3000:])
            time.sleep(0.5)
        return time.monotonic() - began

    def stop(self) -> None:
        """End it as Ctrl-C does; what does not end is killed."""
        if self._process is None:
            return
        self._process.terminate()
        try:
            self._process.wait(30)
        except subprocess.TimeoutExpired:
            self.kill()
        self._process = None

    def kill(self, *, launcher_only: bool = False) -> None:
        """SIGKILL to the launcher and, unless only that, to every child and its helpers.

        Children of a launcher that was killed alone are ended by the kernel.
        """
        children = [] if launcher_only else list(self.children().values())
        if self._process is not None:
            _signal_group([self._process.pid])
            self._process.wait()
            self._process = None
        _signal_group(children)

    def again(self, speed: float) -> float:
        """Stop it in order and start it on the same data at another speed."""
        self.stop()
        self.speed = speed
        return self.start()

    # --- looking ----------------------------------------------------------------------------

    def children(self) -> dict[str, int]:
        """Process ids by name, as the launcher wrote them down."""
        found = _json(self.home / "pids.json")
        return {name: pid for name, pid in found.items() if isinstance(pid, int)}

    def alive(self) -> dict[str, int]:
        """Those of the children that run."""
        return {name: pid for name, pid in self.children().items() if _runs(pid)}

    def pool(self) -> list[int]:
        """The worker's pool processes."""
        worker = self.children().get("worker", 0)
        try:
            text = Path(f"/proc/{worker}/task/{worker}/children").read_text(encoding="ascii")
        except OSError:
            return []
        return [int(pid) for pid in text.split()]

    def is_up(self) -> bool:
        """Whether every child runs and the pages answer."""
        own = len(CHILDREN) - bool(self._given["PUSHBOARD_REDIS_URL"])
        if len(self.alive()) < own:
            return False
        try:
            return requests.get(f"{self.address}/livez", timeout=2).ok
        except requests.RequestException:
            return False

    def now(self) -> int:
        """Simulated time, from the launcher's note of it."""
        seen = _json(self.home / "clock.json")
        return at(seen["simulated"]) + round((time.time() * 1000 - at(seen["wall"])) * self.speed)

    @property
    def address(self) -> str:
        """Where the pages are."""
        return f"http://127.0.0.1:{self.port}"

    @property
    def simulator(self) -> str:
        """Where the simulated Salesforce listens."""
        return f"http://127.0.0.1:{_json(self.home / 'ports.json')['simulator']}/simulator"

    @property
    def database(self) -> Path:
        """Pushboard's own database."""
        return self.home / "pushboard.sqlite3"

    @property
    def world(self) -> Path:
        """The simulator's database."""
        return self.home / "simulator" / "simulator.sqlite3"

    def ask(self, path: str, **query: str) -> Any:
        """Read a page of the simulator's face for tests."""
        answer = requests.get(f"{self.simulator}/{path}", params=query, timeout=20)
        answer.raise_for_status()
        return answer.json()

    def tell(self, path: str, body: object) -> None:
        """Say something to the simulator's face for tests."""
        requests.post(f"{self.simulator}/{path}", json=body, timeout=20).raise_for_status()

    def _said(self) -> str:
        try:
            return self.log.read_text(encoding="utf-8", errors="replace")
        except OSError:
            return ""


def at(text: str | datetime) -> int:
    """Milliseconds since 1970 of an ISO 8601 text or a moment; without a zone it means UTC."""
    moment = text if isinstance(text, datetime) else datetime.fromisoformat(text)
    moment = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
    return (moment - datetime(1970, 1, 1, tzinfo=UTC)) // timedelta(milliseconds=1)


def _signal_group(pids: Iterable[int]) -> None:
    """SIGKILL to processes that lead a group each, with the whole group."""
    for pid in pids:
        try:
            os.killpg(pid, signal.SIGKILL)
        except (ProcessLookupError, PermissionError):
            continue


def _runs(pid: int) -> bool:
    try:
        stat = Path(f"/proc/{pid}/stat").read_text(encoding="ascii", errors="replace")
    except OSError:
        return False
    return stat.rpartition(")")[2].split()[0] != "Z"


def _json(path: Path) -> dict[str, Any]:
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return content if isinstance(content, dict) else {}


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port
