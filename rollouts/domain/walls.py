"""From what a clock on the wall shows to moments, with every change of the clock in between.

"01:00 to 05:00" is a saying about wall clocks. A zone's time is cut here into stretches of one
offset from UTC, and a stretch of wall time is laid over each. So a time that a clock skips in
spring is simply not there, one that it shows twice in autumn is there twice, and no fold or gap
needs a rule of its own.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from functools import lru_cache
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from rollouts.domain.spans import Span, Spans, union

_DAY = timedelta(days=1)
# Two changes of the clock within so short a time would be overlooked; no zone has done that since
# 1970 in the tz database, which the slow tests check for the years that we plan in.
_STRIDE = timedelta(hours=6)


class UnknownZone(ValueError):
    """A name that the tz database of this machine does not know; the text says so."""


@dataclass(frozen=True, slots=True)
class WallSpan:
    """A stretch of wall time, naive: from ``start`` until just before ``end``."""

    start: datetime
    end: datetime


def zone(name: str) -> ZoneInfo:
    """Return a zone of the tz database.

    Raises UnknownZone for a name that it has not.
    """
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError) as problem:
        raise UnknownZone(f"{name!r} is no time zone of the tz database.") from problem


def wall(moment: datetime, name: str) -> datetime:
    """Return what the clocks of a zone show at a moment, naive."""
    return moment.astimezone(zone(name)).replace(tzinfo=None)


def moments(spans: Iterable[WallSpan], name: str, within: Span) -> Spans:
    """Return the moments within a span at which the zone's clocks show a time in ``spans``."""
    wanted = sorted(spans, key=lambda span: span.start)
    found: list[Span] = []
    for stretch, offset in _stretches(name, within):
        for span in wanted:
            start = max(stretch.start, (span.start - offset).replace(tzinfo=UTC))
            end = min(stretch.end, (span.end - offset).replace(tzinfo=UTC))
            if start < end:
                found.append(Span(start, end))
    return union(found)


def days(name: str, within: Span) -> Iterator[date]:
    """Yield the dates that the zone's calendars show within a span, and one on each side."""
    day = wall(within.start, name).date() - _DAY
    last = wall(within.end, name).date() + _DAY
    while day <= last:
        yield day
        day += _DAY


def offset_changes(name: str, within: Span) -> list[datetime]:
    """Return the moments inside a span at which the zone's clocks are set forward or back."""
    return _changes(name, within.start, within.end)


def midnight(day: date) -> datetime:
    """Return the wall time at which a date begins."""
    return datetime.combine(day, time.min)


def _stretches(name: str, within: Span) -> Iterator[tuple[Span, timedelta]]:
    """Cut a span where the zone's offset from UTC changes; offsets are east positive."""
    start = within.start
    for change in _changes(name, within.start, within.end):
        yield Span(start, change), _offset(name, start)
        start = change
    yield Span(start, within.end), _offset(name, start)


def _changes(name: str, start: datetime, end: datetime) -> list[datetime]:
    """Find the moments after ``start`` and before ``end`` at which the offset changes."""
    found: list[datetime] = []
    for year in range(start.year, end.year + 1):
        found += [change for change in _changes_of(name, year) if start < change < end]
    return found


@lru_cache(maxsize=4096)
def _changes_of(name: str, year: int) -> tuple[datetime, ...]:
    """Find every change of the offset in a year of UTC; they fall on whole seconds."""
    found = []
    at = datetime(year, 1, 1, tzinfo=UTC)
    end, offset = at.replace(year=year + 1), _offset(name, at)
    while at < end:
        following = min(at + _STRIDE, end)
        before, offset = offset, _offset(name, following)
        if offset != before:
            found.append(_first_change(name, at, following))
        at = following
    return tuple(found)


def _first_change(name: str, before: datetime, after: datetime) -> datetime:
    """Halve until the first whole second with the new offset is found."""
    old = _offset(name, before)
    apart = int((after - before).total_seconds())
    while apart > 1:
        middle = before + timedelta(seconds=apart // 2)
        if _offset(name, middle) == old:
            before = middle
            apart -= apart // 2
        else:
            apart //= 2
    return before + timedelta(seconds=1)


def _offset(name: str, moment: datetime) -> timedelta:
    return moment.astimezone(zone(name)).utcoffset() or timedelta()
