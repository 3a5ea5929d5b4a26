"""One clock, and its two paces.

Business time (windows, bakes, start times, expiry) may run fast in simulation mode. Time on the
wire (leases, how long a call may take, heartbeats) is real: a wait of so many real seconds is
``wire`` seconds of business time.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta


@dataclass(frozen=True, slots=True)
class Pace:
    """How business time follows the wall: ``now = anchor_sim + (wall - anchor_wall) * factor``."""

    factor: float = 1.0
    anchor_wall: datetime | None = None
    anchor_sim: datetime | None = None

    def business(self, wall: datetime) -> datetime:
        """Return the business time at a wall time."""
        if self.anchor_wall is None or self.anchor_sim is None:
            return wall
        return self.anchor_sim + (wall - self.anchor_wall) * self.factor

    def wire(self, seconds: float) -> timedelta:
        """Return how much business time passes in so many real seconds."""
        return timedelta(seconds=seconds * self.factor)

    def real_seconds(self, span: timedelta) -> float:
        """Return how many real seconds a span of business time lasts."""
        return span.total_seconds() / self.factor
