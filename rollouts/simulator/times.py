"""Moments as whole milliseconds since 1970 UTC, and the texts Salesforce writes them in.

The simulator reckons in milliseconds because job starts and ends are compared and summed; the
sObject fields show whole seconds, as the platform does.
"""

from __future__ import annotations

import re
from datetime import UTC, date, datetime, timedelta
from email.utils import format_datetime
from functools import lru_cache
from typing import Final

SECOND: Final = 1_000
MINUTE: Final = 60 * SECOND
HOUR: Final = 60 * MINUTE
DAY: Final = 24 * HOUR

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_MOMENT: Final = re.compile(
    r"(\d{4})-(\d\d)-(\d\d)T(\d\d):(\d\d):(\d\d)(?:\.(\d{1,6}))?(Z|[+-]\d\d:?\d\d)?", re.ASCII
)


class BadMoment(ValueError):
    """The text is no date-time of the form Salesforce reads."""


def to_ms(moment: datetime) -> int:
    """Whole milliseconds of an aware date-time."""
    return (moment - _EPOCH) // timedelta(milliseconds=1)


def from_ms(ms: int) -> datetime:
    """The aware date-time of a number of milliseconds."""
    return _EPOCH + timedelta(milliseconds=ms)


def whole_second(ms: int) -> int:
    """The moment cut to its second, which is all an sObject date-time field keeps."""
    return ms - ms % SECOND


def field_text(ms: int) -> str:
    """As sObject fields show it: 2026-01-31T06:00:00.000+0000."""
    # Pages of 2,000 rows are made of this; strftime takes six times as long.
    days, rest = divmod(ms, DAY)
    minutes, second = divmod(rest // SECOND, 60)
    return f"{_day(days)}T{minutes // 60:02d}:{minutes % 60:02d}:{second:02d}.000+0000"


@lru_cache(maxsize=4_096)
def _day(days: int) -> str:
    return day_of(days * DAY)


def iso(ms: int) -> str:
    """As the control face shows it, exact to the millisecond: 2026-01-31T06:00:00.123Z."""
    return from_ms(ms).strftime("%Y-%m-%dT%H:%M:%S.") + f"{ms % SECOND:03d}Z"


def day_of(ms: int) -> str:
    """The day of a moment, in UTC, as date fields show it: 2026-01-31."""
    return from_ms(ms).strftime("%Y-%m-%d")


def day_text(text: str) -> str:
    """A text such as 2026-01-31 if there is such a day; raises BadMoment."""
    try:
        return date.fromisoformat(text).isoformat()
    except ValueError:
        raise BadMoment(text) from None


def http_date(ms: int) -> str:
    """As the Date header shows it."""
    return format_datetime(from_ms(whole_second(ms)), usegmt=True)


def parse(text: str, *, zone_required: bool = False) -> int:
    """Milliseconds of an ISO 8601 text; a missing zone means UTC unless one is required.

    Raises BadMoment. The platform reads `Z`, `+00:00` and `+0000`.
    """
    match = _MOMENT.fullmatch(text)
    if match is None or (zone_required and match[8] is None):
        raise BadMoment(text)
    zone = match[8] or "Z"
    try:
        year, month, day, hour, minute, second = (int(match[part]) for part in range(1, 7))
        ms = to_ms(datetime(year, month, day, hour, minute, second, tzinfo=UTC))
        ms += int((match[7] or "0").ljust(6, "0")[:3])
    except (ValueError, OverflowError) as problem:
        raise BadMoment(text) from problem
    if zone != "Z":
        minutes = int(zone[1:3]) * 60 + int(zone[-2:])
        ms += minutes * MINUTE * (1 if zone[0] == "-" else -1)
    return ms
