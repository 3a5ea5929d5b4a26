"""Storms of doubled wake-ups on PostgreSQL: eight workers, two beats and two loops at once.

    .venv/bin/python -m tests.batteries.storms [--quantity 1000] [--seed 1] [--write]

A storm is one instant at which all of them begin. An approved wave meets one when its batch may be
prepared and another when it may be armed, which are the moments that matter; then it is brought to
its end and judged. With half of the waves no lease keeps anybody out, as if every lease had just
run out, so that only the rows' epochs and the bound id stand between two workers and a second push.
Exit code 1: a batch was activated other than once, or a rule was broken.
"""

from __future__ import annotations

import argparse
import itertools
import logging
import queue
import random
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from tests.batteries import product
from tests.batteries.oracle import judge
from tests.batteries.report import Line, commit, write
from tests.batteries.servers.postgres import running

if TYPE_CHECKING:  # Django is set up only once there is a server
    from rollouts.models import Wave
    from tests.support.world import World

WORKERS, BEATS, LOOPS = 8, 2, 2
_PATIENCE = 120.0  # seconds for one storm
Bell = Callable[[], object]


def storms(quantity: int, seed: int) -> Iterator[tuple[int, int, list[str]]]:
    """Play waves until so many storms were met.

    Gives each wave's number of storms and of activations, and what was wrong.
    """
    from django.db import connection

    from rollouts.models import Batch
    from rollouts.pipeline import batches, leases, loop, tick, timing
    from tests.batteries.schedules.stage import Stage
    from tests.support.trouble import settle

    stage = Stage()
    crew = Crew(WORKERS + LOOPS)
    local = threading.local()

    def gateway(_link: object) -> object:
        # As in life: every worker has a session of its own.
        if getattr(local, "round", None) is not stage.world.gateway:
            local.round, local.gateway = stage.world.gateway, stage.world._gateway()
        return local.gateway

    vars(tick)["gateway_for"] = gateway
    scenes = [scene for scene in stage.scenes if not scene.name.endswith("armed")]
    taken, named = leases.claimed, leases.leased
    chance = random.Random(seed)
    met = 0
    for number in itertools.count():
        if met >= quantity:
            break
        scene = chance.choice(scenes)
        wave = stage.set(scene)
        lawless = number % 2 == 1
        vars(batches)["claimed"] = _anybody(taken) if lawless else taken
        vars(tick)["leased"] = _always if lawless else named
        storm = [tick.tick] * (WORKERS - 2) + [tick.watch_all] * 2
        # Every beat rings for everybody, so each worker has as many bells to answer in a row.
        bells = [*map(_again, storm), *([lambda: _loop(loop)] * LOOPS)]
        trouble: list[str] = []
        here = 0
        if not scene.name.endswith("verified"):
            trouble, here = crew.ring(chance.sample(bells, k=len(bells))), 1
        batch = Batch.objects.open().select_related("wave__rollout").first()
        if batch is not None and batch.state == "verified":
            moment: datetime = timing.arm_from(batch, wave.rollout.policy) + timedelta(minutes=1)
            stage.clock.at = max(stage.clock.at, moment)
            trouble += crew.ring(chance.sample(bells, k=len(bells)))
            here += 1
        vars(batches)["claimed"], vars(tick)["leased"] = taken, named
        stage.clock.forward(minutes=4)
        settle(stage.world, wave)
        activated, wrong = _judged(stage.world, wave)
        met += here
        words = [f"wave {number} ({scene.name}): {one}" for one in (*trouble, *wrong)]
        yield here, activated, words
    crew.dismiss()
    connection.close()


def _judged(world: World, wave: Wave) -> tuple[int, list[str]]:
    """Count a wave's activations, and say what is wrong with it."""
    from tests.batteries.schedules.story import evidence

    counts = Counter(
        effect.request_id for effect in world.sim.effects() if effect.kind == "request_pending"
    )
    wrong = [f"{one} was activated {n} times" for one, n in counts.items() if n != 1]
    orgs = wave.targets.count()
    done = wave.targets.filter(state="done").count()
    if done != orgs:
        wrong.append(f"{done} of {orgs} orgs are done")
    return sum(counts.values()), [*wrong, *judge(evidence(world, wave)).violations]


