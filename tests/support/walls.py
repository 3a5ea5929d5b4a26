"""Is a window open? Asked of the clock on the wall alone, and not through the product's own code.

Windows come in the words that a frozen list keeps: "Mon 01:00-Mon 05:00, Fri 22:00-Sun 18:00".
"""

from __future__ import annotations

import re
from datetime import datetime
from zoneinfo import ZoneInfo

_DAYS = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
_OPENING = re.compile(r"(\w{3}) (\d\d):(\d\d)-(\w{3}) (\d\d):(\d\d)")
_WEEK = 7 * 24 * 60


def is_open(window: str, zones: str, at: datetime) -> bool:
    """Say whether a moment lies in the window by the clocks of each of these zones."""
    if window == "any hour":
        return True
    return all(_open_there(window, at.astimezone(ZoneInfo(zone))) for zone in zones.split(","))


def _open_there(window: str, clock: datetime) -> bool:
    minute = clock.weekday() * 1440 + clock.hour * 60 + clock.minute
    for first, hour, past, last, end_hour, end_past in _OPENING.findall(window):
        opens = _DAYS.index(first) * 1440 + int(hour) * 60 + int(past)
        closes = _DAYS.index(last) * 1440 + int(end_hour) * 60 + int(end_past)
        if (minute - opens) % _WEEK < (closes - opens) % _WEEK:
            return True
    return False
