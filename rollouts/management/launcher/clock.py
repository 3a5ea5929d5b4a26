"""The demo's time: as many times as fast as asked, and never backwards.

now = anchor_sim + (wall - anchor_wall) * factor, in every process alike. While the demo is off its
time stands still; the next start goes on where the last one was seen.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from rollouts.management.launcher.places import Places, read_json, write_json
from rollouts.management.launcher.trouble import Trouble

# The file is written at least once a second, so a killed launcher may have missed one second of the
# wall. Three leave room for a slow machine; time may skip a little, but must not run backwards.
MISSED = timedelta(seconds=3)


def wall_now() -> datetime:
    """The real time, UTC."""
    return datetime.now(UTC)


@dataclass(frozen=True, slots=True)
class DemoClock:
    """Both anchors are instants in UTC; `factor` is simulated seconds per second."""

    factor: float
    anchor_wall: datetime
    anchor_sim: datetime

    def at(self, wall: datetime) -> datetime:
        """The simulated time at an instant of the wall."""
        return self.anchor_sim + (wall - self.anchor_wall) * self.factor

    def variables(self) -> dict[str, str]:
        """The environment that gives a child this clock."""
        return {
            "PUSHBOARD_CLOCK_FACTOR": f"{self.factor:g}",
            "PUSHBOARD_CLOCK_ANCHOR_WALL": self.anchor_wall.isoformat(),
            "PUSHBOARD_CLOCK_ANCHOR_SIM": self.anchor_sim.isoformat(),
        }


def anchor(places: Places, factor: float, wall: datetime) -> DemoClock:
    """The clock of a run that begins at `wall`.

    Raises:
        Trouble: there is a database but the last simulated time is lost; to guess would make
            stored times lie in the future.
    """
    if not places.clock.exists() and not places.database.exists():
        return DemoClock(factor, anchor_wall=wall, anchor_sim=wall)
    try:
        last = datetime.fromisoformat(read_json(places.clock)["simulated"])
    except (KeyError, TypeError, ValueError):
        raise Trouble(
            f"The demo's clock file {places.clock} is missing or damaged, so its time can't go on; "
            "begin anew with: make demo RESET=1"
        ) from None
    return DemoClock(factor, anchor_wall=wall, anchor_sim=last + MISSED * factor)


def record(places: Places, clock: DemoClock, wall: datetime) -> None:
    """Write down the simulated time that has been reached."""
    write_json(places.clock, {"simulated": clock.at(wall).isoformat(), "wall": wall.isoformat()})
