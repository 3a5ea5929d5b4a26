"""Simulated time: the wall clock, run faster from a common anchor.

The launcher gives every process the same three variables, so the dashboard and the simulator
agree on what time it is without talking to each other.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime

Clock = Callable[[], datetime]

_FASTEST = 100_000


def wall_now() -> datetime:
    """The real time."""
    return datetime.now(UTC)


@dataclass(frozen=True, slots=True)
class FastClock:
    """now = anchor_sim + (wall - anchor_wall) * factor."""

    factor: float
    anchor_wall: datetime
    anchor_sim: datetime
    anchored: bool = True  # the launcher gave the anchor

    def __call__(self) -> datetime:
        """Simulated time now."""
        return self.anchor_sim + (wall_now() - self.anchor_wall) * self.factor

    @classmethod
    def from_environment(cls, environ: Mapping[str, str] = os.environ) -> FastClock:
        """Read PUSHBOARD_CLOCK_FACTOR, _ANCHOR_WALL and _ANCHOR_SIM; raises ValueError.

        Without anchors the clock is anchored at the start of the process.
        """
        factor = float(environ.get("PUSHBOARD_CLOCK_FACTOR", "1"))
        if not 0 < factor <= _FASTEST:
            raise ValueError("PUSHBOARD_CLOCK_FACTOR must lie between 0 and 100000.")
        wall = _moment(environ, "PUSHBOARD_CLOCK_ANCHOR_WALL") or wall_now()
        simulated = _moment(environ, "PUSHBOARD_CLOCK_ANCHOR_SIM")
        return cls(factor, wall, simulated or wall, anchored=simulated is not None)


def _moment(environ: Mapping[str, str], name: str) -> datetime | None:
    text = environ.get(name, "")
    if not text:
        return None
    moment = datetime.fromisoformat(text)
    if moment.tzinfo is None:
        raise ValueError(f"{name} must carry a time zone, for example 2026-01-31T06:00:00+00:00.")
    return moment
