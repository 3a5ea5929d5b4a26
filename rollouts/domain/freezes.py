"""Freezes: when nothing may be pushed, once or again and again, to all orgs or to some.

A freeze says a stretch of wall time, and whose walls: the clocks of one zone that it names, or
those of each org. An org that may be in several zones is closed while it is closed in any of
them. All freezes hold together: an org is open only outside every one.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from enum import StrEnum
from fnmatch import fnmatchcase
from functools import lru_cache

from rollouts.domain.spans import Span, Spans, union
from rollouts.domain.walls import WallSpan, days, midnight, moments
from rollouts.domain.windows import Window

_DAY = timedelta(days=1)
_SATURDAY = 5
_MONTHS = 12


class BadFreeze(ValueError):
    """A freeze that can't be; the text says what is wrong."""


class Scope(StrEnum):
    """To whom a freeze applies."""

    ALL = "all"
    PACKAGE = "package"
    REGION = "region"
    INSTANCE = "instance"
    CUSTOMER = "customer"
    ORG = "org"


@dataclass(frozen=True, slots=True)
class Subject:
    """What freezes ask of an org; "" where nothing is known.

    ``org`` is its id, ``customer`` its account's id, ``region`` the letters of its ``instance``,
    ``package`` the id of the package that would be pushed; ``fiscal_start`` is the month (1 to
    12) that the customer's fiscal year begins in.
    """

    org: str
    customer: str
    region: str
    package: str
    instance: str
    zones: tuple[str, ...]
    fiscal_start: int = 1


@dataclass(frozen=True, slots=True)
class Once:
    """From one wall time until just before another, naive."""

    start: datetime
    end: datetime

    def __post_init__(self) -> None:
        if self.start.tzinfo or self.end.tzinfo or self.end <= self.start:
            raise BadFreeze("a freeze must end after it starts, in the time of one zone")


@dataclass(frozen=True, slots=True)
class Weekly:
    """The same hours each week."""

    hours: Window


@dataclass(frozen=True, slots=True)
class Yearly:
    """Whole days, from one date to another, both included: (12, 31) to (1, 1) is two days.

    29 February stands for the last day of February in every year.
    """

    first: tuple[int, int]
    last: tuple[int, int]

    def __post_init__(self) -> None:
        for month, day in (self.first, self.last):
            try:
                date(2024, month, day)
            except ValueError as problem:
                raise BadFreeze(f"there is no day {day} in month {month}") from problem


class Period(StrEnum):
    """What of a fiscal year ends."""

    MONTH = "month"
    QUARTER = "quarter"
    YEAR = "year"


_LENGTH = {Period.MONTH: 1, Period.QUARTER: 3, Period.YEAR: 12}


@dataclass(frozen=True, slots=True)
class FiscalEnd:
    """The last working days of each fiscal period and the first ones of the next.

    Working days are Mondays to Fridays; holidays are not known. What lies between the first and
    the last of them is closed too. ``year_starts`` is the month in which the fiscal year begins,
    None for that of each customer.
    """

    period: Period
    before: int
    after: int
    year_starts: int | None = None

    def __post_init__(self) -> None:
        if not (0 <= self.before <= 20 and 0 <= self.after <= 20 and self.before + self.after):  # noqa: PLR2004 - a month
            raise BadFreeze("give 1 to 20 working days before or after the end")
        if self.year_starts is not None and not 1 <= self.year_starts <= _MONTHS:
            raise BadFreeze("a fiscal year begins in a month from 1 to 12")


Rule = Once | Weekly | Yearly | FiscalEnd


@dataclass(frozen=True, slots=True)
class Freeze:
    """Nothing may be pushed to these orgs at these times.

    ``among`` holds what the scope names: ids, regions or instances (``*S`` is all that end in S);
    ``zone`` is the zone whose clocks count, "" for each org's own.
    """

    id: str
    name: str
    scope: Scope
    among: frozenset[str]
    rule: Rule
    zone: str = ""

    def __post_init__(self) -> None:
        if (self.scope is Scope.ALL) == bool(self.among):
            raise BadFreeze("say for whom, or for all, not both")

    def concerns(self, subject: Subject) -> bool:
        """Say whether it applies to an org.

        One that can't be told is taken as meant: an org without an instance is in all of them.
        """
        match self.scope:
            case Scope.ALL:
                return True
            case Scope.PACKAGE:
                return subject.package in self.among
            case Scope.CUSTOMER:
                return subject.customer in self.among
            case Scope.ORG:
                return subject.org in self.among
            case Scope.REGION:
                return not subject.region or subject.region in self.among
            case Scope.INSTANCE:
                return not subject.instance or any(
                    fnmatchcase(subject.instance, pattern) for pattern in self.among
                )


