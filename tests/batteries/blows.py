"""The blows of the processes battery: what is struck, how, and what pages say meanwhile."""

from __future__ import annotations

import os
import random
import signal
import statistics
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import requests

from tests.batteries import killing
from tests.batteries.books import BATCH_ENDS, Snapshot
from tests.batteries.demo import Demo
from tests.batteries.killing import EVERYTHING, POOL, Killed, Planned
from tests.batteries.servers.postgres import Postgres
from tests.batteries.servers.proxy import Cut, Mode, Proxy
from tests.batteries.servers.valkey import Valkey

DATABASE = "processes"
_PARTS = ("worker", POOL, "watcher", "beat", "simulator", "web", EVERYTHING)
_FREEZABLE = ("worker", POOL, "watcher", "beat", "web", "simulator")
_REDIS = ("flushed", "killed", "frozen", "away")
_POSTGRES = ("restarted", "killed", "read-only", "away")
_CALLS = ("create", "add orgs", "arm")
# Transactions by what they say on the wire: crash points between two calls.
COMMITS = {
    "reserve": b'INSERT INTO "rollouts_batch"',
    "intent": b'INSERT INTO "rollouts_remotecall"',
    "outcome": b'UPDATE "rollouts_remotecall"',
    "bind": b"'created'",
    "verify": b"'verified'",
    "arm": b"'arming'",
    "armed": b"'armed'",
    "run": b"'running'",
    "settle": b"'settled'",
    "anything": b"",
}
# SIGKILLs that a blow at a victim comes to, as far as a plan can say.
_SIGNALS = {POOL: 2, EVERYTHING: 8}
_AIM = 12.0  # seconds within which a named moment must come
_PAGE_PATIENCE = 15.0  # seconds


@dataclass(frozen=True, slots=True)
class Blow:
    """One outage: its ``kind``, whom it meets, for how many seconds, and at which moment."""

    kind: str
    victim: str
    seconds: float = 0.0
    moment: str = ""
    side: str = ""
    wait: float = 1.0

    @property
    def words(self) -> str:
        """The blow, for people."""
        parts = [self.victim, self.kind]
        if self.moment:
            parts.append(f"at {self.moment} ({self.side})")
        if self.seconds:
            parts.append(f"for {self.seconds:.0f} s")
        return " ".join(parts)


