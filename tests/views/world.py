"""A small world made of rows, for the pages: people, a package, orgs, a rollout in some state.

Rows that decisions make (plan, list, approval) come from the pipeline itself; what Salesforce
would have answered is written here as it would have been stored.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from itertools import cycle

from rollouts.domain import ids
from rollouts.domain.failures import Failure, classify
from rollouts.domain.lifecycle import AttemptState, BatchState, RolloutState, TargetState, WaveState
from rollouts.domain.permissions import Role
from rollouts.domain.schedule import ANY_HOUR, Schedule
from rollouts.models import (
    Attempt,
    Batch,
    CheckMark,
    Connection,
    FreezeRow,
    Heartbeat,
    Installation,
    Org,
    Package,
    PackageVersion,
    Person,
    PushError,
    RoleGrant,
    Rollout,
    Since,
    SyncRun,
    Wave,
)
from rollouts.pipeline import approve, clock, plan
from rollouts.pipeline.sync import fold
from rollouts.pipeline.transitions import move_batch, move_rollout, move_wave

PASSWORD = "pushboard-in-tests"
PEOPLE = {
    "vic": ("Vic Viewer", Role.VIEWER),
    "sue": ("Sue Support", Role.SUPPORT),
    "pia": ("Pia Planner", Role.PLANNER),
    "ari": ("Ari Approver", Role.APPROVER),
    "ann": ("Ann Approver", Role.APPROVER),
    "ada": ("Ada Admin", Role.ADMIN),
    "omar": ("Omar Auditor", Role.AUDITOR),
}
HOSTILE = '<script>alert("x")</script> & “Söhne” \u202edrawkcab'
FAILURE = Failure(
    "ApexTestFailure", "Apex test failed", "Zone is required on 'Dispatch__c' in 3 records"
)


PROVED = [
    {"key": key, "title": key, "verdict": "ok", "says": "It is so.", "do": "", "kind": ""}
    for key in ("permission", "review")
]


def key_of(number: int, prefix: str = ids.ORG) -> str:
    """Return the 18-character id of the thing with this number."""
    short = f"{prefix}5g0000{number:06d}"
    return ids.long_id(short[: ids.SHORT].ljust(ids.SHORT, "0"))


@dataclass
class World:
    """What a test talks about."""

    now: datetime
    people: dict[str, Person]
    package: Package
    versions: dict[str, PackageVersion]
    orgs: list[Org] = field(default_factory=list)

    def rollout(self, label: str = "4.3.0", *, author: str = "pia") -> Rollout:
        """Plan a rollout of everybody to a version."""
        return plan.create_rollout(
            self.versions[label],
            plan.AudienceChoice(),
            by=self.people[author],
            now=self.now,
            schedule=Schedule(window=ANY_HOUR),
        )

    def freeze(self, rollout: Rollout, number: int = 1) -> Wave:
        """Freeze a wave by the planner."""
        wave = rollout.waves.get(number=number)
        approve.freeze(wave, by=self.people["pia"], now=self.now)
        wave.refresh_from_db()
        return wave

    def approved(self, rollout: Rollout, number: int = 1) -> Wave:
        """Freeze a wave and let as many approvers as it needs say yes."""
        wave = self.freeze(rollout, number)
        for name in ("ari", "ann")[: wave.approvals_needed]:
            assert wave.frozen_list
            approve.approve(
                wave,
                seen_digest=wave.frozen_list.digest,
                by=self.people[name],
                reason="Own orgs are clean.",
                now=self.now,
            )
        wave.refresh_from_db()
        return wave

    def dispatching(self, rollout: Rollout, number: int = 1) -> Wave:
        """Bring a wave to where batches are made."""
        wave = self.approved(rollout, number)
        rollout.refresh_from_db()
        if rollout.state == RolloutState.READY.value:
            move_rollout(
                rollout, RolloutState.ACTIVE, now=self.now, because="approved", started_at=self.now
            )
        move_wave(
            wave, WaveState.DISPATCHING, now=self.now, because="its turn", started_at=self.now
        )
        return wave

    def batch(
        self,
        wave: Wave,
        number: int,
        attempts: dict[AttemptState, int],
        state: BatchState = BatchState.RUNNING,
        sf_status: str = "InProgress",
        says: Sequence[Failure | None] = (FAILURE,),
    ) -> Batch:
        """Store a batch with attempts in the given states, for the wave's next waiting orgs.

        What Salesforce ``says`` of the failed ones goes round; None is a failure without a word.
        """
        assert wave.frozen_list
        size = sum(attempts.values())
        made = Batch.objects.create(
            wave=wave,
            list=wave.frozen_list,
            connection=self.package.connection,
            number=number,
            size=size,
            state=state.value,
            start_at=self.now + timedelta(seconds=100 * wave.number + number),
            not_after=self.now + timedelta(hours=4),
            sf_id=key_of(100 * wave.number + number, ids.REQUEST),
            sf_status=sf_status,
            sf_as_of=self.now,
        )
        waiting = iter(wave.targets.filter(state=TargetState.PLANNED.value).order_by("place"))
        words = cycle(says)
        for attempt_state, count in attempts.items():
            for _ in range(count):
                said = next(words) if attempt_state is AttemptState.FAILED else None
                self._attempt(made, next(waiting), attempt_state, said)
        Rollout.objects.filter(pk=wave.rollout_id).update(sf_as_of=self.now)
        return made

    def _attempt(
        self, batch: Batch, target: object, state: AttemptState, said: Failure | None
    ) -> None:
        from rollouts.models import FrozenOrg, Target

        assert isinstance(target, Target)
        failed = state is AttemptState.FAILED
        kind, signature = classify([said] if said else [], org=target.org.name)
        made = Attempt.objects.create(
            batch=batch,
            target=target,
            approved=FrozenOrg.objects.get(list=batch.list, org=target.org),
            org=target.org,
            version=batch.list.to_version,
            state=state.value,
            sf_id=key_of(Attempt.objects.count() + 1, ids.JOB),
            sf_status=_SF_WORD[state],
            sf_as_of=self.now,
            reserved_at=self.now,
            moved_at=self.now,
            signature=signature if failed else "",
            failure_kind=kind.value if failed else "",
            reason=said.title if said else "",
        )
        if said:
            PushError.objects.create(
                attempt=made, sf_id=key_of(made.pk, "0DY"), severity="Error",
                type=said.type, title=said.title, message=said.message, details=said.details,
            )  # fmt: skip
        target.state = _TARGET_AFTER.get(state, TargetState.IN_FLIGHT).value
        target.save(update_fields=["state"])

    def move(self, batch: Batch, to: BatchState) -> None:
        """Move a batch through the one door."""
        move_batch(batch, to, now=self.now)


_SF_WORD = {
    AttemptState.RESERVED: "",
    AttemptState.SUBMITTED: "Created",
    AttemptState.QUEUED: "Pending",
    AttemptState.IN_PROGRESS: "InProgress",
    AttemptState.STUCK: "InProgress",
    AttemptState.SUCCEEDED: "Succeeded",
    AttemptState.CONFIRMED: "Succeeded",
    AttemptState.UNCONFIRMED: "Succeeded",
    AttemptState.FAILED: "Failed",
    AttemptState.CANCELED: "Canceled",
}
_TARGET_AFTER = {
    AttemptState.CONFIRMED: TargetState.DONE,
    AttemptState.FAILED: TargetState.FAILED,
    AttemptState.CANCELED: TargetState.PLANNED,
}


def make(orgs: int = 60) -> World:
    """Make people, a package with five versions, and orgs: six of ours, a third sandboxes."""
    now = clock.now()
    people = {name: _person(name, *words, now) for name, words in PEOPLE.items()}
    link = Connection.objects.create(
        name="Packaging org", login_url="http://127.0.0.1:9", simulated=True, answered_at=now,
        mode="push",
        org_id=key_of(1), org_name="Harbor packaging", calls_used=120, calls_limit=15000,
        swept_at=now, proved_at=now, proof=PROVED,
    )  # fmt: skip
    package = Package.objects.create(
        connection=link, sf_id=key_of(1, ids.PACKAGE), name="Harbor", namespace="hbr"
    )
    versions = {
        label: _version(package, number, label, now)
        for number, label in enumerate(
            ("4.1.0", "4.2.0", "4.2.1", "4.3.0", "4.4.0 beta", "4.0.9 old"), 1
        )
    }
    world = World(now, people, package, versions)
    world.orgs = _orgs(world, orgs)
    SyncRun.objects.create(
        package=package, full=True, read_at=now, ended_at=now, ok=True, listed=orgs, new=orgs
    )
    CheckMark.objects.create(
        package=package, code="push_major", mark="done", by=people["ada"], at=now
    )
    FreezeRow.objects.create(
        name="Salesforce Spring '27, first group of production", scope="instance",
        among=["ZZZ1"], zone="UTC", since=now,
        rule={"kind": "once", "start": "2027-01-15T12:00", "end": "2027-01-17T12:00"},
    )  # fmt: skip
    for part in ("tick", "watcher", f"watcher {link.pk}", "sync"):
        Heartbeat.objects.create(part=part, beat_at=now)
    return world


def _person(name: str, full: str, role: Role, now: datetime) -> Person:
    person = Person.objects.create_user(f"{name}@pushboard.example", PASSWORD, name=full)
    RoleGrant.objects.create(person=person, role=role.value, granted_at=now, starts_at=now)
    return person


def _version(package: Package, number: int, label: str, now: datetime) -> PackageVersion:
    plain, _, extra = label.partition(" ")
    major, minor, patch = map(int, plain.split("."))
    return PackageVersion.objects.create(
        package=package, sf_id=key_of(number, ids.VERSION), name="Winter", major=major, minor=minor,
        patch=patch, build=7, released=extra != "beta", deprecated=extra == "old", seen_at=now,
        changed=now - timedelta(days=30),
    )  # fmt: skip


def _orgs(world: World, count: int) -> list[Org]:
    """Store orgs with their installation, as first seen."""
    orgs = Org.objects.bulk_create(_org(world, number) for number in range(1, count + 1))
    Installation.objects.bulk_create(
        _installation(world, org, number) for number, org in enumerate(orgs, 1)
    )
    return orgs


def _org(world: World, number: int) -> Org:
    names = ("München Süd GmbH", HOSTILE, "Pine & Sons", "Kumo KK", "Orion Ltd", "Thames Freight")
    name = f"{names[number % len(names)]} {number}"
    sandbox = number > 6 and number % 3 == 0
    return Org(
        key=key_of(number),
        name=name,
        folded=fold(name),
        is_production=not sandbox,
        status="Inactive" if number == 59 else "Active",
        instance=("DEU44", "AP12", "NA101", "CS88")[number % 4],
        is_own=number <= 6,
        first_seen_at=world.now - timedelta(days=90),
    )


def _installation(world: World, org: Org, number: int) -> Installation:
    return Installation(
        org=org,
        package=world.package,
        version=world.versions[("4.2.1", "4.2.0", "4.1.0")[number % 3]],
        blocked=number == 58,
        read_at=world.now,
        since_before=world.now - timedelta(days=90),
        since_proof=Since.FIRST_SEEN.value,
    )
