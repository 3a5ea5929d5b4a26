"""One run of one scenario, in a process of its own; prints its figures as one line of JSON."""

from __future__ import annotations

import json
import os
import resource
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from copy import copy
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any
from zoneinfo import available_timezones

import django

django.setup()

from django.core.management import call_command  # noqa: E402  (Django first)
from django.db import connection  # noqa: E402

from rollouts.domain import ids  # noqa: E402
from rollouts.domain.connecting import OrgRole  # noqa: E402
from rollouts.domain.lifecycle import AttemptState  # noqa: E402
from rollouts.domain.permissions import Role  # noqa: E402
from rollouts.domain.policy import Policy  # noqa: E402
from rollouts.domain.schedule import ANY_HOUR, Schedule  # noqa: E402
from rollouts.models import (  # noqa: E402
    Account,
    Attempt,
    Batch,
    Connection,
    Installation,
    Licence,
    Org,
    Person,
    PushError,
    RoleGrant,
    Rollout,
    Target,
    Wave,
    ZoneWord,
)
from rollouts.pipeline import (  # noqa: E402
    approve,
    batches,
    bulk,
    clock,
    conduct,
    confirm,
    connections,
    drafts,
    licences,
    plan,
    preflight,
    sync,
    tick,
    timing,
    track,
)
from rollouts.salesforce.connect import gateway_for  # noqa: E402
from rollouts.salesforce.gateway import Gateway  # noqa: E402
from tests.bench.programs import counted  # noqa: E402

URL = os.environ["PUSHBOARD_SF_LOGIN_URL"]
# The longest that following pushes may take before the benchmark is called broken.
PATIENCE = 300.0
ZONES = 30


def server_cpu() -> float | None:
    """Seconds of CPU that PostgreSQL's process for our connection has used; None without one."""
    if connection.vendor != "postgresql":
        return None
    connection.ensure_connection()
    told = Path(f"/proc/{connection.connection.info.backend_pid}/schedstat")
    return int(told.read_text(encoding="utf-8").split()[0]) / 1e9


class Measured:
    """Seconds of the wall and API calls between two moments."""

    def __init__(self) -> None:
        self.seconds = self.calls = self.cpu = 0.0
        self.more: dict[str, Any] = {}

    @contextmanager
    def here(self) -> Iterator[None]:
        before, began, worked = counted(URL), time.perf_counter(), time.process_time()
        served = server_cpu()
        yield
        self.seconds, self.cpu = time.perf_counter() - began, time.process_time() - worked
        self.calls = counted(URL) - before
        if served is not None:
            self.more["cpu_seconds_of_PostgreSQL"] = round((server_cpu() or 0) - served, 2)


def linked() -> Connection:
    """The connection, proved once as a new one is, but with nothing read yet."""
    call_command("migrate", verbosity=0)
    link = connections.from_settings()
    connections.pin(link, gateway_for(link).identity(), clock.now())
    link.refresh_from_db()
    return link


def synced(link: Connection) -> None:
    runs = sync.sync(link, gateway_for(link))
    assert all(run.ok for run in runs), [run.problem for run in runs]


def first_sync(measured: Measured) -> None:
    link = linked()
    with measured.here():
        synced(link)
    measured.more["installations"] = Installation.objects.count()
    assert Installation.objects.count() >= 20_000


def nightly_sync(measured: Measured) -> None:
    link = linked()
    synced(link)
    with measured.here():
        synced(link)


def quiet_sync(measured: Measured) -> None:
    link = linked()
    synced(link)
    with measured.here():
        runs = sync.sync(link, gateway_for(link), full=None)
    assert not any(run.full for run in runs)
    measured.more["packages"] = len(runs)


def licence_sync(measured: Measured) -> None:
    link = linked()
    Connection.objects.filter(pk=link.pk).update(role=OrgRole.LMO.value)
    link.refresh_from_db()
    with measured.here():
        rows = licences.sync_licences(link, gateway_for(link))
    assert rows == Licence.objects.count() >= 20_000
    measured.more |= {"licences": rows, "accounts": Account.objects.count()}


def _person(name: str, role: Role) -> Person:
    now = clock.now()
    person = Person.objects.create_user(f"{name}@example.test", "pw", name=name.title())
    RoleGrant.objects.create(
        person=person, role=role.value, granted_at=now, starts_at=now - timedelta(days=9)
    )
    return person


