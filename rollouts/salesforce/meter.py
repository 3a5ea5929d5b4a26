"""What every answer tells in passing: calls made, API budget left, Salesforce's clock."""

from __future__ import annotations

import math
import re
import threading
import time
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime

from rollouts.salesforce.gateway import Budget

# "api-usage=18/5000; per-app-api-usage=17/250(appName=..)": the app's own share is another figure.
_USAGE = re.compile(r"(?:^|[;,]\s*)api-usage=(\d{1,12})/(\d{1,12})")
_ONE_SECOND = timedelta(seconds=1)
_NONE = timedelta()


def budget_in(header: str) -> Budget | None:
    """Read a Sforce-Limit-Info header, or return None when it tells nothing."""
    found = _USAGE.search(header)
    return Budget(int(found[1]), int(found[2])) if found else None


def drift_in(header: str, sent: datetime, answered: datetime) -> timedelta | None:
    """Return the smallest drift that explains a Date header, or None when it can't be read.

    The header holds whole seconds, and the answer was written at some moment between ``sent`` and
    ``answered``. Whatever fits in that much uncertainty is no drift: a fast clock turns a few
    milliseconds on the wire into seconds of business time.
    """
    try:
        written = parsedate_to_datetime(header)
    except (ValueError, OverflowError):
        return None
    if written.tzinfo is None:
        written = written.replace(tzinfo=UTC)
    least, most = written - answered, written + _ONE_SECOND - sent
    return least if least > _NONE else min(most, _NONE)


class Meter:
    """Counts of one connection in this process. Safe between threads."""

    def __init__(self, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._monotonic = monotonic
        self._lock = threading.Lock()
        self._calls = 0
        self._seen: float | None = None
        self.budget: Budget | None = None
        self.drift = _NONE

    @property
    def calls(self) -> int:
        """Requests put on the wire so far, logins included."""
        return self._calls

    def asked(self) -> None:
        """Count one request."""
        with self._lock:
            self._calls += 1

    def seen_ago(self) -> float:
        """Return how many real seconds ago the budget was seen; endless before the first time."""
        return math.inf if self._seen is None else self._monotonic() - self._seen

    def answered(self, headers: Mapping[str, str], sent: datetime, now: datetime) -> None:
        """Take note of an answer's headers; ``sent`` and ``now`` are business time."""
        budget = budget_in(headers.get("Sforce-Limit-Info", ""))
        if budget is not None:
            self.budget, self._seen = budget, self._monotonic()
        drift = drift_in(headers.get("Date", ""), sent, now)
        if drift is not None:
            self.drift = drift
