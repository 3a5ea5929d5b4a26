"""A whole Pushboard in one process: simulated org, real gateway, one clock that tests move.

Tests speak in its words: ``world.ticks(5)``, ``world.orgs(wave).first.will_fail(...)``.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta

from rollouts.domain.ids import long_id
from rollouts.domain.permissions import Role
from rollouts.domain.schedule import ANY_HOUR, Schedule
from rollouts.models import (
    Attempt,
    Batch,
    Connection,
    Org,
    Package,
    PackageVersion,
    Person,
    RoleGrant,
    Rollout,
    Wave,
)
from rollouts.pipeline import approve, own_orgs, plan, tick
from rollouts.salesforce.auth import ClientCredentials, Login
from rollouts.salesforce.hosts import Hosts
from rollouts.salesforce.live import SalesforceGateway
from rollouts.salesforce.transport import Transport
from rollouts.simulator import Effect, Simulator

from .in_process import InProcess

HOST = "127.0.0.1:8999"
START = datetime(2026, 11, 17, 9, 0, tzinfo=UTC)


class Clock:
    """The one clock of a test; it stands still unless moved."""

    def __init__(self) -> None:
        self.at = START

    def __call__(self) -> datetime:
        return self.at

    def forward(self, **span: float) -> None:
        self.at += timedelta(**span)


class World:
    """Everything a story needs, with the simulator as the only witness of what happened."""

    def __init__(self, clock: Clock, *, orgs: int = 120, seed: int = 7) -> None:
        self.clock = clock
        self._synced = clock()
        self._waited = 0.0
        self.sim = Simulator(data=":memory:", seed=seed, orgs=orgs, clock=clock)
        self.gateway = self._gateway()
        self.people = {
            name: self._person(name, role)
            for name, role in (
                ("pia", Role.PLANNER),
                ("ari", Role.APPROVER),
                ("ann", Role.APPROVER),
                ("sue", Role.SUPPORT),
                ("ada", Role.ADMIN),
                ("vic", Role.VIEWER),
            )
        }
        self.pia, self.ari, self.ann = (self.people[name] for name in ("pia", "ari", "ann"))
        self.link = Connection.objects.create(
            name="Packaging org", login_url=f"http://{HOST}", simulated=True, mode="push"
        )

    def _gateway(self) -> SalesforceGateway:
        transport = Transport(
            Hosts.simulation([HOST]),
            timeout=5,
            now=self.clock,
            ca_bundle="",
            carrier=lambda: InProcess(self.sim, self._wait),
            monotonic=self._seconds,
        )
        credentials = ClientCredentials("pushboard-demo", "simulated-secret")
        url, name = f"http://{HOST}", "Packaging org"
        login = Login(transport, url, credentials, name=name, monotonic=self._seconds)
        return SalesforceGateway(
            transport, login, api_version="67.0", writes_allowed=True, name="Packaging org"
        )

    def _wait(self, seconds: float) -> None:
        self._waited += seconds

    def _seconds(self) -> float:
        """Seconds of the machine: they pass with the clock, and while an answer trickles in."""
        return (self.clock() - START).total_seconds() + self._waited

    def _person(self, name: str, role: Role) -> Person:
        person = Person.objects.create_user(f"{name}@example.test", "pw", name=name.title())
        RoleGrant.objects.create(
            person=person, role=role.value, granted_at=START, starts_at=START - timedelta(days=9)
        )
        return person

    # -- Salesforce

    def sync(self) -> None:
        tick.sync_all(full=True)
        own = Org.objects.filter(name__startswith="Harborline").values_list("key", flat=True)
        own_orgs.mark(list(own), now=self.clock())
        self._synced = self.clock()

    def version(self, number: str, namespace: str = "hbr") -> PackageVersion:
        major, minor, patch = (int(part) for part in number.split("."))
        package = Package.objects.get(namespace=namespace)
        return package.versions.get(major=major, minor=minor, patch=patch, released=True)

    def fail(self, orgs: list[str], error: str, times: int | None = None) -> None:
        """Let pushes to these orgs fail with this error of the simulator's catalogue."""
        self.sim.script(orgs, "fail", error=error, times=times)

    def effects(self, kind: str) -> list[Effect]:
        return [effect for effect in self.sim.effects() if effect.kind == kind]

    # -- the road

    def rollout(
        self, number: str = "4.2.2", *, small: bool = True, schedule: Schedule | None = None
    ) -> Rollout:
        """Plan a rollout to a version: own orgs, a few sandboxes and a few production orgs.

        It may start at any hour, unless its schedule says otherwise.
        """
        choice = self.small_choice() if small else plan.AudienceChoice()
        return plan.create_rollout(
            self.version(number),
            choice,
            by=self.pia,
            now=self.clock(),
            schedule=schedule or Schedule(window=ANY_HOUR),
        )

    def small_choice(self, sandboxes: int = 6, production: int = 8) -> plan.AudienceChoice:
        rows = Org.objects.filter(
            installations__package__namespace="hbr",
            installations__version__major=4,
            installations__version__minor=2,
            installations__version__patch__lt=2,
            installations__blocked=False,
        ).exclude(status="Inactive")
        own = rows.filter(is_own=True).order_by("key")[:3]
        some = rows.filter(is_own=False, is_production=False).order_by("key")[:sandboxes]
        many = rows.filter(is_own=False, is_production=True).order_by("key")[:production]
        keys = [org.key for part in (own, some, many) for org in part]
        return plan.AudienceChoice(org_ids=tuple(keys))

    def freeze(self, wave: Wave) -> Wave:
        approve.freeze(wave, by=self.pia, now=self.clock())
        wave.refresh_from_db()
        return wave

    def approve(self, wave: Wave) -> Wave:
        """Let as many approvers say yes as the wave needs."""
        for person in (self.ari, self.ann)[: wave.approvals_needed]:
            wave.refresh_from_db()
            approve.approve(
                wave,
                seen_digest=wave.frozen_list.digest,  # type: ignore[union-attr]
                by=person,
                reason="looks right",
                now=self.clock(),
            )
        wave.refresh_from_db()
        return wave

    def go(self, rollout: Rollout, number: int) -> Wave:
        """Freeze and approve one wave."""
        return self.approve(self.freeze(rollout.waves.get(number=number)))

    def rollout_org_outside(self, batch: Batch) -> str:
        """Return an org that could be pushed but is in nobody's plan."""
        planned = batch.wave.rollout.targets.values("org")
        rows = Org.objects.filter(
            installations__version=batch.wave.targets.first().from_version,  # type: ignore[union-attr]
            installations__blocked=False,
            status="Active",
        )
        return rows.exclude(pk__in=planned).order_by("key")[0].key

    # -- time

    def ticks(self, times: int = 1, minutes: float = 2.0) -> None:
        """Let time pass in steps, with the conductor and the watcher at work after each."""
        for _ in range(times):
            self.clock.forward(minutes=minutes)
            if self.clock() - self._synced > timedelta(hours=12):
                self.sync()
            tick.watch_all()
            tick.tick()

    def until(self, done: Callable[[], bool], *, limit: int = 150, minutes: float = 4.0) -> None:
        """Let time pass until it is so; bakes are slept through in one go."""
        for _ in range(limit):
            if done():
                return
            if not Batch.objects.open().exists():
                baking = Wave.objects.filter(state="baking", baked_until__gt=self.clock()).first()
                if baking and baking.baked_until:
                    self.clock.at = baking.baked_until
            self.ticks(minutes=minutes)
        raise AssertionError(f"it never came to that; {self.story()}")

    def wave_is(self, wave: Wave, *states: str) -> Callable[[], bool]:
        def look() -> bool:
            wave.refresh_from_db()
            return wave.state in states

        return look

    def story(self) -> str:
        lines = [
            f"{wave} {wave.state} {wave.reason} {wave.review}"
            for wave in Wave.objects.select_related("rollout")
        ]
        lines += [f"{b} {b.state} {b.sf_status} {b.reason}" for b in Batch.objects.all()]
        return "\n".join(lines)

    # -- the witness

    def pushed(self) -> list[tuple[str, str]]:
        """Every (org, version) that the simulated org upgraded, as often as it did."""
        return [
            (long_id(effect.org), effect.version_id or "")
            for effect in self.sim.effects()
            if effect.kind == "job_succeeded" and effect.org
        ]

    def live(self) -> int:
        return Attempt.objects.live().count()