def draw(quantities: dict[str, int], longest: float, seed: int) -> list[Blow]:
    """Draw the blows in a mixed order; every named moment and every kind of outage comes first.

    ``kills`` are processes killed, which a blow may have several of; the others are blows.
    ``longest``: seconds of the longest of the outages whose length is drawn.
    """
    chance = random.Random(seed)

    def long() -> float:
        # Mostly short, now and then the longest.
        return 3.0 + max(0.0, longest - 3.0) * chance.random() ** 4

    def each(options: tuple[str, ...], count: int) -> list[str]:
        return [options[number % len(options)] for number in range(count)]

    cuts = []
    for number, name in enumerate(each(tuple(COMMITS), quantities["cuts"])):
        # Four rounds over the names meet either side of each, with and without a death.
        turn = number // len(COMMITS)
        side = (Cut.BEFORE, Cut.AFTER)[(turn // 2 + number) % 2].value
        cuts.append(Blow("commit cut", POOL if turn % 2 else "", moment=name, side=side))
    kills: list[Blow] = []
    signals = sum(_SIGNALS[POOL] for blow in cuts if blow.victim)
    while signals < quantities["kills"]:
        kills.append(killed(chance, len(kills)))
        signals += _SIGNALS.get(kills[-1].victim, 1)
    blows = [*cuts, *kills]
    blows += [Blow("stopped", part, long()) for part in each(_FREEZABLE, quantities["stops"])]
    blows += [Blow(how, "redis", long()) for how in each(_REDIS, quantities["redis"])]
    blows += [Blow(how, "postgres", long()) for how in each(_POSTGRES, quantities["postgres"])]
    return chance.sample(blows, k=len(blows))


def killed(chance: random.Random, number: int) -> Blow:
    """Draw a kill: victims in turn; half of the workers die in the middle of a call that writes."""
    victim = _PARTS[number % len(_PARTS)]
    call = chance.choice(_CALLS) if number % 2 and victim in {"worker", POOL} else ""
    side = chance.choice(("hang_before", "hang_after")) if call else ""
    return Blow("killed", victim, moment=call, side=side, wait=chance.uniform(0.3, 3))


class Field:
    """The demo between two proxies, and everything that may be done to it."""

    def __init__(
        self,
        server: Postgres,
        valkey: Valkey,
        home: Path,
        *,
        speed: float,
        orgs: int,
        shipped: bool = False,
    ) -> None:
        self.server, self.valkey = server, valkey
        server.create(DATABASE)
        self.database, self.redis = Proxy(server.port), Proxy(valkey.port)
        self.demo = Demo(
            home,
            speed=speed,
            orgs=orgs,
            database=server.url(DATABASE, self.database.port),
            redis=f"redis://127.0.0.1:{self.redis.port}/0",
            shipped=shipped,
        )
        self.demo.where = server.url(DATABASE)
        self.calm: list[float] = []
        self.frozen: list[float] = []
        self.complaints: list[str] = []

    @property
    def slower(self) -> float | None:
        """Seconds that a frozen Redis added to a page, in the median; None: it never froze."""
        if not self.calm or not self.frozen:
            return None
        return statistics.median(self.frozen) - statistics.median(self.calm)

    def close(self) -> None:
        """Let go of the proxies."""
        self.database.close()
        self.redis.close()

    def strike(self, blow: Blow, books: Snapshot) -> Killed | None:
        """Strike, wait until it is over, and say since when recovery counts; None: no moment."""
        self._read_page(self.calm)
        if blow.kind == "killed" and blow.victim not in {"redis", "postgres"}:
            return self._kill(blow, books)
        if blow.kind == "commit cut":
            return self._cut(blow, books)
        acts: dict[tuple[str, str], tuple[Callable[[], object], Callable[[], object]]] = {
            ("redis", "flushed"): (self.valkey.flush, _nothing),
            ("redis", "killed"): (lambda: self.valkey.signal(signal.SIGKILL), self.valkey.start),
            ("redis", "frozen"): (
                lambda: self.valkey.signal(signal.SIGSTOP),
                lambda: self.valkey.signal(signal.SIGCONT),
            ),
            ("redis", "away"): (
                lambda: self.redis.become(Mode.REFUSE),
                lambda: self.redis.become(Mode.PASS),
            ),
            ("postgres", "restarted"): (self.server.stop, self.server.start),
            ("postgres", "killed"): (self.server.kill, self.server.start),
            ("postgres", "read-only"): (lambda: self._only_read("on"), self._write_again),
            ("postgres", "away"): (
                lambda: self.database.become(Mode.REFUSE),
                lambda: self.database.become(Mode.PASS),
            ),
        }
        pids = self._pids(blow.victim)
        acts[blow.victim, "stopped"] = (
            lambda: _signal(pids, signal.SIGSTOP),
            lambda: _signal(pids, signal.SIGCONT),
        )
        begin, end = acts[blow.victim, blow.kind]
        begin()
        try:
            self._endure(blow)
        finally:
            end()
        return self._struck(blow, books)

    # --- blows ------------------------------------------------------------------------------

    def _kill(self, blow: Blow, books: Snapshot) -> Killed | None:
        planned = Planned(blow.victim, wait=0.0, call=blow.moment, held=blow.side)
        if blow.moment:
            since = killing.aim(self.demo, planned)
            ended = time.monotonic() + _AIM
            while time.monotonic() < ended and not killing.is_held(self.demo, since):
                time.sleep(0.1)
        made = killing.kill(self.demo, planned, books)
        if blow.moment and blow.victim != EVERYTHING:
            with suppress(requests.RequestException):
                self.demo.tell("faults/clear", {})
        return made

    def _cut(self, blow: Blow, books: Snapshot) -> Killed | None:
        """Cut a line on one side of a named COMMIT; in half of the blows its process dies too."""
        done = self.database.cuts_done
        self.database.cut_next_commit(Cut(blow.side), COMMITS[blow.moment])
        ended = time.monotonic() + _AIM
        while time.monotonic() < ended and self.database.cuts_done == done:
            time.sleep(0.02)
        self.database.forget_cuts()
        if self.database.cuts_done == done:
            return None
        pids = self._pids(blow.victim) if blow.victim else []
        _signal(pids, signal.SIGKILL)
        made = self._struck(blow, books)
        made.signals = len(pids)
        return made

    def _only_read(self, word: str) -> None:
        self.server.run(f"ALTER DATABASE {DATABASE} SET default_transaction_read_only = {word}")
        # Those that are connected go on as they were, so they are sent away.
        self.server.run(
            f"SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = '{DATABASE}'"  # noqa: S608 - our own name
        )

    def _write_again(self) -> None:
        self._only_read("off")

    def _pids(self, victim: str) -> list[int]:
        if victim == POOL:
            return self.demo.pool()
        return [pid for name, pid in self.demo.alive().items() if name == victim]

    def _struck(self, blow: Blow, books: Snapshot) -> Killed:
        states = [batch.state for batch in books.batches if batch.state not in BATCH_ENDS]
        return Killed(
            Planned(blow.words, wait=0.0),
            self.demo.now(),
            time.monotonic(),
            ", ".join(states) or "no batch",
            signals=0,
        )

    # --- pages ------------------------------------------------------------------------------

    def _endure(self, blow: Blow) -> None:
        """Let the outage last, and read a page a second if the web process is not what stands."""
        ended = time.monotonic() + blow.seconds
        times = self.frozen if (blow.victim, blow.kind) == ("redis", "frozen") else []
        while time.monotonic() < ended:
            if blow.victim != "web":
                self._read_page(times, blow)
            time.sleep(min(1.0, max(0.0, ended - time.monotonic())))

    def _read_page(self, times: list[float], blow: Blow | None = None) -> None:
        """Read the first page and the health pages; complain of what no person should see."""
        during = f" while {blow.words}" if blow else ""
        began = time.monotonic()
        try:
            page = requests.get(f"{self.demo.address}/sign-in/", timeout=_PAGE_PATIENCE)
            times.append(time.monotonic() - began)
            alive = requests.get(f"{self.demo.address}/livez", timeout=_PAGE_PATIENCE)
            ready = requests.get(f"{self.demo.address}/readyz", timeout=_PAGE_PATIENCE)
        except requests.RequestException as error:
            if blow is not None:
                self.complaints.append(f"a page did not answer{during}: {type(error).__name__}")
            return
        if "Traceback" in page.text:
            self.complaints.append(f"a page shows a stack trace{during}")
        if not alive.ok:
            self.complaints.append(f"/livez says {alive.status_code}{during}")
        if blow is None:
            return
        if blow.victim == "redis":
            if not page.ok:
                self.complaints.append(f"a page says {page.status_code}{during}")
            if blow.kind != "flushed" and ready.json().get("broker") != "away":
                self.complaints.append(f"/readyz does not say that the broker is away{during}")
        if blow.victim == "postgres" and ready.ok:
            self.complaints.append(f"/readyz says all is well{during}")


def _signal(pids: list[int], number: signal.Signals) -> None:
    for pid in pids:
        with suppress(ProcessLookupError):
            os.kill(pid, number)


def _nothing() -> None:
    return
