"""Which kind of installation this database belongs to: a simulation's data stays one for ever."""

from __future__ import annotations

from functools import lru_cache

from django.conf import settings

from rollouts.models import Connection, Deployment
from rollouts.pipeline import clock


class WrongMode(RuntimeError):
    """This database was made in the other mode; the text says how to go on."""


@lru_cache(maxsize=1)
def demand_mode() -> bool:
    """Write the mode down at the first start, and refuse every later start in another one.

    Invented people and pushes must never be taken for real ones, nor real connections be opened
    with a fast clock and well-known passwords. Raises WrongMode; asked once per process.
    """
    row = Deployment.objects.here(simulation=settings.SIMULATION, now=clock.now())
    odd = Connection.objects.exclude(simulated=settings.SIMULATION).exists()
    if row.simulation != settings.SIMULATION or odd:
        made, asked = ("simulation", "production")[:: 1 if row.simulation else -1]
        raise WrongMode(
            f"This database belongs to a {made} and can't be opened in {asked} mode. Point "
            f"PUSHBOARD_DATABASE_URL at another database, or set PUSHBOARD_MODE={made}."
        )
    return True
