"""When an org may be upgraded: weekly openings by the clocks of its own zone.

An org's zone is often a guess, and a guess is several zones: the customers on the instances of
one country may sit on either coast. Such an org is open only when all of them are, so a wrong
guess costs time and never a push at noon.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import lru_cache, reduce

from rollouts.domain.spans import Span, Spans, overlap
from rollouts.domain.walls import WallSpan, days, midnight, moments

WEEKDAYS = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
DAY, WEEK = 24 * 60, 7 * 24 * 60

_NAME = "(?:" + "|".join(WEEKDAYS) + ")"
_TIME = r"\d{1,2}:\d{2}"
_TO = r" *[-\u2013] *"
_ACROSS = re.compile(
    rf"(?P<first>{_NAME}) +(?P<opens>{_TIME}){_TO}(?P<last>{_NAME}) +(?P<closes>{_TIME})",
    re.IGNORECASE,
)
_REPEATED = re.compile(
    rf"(?P<days>daily|{_NAME}(?: *- *{_NAME})?) +(?P<opens>{_TIME}){_TO}(?P<closes>{_TIME})",
    re.IGNORECASE,
)


class BadWindow(ValueError):
    """A window that can't be read; the text says what is wrong and what would be right."""


@dataclass(frozen=True, slots=True, order=True)
class Opening:
    """Open each week from one minute to another; Monday 00:00 is minute 0.

    ``closes`` is greater than ``opens`` and may lie in the next week (an opening over the night
    from Sunday to Monday); none is longer than a week.
    """

    opens: int
    closes: int

    def __post_init__(self) -> None:
        if not (0 <= self.opens < WEEK and self.opens < self.closes <= self.opens + WEEK):
            raise BadWindow(f"no opening runs from minute {self.opens} to {self.closes}")

    def __str__(self) -> str:
        if self.closes - self.opens == WEEK:
            return "any hour"
        return f"{_said(self.opens)}-{_said(self.closes % WEEK)}"


@dataclass(frozen=True, slots=True)
class Window:
    """Weekly openings; an org is open while any of them is."""

    openings: tuple[Opening, ...]

    def __post_init__(self) -> None:
        if not self.openings:
            raise BadWindow("a window without an opening would never let anything start")

    def __str__(self) -> str:
        return ", ".join(map(str, self.openings))

    @property
    def always(self) -> bool:
        """Whether every minute of the week is open."""
        opened = bytearray(WEEK)
        for opening in self.openings:
            for minute in range(opening.opens, opening.closes):
                opened[minute % WEEK] = 1
        return all(opened)

    def spans(self, zones: Sequence[str], within: Span) -> Spans:
        """Return when it is open in every one of these zones. Raises UnknownZone, BadWindow."""
        if not zones:
            raise BadWindow("a window needs a zone to tell its hours by")
        return reduce(overlap, (_open(self, name, within) for name in dict.fromkeys(zones)))

    def is_open(self, moment: datetime, zones: Sequence[str]) -> bool:
        """Say whether a moment lies in the window in every one of these zones."""
        second = Span(moment, moment + timedelta(seconds=1))
        return any(moment in span for span in self.spans(zones, second))


@lru_cache(maxsize=4096)
def _open(window: Window, name: str, within: Span) -> Spans:
    mondays = {day - timedelta(days=day.weekday()) for day in days(name, within)}
    # What opened in the week before may reach into the first one.
    weeks = sorted(mondays | {monday - timedelta(days=7) for monday in mondays})
    return moments(
        (
            WallSpan(
                midnight(monday) + timedelta(minutes=opening.opens),
                midnight(monday) + timedelta(minutes=opening.closes),
            )
            for monday in weeks
            for opening in window.openings
        ),
        name,
        within,
    )


def _said(minute: int) -> str:
    return f"{WEEKDAYS[minute // DAY]} {minute % DAY // 60:02}:{minute % 60:02}"


def parse(text: str) -> Window:
    """Read "Fri 22:00-Sun 18:00, Mon-Thu 01:00-05:00", "daily 01:00-05:00" or "any hour".

    A span of days before the hours repeats them on each; hours that end before they begin end
    on the next day. Raises BadWindow with what can't be read.
    """
    openings: list[Opening] = []
    for part in filter(None, (part.strip() for part in text.split(","))):
        openings += _parse_part(part)
    if not openings:
        raise BadWindow('give hours such as "Fri 22:00-Sun 18:00, Mon-Thu 01:00-05:00"')
    return Window(tuple(sorted(set(openings))))


def _parse_part(text: str) -> list[Opening]:
    if text.casefold() == "any hour":
        return [Opening(0, WEEK)]
    if across := _ACROSS.fullmatch(text):
        opens = _minute(across["first"], across["opens"], text)
        closes = _minute(across["last"], across["closes"], text)
        return [Opening(opens, closes if closes > opens else closes + WEEK)]
    if repeated := _REPEATED.fullmatch(text):
        return [
            _of_day(day, repeated["opens"], repeated["closes"], text)
            for day in _days(repeated["days"])
        ]
    raise BadWindow(
        f'"{text}" is no window; write hours such as "Fri 22:00-Sun 18:00", '
        '"Mon-Thu 01:00-05:00", "daily 01:00-05:00" or "any hour"'
    )


def _of_day(day: int, opens: str, closes: str, text: str) -> Opening:
    start, end = _clock(opens, text), _clock(closes, text)
    if start == DAY:
        raise BadWindow(f'"{text}": a day begins at 00:00, 24:00 is its end')
    if end <= start:
        end += DAY
    return Opening(day * DAY + start, day * DAY + end)


def _days(text: str) -> list[int]:
    if text.casefold() == "daily":
        return list(range(7))
    first, _, last = text.partition("-")
    start = _weekday(first)
    length = (_weekday(last) - start) % 7 if last else 0
    return [(start + step) % 7 for step in range(length + 1)]


def _weekday(text: str) -> int:
    return WEEKDAYS.index(text.strip().capitalize())


def _minute(day: str, clock: str, text: str) -> int:
    return (_weekday(day) * DAY + _clock(clock, text)) % WEEK


def _clock(clock: str, text: str) -> int:
    hours, _, minutes = clock.partition(":")
    minute = int(hours) * 60 + int(minutes)
    if int(minutes) > 59 or minute > DAY:  # noqa: PLR2004 - minutes of an hour
        raise BadWindow(f'"{text}": there is no {clock} on a clock')
    return minute
