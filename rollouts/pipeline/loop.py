"""The same work as the bells ring for, in one process and without a broker.

Each part has a thread of its own, so that a slow sync does not starve the watcher. Whoever comes
second to a piece of work finds it leased, or done: loops and beats may run side by side.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass

from django.conf import settings
from django.db import connections

from rollouts.models import Heartbeat
from rollouts.pipeline import clock, tick
from rollouts.pipeline.deployment import demand_mode

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Part:
    """One kind of work; ``every`` is in real seconds. One that ``rests`` skips what is fresh."""

    name: str
    work: Callable[[], None]
    every: float
    rests: bool = False


def parts() -> tuple[Part, ...]:
    """Return the parts with their periods, those of the bells."""
    return (
        Part("tick", tick.tick, settings.TICK_SECONDS),
        Part("watch", tick.watch_all, settings.TICK_SECONDS * 2),
        # Reading every org is the one work that costs: another's sync is as good as ours.
        Part("sync", tick.sync_all, settings.SYNC_SECONDS, rests=True),
    )


def run(chosen: tuple[Part, ...], stop: threading.Event) -> None:
    """Work until ``stop`` is set; returns when every part has ended its step."""
    demand_mode()
    threads = [threading.Thread(target=_work, args=(part, stop), name=part.name) for part in chosen]
    for thread in threads:
        thread.start()
    for thread in threads:
        # In slices: a wait without an end would keep a signal from being heard.
        while thread.is_alive():
            thread.join(0.5)


def step(part: Part) -> bool:
    """Do a part's work once; returns whether it was due. Trouble is logged, never raised."""
    try:
        if part.rests and _is_fresh(part):
            return False
        part.work()
    except Exception:
        log.exception("%s failed; it is tried again in %g s", part.name, part.every)
    return True


def _work(part: Part, stop: threading.Event) -> None:
    try:
        while not stop.is_set():
            began = time.monotonic()
            step(part)
            # Nothing is kept open while it waits: a database that was away is found again.
            connections.close_all()
            stop.wait(max(0.05, part.every - (time.monotonic() - began)))
    finally:
        connections.close_all()


def _is_fresh(part: Part) -> bool:
    row = Heartbeat.objects.filter(part=part.name).first()
    return row is not None and clock.now() - row.beat_at < clock.wire(part.every / 2)
