"""The stage: a simulated org made of the plan, an empty database, and a clock that jumps."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

from django.core.management import call_command

from rollouts.domain.lifecycle import RolloutState
from rollouts.domain.permissions import Role
from rollouts.models import (
    Connection,
    FreezeRow,
    Org,
    Package,
    PackageVersion,
    Person,
    RoleGrant,
    Rollout,
    Target,
    Wave,
    WindowRule,
    ZoneWord,
)
from rollouts.pipeline import clock, connections, own_orgs, tick
from rollouts.pipeline.transitions import move_rollout
from rollouts.salesforce import connect
from rollouts.simulator import Options, Simulator
from rollouts.simulator.in_process import InProcess

SEED = 7
# The stage needs some orgs before it gets those of the plan.
_INVENTED = 10
_LONG_AGO = timedelta(days=9)


class Clock:
    """Stands still unless moved; the simulated org and the engine look at the same one."""

    def __init__(self, at: datetime) -> None:
        self.at = at

    def __call__(self) -> datetime:
        """The time."""
        return self.at


class Stage:
    """Everything that a play needs, made of the plan alone."""

    def __init__(self, plan: Mapping[str, Any]) -> None:
        self.plan = plan
        self.begin = datetime.fromisoformat(plan["begin"])
        self.clock = Clock(self.begin)
        clock.stand_in(self.clock)
        options = Options(failure_rate=float(plan["rate"]), defect_rate=0.0)
        self.sim = Simulator(
            data=":memory:", seed=SEED, orgs=_INVENTED, clock=self.clock, options=options
        )
        self._give_world()
        connect.play_on(connect.Stage(carrier=lambda: InProcess(self.sim), now=self.clock))
        call_command("migrate", verbosity=0)
        self.people = {
            name: self._person(name, role)
            for name, role in (
                ("planner", Role.PLANNER),
                ("approver", Role.APPROVER),
                ("second", Role.APPROVER),
            )
        }
        self.link = self._connection()
        self._give_times()
        self.rollout = self._rollout()

    def _give_world(self) -> None:
        package, plan = self.plan["package"], self.plan
        self.sim.give(
            package["name"],
            package["namespace"],
            [
                {"number": number, "released": True, "deprecated": False}
                for number in plan["versions"]
            ],
            [
                {
                    "key": org["key"],
                    "version": org["version"],
                    "production": org["production"],
                    "own": org["own"],
                    "instance": org["instance"],
                }
                for org in plan["orgs"]
            ],
        )

    def _person(self, name: str, role: Role) -> Person:
        person = Person.objects.create_user(f"{name}@rehearsal.example", name=name)
        RoleGrant.objects.create(
            person=person, role=role.value, granted_at=self.begin, starts_at=self.begin - _LONG_AGO
        )
        return person

    def _connection(self) -> Connection:
        link = connections.from_settings()
        tick.sync_all(full=True)
        link.refresh_from_db()
        if link.failure:
            raise RuntimeError(f"the stage could not be read: {link.failure}")
        own = [org["key"] for org in self.plan["orgs"] if org["own"]]
        if own:
            own_orgs.mark(own, now=self.clock())
        Connection.objects.filter(pk=link.pk).update(mode="push", pushed_since=self.begin)
        link.refresh_from_db()
        return link

    def _give_times(self) -> None:
        """Put up the freezes of the plan, and the zones and hours that were known of its orgs."""
        by, now = self.people["planner"], self.begin
        FreezeRow.objects.filter(ended_at=None).update(ended_at=now)
        for freeze in self.plan["freezes"]:
            FreezeRow.objects.create(since=now, **freeze)
        rows = dict(Org.objects.values_list("key", "pk"))
        ZoneWord.objects.bulk_create(
            ZoneWord(org_id=rows[org["key"]], zone=org["zone"], by=by, since=now)
            for org in self.plan["orgs"]
            if org["zone"]
        )
        WindowRule.objects.bulk_create(
            WindowRule(org_id=rows[org["key"]], scope="org", hours=org["hours"], by=by, since=now)
            for org in self.plan["orgs"]
            if org["hours"]
        )

    def _rollout(self) -> Rollout:
        plan, now = self.plan, self.begin
        numbers = {str(row.number): row for row in PackageVersion.objects.all()}
        rollout = Rollout.objects.create(
            slug="rehearsal",
            to_version=numbers[plan["version"]],
            kind=plan["kind"],
            policy_json=plan["policy"],
            author=self.people["planner"],
            created_at=now,
            schedule=plan["schedule"],
        )
        waves = {
            wave["number"]: Wave.objects.create(
                rollout=rollout,
                number=wave["number"],
                name=wave["name"],
                kind=wave["kind"],
                bake=wave["bake"],
                approvals_needed=wave["approvals"],
            )
            for wave in plan["waves"]
        }
        rows = dict(Org.objects.values_list("key", "pk"))
        Target.objects.bulk_create(
            Target(
                rollout=rollout,
                wave=waves[org["wave"]],
                org_id=rows[org["key"]],
                from_version=numbers[org["version"]],
                place=place,
            )
            for place, org in enumerate(plan["orgs"])
        )
        move_rollout(rollout, RolloutState.READY, now=now, because="it is rehearsed")
        return rollout

    @property
    def package(self) -> Package:
        """The one package there is."""
        return self.rollout.to_version.package
