"""People's words on time, for stories: where an org is, when it is open, what is frozen."""

from __future__ import annotations

from datetime import datetime, timedelta

from rollouts.domain.freeze_rules import written
from rollouts.domain.freezes import Once
from rollouts.domain.schedule import Schedule
from rollouts.models import Batch, FreezeRow, Org, Wave, WindowRule, ZoneWord
from tests.support.trouble import only_planned, settled, stride
from tests.support.world import World

OWN_HOURS = Schedule()
NIGHTS = "daily 01:00-05:00"


def in_zone(world: World, org: str, zone: str) -> None:
    """Let a person say where an org is."""
    row = Org.objects.get(key=org)
    ZoneWord.objects.filter(org=row).delete()
    ZoneWord.objects.create(org=row, zone=zone, by=world.pia, since=world.clock())


def with_window(world: World, org: str, hours: str) -> None:
    """Let a person say when an org may be upgraded."""
    row = Org.objects.get(key=org)
    WindowRule.objects.filter(org=row).delete()
    WindowRule.objects.create(scope="org", org=row, hours=hours, by=world.pia, since=world.clock())


def freeze(world: World, start: datetime, end: datetime, name: str = "Quarter end") -> FreezeRow:
    """Let a person close everything from one moment of UTC to another."""
    once = Once(start.replace(tzinfo=None), end.replace(tzinfo=None))
    return FreezeRow.objects.create(
        name=name, scope="all", rule=written(once), zone="UTC", reason="books close",
        by=world.pia, since=world.clock(),
    )  # fmt: skip


def started(world: World) -> dict[str, datetime]:
    """When the simulated Salesforce began each org's push, by the org's id of 15 characters."""
    return {
        effect.org: datetime.fromisoformat(effect.at)
        for effect in world.effects("job_started")
        if effect.org
    }


def keys(world: World, count: int) -> list[str]:
    """Some sandboxes of customers, in the order of their ids."""
    return list(world.small_choice(sandboxes=count, production=0).org_ids[3:])


def by_their_hours(world: World, orgs: list[str], **policy: object) -> Wave:
    """Plan a rollout to these orgs at their own hours, and approve its first wave."""
    wave = only_planned(world, orgs, OWN_HOURS, **policy)
    return world.approve(world.freeze(wave))


def night_by_night(world: World, wave: Wave, *, limit: int = 60) -> None:
    """Go on until every org of a wave has come to an end; sleep while it waits for an opening."""
    for _ in range(limit):
        if settled(wave):
            return
        wave.refresh_from_db()
        rest(world, wave)
        stride(world)
    raise AssertionError(f"it never settled; {world.story()}")


def rest(world: World, wave: Wave) -> None:
    """Sleep until shortly before the next start that the wave waits for, if it waits for one."""
    if Batch.objects.open().exists() or wave.next_start_at is None:
        return
    world.clock.at = max(world.clock.at, wave.next_start_at - timedelta(minutes=40))