def _again(bell: Bell) -> Bell:
    def ring() -> None:
        for _ in range(BEATS):
            bell()

    return ring


def _loop(loop: object) -> None:
    """One round of the loop that needs no broker."""
    for part in loop.parts():  # type: ignore[attr-defined]
        if part.name != "sync":
            loop.step(part)  # type: ignore[attr-defined]


class Crew:
    """Everybody who is rung for, each in a thread with a line to the database of its own.

    They live for the whole battery, as workers do: to hang up and dial anew costs as much as a
    storm, and nobody would begin at the same instant.
    """

    def __init__(self, size: int) -> None:
        self._gate = threading.Barrier(size)
        self._given: list[queue.SimpleQueue[Bell | None]] = []
        self._done: queue.SimpleQueue[str] = queue.SimpleQueue()
        for _ in range(size):
            given: queue.SimpleQueue[Bell | None] = queue.SimpleQueue()
            self._given.append(given)
            threading.Thread(target=self._serve, args=(given,), daemon=True).start()

    def ring(self, bells: Sequence[Bell]) -> list[str]:
        """Let everybody begin at the same instant; gives what they died of."""
        for given, bell in zip(self._given, bells, strict=True):
            given.put(bell)
        said = []
        until = time.monotonic() + _PATIENCE
        for _ in bells:
            try:
                said.append(self._done.get(timeout=max(0.0, until - time.monotonic())))
            except queue.Empty:
                # Whoever hangs holds what the others will wait for; nothing after it can be told.
                raise SystemExit(f"VIOLATION  a worker hangs for {_PATIENCE:g} s") from None
        return [word for word in said if word]

    def dismiss(self) -> None:
        """Let everybody hang up and go."""
        for given in self._given:
            given.put(None)

    def _serve(self, given: queue.SimpleQueue[Bell | None]) -> None:
        from django.db import connection

        while (bell := given.get()) is not None:
            word = ""
            try:
                self._gate.wait(30)
                bell()
            except Exception as error:  # noqa: BLE001 - a worker that dies is what this looks for
                word = f"a worker died of {error!r}"
                connection.close()
            self._done.put(word)
        connection.close()


def _anybody(claimed: Callable[..., object]) -> Callable[..., object]:
    """Claim a batch whoever has it, as if its lease had just run out."""
    return lambda batch, now, **_: claimed(batch, now, by_force=True)


@contextmanager
def _always(_name: str, _now: datetime) -> Iterator[bool]:
    yield True


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quantity", type=int, default=1_000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--write", action="store_true", help="write docs/reliability.md")
    given = parser.parse_args(arguments)
    print(f"storms, commit {commit()}", flush=True)
    began = time.monotonic()
    activations = violations = played = waves = 0
    with running() as server:
        product.load(server.create("storms"))
        # Whoever waits too long for a lock gives up and says so; the next bell does its work.
        logging.disable(logging.ERROR)
        product.migrate()
        from tests.batteries import swift

        swift.remember()
        for met, activated, trouble in storms(given.quantity, given.seed):
            played += met
            waves += 1
            activations += activated
            violations += len(trouble)
            for one in trouble:
                print(f"VIOLATION  {one}", flush=True)
            if waves % 25 == 1:
                print(f"  {played} storms, {time.monotonic() - began:.0f} s", flush=True)
    seconds = time.monotonic() - began
    print(
        f"{played} storms over {waves} waves, {activations} activations, "
        f"{violations} violations, {seconds:.0f} s"
    )
    if given.write:
        write(
            Line(
                battery="storms",
                command=f"make battery-storms ARGS='--quantity {given.quantity}"
                f" --seed {given.seed}'",
                quantity=f"{played} storms of {WORKERS * BEATS} bells and {LOOPS} loops on {waves} "
                f"waves, {activations} batches activated" + ("" if violations else ", each once"),
                seeds=str(given.seed),
                violations=violations,
                seconds=seconds,
            )
        )
    return 1 if violations else 0


if __name__ == "__main__":
    raise SystemExit(main())
