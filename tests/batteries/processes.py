"""Outages under the real demo on PostgreSQL: frozen, killed, cut off, and back again.

    .venv/bin/python -m tests.batteries.processes [--kills 40] [--stops 10] [--redis 8]
        [--postgres 8] [--cuts 20] [--longest 20] [--away 600] [--shipped] [--seed 1] [--write]

The demo's processes run on a PostgreSQL and a Valkey of the battery, each behind a proxy of ours.
Blows come in a drawn order while a rollout is on its way: SIGKILL at random, in the middle of a
named call, and on either side of a named COMMIT; SIGSTOP and SIGCONT; Redis flushed, killed,
frozen, away; PostgreSQL restarted, killed, read-only, away. Exit code 1: a rule was broken,
a page broke, or nothing moved for 240 s.

``--kills`` counts processes that are sent SIGKILL, of which a blow may meet several. ``--shipped``
leaves out the demo's shorter leases and ticks, and writes a line of its own.
"""

from __future__ import annotations

import argparse
import random
import shutil
import tempfile
import time
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

from tests.batteries.blows import Blow, Field, draw, killed
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
_SERVERS = {"redis": "Redis", "postgres": "PostgreSQL"}
_SLOWER = 0.3  # seconds that a frozen Redis may add to a page


class Processes(Battery):
    """One run: the battery of kills, with other blows, over as many rollouts as these need."""

    sandboxes, production = 12, 24
    # Bakes of days would pass at another speed, with a restart before and after each.
    emergency = "There is much to kill, and little time."

    def __init__(self, demo: Demo, field: Field, blows: Sequence[Blow], kills: int) -> None:
        super().__init__(demo, [])
        self._wanted, self._chance = kills, random.Random(kills)
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

    @property
    def signals(self) -> int:
        """How many processes were sent SIGKILL."""
        return sum(one.signals for one in self.kills)

    def _top_up(self) -> None:
        """Draw one more kill when blows found no moment, or fewer processes than were planned."""
        if not self._blows and self.signals < self._wanted:
            self._blows.append(killed(self._chance, self._chance.randrange(1000)))

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
        if self.signals < self._wanted:
            found.append(f"only {self.signals} of {self._wanted} processes were killed")
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
            self._top_up()
            return
        self.kills.append(made)
        self._say(f"{len(self.kills)}: {blow.words} ({made.states})")
        if blow.victim == EVERYTHING:
            self.starts.append(self.demo.start())
        self._top_up()


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    for name, usual in (
        ("kills", 40), ("stops", 10), ("redis", 8), ("postgres", 8), ("cuts", 20)
    ):  # fmt: skip
        parser.add_argument(f"--{name}", type=int, default=usual)
    parser.add_argument("--longest", type=float, default=20.0, help="seconds of the longest outage")
    parser.add_argument("--away", type=float, default=0.0, help="seconds that Redis is away once")
    parser.add_argument("--shipped", action="store_true", help="the product's own leases and ticks")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--name", default="processes", help="whose line it writes")
    parser.add_argument("--write", action="store_true", help="write docs/reliability.md")
    given = parser.parse_args(arguments)
    quantities = {n: getattr(given, n) for n in ("kills", "stops", "redis", "postgres", "cuts")}
    began = time.monotonic()
    home = Path(tempfile.mkdtemp(prefix="pushboard-processes-"))
    print(f"processes battery, seed {given.seed}, commit {commit()}, in {home}", flush=True)
    violations: list[str] = []
    try:
        battery = _play(given, quantities, home, violations)
    except BaseException:
        # Interrupted, or it could not even begin: no line is written and nothing is left.
        shutil.rmtree(home, ignore_errors=True)
        raise
    for one in violations:
        print(f"VIOLATION  {one}")
    seconds = time.monotonic() - began
    print(f"{len(violations)} violations, {seconds:.0f} s")
    if given.write:
        _write(battery, given, quantities, len(violations), seconds)
    if violations:
        print(f"What it left is in {home}.")
    else:
        shutil.rmtree(home)
    return 1 if violations else 0


def _play(
    given: argparse.Namespace, quantities: dict[str, int], home: Path, violations: list[str]
) -> Processes:
    """Start everything, strike every blow, judge, and end everything."""
    blows = draw(quantities, given.longest, given.seed)
    if given.away:
        blows.insert(min(2, len(blows)), Blow("away", "redis", given.away))
    valkey = Valkey()
    try:
        with running(DURABLE) as server:
            valkey.start()
            orgs = max(ORGS, -(-len(blows) // _BLOWS_EACH) * _ORGS_EACH)
            field = Field(server, valkey, home, speed=SPEED, orgs=orgs, shipped=given.shipped)
            battery = Processes(field.demo, field, blows, quantities["kills"])
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
    return battery


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
    more = field.slower
    if more is not None:
        print(f"  a frozen Redis adds {more * 1000:.0f} ms to a page (median)")
        if more > _SLOWER:
            found.append(f"a frozen Redis adds {more * 1000:.0f} ms to a page")
    return found


def _write(
    battery: Processes,
    given: argparse.Namespace,
    quantities: dict[str, int],
    violations: int,
    seconds: float,
) -> None:
    struck = Counter(blow.kind for blow in battery.struck if blow.victim not in _SERVERS)
    outages = Counter(blow.victim for blow in battery.struck if blow.victim in _SERVERS)
    leases = ["the product's own leases and ticks"] if given.shipped else []
    words = [*leases, f"{battery.signals} SIGKILLs of processes", f"{struck['stopped']} SIGSTOPs"]
    words.append(f"{battery.field.database.cuts_done} cuts inside COMMIT")
    words += [f"{outages[name]} outages of {title}" for name, title in _SERVERS.items()]
    if given.away:
        words.append(f"one of Redis for {given.away:g} s")
    worked = sorted(one.working for one in battery.kills if one.working is not None)
    if worked:
        median = worked[len(worked) // 2]
        words.append(f"work goes on after {median:.0f} s, at most {worked[-1]:.0f} s")
    if battery.field.slower is not None:
        words.append(f"a frozen Redis adds {battery.field.slower * 1000:.0f} ms to a page")
    options = " ".join(f"--{name} {count}" for name, count in quantities.items())
    options += f" --longest {given.longest:g} --seed {given.seed}"
    options += f" --away {given.away:g}" if given.away else ""
    options += " --shipped" if given.shipped else ""
    options += f" --name {given.name}" if given.name != "processes" else ""
    write(
        Line(
            battery=given.name,
            command=f"make battery-processes ARGS='{options}'",
            quantity=f"{len(battery.struck)} blows: {', '.join(words)}",
            seeds=str(given.seed),
            violations=violations,
            seconds=seconds,
        )
    )


if __name__ == "__main__":
    raise SystemExit(main())