def large_wave(link: Connection, orgs: int) -> Wave:
    """A wave of sandboxes and production orgs alike, approved to go in one batch."""
    synced(link)
    pia, ari, ann = (
        _person(name, role)
        for name, role in (("pia", Role.PLANNER), ("ari", Role.APPROVER), ("ann", Role.APPROVER))
    )
    package = link.packages.get(namespace="hbr")
    version = package.versions.get(major=4, minor=2, patch=2, released=True)
    rows = Installation.objects.present().filter(
        package=package, version__major__gte=4, version__released=True, blocked=False
    )
    keys = [
        row.org.key
        for row in rows.exclude(org__status="Inactive").select_related("org", "version")
        if row.version.number < version.number
    ]
    assert len(keys) >= orgs, f"only {len(keys)} orgs are behind"
    made = plan.create_rollout(
        version,
        plan.AudienceChoice(org_ids=tuple(keys[:orgs])),
        by=pia,
        now=clock.now(),
        schedule=Schedule(window=ANY_HOUR),
    )
    policy = replace(
        Policy(), batch_ramp=(10_000,), failure_cap=10_000, rate_percent=100.0,
        signature_limit=10_000, tickets_a_day=1_000_000,
    )  # fmt: skip
    # One wave of all: the ladder would take weeks, and is not what is measured.
    wave = made.waves.order_by("-number")[0]
    Target.objects.filter(rollout=made).update(wave=wave)
    made.waves.exclude(pk=wave.pk).delete()
    Wave.objects.filter(pk=wave.pk).update(number=1)
    Rollout.objects.filter(pk=made.pk).update(policy_json=policy.as_json())
    wave = Wave.objects.select_related("rollout").get(pk=wave.pk)
    approve.freeze(wave, by=pia, now=clock.now())
    wave.refresh_from_db()
    for person in (ari, ann)[: wave.approvals_needed]:
        wave.refresh_from_db()
        assert wave.frozen_list is not None
        approve.approve(
            wave, seen_digest=wave.frozen_list.digest, by=person, reason="go", now=clock.now()
        )
    return Wave.objects.select_related("rollout__to_version__package", "frozen_list").get(
        pk=wave.pk
    )


def _until(done: Callable[[], bool], each: Callable[[], None], pause: float) -> int:
    """Do something again and again until it is so; gives how often it was done."""
    rounds, ends = 0, time.monotonic() + PATIENCE
    while not done():
        assert time.monotonic() < ends, "it never ended"
        each()
        rounds += 1
        time.sleep(pause)
    return rounds


class LiveReads:
    """A gateway that counts what the live reads before arming cost."""

    COUNTED = ("versions", "subscribers", "installed", "open_jobs", "open_jobs_of")

    def __init__(self, inner: Gateway) -> None:
        self._inner = inner
        self.seconds = self.calls = 0.0

    def __getattr__(self, name: str) -> Any:
        found = getattr(self._inner, name)
        if name not in self.COUNTED:
            return found

        def call(*args: Any, **kwargs: Any) -> Any:
            before, began = counted(URL), time.perf_counter()
            answer = found(*args, **kwargs)
            answer = answer if isinstance(answer, list) else list(answer)
            self.seconds += time.perf_counter() - began
            self.calls += counted(URL) - before
            return answer

        return call


