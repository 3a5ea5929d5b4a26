"""Which process dies when: the plan of a run, the kill, and how long until work goes on."""

from __future__ import annotations

import os
import random
import signal
import time
from dataclasses import dataclass

from tests.batteries.books import BATCH_ENDS, Books, Snapshot, effects
from tests.batteries.demo import Demo

EVERYTHING = "everything"
POOL = "worker's pool"
PARTS = ("worker", POOL, "watcher", "beat", "broker", "simulator", "web")
_LEAST_EACH, _LEAST_WHOLE = 2, 4
# One kill in so many strikes a part before what was killed last has recovered.
_SOON = 4
# Those that work on a batch can be killed while a call that writes is on its way: the simulator
# then keeps the answer, or the call itself, back for some seconds. By chance alone these moments,
# a few milliseconds long, would hardly ever be met.
_WRITERS = ("worker", POOL, EVERYTHING)
_CALLS = {
    "create": "create:PackagePushRequest",
    "add orgs": "collection:PackagePushJob",
    "arm": "update:PackagePushRequest",
}
HELD_SECONDS = 4.0


@dataclass(frozen=True, slots=True)
class Planned:
    """A kill: of what, after how many seconds, and whether in the middle of a certain call.

    ``held`` names what the simulator does with that call: `hang_before` performs it after the
    caller is dead, `hang_after` performs it and keeps the answer.
    """

    victim: str
    wait: float
    during_recovery: bool = False
    launcher_only: bool = False
    call: str = ""
    held: str = ""

    @property
    def words(self) -> str:
        """The victim, for people."""
        return self.victim + (" (launcher)" if self.launcher_only else "")


@dataclass(slots=True)
class Killed:
    """A kill that happened. Moments: `at` simulated (ms), `began` of the monotonic clock.

    ``signals``: processes that were sent SIGKILL; ``back``: seconds until every process ran and the
    pages answered; ``working``: until the
    conductor, the watcher and the reading of the rollout had each done their work again.
    """

    plan: Planned
    at: int
    began: float
    states: str
    signals: int = 1
    back: float | None = None
    working: float | None = None


def plan(kills: int, seed: int) -> list[Planned]:
    """Draw the kills: each kind at least twice, the whole demo at least four times."""
    chance = random.Random(seed)
    victims = [*PARTS * _LEAST_EACH, *[EVERYTHING] * _LEAST_WHOLE]
    victims += chance.choices(
        [*PARTS, EVERYTHING], weights=[4, 3, 2, 1, 2, 2, 1, 2], k=max(0, kills - len(victims))
    )
    return [
        _draw(chance, number, victim)
        for number, victim in enumerate(chance.sample(victims, k=len(victims))[:kills])
    ]


def _draw(chance: random.Random, number: int, victim: str) -> Planned:
    aimed = victim in _WRITERS and chance.random() < 2 / 3
    return Planned(
        victim,
        wait=chance.uniform(0.3, 7.0),
        during_recovery=number > 0 and not aimed and chance.random() < 1 / _SOON,
        launcher_only=victim == EVERYTHING and chance.random() < 0.5,
        call=chance.choice([*_CALLS]) if aimed else "",
        held=chance.choice(("hang_before", "hang_after")) if aimed else "",
    )


def aim(demo: Demo, planned: Planned) -> int:
    """Let the next call of the planned kind be held; returns the last line of the log so far."""
    log = effects(demo.world)
    fault = {"fault": planned.held, "match": _CALLS[planned.call], "seconds": HELD_SECONDS}
    demo.tell("faults", fault)
    return log[-1].seq if log else 0


def is_held(demo: Demo, since: int) -> bool:
    """Whether the simulator has begun to hold a call after that line of its log."""
    return any(line.kind == "fault" for line in effects(demo.world, since))


def is_busy(books: Snapshot) -> bool:
    """Whether something is on its way, so that a kill can do harm."""
    return any(batch.state not in BATCH_ENDS for batch in books.batches) or any(
        wave.state in ("approved", "dispatching") for wave in books.waves
    )


def kill(demo: Demo, planned: Planned, books: Snapshot) -> Killed | None:
    """SIGKILL the victim; None when it does not run just now.

    The whole demo is only killed here: the caller starts it again.
    """
    states = [batch.state for batch in books.batches if batch.state not in BATCH_ENDS]
    made = Killed(planned, demo.now(), time.monotonic(), ", ".join(states) or "no batch")
    if planned.victim == EVERYTHING:
        made.signals = 1 if planned.launcher_only else 1 + len(demo.alive()) + len(demo.pool())
        demo.kill(launcher_only=planned.launcher_only)
        return made
    if planned.victim == POOL:
        pids = demo.pool()
    else:
        pids = [pid for name, pid in demo.alive().items() if name == planned.victim]
    for pid in pids:
        os.kill(pid, signal.SIGKILL)
    made.signals = len(pids)
    return made if pids else None


def look(demo: Demo, books: Books, slug: str, killed: Killed) -> None:
    """Take note of whether the parts run again, and of whether the rollout is looked after."""
    gone = time.monotonic() - killed.began
    if killed.back is None and demo.is_up():
        killed.back = gone
    if killed.back is None:
        return
    now = books.snapshot()
    since = [now.beats.get("tick", 0), now.beats.get("watcher", 0)]
    if any(batch.sf_id and batch.state not in BATCH_ENDS for batch in now.batches):
        since.append(now.rollout(slug).sf_as_of or 0)
    if min(since) > killed.at:
        killed.working = gone
