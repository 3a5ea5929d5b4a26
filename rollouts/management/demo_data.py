"""What the demo starts with: people, a connection, a first reading and a rollout under way.

Nothing is invented: the rollout is planned, frozen and approved through the same functions that
the pages call, by the same people, and the engine does the rest.
"""

from __future__ import annotations

from datetime import datetime, timedelta

from django.conf import settings

from rollouts.domain.checklists import Mark
from rollouts.domain.lifecycle import WaveState
from rollouts.domain.permissions import Role
from rollouts.domain.schedule import ANY_HOUR, Schedule
from rollouts.management import demo_words
from rollouts.models import Org, Package, Person, Rollout
from rollouts.pipeline import (
    approve,
    calendar,
    checklists,
    clock,
    connections,
    own_orgs,
    plan,
    proof,
    readiness,
    tick,
)
from rollouts.pipeline.checklists import Word
from rollouts.pipeline.deployment import demand_mode
from rollouts.pipeline.people import add_person

PASSWORD = "pushboard"  # noqa: S105 - simulation only, printed on the screen
PEOPLE = (
    ("pia@pushboard.example", "Pia Planner", Role.PLANNER),
    ("ari@pushboard.example", "Ari Approver", Role.APPROVER),
    ("ann@pushboard.example", "Ann Approver", Role.APPROVER),
    ("sue@pushboard.example", "Sue Support", Role.SUPPORT),
    ("ada@pushboard.example", "Ada Admin", Role.ADMIN),
    ("vic@pushboard.example", "Vic Viewer", Role.VIEWER),
    ("omar@pushboard.example", "Omar Auditor", Role.AUDITOR),
)
FIRST_VERSION = (4, 2, 2)
# The invented vendor, whose own orgs go first.
VENDOR = "Harborline"
QUIET = timedelta(days=20)


def prepare(*, with_rollout: bool = True) -> list[str]:
    """Bring the demo's data to where it starts; what is there already stays. Returns the story."""
    if not settings.SIMULATION:
        raise RuntimeError("the demo's people and passwords exist only in simulation mode")
    demand_mode()
    now = clock.now()
    story = [f"{_people(now)} people"]
    link = connections.from_settings()
    if not link.org_id:
        tick.sync_all()
        link.refresh_from_db()
        if link.failure:
            raise RuntimeError(f"the simulated Salesforce could not be read: {link.failure}")
        own = Org.objects.filter(name__startswith=VENDOR).values_list("key", flat=True)
        own_orgs.mark(list(own), now=clock.now())
        story.append("packages, versions and orgs read from the simulated Salesforce")
        # None that would soon hold the demo: it shall run on every day of the year.
        calendar.install_built_in(now, clear_until=now + QUIET)
        proof.prove(link)
        _note_readiness()
        planner = Person.objects.get(email="pia@pushboard.example")
        demo_words.say(Package.objects.get(namespace="hbr"), planner)
    if with_rollout and not Rollout.objects.exists():
        story.append(_first_rollout())
    return story


def _people(now: datetime) -> int:
    for email, name, role in PEOPLE:
        if not Person.objects.filter(email=email).exists():
            add_person(email, name=name, roles=[role], password=PASSWORD, now=now)
    return len(PEOPLE)


def _note_readiness() -> None:
    """Note what no read can prove, as an admin would."""
    package = Package.objects.get(namespace="hbr")
    admin = Person.objects.get(email="ada@pushboard.example")
    now = clock.now()
    noted = {"partner": "contract", "review": "passed", "push_major": "case 5290"}
    for code, evidence in noted.items():
        word = Word(Mark.DONE, evidence=evidence)
        items = readiness.items(package, now)
        if next(item for item in items if item.code == code).proof is None:
            checklists.say(items, code, word, by=admin, now=now, package=package)


def _first_rollout() -> str:
    now = clock.now()
    planner = Person.objects.get(email="pia@pushboard.example")
    approver = Person.objects.get(email="ari@pushboard.example")
    package = Package.objects.get(namespace="hbr")
    major, minor, patch = FIRST_VERSION
    version = package.versions.pushable().get(major=major, minor=minor, patch=patch)
    older = package.versions.filter(major=major, minor=minor, patch__lt=patch, released=True)
    choice = plan.AudienceChoice(from_versions=tuple(older.values_list("sf_id", flat=True)))
    # Something must move while somebody looks, whatever the hour is.
    any_hour = Schedule(window=ANY_HOUR)
    rollout = plan.create_rollout(version, choice, by=planner, now=now, schedule=any_hour)
    wave = rollout.waves.get(number=1)
    frozen = approve.freeze(wave, by=planner, now=clock.now())
    wave.refresh_from_db()
    approve.approve(
        wave,
        seen_digest=frozen.digest,
        by=approver,
        reason="Our own orgs first, as always.",
        now=clock.now(),
    )
    wave.refresh_from_db()
    if wave.state != WaveState.APPROVED.value:
        raise RuntimeError("the demo's first wave needs more approvals than one")
    return f"rollout {rollout.slug} planned by {planner}, wave 1 approved by {approver}"