def dispatch(measured: Measured) -> None:
    link = linked()
    wave = large_wave(link, 5_000)
    tick.watch_all()
    conduct.conduct(wave.rollout, clock.now())
    if not wave.batches.exists():
        # The first pass starts the wave, the second cuts its batch.
        conduct.conduct(wave.rollout, clock.now())
    batch = wave.batches.get()
    assert batch.size == 5_000, batch.size
    # So that arming is due at once, and not only after the slack for slow bulk jobs.
    bulk.PATIENCE = (0.1, 0.2, 0.3, 0.5)
    timing.arm_slack = lambda: timedelta(hours=1)
    gateway = LiveReads(gateway_for(link))
    with measured.here():
        batches.advance_one(batch, gateway)
    batch.refresh_from_db()
    assert batch.state == "armed", (batch.state, batch.reason)
    measured.more |= {
        "live_calls": gateway.calls,
        "live_seconds": round(gateway.seconds, 2),
        "most_live_calls": -(-Installation.objects.count() // 2_000) + -(-5_000 // 2_000) + 3,
    }
    measured.calls -= gateway.calls
    # The request that the live reads make is one of theirs, but is not told apart here.
    measured.seconds -= gateway.seconds


def tracking(measured: Measured) -> None:
    link = linked()
    wave = large_wave(link, 1_000)
    gateway = gateway_for(link)
    tick.watch_all()

    def go() -> None:
        tick.watch_all()
        tick.tick()

    _until(lambda: Batch.objects.filter(state="armed").exists(), go, 0.1)

    def follow() -> None:
        track.track(wave.rollout, gateway)
        confirm.confirm_successes(wave.rollout, gateway)

    def over() -> bool:
        ended = (AttemptState.CONFIRMED.value, AttemptState.FAILED.value)
        return not Attempt.objects.exclude(state__in=ended).exists()

    with measured.here():
        polls = _until(over, follow, 0.5)
    failed = Attempt.objects.filter(state=AttemptState.FAILED.value)
    # Some fail without a word of why; those that have errors have all of them.
    requests = [batch.sf_id for batch in wave.batches.all() if batch.sf_id]
    assert PushError.objects.count() == len(gateway.errors(requests)) > 0
    measured.more |= {"polls": polls, "failed": failed.count()}
    measured.calls -= polls


def look_ahead(measured: Measured) -> None:
    """Every third org in a zone of its own, so that thirty nights must be gone through."""
    link = linked()
    synced(link)
    pia = _person("pia", Role.PLANNER)
    now = clock.now()
    names = sorted(available_timezones())[:: len(available_timezones()) // ZONES][:ZONES]
    orgs = list(Installation.objects.present().values_list("org_id", flat=True))
    ZoneWord.objects.bulk_create(
        ZoneWord(org_id=org, zone=names[place % ZONES], by=pia, since=now, reason="bench")
        for place, org in enumerate(orgs)
    )
    version = link.packages.get(namespace="hbr").versions.get(major=4, minor=4, released=True)
    draft = drafts.begin(version, by=pia, now=now)
    with measured.here():
        looked = preflight.of_draft(draft, now)
    planned = sum(walked.step.orgs for walked in looked.forecast.waves)
    assert planned >= 5_000, planned
    assert len({span for walked in looked.forecast.waves for span in walked.step.groups}) >= ZONES
    measured.more |= {"planned": planned, "findings": len(looked.findings), "zones": len(names)}


def grown(like: Installation, orgs: int) -> None:
    """Let so many more orgs have the package, of all kinds, a few thousand at a time."""
    older = list(
        like.package.versions.filter(major=4, minor__lt=4, released=True).values_list(
            "pk", flat=True
        )
    )
    for start in range(0, orgs, 5_000):
        fresh = []
        for number in range(start, min(start + 5_000, orgs)):
            org = copy(like.org)
            org.pk, org.key = None, ids.long_id(f"00D9z{number:010}")
            org.name, org.is_production = f"Org {number}", number % 3 > 0
            org.instance, org.is_own = ("USA1", "DEU2S", "JPN3", "AUS4")[number % 4], False
            fresh.append(org)
        Org.objects.bulk_create(fresh)
        rows = []
        for number, org in enumerate(fresh):
            row = copy(like)
            row.pk, row.org, row.version_id = None, org, older[number % len(older)]
            rows.append(row)
        Installation.objects.bulk_create(rows)


def planning(measured: Measured) -> None:
    link = linked()
    synced(link)
    pia = _person("pia", Role.PLANNER)
    package = link.packages.get(namespace="hbr")
    like = Installation.objects.present().filter(package=package, blocked=False, org__is_own=False)
    grown(like.exclude(org__status="Inactive").select_related("org", "package")[0], 100_000)
    version = package.versions.get(major=4, minor=4, released=True)
    draft = drafts.begin(version, by=pia, now=clock.now())
    with measured.here():
        proposal = drafts.propose(draft, clock.now())
    assert proposal.eligible >= 100_000, proposal.eligible
    measured.more |= {"planned": proposal.eligible, "waves": len(proposal.waves)}


WORK = {
    "sync": first_sync,
    "nightly": nightly_sync,
    "quiet": quiet_sync,
    "licences": licence_sync,
    "dispatch": dispatch,
    "tracking": tracking,
    "preflight": look_ahead,
    "planning": planning,
}


def main() -> None:
    measured = Measured()
    WORK[sys.argv[1]](measured)
    figures = {
        "seconds": round(measured.seconds, 3),
        "cpu_seconds": round(measured.cpu, 3),
        "calls": int(measured.calls),
        "peak_mb": round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024),
        **measured.more,
    }
    print(json.dumps(figures))


if __name__ == "__main__":
    main()
