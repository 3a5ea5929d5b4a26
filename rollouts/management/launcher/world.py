"""Which invented world the demo runs in: made once, kept until a reset."""

from __future__ import annotations

from dataclasses import asdict, dataclass

from rollouts.management.launcher.options import Options
from rollouts.management.launcher.places import Places, read_json, write_json
from rollouts.management.launcher.trouble import Trouble

_FIRST_ORGS = 2000
_FIRST_SEED = 7


@dataclass(frozen=True, slots=True)
class World:
    """The simulator makes the same world from the same two numbers."""

    orgs: int = _FIRST_ORGS
    seed: int = _FIRST_SEED


def settle(places: Places, asked: Options) -> World:
    """The world of this folder; a new one if there is none.

    Raises:
        Trouble: another world was asked for than the one that is there.
    """
    kept = read_json(places.world)
    there = World(**kept) if kept else None
    base = there or World()
    wanted = World(
        orgs=base.orgs if asked.orgs is None else asked.orgs,
        seed=base.seed if asked.seed is None else asked.seed,
    )
    if there and wanted != there:
        raise Trouble(
            f"The demo's world has {there.orgs} orgs (seed {there.seed}); for one of {wanted.orgs} "
            f"(seed {wanted.seed}) begin anew: make demo RESET=1 ORGS={wanted.orgs}"
        )
    write_json(places.world, asdict(wanted))
    return wanted
