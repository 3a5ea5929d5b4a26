"""No moment that is told to be open lies outside its window or inside a freeze, in any zone.

Open spans are computed as the product does, and read a second time by the definition: what do the
zone's clocks show at this moment, and does the window hold it, and no freeze? Asked at both edges
of every span, in the quarter hours around each change of the clock, and at random minutes.

    python -m tests.batteries.planning.times --zones 600 --years 10
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from random import Random
from zoneinfo import available_timezones

from rollouts.domain.freezes import (
    FiscalEnd,
    Freeze,
    Once,
    Period,
    Rule,
    Scope,
    Subject,
    Weekly,
    Yearly,
    closed_spans,
    together,
)
from rollouts.domain.org_time import DEFAULT_WINDOW, OrgTime, ZoneSource, open_spans
from rollouts.domain.spans import Span, span_at
from rollouts.domain.walls import offset_changes, wall
from rollouts.domain.windows import DAY, WEEK, Opening, Window, parse

FIRST_YEAR = 2026
QUICK = ["--zones", "25", "--years", "1"]
MINUTE = timedelta(minutes=1)
_A_DAY = timedelta(days=1)
_MONTHS_OF = {Period.MONTH: 1, Period.QUARTER: 3, Period.YEAR: 12}


@dataclass
class Tally:
    """What was looked at, and every contradiction that was found."""

    zones: int = 0
    spans: int = 0
    moments: int = 0
    wrong: list[str] = field(default_factory=list)

    def add(self, other: Tally) -> None:
        self.zones += other.zones
        self.spans += other.spans
        self.moments += other.moments
        self.wrong += other.wrong


# -- the second reading: by the clock on the wall alone


def window_holds(window: Window, there: datetime) -> bool:
    minute = there.weekday() * DAY + there.hour * 60 + there.minute
    return any(
        opening.opens <= at < opening.closes
        for opening in window.openings
        for at in (minute, minute + WEEK)
    )


def freeze_holds(rule: Rule, there: datetime, fiscal_start: int) -> bool:
    match rule:
        case Once():
            return rule.start <= there < rule.end
        case Weekly():
            return window_holds(rule.hours, there)
        case Yearly():
            return _in_days(rule, there.date())
        case FiscalEnd():
            return _at_an_end(rule, there.date(), rule.year_starts or fiscal_start)


def _in_days(rule: Yearly, day: date) -> bool:
    today = (day.month, day.day)
    first, last = (_last_of_february(one, day.year) for one in (rule.first, rule.last))
    if rule.first <= rule.last:
        return first <= today <= last
    return today >= first or today <= last


def _last_of_february(day: tuple[int, int], year: int) -> tuple[int, int]:
    leap = year % 4 == 0 and (year % 100 != 0 or year % 400 == 0)
    return (2, 28) if day == (2, 29) and not leap else day


def _at_an_end(rule: FiscalEnd, day: date, starts: int) -> bool:
    begins = _begins(day, _MONTHS_OF[rule.period], starts)
    following = day
    while _begins(following, _MONTHS_OF[rule.period], starts) == begins:
        following += _A_DAY
    left = _working_days(day, following)
    near_end = rule.before > 0 and (
        left < rule.before or (left == rule.before and day.weekday() < 5)
    )
    return near_end or _working_days(begins, day) < rule.after


def _begins(day: date, months: int, starts: int) -> date:
    back = (day.month - starts) % months
    month = day.month - back
    return date(day.year, month, 1) if month > 0 else date(day.year - 1, month + 12, 1)


def _working_days(first: date, until: date) -> int:
    days = (until - first).days
    return sum((first.weekday() + step) % 7 < 5 for step in range(days))


# -- what is looked at


@dataclass(frozen=True)
class Case:
    """An org that may be in these zones, its window, and what is frozen."""

    zones: tuple[str, ...]
    window: Window
    freezes: tuple[Freeze, ...]
    fiscal_start: int

    def open_at(self, moment: datetime) -> bool:
        """Say by the definition whether it is open."""
        theres = [wall(moment, name) for name in self.zones]
        if not all(window_holds(self.window, there) for there in theres):
            return False
        return not any(
            freeze_holds(freeze.rule, there, self.fiscal_start)
            for freeze in self.freezes
            for there in ([wall(moment, freeze.zone)] if freeze.zone else theres)
        )


def case(zone: str, names: list[str], chance: Random) -> Case:
    """Draw an org in a zone, now and then with a second one that it may be in."""
    zones = (zone, chance.choice(names)) if chance.random() < 0.2 else (zone,)
    own = "" if chance.random() < 0.7 else chance.choice(names)
    rules: list[Rule] = [
        _once(chance),
        Weekly(_window(chance, 1)),
        _yearly(chance),
        _fiscal(chance),
    ]
    return Case(
        zones=zones,
        window=parse(DEFAULT_WINDOW) if chance.random() < 0.5 else _window(chance, 3),
        freezes=tuple(
            Freeze(f"freeze {number}", "quiet", Scope.ALL, frozenset(), rule, own)
            for number, rule in enumerate(chance.sample(rules, chance.randint(1, 4)))
        ),
        fiscal_start=chance.randint(1, 12),
    )


def _window(chance: Random, openings: int) -> Window:
    drawn = set()
    for _ in range(chance.randint(1, openings)):
        opens = chance.randrange(0, WEEK, 5)
        drawn.add(Opening(opens, opens + chance.randrange(15, 3 * DAY, 5)))
    return Window(tuple(sorted(drawn)))


def _once(chance: Random) -> Once:
    start = datetime(FIRST_YEAR + chance.randint(0, 9), 1, 1) + MINUTE * chance.randrange(500_000)  # noqa: DTZ001
    return Once(start, start + MINUTE * chance.randrange(1, 60_000))


def _yearly(chance: Random) -> Yearly:
    days = [(12, 24), (12, 31), (2, 29), (2, 28), (1, 1), (7, 4), (3, 29), (10, 25)]
    return Yearly(chance.choice(days), chance.choice(days))


def _fiscal(chance: Random) -> FiscalEnd:
    starts = chance.choice([None, *range(1, 13)])
    before = chance.randint(0, 6)
    after = chance.randint(0 if before else 1, 3)
    return FiscalEnd(chance.choice(list(Period)), before, after, starts)


def look(one: Case, within: Span, chance: Random, samples: int) -> Tally:
    """Hold what is told to be open within a span against the definition."""
    subject = Subject("", "", "", "", "", one.zones, one.fiscal_start)
    closed = together(closed_spans(one.freezes, subject, within))
    time_of = OrgTime(one.zones, ZoneSource.PERSON, one.window, "this org")
    spans = open_spans(time_of, closed, within)
    tally = Tally(zones=1, spans=len(spans))

    def agree(moment: datetime, told: bool) -> None:
        tally.moments += 1
        if one.open_at(moment) != told:
            tally.wrong.append(f"{one.zones} at {moment}: told open is {told}, in {one}")

    for span in spans:
        agree(span.start, told=True)
        agree(span.end - timedelta(seconds=1), told=True)
        if span.start > within.start:
            agree(span.start - timedelta(seconds=1), told=False)
        if span.end < within.end:
            agree(span.end, told=False)
    for moment in [*_near_changes(one, within), *_anywhere(within, chance, samples)]:
        agree(moment, told=span_at(spans, moment) is not None)
    return tally


def _near_changes(one: Case, within: Span) -> Iterator[datetime]:
    for name in one.zones:
        for change in offset_changes(name, within):
            for quarters in range(-20, 21):
                moment = change + timedelta(minutes=15 * quarters)
                if moment in within:
                    yield moment


def _anywhere(within: Span, chance: Random, samples: int) -> Iterator[datetime]:
    minutes = int(within.length / MINUTE)
    for _ in range(samples):
        yield within.start + MINUTE * chance.randrange(minutes)


def year(number: int) -> Span:
    return Span(datetime(number, 1, 1, tzinfo=UTC), datetime(number + 1, 1, 1, tzinfo=UTC))


def run(zones: int, years: int, samples: int, seed: int, limit: float = 420.0) -> Tally:
    """Look at so many zones (0: all) over so many years; stops with a word after the limit.

    The limit is in seconds of the processor, so that a busy machine only takes longer.
    """
    names = sorted(available_timezones())
    chance = Random(seed)
    chosen = names if not zones or zones >= len(names) else chance.sample(names, zones)
    total, began = Tally(), time.process_time()
    for count, name in enumerate(chosen):
        if time.process_time() - began > limit:
            total.wrong.append(f"only {count} of {len(chosen)} zones in {limit:.0f} s")
            break
        drawn = case(name, names, chance)
        for number in range(FIRST_YEAR, FIRST_YEAR + years):
            total.add(look(drawn, year(number), chance, samples))
        total.zones -= years - 1
    return total


def main(arguments: list[str] | None = None) -> int:
    """Run it and say what was looked at."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--zones", type=int, default=0, help="how many (0: every one)")
    parser.add_argument("--years", type=int, default=10)
    parser.add_argument("--samples", type=int, default=100, help="random minutes a year")
    parser.add_argument("--seed", type=int, default=1)
    given = parser.parse_args(arguments)
    began = time.monotonic()
    tally = run(given.zones, given.years, given.samples, given.seed)
    print(
        f"times: {tally.zones} zones over {given.years} years, {tally.spans:,} open spans, "
        f"{tally.moments:,} moments read twice, {len(tally.wrong)} contradictions "
        f"({time.monotonic() - began:.0f} s, seed {given.seed})"
    )
    for wrong in tally.wrong[:20]:
        print(f"  {wrong}")
    return 1 if tally.wrong else 0


if __name__ == "__main__":
    sys.exit(main())
