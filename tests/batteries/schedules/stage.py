"""One world for many schedules: built once, put back in milliseconds.

Migrating, reading subscribers, planning and approving cost more than a schedule itself. So each
scene is played once, its rows are copied into a schema of their own, and every schedule begins by
putting them back, sequences included: a seed sees the same ids whatever ran before it. Scenes begin
at several points of a batch's life, so that trouble meets each of them often.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from uuid import UUID

from django.conf import settings
from django.db import connection

from rollouts.models import Batch, Deployment, Wave
from rollouts.pipeline import clock as pipeline_clock
from rollouts.pipeline import control, leases, memory, tick
from rollouts.simulator.options import Options
from tests.support import trouble
from tests.support.trouble import PROMPT, own_rollout, sandbox_rollout, until_batch
from tests.support.world import START, Clock, World

ORGS, SEED = 60, 7
# All our requests start at a second of the minute that follows from this: always the same one.
INSTALLATION = UUID(int=0x5EED)
# Hours before clocks change: in the USA on 14 March 2027, in Europe on the 28th.
CHANGES = {
    "usa": datetime(2027, 3, 14, 5, 0, tzinfo=UTC),
    "europe": datetime(2027, 3, 27, 22, 0, tzinfo=UTC),
}
PHASES = ("approved", "verified", "armed")
_SWEEP_EVERY = (
    200  # schedules; between two sweeps rows are deleted, which is faster and leaves dust
)


def _wear(watch: Monotonic) -> None:
    """Let workers measure time by the story's clock; a claim's beginning is a default."""
    for module in (leases, control):
        vars(module)["time"] = watch
    born = leases.Claim.__init__

    def begin(claim: leases.Claim, batch: Batch, epoch: int) -> None:
        born(claim, batch, epoch, watch.monotonic())

    setattr(leases.Claim, "__init__", begin)  # noqa: B010 - a method is not to be assigned


def forget_history() -> None:
    """Forget what this installation remembers outside its database, which is about to go back."""
    memory._noted.clear()
    for note in Path(settings.DATA_DIR).glob("memory-*"):
        note.unlink()


@dataclass(frozen=True, slots=True)
class Scene:
    """A moment from which schedules go on: our rows are in a schema of this name."""

    name: str
    wave: int
    at: datetime
    salesforce: sqlite3.Connection
    unarmed: bool


class Monotonic:
    """The monotonic clock of workers in a story: it passes with the story's own clock."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock

    def monotonic(self) -> float:
        return (self._clock() - START).total_seconds()


class Stage:
    """The world of one process."""

    def __init__(self) -> None:
        self.clock = Clock()
        pipeline_clock.wall = self._tick
        # Stories of the gate let the watcher look every three minutes; each look costs a tenth.
        trouble.WATCHED_EVERY = timedelta(minutes=7)
        _wear(Monotonic(self.clock))
        self.world = World(self.clock, orgs=ORGS, seed=SEED)
        self._skew = timedelta()
        self.world.sim.set_clock(lambda: self.clock() + self._skew)
        for module in (tick, control):
            module.gateway_for = lambda _link: self.world.gateway  # type: ignore[attr-defined]
        Deployment.objects.create(
            pk=1, installation=INSTALLATION, simulation=True, created_at=self.clock()
        )
        self.world.sync()
        kept = {"django_migrations", "django_content_type", "auth_permission"}
        self._tables = [t for t in connection.introspection.table_names() if t not in kept]
        self._set = 0
        bare = self._keep("bare", 0)
        self.scenes = list(self._played(bare))

    def _tick(self) -> datetime:
        """A little passes at each look at the clock, so that no two acts are at once."""
        self.clock.at += timedelta(milliseconds=2)
        return self.clock.at

    def _played(self, bare: Scene) -> Iterator[Scene]:
        for kind, make in (("own", own_rollout), ("sandbox", sandbox_rollout)):
            for orgs, size in ((2, 1), (3, 3)):
                self._put_back(bare)
                wave = make(self.world, orgs, batch_strict=size, batch_ramp=[size])
                for phase in PHASES:
                    if phase != "approved":
                        until_batch(self.world, wave, phase)
                    yield self._keep(f"{kind}_{orgs}_by_{size}_{phase}", wave.pk)
        for where, moment in CHANGES.items():
            self._put_back(bare)
            self.clock.at = moment
            self.world.sync()
            wave = sandbox_rollout(self.world, 2, batch_strict=2, batch_ramp=[2])
            yield self._keep(f"clocks_change_{where}", wave.pk)

    def set(self, scene: Scene, skew: timedelta = timedelta()) -> Wave:
        """Put everything back to a scene; Salesforce's clock goes wrong by the skew."""
        self._put_back(scene, skew)
        return Wave.objects.select_related("rollout").get(pk=scene.wave)

    # --- keeping and putting back -----------------------------------------------------------

    def _keep(self, name: str, wave: int) -> Scene:
        lines = {"swept": [], "deleted": []}  # type: dict[str, list[str]]
        public = [f'public."{table}"' for table in self._tables]
        lines["swept"].append(f"TRUNCATE {', '.join(public)};")
        with connection.cursor() as cursor:
            cursor.execute(f'CREATE SCHEMA "{name}"')
            for table in self._tables:
                here, there = f'public."{table}"', f'"{name}"."{table}"'
                cursor.execute(f"CREATE TABLE {there} AS TABLE {here}")
                cursor.execute(f"SELECT count(*) FROM {there}")  # noqa: S608 - our own names
                lines["deleted"].append(f"DELETE FROM {here};")  # noqa: S608 - the same
                if cursor.fetchone()[0]:
                    for body in lines.values():
                        body.append(f"INSERT INTO {here} TABLE {there};")
            cursor.execute(
                "SELECT quote_ident(sequencename), last_value FROM pg_sequences"
                " WHERE schemaname = 'public'"
            )
            for sequence, last in cursor.fetchall():
                for body in lines.values():
                    body.append(
                        f"PERFORM setval('public.{sequence}', {last or 1}, {last is not None});"
                    )
            for how, body in lines.items():
                cursor.execute(
                    f'CREATE FUNCTION "{name}".{how}() RETURNS void LANGUAGE plpgsql AS'
                    f" $body$ BEGIN {' '.join(body)} END $body$"
                )
        seen = sqlite3.connect(":memory:")
        self.world.sim._db.backup(seen)
        return Scene(name, wave, self.clock.at, seen, unarmed=not name.endswith("armed"))

    def _put_back(self, scene: Scene, skew: timedelta = timedelta()) -> None:
        self._set += 1
        how = "swept" if self._set % _SWEEP_EVERY == 1 else "deleted"
        with connection.cursor() as cursor:
            # Rows of history may only be added; the triggers that say so would refuse this.
            cursor.execute("SET session_replication_role = replica")
            cursor.execute(f'SELECT "{scene.name}".{how}()')
            cursor.execute("SET session_replication_role = origin")
        forget_history()
        self.clock.at = scene.at
        world = self.world
        world._synced = scene.at
        # The simulated org itself lives on: to invent its world anew costs more than its memory.
        scene.salesforce.backup(world.sim._db)
        world.sim._last_seen, self._skew = 0, skew
        world.sim.options = replace(Options(), pace=PROMPT)
        world.gateway = world._gateway()
        # Salesforce's patience with logins passes with the story's clock.
        world.gateway.login._monotonic = lambda: self.clock().timestamp()
