"""No start and no latest start outside anybody's window or inside a freeze, in any zone.

Fleets of orgs in drawn zones, windows and freezes are grouped into batches as the product does.
Each batch is read a second time by the definition: what do the clocks of each org show at its
start, at its latest start and at every quarter of an hour between, and does its window hold that?

    python -m tests.batteries.planning.starts --zones 600 --years 10
"""

from __future__ import annotations

import argparse
import sys
import time
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from itertools import pairwise
from random import Random
from zoneinfo import available_timezones

from rollouts.domain.freezes import Subject, closed_spans
from rollouts.domain.hours import Hours, Rule, refusal
from rollouts.domain.spans import Span, Spans
from rollouts.domain.starts import Pace, PlannedStart, group_starts
from tests.batteries.planning.times import Case, case, year

FIRST_YEAR = 2026
QUICK = ["--zones", "24", "--years", "1", "--fortnights", "3"]
FORTNIGHT = timedelta(days=14)
QUARTER = timedelta(minutes=15)
FLEET = 12


@dataclass
class Tally:
    """What was grouped, and every promise that was not kept."""

    fleets: int = 0
    batches: int = 0
    placed: int = 0
    unplaced: int = 0
    moments: int = 0
    wrong: list[str] = field(default_factory=list)


@dataclass(frozen=True)
class Fleet:
    """Orgs by name, each with its zones, window and freezes, and how they are pushed."""

    orgs: dict[str, Case]
    pace: Pace
    within: Span
    seed: str

    def hours(self, org: str) -> Hours:
        """What the product knows of an org's hours in this time."""
        one = self.orgs[org]
        subject = Subject("", "", "", "", "", one.zones, one.fiscal_start)
        closed = closed_spans(one.freezes, subject, self.within)
        return Hours((Rule(one.window, one.zones),), closed)

    def group(self) -> tuple[tuple[PlannedStart[str], ...], dict[str, str]]:
        """Group them as the product does."""
        spans: list[tuple[str, Spans]] = [
            (org, self.hours(org).spans(self.within)) for org in self.orgs
        ]
        first, last = self.within.start, self.within.end
        return group_starts(spans, self.pace, not_before=first, horizon=last, seed=self.seed)


def look(fleet: Fleet, tally: Tally) -> None:
    """Hold the batches of a fleet against the definition."""
    starts, unplaced = fleet.group()
    tally.fleets += 1
    tally.batches += len(starts)
    tally.unplaced += len(unplaced)
    names = [org for batch in starts for org in batch.orgs]
    tally.placed += len(names)
    if sorted([*names, *unplaced]) != sorted(fleet.orgs) or not all(unplaced.values()):
        tally.wrong.append(f"{fleet}: not every org is in one batch or named with a reason")
    if fleet.group() != (starts, unplaced):
        tally.wrong.append(f"{fleet}: the same orgs were grouped otherwise the second time")
    if any(after.start - before.start < fleet.pace.apart for before, after in pairwise(starts)):
        tally.wrong.append(f"{fleet}: two batches follow one another too fast")
    for batch in starts:
        for org in batch.orgs:
            _read_again(fleet, org, batch, tally)


def _read_again(fleet: Fleet, org: str, batch: PlannedStart[str], tally: Tally) -> None:
    one, at = fleet.orgs[org], batch.start
    if not fleet.within.start <= at <= batch.not_after < fleet.within.end:
        tally.wrong.append(f"{org}: {at} to {batch.not_after} is not in {fleet.within}")
    if why := refusal(fleet.hours(org), at, batch.not_after):
        tally.wrong.append(f"{org}: the guard would refuse its own plan at {at}: {why}")
    while at < batch.not_after:
        _ask(one, at, tally)
        at += QUARTER
    _ask(one, batch.not_after, tally)


def _ask(one: Case, moment: datetime, tally: Tally) -> None:
    tally.moments += 1
    if not one.open_at(moment):
        tally.wrong.append(f"{one.zones} may start at {moment}, when it is closed: {one}")


def fleet_of(zones: list[str], names: list[str], within: Span, chance: Random) -> Fleet:
    """Draw a fleet with an org in each of these zones."""
    pace = Pace(
        sizes=tuple(chance.randint(1, 6) for _ in range(chance.randint(1, 3))),
        latest=timedelta(minutes=chance.randint(10, 300)),
        apart=timedelta(minutes=chance.randint(20, 240)),
        a_day=chance.choice([0, 0, 4, 20]),
    )
    orgs = {f"org {zone}": case(zone, names, chance) for zone in zones}
    return Fleet(orgs, pace, within, f"wave {chance.random()}")


def run(zones: int, years: int, fortnights: int, seed: int, limit: float = 240.0) -> Tally:
    """Group orgs of so many zones (0: all) in some fortnights of each year."""
    names = sorted(available_timezones())
    chance = Random(seed)
    chosen = names if not zones or zones >= len(names) else chance.sample(names, zones)
    total, began = Tally(), time.process_time()
    for number in range(FIRST_YEAR, FIRST_YEAR + years):
        for first in range(0, len(chosen), FLEET):
            if time.process_time() - began > limit:
                total.wrong.append(f"only until {number} in {limit:.0f} s of the processor")
                return total
            for _ in range(fortnights):
                start = year(number).start + timedelta(minutes=chance.randrange(350 * 1440))
                within = Span(start, start + FORTNIGHT)
                look(fleet_of(chosen[first : first + FLEET], names, within, chance), total)
    return total


def main(arguments: list[str] | None = None) -> int:
    """Run it and say what was grouped."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--zones", type=int, default=0, help="how many (0: every one)")
    parser.add_argument("--years", type=int, default=10)
    parser.add_argument("--fortnights", type=int, default=1, help="of each year and fleet")
    parser.add_argument("--seed", type=int, default=1)
    given = parser.parse_args(arguments)
    began = time.monotonic()
    tally = run(given.zones, given.years, given.fortnights, given.seed)
    print(
        f"starts: {tally.fleets} fleets over {given.years} years, {tally.batches:,} batches of "
        f"{tally.placed:,} orgs, {tally.unplaced:,} named without a start, {tally.moments:,} "
        f"moments read twice, {len(tally.wrong)} broken promises "
        f"({time.monotonic() - began:.0f} s, seed {given.seed})"
    )
    for wrong in tally.wrong[:20]:
        print(f"  {wrong}")
    return 1 if tally.wrong else 0


if __name__ == "__main__":
    sys.exit(main())
