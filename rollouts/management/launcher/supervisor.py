"""Keeps the children running and the clock written down; ends them in their order."""

from __future__ import annotations

import signal
import time
from collections.abc import Callable, Mapping
from http.client import HTTPConnection, HTTPException

from rollouts.management.launcher import clock, leftovers, terminal
from rollouts.management.launcher.children import Child
from rollouts.management.launcher.clock import DemoClock
from rollouts.management.launcher.places import Places
from rollouts.management.launcher.ports import LOOPBACK, is_answering
from rollouts.management.launcher.programs import Program
from rollouts.management.launcher.trouble import Trouble

_TURN = 0.1  # seconds between two looks at the children
_CLOCK_EVERY = 0.5
_TOO_MANY_DEATHS = 3  # of a child that never came up
_PATIENCE = 120.0  # seconds for one step of a start
# Bells stop ringing first and the broker goes last, so that nobody loses what he talks to.
_STOP_LAST = ("simulator", "broker")
_STOP_PATIENCE = 5.0  # seconds; the web server takes three when live pages are open


class Stop(Exception):
    """A person or the system asked the demo to end."""


class Supervisor:
    """All children of one run. Single-threaded: everything happens in `turn`."""

    def __init__(
        self, places: Places, environment: Mapping[str, str], run_clock: DemoClock, address: str
    ) -> None:
        self.children: dict[str, Child] = {}
        self._places = places
        self._environment = environment
        self._clock = run_clock
        self._address = address
        self._asked_to_stop = 0
        self._clock_due = 0.0

    def listen_for_signals(self) -> None:
        """Ctrl-C, a terminal that closes and a plain kill all mean: stop in order."""
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            signal.signal(number, self._on_signal)

    def start(self, program: Program) -> None:
        """Start a program that is to run until the end."""
        self.children[program.name] = Child(program, self._environment, self._places.logs)
        self._record()

    def run_to_end(self, program: Program) -> None:
        """Run a program that ends by itself, while the others are looked after.

        Raises:
            Trouble: it failed, or something it may be waiting for keeps dying.
        """
        child = Child(program, self._environment, self._places.logs)
        try:
            while child.ended() is None:
                self.turn()
                for other in self.children.values():
                    self._give_up_on(other)
        finally:
            child.signal(signal.SIGKILL)
            child.process.wait()
        if child.ended() != 0:
            raise Trouble(
                f"The step {program.name!r} failed:\n{child.last_words()}"
                f"  All of it: {child.log}\n  To begin anew: make demo RESET=1"
            )

    def wait_for(self, name: str) -> None:
        """Wait until a started program answers on its port.

        Raises:
            Trouble: it keeps dying, or does not answer in time.
        """
        child = self.children[name]
        port = child.program.port
        answers: Callable[[int], bool] = is_alive if name == "web" else is_answering
        deadline = time.monotonic() + _PATIENCE
        while port is not None and not (child.ended() is None and answers(port)):
            self._give_up_on(child)
            if time.monotonic() > deadline:
                raise Trouble(f"The {name} does not answer after {_PATIENCE:g} s, see {child.log}.")
            self.turn()

    def look_after(self) -> None:
        """Look after the children until somebody asks to stop."""
        while True:
            self.turn()

    def turn(self) -> None:
        """One look at everything.

        Raises:
            Stop: a signal came.
        """
        if self._asked_to_stop:
            raise Stop
        now = time.monotonic()
        if now >= self._clock_due:
            self._clock_due = now + _CLOCK_EVERY
            clock.record(self._places, self._clock, clock.wall_now())
        for child in self.children.values():
            code = child.ended()
            if code is None:
                continue
            if not child.restart_at:
                wait = child.pause()
                child.restart_at = now + wait
                terminal.event(
                    f"{child.program.name} ended ({how(code)}); starting it again in {wait:g} s"
                )
            elif now >= child.restart_at:
                child.restart()
                self._record()
        time.sleep(_TURN)

    def stop(self) -> None:
        """End all children in order; a second signal ends them at once."""
        self._asked_to_stop = 0
        others = [name for name in reversed(self.children) if name not in _STOP_LAST]
        for names in (others, *([name] for name in _STOP_LAST if name in self.children)):
            group = [self.children[name] for name in names]
            for child in group:
                child.ask_to_stop()
            deadline = time.monotonic() + _STOP_PATIENCE
            while (
                any(child.ended() is None for child in group)
                and time.monotonic() < deadline
                and not self._asked_to_stop
            ):
                time.sleep(0.05)
            for child in group:
                child.signal(signal.SIGKILL)
        for child in self.children.values():
            child.process.wait()
        clock.record(self._places, self._clock, clock.wall_now())
        leftovers.forget(self._places)

    def _give_up_on(self, child: Child) -> None:
        """End a start in which a child can't live."""
        if child.deaths >= _TOO_MANY_DEATHS:
            raise Trouble(
                f"The {child.program.name} does not come up:\n{child.last_words()}  ({child.log})"
            )

    def _record(self) -> None:
        leftovers.record(
            self._places,
            address=self._address,
            children={name: child.pid for name, child in self.children.items()},
        )

    def _on_signal(self, _number: int, _frame: object) -> None:
        self._asked_to_stop += 1


def how(code: int) -> str:
    """An exit code in words."""
    if code >= 0:
        return f"exit code {code}"
    try:
        return f"killed by {signal.Signals(-code).name}"
    except ValueError:
        return f"killed by signal {-code}"


def is_alive(port: int) -> bool:
    """Whether the web server answers its liveness check."""
    connection = HTTPConnection(LOOPBACK, port, timeout=2)
    try:
        connection.request("GET", "/livez")
        return connection.getresponse().status == 200  # noqa: PLR2004
    except (OSError, HTTPException):
        return False
    finally:
        connection.close()
