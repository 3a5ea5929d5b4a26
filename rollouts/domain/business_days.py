"""A full working day, in each customer's own zone: what a canary must have lived through.

Where an org is, Salesforce says only by its instance's name (``USA242``, ``DEU8S``). A name that
tells nothing could be anywhere, so that such an org waits for the day to have passed everywhere.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date, datetime, timedelta, timezone, tzinfo
from functools import cache
from itertools import takewhile
from zoneinfo import ZoneInfo

BEGINS, ENDS = 9, 17
_SATURDAY = 5
# The business zones of the regions that instances are named after; the westernmost of several.
_ZONES = {
    "NA": "America/Los_Angeles",
    "USA": "America/Los_Angeles",
    "CAN": "America/Vancouver",
    "BRA": "America/Sao_Paulo",
    "EU": "Europe/London",
    "GBR": "Europe/London",
    "FRA": "Europe/Paris",
    "DEU": "Europe/Berlin",
    "ITA": "Europe/Rome",
    "SWE": "Europe/Stockholm",
    "CHE": "Europe/Zurich",
    "ISR": "Asia/Jerusalem",
    "ARE": "Asia/Dubai",
    "IND": "Asia/Kolkata",
    "IDN": "Asia/Jakarta",
    "SGP": "Asia/Singapore",
    "KOR": "Asia/Seoul",
    "JPN": "Asia/Tokyo",
    "AUS": "Australia/Perth",
}
_ANYWHERE: tuple[tzinfo, ...] = tuple(timezone(timedelta(hours=hours)) for hours in range(-11, 14))


@cache
def region(instance: str) -> str:
    """Return the letters that an instance's name begins with: ``AUS5S`` is in ``AUS``."""
    return "".join(takewhile(str.isalpha, instance.upper()))


def zones_of(regions: Iterable[str]) -> tuple[tzinfo, ...]:
    """Return the zones to wait for; an unknown region stands for all the world."""
    found: dict[str, tzinfo] = {}
    for name in regions:
        if name not in _ZONES:
            return _ANYWHERE
        found[_ZONES[name]] = ZoneInfo(_ZONES[name])
    return tuple(found.values())


def business_day_over(begun: datetime, zones: Iterable[tzinfo]) -> datetime:
    """Return when a whole working day, Monday to Friday 9 to 17, has passed in each zone."""
    return max((_day_over(begun, zone) for zone in zones), default=begun)


def _day_over(begun: datetime, zone: tzinfo) -> datetime:
    day = begun.astimezone(zone).date()
    if begun > _at(day, BEGINS, zone):
        day += timedelta(days=1)
    while day.weekday() >= _SATURDAY:
        day += timedelta(days=1)
    return _at(day, ENDS, zone).astimezone(begun.tzinfo)


def _at(day: date, hour: int, zone: tzinfo) -> datetime:
    return datetime(day.year, day.month, day.day, hour, tzinfo=zone)
