"""Kill every process of a running demo at random moments, and judge by the simulator's own log.

    .venv/bin/python -m tests.batteries.kill [--kills 20] [--seed 1]

A rollout over own orgs, sandboxes and production orgs in four waves is planned and approved
through the pages, wave by wave, while processes die. After the last wave every org must have been
pushed exactly once. Exit code 1: a rule was broken, or nothing moved for 240 s.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from tests.batteries import killing
from tests.batteries.books import ROLLOUT_ENDS, Books, Snapshot, effects
from tests.batteries.demo import ROOT, Demo, DemoFailed
from tests.batteries.driver import Driver, choose, current
from tests.batteries.killing import EVERYTHING, Killed, Planned
from tests.batteries.oracle import Evidence, Judgement, judge
from tests.batteries.report import commit, table

SPEED, BAKE_SPEED = 300.0, 3600.0
ORGS, SANDBOXES, PRODUCTION = 240, 24, 60
STILL = 240.0  # seconds without any progress that end the run
LONG_BAKE = 25.0  # seconds of bake left that are worth a restart at the higher speed
AIM_SECONDS = 30.0
_FEW = 2  # kills left in the last wave that need no haste
_TURN = 1.0


class NoProgress(Exception):
    """Nothing has moved for too long."""


class Battery:
    """One run."""

    sandboxes, production = SANDBOXES, PRODUCTION
    emergency = ""

    def __init__(self, demo: Demo, kills: Sequence[Planned]) -> None:
        self.demo = demo
        self.driver = Driver(demo)
        self.books = Books(demo.where)
        self.kills: list[Killed] = []
        self._planned = list(kills)
        self._due: float | None = None
        self._aimed: int | None = None
        self._moved = time.monotonic()
        self._seen: object = None
        self.starts: list[float] = []

    def run(self) -> None:
        """Start, plan, drive and kill until the rollout has ended and every kill is over."""
        self.starts.append(self.demo.start())
        self._prepare()
        self._drive()

    def _drive(self) -> None:
        """Drive and kill until the rollout has ended and every kill is over."""
        while True:
            books = self.books.snapshot()
            ended = books.rollout(self.driver.slug).state in ROLLOUT_ENDS
            if ended and not self._open_kills() and self._is_tidy():
                return
            self._watch_progress(books)
            for one in self._open_kills():
                killing.look(self.demo, self.books, self.driver.slug, one)
            done = self.driver.step(books)
            if done:
                self._say(done)
            self._pace(books)
            self._kill_if_due(books)
            time.sleep(_TURN)

    def _prepare(self) -> None:
        """Plan the rollout and script a few failures for it."""
        self.driver.sign_in()
        catalog = self.demo.ask("catalog")["Harbor"]["versions"]
        orgs = choose(
            self.books, "4.2.2", "Harbor", sandboxes=self.sandboxes, production=self.production
        )
        passing = [orgs[-2], orgs[-9], orgs[-self.sandboxes - 3]]
        self.demo.tell(
            "outcomes", {"orgs": passing, "outcome": "fail", "error": "LockingFailure", "times": 1}
        )
        lasting = [orgs[-self.production - 4]]
        self.demo.tell("outcomes", {"orgs": lasting, "outcome": "fail", "error": "LimitExceeded"})
        self.driver.plan(catalog["4.2.2"], orgs, emergency=self.emergency)
        self._say(f"rollout {self.driver.slug} planned by pia: {len(orgs)} orgs")

    def _open_kills(self) -> list[Killed]:
        return [one for one in self.kills if one.working is None]

    def _is_tidy(self) -> bool:
        """Whether requests that were lost on the way have been canceled too."""
        last = {
            line.request: line.kind
            for line in effects(self.demo.world)
            if line.request and not line.job and line.kind.startswith("request_")
        }
        left = ("request_created", "request_pending", "request_started")
        return not any(kind in left for kind in last.values())

    def _watch_progress(self, books: Snapshot) -> None:
        now = (books.waves, books.batches, books.attempts, books.targets, len(self.kills))
        if now != self._seen:
            self._seen, self._moved = now, time.monotonic()
        if time.monotonic() - self._moved > STILL:
            rollout = books.rollout(self.driver.slug)
            raise NoProgress(f"nothing moved for {STILL:.0f} s: the rollout is {rollout.state}")

    def _pace(self, books: Snapshot) -> None:
        """Let a long bake pass at a higher speed; waves themselves run at the usual one."""
        rollout = books.rollout(self.driver.slug)
        wave = current(books, rollout)
        baking = wave is not None and wave.state == "baking" and not self._open_kills()
        if self.demo.speed == SPEED and baking and wave is not None:
            left = ((wave.baked_until or 0) - self.demo.now()) / 1000
            if left > LONG_BAKE * SPEED:
                self._restart(BAKE_SPEED)
        elif self.demo.speed != SPEED and not baking:
            self._restart(SPEED)

    def _restart(self, speed: float) -> None:
        self.starts.append(self.demo.again(speed))
        self._say(f"restarted in order at speed {speed:g}")

    def _kill_if_due(self, books: Snapshot) -> None:
        if not self._planned or self.demo.speed != SPEED or not killing.is_busy(books):
            # Time that passes while nothing is on its way does not count.
            self._due = None if self._aimed is None else time.monotonic()
            return
        planned = self._planned[0]
        if self._open_kills() and not planned.during_recovery:
            return
        if self._due is None:
            # In the last wave what is left to kill dies without much waiting.
            haste = 4 if self._is_last_wave(books) and len(self._planned) > _FEW else 1
            self._due = time.monotonic() + planned.wait / haste
            if planned.call and haste == 1:
                self._aimed = killing.aim(self.demo, planned)
        left = self._due - time.monotonic()
        if self._aimed is not None and not killing.is_held(self.demo, self._aimed):
            if left < -AIM_SECONDS:  # not every wave makes every call
                self._aimed = None
                self.demo.tell("faults/clear", {})
            return
        if self._aimed is None:
            if left > _TURN:
                return
            planned = replace(planned, call="", held="")
            time.sleep(max(0.0, left))
        self._strike(planned)

    def _is_last_wave(self, books: Snapshot) -> bool:
        waves = books.waves_of(books.rollout(self.driver.slug))
        return waves[-1].state in ("approved", "dispatching")

    def _strike(self, planned: Planned) -> None:
        made = killing.kill(self.demo, planned, self.books.snapshot())
        if made is None:
            return  # it does not run just now: the next turn tries again
        self._due = self._aimed = None
        del self._planned[0]
        self.kills.append(made)
        during = f", in the middle of: {planned.call}" if planned.call else ""
        self._say(f"kill {len(self.kills)}: {planned.words} ({made.states}{during})")
        if planned.victim == EVERYTHING:
            self.starts.append(self.demo.start())

    def finish(self) -> Judgement:
        """Judge what happened."""
        evidence = Evidence(
            effects=effects(self.demo.world),
            books=self.books.snapshot(),
            lists=self.books.lists(),
            approvals=self.books.approvals(),
            slug=self.driver.slug,
        )
        found = judge(evidence)
        history = _history(self.demo.where)
        more = list(history.violations)
        if self._planned:
            more.append(f"only {len(self.kills)} kills found their moment")
        more += [f"{one.plan.victim} did not recover" for one in self._open_kills()]
        return Judgement(found.counted | history.counted, (*found.violations, *more))

    def _say(self, words: str) -> None:
        print(f"  {time.strftime('%H:%M:%S')}  {words}", flush=True)


def _history(database: Path | str) -> Judgement:
    """Let the product's own functions verify the history and the digests."""
    done = subprocess.run(
        [sys.executable, "-m", "tests.batteries.chain", str(database)],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    )
    found = json.loads(done.stdout)
    counted = {"lines of history": found["lines"], "frozen lists": found["lists"]}
    return Judgement(counted, tuple(found["problems"]))


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--kills", type=int, default=20)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--keep", action="store_true", help="keep the demo's folder")
    given = parser.parse_args(arguments)
    began = time.monotonic()
    home = Path(tempfile.mkdtemp(prefix="pushboard-kill-"))
    battery = Battery(Demo(home, speed=SPEED, orgs=ORGS), killing.plan(given.kills, given.seed))
    print(f"kill battery, seed {given.seed}, commit {commit()}, in {home}", flush=True)
    problem = ""
    try:
        battery.run()
    except (NoProgress, DemoFailed) as failed:
        problem = str(failed)
    except KeyboardInterrupt:
        problem = "interrupted"
    finally:
        battery.demo.stop()
    violations = [problem] if problem else []
    if battery.driver.slug:
        judgement = battery.finish()
        violations += judgement.violations
        _print(battery, judgement)
    for one in violations:
        print(f"VIOLATION  {one}")
    print(f"{len(violations)} violations, {time.monotonic() - began:.0f} s")
    if not violations and not given.keep:
        import shutil

        shutil.rmtree(home)
    return 1 if violations else 0


def _print(battery: Battery, judgement: Judgement) -> None:
    print(
        table(
            ("kill", "victim", "batches", "in the middle of", "runs again", "works again"),
            [
                (
                    str(number),
                    one.plan.words,
                    one.states,
                    f"{one.plan.call} ({one.plan.held})" if one.plan.call else "",
                    _seconds(one.back),
                    _seconds(one.working),
                )
                for number, one in enumerate(battery.kills, start=1)
            ],
        )
    )
    for name, count in judgement.counted.items():
        print(f"  {name:<42} {count}")
    starts = ", ".join(f"{seconds:.0f}" for seconds in battery.starts)
    print(f"  seconds of each start: {starts}")
    for trouble in battery.driver.trouble:
        print(f"  turned away: {trouble}")


def _seconds(value: float | None) -> str:
    return "never" if value is None else f"{value:.1f} s"


if __name__ == "__main__":
    raise SystemExit(main())
