"""A Valkey of our own, from the wheel that the demo uses too."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import redis

from rollouts.management.launcher.places import Places
from rollouts.management.launcher.programs import broker
from tests.batteries.servers.network import free_port
from tests.batteries.servers.wheel import ROOT, NoServer

_PATIENCE = 20.0  # seconds


class Valkey:
    """One server; its append-only file outlives a kill, unless ``flush`` empties it."""

    def __init__(self) -> None:
        self.home = Path(tempfile.mkdtemp(prefix="pushboard-valkey-"))
        self.places = Places(self.home / "demo")
        self.places.make()
        self.port = free_port()
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Start it and wait until it answers."""
        tether = [sys.executable, "-I", "-S", str(ROOT / "pushboard" / "tether.py")]
        with (self.home / "log").open("ab") as log:
            self._process = subprocess.Popen(
                [*tether, str(os.getpid()), *broker(self.places, self.port).command],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        began = time.monotonic()
        while time.monotonic() - began < _PATIENCE:
            try:
                self._ask().ping()
            except (redis.RedisError, OSError):
                time.sleep(0.05)
            else:
                return
        raise NoServer((self.home / "log").read_text(encoding="utf-8", errors="replace")[-2000:])

    def flush(self) -> None:
        """Forget everything."""
        self._ask().flushall()

    def signal(self, number: signal.Signals) -> None:
        """Stop, continue or kill it."""
        if self._process is not None:
            self._process.send_signal(number)
            if number is signal.SIGKILL:
                self._process.wait()
                self._process = None

    def close(self) -> None:
        """End it and remove its folder."""
        self.signal(signal.SIGKILL)
        shutil.rmtree(self.home, ignore_errors=True)

    def _ask(self) -> redis.Redis:
        return redis.Redis(port=self.port, socket_timeout=5, socket_connect_timeout=2)