@dataclass(frozen=True, slots=True, order=True)
class ClosedSpan:
    """A stretch in which an org is closed, and why."""

    span: Span
    because: str
    freeze_id: str


def closed_spans(
    freezes: Iterable[Freeze], subject: Subject, within: Span
) -> tuple[ClosedSpan, ...]:
    """Return every stretch that is closed for an org, each with its freeze; they may overlap.

    Raises UnknownZone for a zone that the tz database has not.
    """
    return tuple(
        sorted(
            ClosedSpan(span, freeze.name, freeze.id)
            for freeze in freezes
            if freeze.concerns(subject)
            for span in spans_of(freeze, subject.zones, subject.fiscal_start, within)
        )
    )


def together(closed: Iterable[ClosedSpan]) -> Spans:
    """Return the moments that any of them closes."""
    return union(one.span for one in closed)


def closing(closed: Iterable[ClosedSpan], moment: datetime) -> ClosedSpan | None:
    """Return what closes a moment, or None; the one that ends last speaks."""
    there = [one for one in closed if moment in one.span]
    return max(there, key=lambda one: one.span.end, default=None)


def spans_of(freeze: Freeze, zones: Sequence[str], fiscal_start: int, within: Span) -> Spans:
    """Return when a freeze closes an org that may be in these zones; in any of them is enough.

    An org without a zone would never be closed, so that is a BadFreeze.
    """
    named = (freeze.zone,) if freeze.zone else tuple(dict.fromkeys(zones))
    if not named:
        raise BadFreeze("a freeze needs a zone to tell its hours by")
    start = fiscal_start
    if not isinstance(freeze.rule, FiscalEnd) or freeze.rule.year_starts is not None:
        start = 0  # of no account, so that orgs share what was computed
    return union(span for name in named for span in _in_zone(freeze.rule, name, start, within))


@lru_cache(maxsize=8192)
def _in_zone(rule: Rule, name: str, fiscal_start: int, within: Span) -> Spans:
    if isinstance(rule, Weekly):
        return rule.hours.spans((name,), within)
    if isinstance(rule, Once):
        walls: Iterable[WallSpan] = (WallSpan(rule.start, rule.end),)
        return moments(walls, name, within)
    # A stretch that touches the span may begin or end well outside it.
    dates = list(days(name, within))
    years = range(dates[0].year - 1, dates[-1].year + 2)
    if isinstance(rule, Yearly):
        walls = (_yearly(rule, year) for year in years)
    else:
        starts = rule.year_starts or fiscal_start
        walls = (_around(rule, end) for end in _ends(rule.period, starts, years))
    return moments(walls, name, within)


def _yearly(rule: Yearly, year: int) -> WallSpan:
    first = _date(year, rule.first)
    last = _date(year + (rule.last < rule.first), rule.last)
    return WallSpan(midnight(first), midnight(last + _DAY))


def _date(year: int, day: tuple[int, int]) -> date:
    try:
        return date(year, *day)
    except ValueError:
        return date(year, 2, 28)


def _ends(period: Period, starts: int, years: range) -> Iterator[date]:
    """Yield the first day after each end of a period."""
    step = _LENGTH[period]
    for year in years:
        for month in range(1, _MONTHS + 1):
            if (month - starts) % step == 0:
                yield date(year, month, 1)


def _around(rule: FiscalEnd, following: date) -> WallSpan:
    first, last = following, following - _DAY
    left = rule.before
    while left:
        first -= _DAY
        left -= first.weekday() < _SATURDAY
    left = rule.after
    while left:
        last += _DAY
        left -= last.weekday() < _SATURDAY
    return WallSpan(midnight(first), midnight(last + _DAY))
