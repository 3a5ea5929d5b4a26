"""One child process: started through the tether, logged to a file, restarted with back-off."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections import deque
from collections.abc import Mapping
from pathlib import Path

from rollouts.management.launcher.places import ROOT
from rollouts.management.launcher.programs import Program

FIRST_DELAY = 0.5  # seconds before the first restart; doubles with each quick death
LONGEST_DELAY = 15.0
SETTLED_AFTER = 20.0  # a child that lived this long is forgiven its earlier deaths
# Run by its path: the product does not import the wiring.
_TETHER = ROOT / "pushboard" / "tether.py"
_LARGEST_LOG = 5_000_000  # bytes; then the log of the runs before is set aside


class Child:
    """A running program and its history of deaths."""

    def __init__(self, program: Program, environment: Mapping[str, str], logs: Path) -> None:
        self.program = program
        self.log = logs / f"{program.name}.log"
        self.deaths = 0
        self.restart_at = 0.0
        self._environment = dict(environment)
        self.process = self._spawn()

    @property
    def pid(self) -> int:
        """The process id of the program itself, not of a wrapper: the tether becomes it."""
        return self.process.pid

    def ended(self) -> int | None:
        """None while it runs, else its exit code; a signal's number counts negative."""
        return self.process.poll()

    def pause(self) -> float:
        """Seconds to wait before the next start, after one more death."""
        if time.monotonic() - self.began > SETTLED_AFTER:
            self.deaths = 0
        self.deaths += 1
        return min(FIRST_DELAY * 2.0 ** (self.deaths - 1), LONGEST_DELAY)

    def restart(self) -> None:
        """Start it again; what is left of its group goes first."""
        self.signal(signal.SIGKILL)
        self.restart_at = 0.0
        self.process = self._spawn()

    def signal(self, number: signal.Signals) -> None:
        """Signal the whole group, so that a worker's pool processes go with it."""
        try:
            os.killpg(self.pid, number)
        except (ProcessLookupError, PermissionError):
            return

    def ask_to_stop(self) -> None:
        """SIGTERM to the program alone: it ends its own helpers in its own order."""
        if self.ended() is None:
            self.process.send_signal(signal.SIGTERM)

    def last_words(self, lines: int = 6) -> str:
        """The end of its log, for a start that failed."""
        try:
            with self.log.open(encoding="utf-8", errors="replace") as file:
                return "".join(f"  | {line}" for line in deque(file, maxlen=lines))
        except OSError:
            return ""

    def _spawn(self) -> subprocess.Popen[bytes]:
        if self.log.exists() and self.log.stat().st_size > _LARGEST_LOG:
            self.log.replace(self.log.with_suffix(".log.1"))
        self.began = time.monotonic()
        wrapper = (sys.executable, "-I", "-S", str(_TETHER), str(os.getpid()))
        with self.log.open("ab") as log:
            # A session of its own: Ctrl-C in the terminal reaches the launcher only, which then
            # ends the children in their order.
            return subprocess.Popen(
                (*wrapper, *self.program.command),
                cwd=ROOT,
                env=self._environment,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
