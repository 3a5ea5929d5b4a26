"""What a planner says about the times of a rollout."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime

from rollouts.domain.windows import BadWindow, Window, parse

ANY_HOUR = "any hour"
_LABEL = 40


@dataclass(frozen=True, slots=True)
class Schedule:
    """Whose hours count, and when each wave may start at the earliest.

    ``window`` stands in for the default window; "" keeps the default. A window that somebody gave
    to an org, a customer or a region counts in any case. ``earliest`` maps the number of a wave
    to an aware UTC time.
    """

    window: str = ""
    earliest: Mapping[int, datetime] = field(default_factory=dict)

    def instead(self) -> Window | None:
        """Return what stands in for the default window, or None. Raises BadWindow."""
        return parse(self.window) if self.window else None

    @property
    def label(self) -> str:
        """Return in at most 40 characters whose hours count."""
        return self.window if 0 < len(self.window) <= _LABEL else "the hours of each org"

    def as_json(self) -> dict[str, object]:
        """Return it as it is stored."""
        return {
            "window": self.window,
            "earliest": {str(wave): at.isoformat() for wave, at in sorted(self.earliest.items())},
        }

    @classmethod
    def from_json(cls, stored: Mapping[str, object] | None) -> Schedule:
        """Read a stored one; None is that of a rollout from before windows were kept.

        Raises ValueError for anything that this version did not write: unreadable means hold.
        """
        if stored is None:
            return cls(window=ANY_HOUR)
        window, earliest = stored.get("window"), stored.get("earliest")
        if (
            set(stored) != {"window", "earliest"}
            or not isinstance(window, str)
            or not isinstance(earliest, dict)
        ):
            raise ValueError("this schedule was written by another version")
        made = cls(window, {int(wave): datetime.fromisoformat(at) for wave, at in earliest.items()})
        made.instead()
        return made


def in_utc(moment: datetime) -> datetime:
    """Return the moment with the one UTC that spans are told in."""
    return moment.astimezone(UTC)


__all__ = ["ANY_HOUR", "BadWindow", "Schedule", "in_utc"]
