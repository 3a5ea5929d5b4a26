"""The time, asked of the database and paced for simulation: the only place that reads a clock."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from functools import lru_cache

from django.conf import settings
from django.db import connection

from rollouts.domain.times import Pace


@lru_cache(maxsize=1)
def pace() -> Pace:
    """Return how business time follows the wall in this process."""
    chosen = settings.CLOCK
    return Pace(
        factor=float(chosen["factor"]),
        anchor_wall=chosen["anchor_wall"],
        anchor_sim=chosen["anchor_sim"],
    )


_stands_in: list[Callable[[], datetime]] = []


def stand_in(source: Callable[[], datetime]) -> None:
    """Take the time from elsewhere for the rest of this process's life: a rehearsal's.

    Raises RuntimeError outside simulation mode.
    """
    if not settings.SIMULATION:
        raise RuntimeError("only a simulation may have a clock of its own")
    _stands_in[:] = [source]


def wall() -> datetime:
    """Return the database's own time, so that all machines share one clock."""
    if _stands_in:
        return _stands_in[0]()
    sql = (
        "SELECT clock_timestamp()"
        if connection.vendor == "postgresql"
        else "SELECT strftime('%Y-%m-%dT%H:%M:%f', 'now')"
    )
    with connection.cursor() as cursor:
        cursor.execute(sql)
        (value,) = cursor.fetchone()
    return (
        value if isinstance(value, datetime) else datetime.fromisoformat(value).replace(tzinfo=UTC)
    )


def now() -> datetime:
    """Return business time."""
    return pace().business(wall())


def wire(seconds: float) -> timedelta:
    """Return the business time that passes in so many real seconds."""
    return pace().wire(seconds)


def whole_second(moment: datetime) -> datetime:
    """Round up to the second: Salesforce keeps start times without fractions."""
    return moment.replace(microsecond=0) + timedelta(seconds=1 if moment.microsecond else 0)
