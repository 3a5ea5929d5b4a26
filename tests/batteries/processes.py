"""Outages under the real demo on PostgreSQL: frozen, killed, cut off, and back again.

    .venv/bin/python -m tests.batteries.processes [--kills 40] [--stops 10] [--redis 8]
        [--postgres 8] [--cuts 20] [--longest 20] [--seed 1] [--write]

The demo's processes run on a PostgreSQL and a Valkey of the battery, each behind a proxy of ours.
Blows come in a drawn order while a rollout is on its way: SIGKILL at random, in the middle of a
named call, and on either side of a named COMMIT; SIGSTOP and SIGCONT; Redis flushed, killed,
frozen, away; PostgreSQL restarted, killed, read-only, away. Exit code 1: a rule was broken,
a page broke, or nothing moved for 240 s.
"""

from __future__ import annotations

import argparse
import shutil
import statistics
import tempfile
import time
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

from tests.batteries.blows import Blow, Field, draw
from tests.batteries.books import Snapshot
from tests.batteries.demo import Demo, DemoFailed
from tests.batteries.kill import ORGS, SPEED, Battery, NoProgress
from tests.batteries.killing import EVERYTHING, is_busy
from tests.batteries.oracle import Judgement
from tests.batteries.report import Line, commit, table, write
from tests.batteries.servers.postgres import DURABLE, running
from tests.batteries.servers.valkey import Valkey

_HASTY = ("killed", "commit cut")
_AT_ONCE, _BREATH = 3, 6
_ORGS_EACH, _BLOWS_EACH = 130, 30  # orgs that a rollout needs in the world, blows that it takes
_SLOWER = 0.3  # seconds that a frozen Redis may add to a page


class Processes(Battery):
    """One run: the battery of kills, with other blows, over as many rollouts as these need."""

    sandboxes, production = 12, 24

    def __init__(self, demo: Demo, field: Field, blows: Sequence[Blow]) -> None:
        super().__init__(demo, [])
        self.field = field
        self.struck: list[Blow] = []
        self._blows = list(blows)
        self._quiet = 0.0
        self._slugs: list[str] = []

    def run(self) -> None:
        """Roll out again and again until every blow was struck and everything has ended."""
        self.starts.append(self.demo.start())
        while self._blows or not self._slugs:
            try:
                self._prepare()
            except ValueError:  # no orgs are left that could be pushed
                return
            self._slugs.append(self.driver.slug)
            self._drive()

    def finish(self) -> Judgement:
        """Judge each rollout; what was counted is counted once."""
        found: list[str] = []
        counted: dict[str, int] = {}
        for slug in self._slugs:
            self.driver.slug = slug
            judgement = super().finish()
            counted |= judgement.counted
            found += judgement.violations
        if self._blows:
            found.append(f"{len(self._blows)} blows found no rollout")
        return Judgement(counted, tuple(dict.fromkeys(found)))

    def _kill_if_due(self, books: Snapshot) -> None:
        """Strike when something is on its way, and what was struck last works again."""
        if not self._blows or self.demo.speed != SPEED or not is_busy(books):
            return
        # Some kills strike before the last ones were recovered from, but not for ever.
        hasty = self._blows[0].kind in _HASTY and len(self.struck) % _BREATH
        if len(self._open_kills()) >= (_AT_ONCE if hasty else 1):
            return
        if time.monotonic() < self._quiet:
            return
        blow = self._blows.pop(0)
        made = self.field.strike(blow, books)
        self._quiet = time.monotonic() + blow.wait
        self.struck.append(blow)
        if made is None:
            self._say(f"{blow.words}: found no moment")
            return
        self.kills.append(made)
        self._say(f"{len(self.kills)}: {blow.words} ({made.states})")
        if blow.victim == EVERYTHING:
            self.starts.append(self.demo.start())


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    for name, usual in (
        ("kills", 40), ("stops", 10), ("redis", 8), ("postgres", 8), ("cuts", 20)
    ):  # fmt: skip
        parser.add_argument(f"--{name}", type=int, default=usual)
    parser.add_argument("--longest", type=float, default=20.0, help="seconds of the longest outage")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--write", action="store_true", help="write docs/reliability.md")
    given = parser.parse_args(arguments)
    quantities = {n: getattr(given, n) for n in ("kills", "stops", "redis", "postgres", "cuts")}
    began = time.monotonic()
    home = Path(tempfile.mkdtemp(prefix="pushboard-processes-"))
    print(f"processes battery, seed {given.seed}, commit {commit()}, in {home}", flush=True)
    valkey = Valkey()
    violations: list[str] = []
    battery: Processes | None = None
    try:
        with running(DURABLE) as server:
            valkey.start()
            rollouts = -(-sum(quantities.values()) // _BLOWS_EACH)
            orgs = max(ORGS, rollouts * _ORGS_EACH)
            field = Field(server, valkey, home, speed=SPEED, orgs=orgs)
            battery = Processes(field.demo, field, draw(quantities, given.longest, given.seed))
            try:
                battery.run()
            except (NoProgress, DemoFailed) as failed:
                violations.append(str(failed))
            finally:
                battery.demo.stop()
                field.close()
            violations += _judge(battery, field)
    finally:
        valkey.close()
    for one in violations:
        print(f"VIOLATION  {one}")
    seconds = time.monotonic() - began
    print(f"{len(violations)} violations, {seconds:.0f} s")
    if given.write and battery is not None:
        _write(battery, quantities, given.seed, given.longest, len(violations), seconds)
    if not violations:
        shutil.rmtree(home)
    return 1 if violations else 0


def _judge(battery: Processes, field: Field) -> list[str]:
    found = list(field.complaints)
    if battery.driver.slug:
        judgement = battery.finish()
        found += judgement.violations
        for name, count in judgement.counted.items():
            print(f"  {name:<42} {count}")
    rows = [
        (
            str(number), one.plan.victim, one.states,
            "never" if one.back is None else f"{one.back:.1f} s",
            "never" if one.working is None else f"{one.working:.1f} s",
        )
        for number, one in enumerate(battery.kills, start=1)
    ]  # fmt: skip
    print(table(("", "blow", "batches", "processes back", "work goes on"), rows))
    if field.calm and field.frozen:
        more = statistics.median(field.frozen) - statistics.median(field.calm)
        print(f"  a frozen Redis adds {more * 1000:.0f} ms to a page (median)")
        if more > _SLOWER:
            found.append(f"a frozen Redis adds {more * 1000:.0f} ms to a page")
    return found


def _write(
    battery: Processes,
    quantities: dict[str, int],
    seed: int,
    longest: float,
    violations: int,
    seconds: float,
) -> None:
    kinds = Counter(blow.kind for blow in battery.struck)
    worked = sorted(one.working for one in battery.kills if one.working is not None)
    options = " ".join(f"--{name} {count}" for name, count in quantities.items())
    write(
        Line(
            battery="processes",
            command=f"make battery-processes ARGS='{options} --longest {longest:g} --seed {seed}'",
            quantity=", ".join(f"{count} {kind}" for kind, count in sorted(kinds.items()))
            + (f"; work goes on after {worked[len(worked) // 2]:.0f} s, at most {worked[-1]:.0f} s"
               if worked else ""),
            seeds=str(seed),
            violations=violations,
            seconds=seconds,
        )
    )  # fmt: skip


if __name__ == "__main__":
    raise SystemExit(main())
