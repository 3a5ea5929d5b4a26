"""Hours and freezes are kept: at the planned start, until the latest one, in each org's zone."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from rollouts.models import Approval, Event, FreezeOverride, FrozenList, Maintenance, Org, Wave
from rollouts.pipeline import approve, report, tick
from rollouts.simulator.options import Pace
from tests.support.hours import (
    NIGHTS,
    by_their_hours,
    freeze,
    in_zone,
    keys,
    night_by_night,
    rest,
    started,
    with_window,
)
from tests.support.trouble import (
    exactly_once,
    nothing_swallowed,
    only_planned,
    sandbox_rollout,
    settle,
    stride,
    until_batch,
    wrongs,
)
from tests.support.world import World

__all__ = ["nothing_swallowed"]
pytestmark = pytest.mark.usefixtures("nothing_swallowed")
DAY = timedelta(days=1)


def at_home(world: World, *homes: str, hours: str = NIGHTS) -> list[str]:
    """Some sandboxes, each in one of these zones, open in these hours."""
    orgs = keys(world, len(homes))
    for org, zone in zip(orgs, homes, strict=True):
        in_zone(world, org, zone)
        with_window(world, org, hours)
    return orgs


def utc(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


def test_sydney_and_los_angeles_are_pushed_in_one_wave_each_by_night(world: World) -> None:
    sydney, los_angeles = at_home(world, "Australia/Sydney", "America/Los_Angeles")
    world.clock.at = utc("2026-11-17T12:00")
    wave = by_their_hours(world, [sydney, los_angeles])
    night_by_night(world, wave)
    exactly_once(world, wave)
    began = started(world)
    assert utc("2026-11-17T14:00") <= began[sydney[:15]] < utc("2026-11-17T18:00")
    assert utc("2026-11-18T09:00") <= began[los_angeles[:15]] < utc("2026-11-18T13:00")
    assert FrozenList.objects.count() == 1


def test_until_the_night_comes_the_wave_says_when_it_starts_and_can_be_taken_back(
    world: World,
) -> None:
    orgs = at_home(world, "Asia/Kathmandu", "Asia/Kathmandu")
    wave = by_their_hours(world, orgs)
    world.ticks(2)
    wave.refresh_from_db()
    assert wave.state == "approved"
    assert wave.next_start_at is not None
    assert utc("2026-11-17T19:15") <= wave.next_start_at <= utc("2026-11-17T19:36")
    assert (wave.next_start_orgs, wave.hours_because) == (2, "2 orgs: outside the window")
    assert world.effects("request_created") == []
    said = report.verdict(wave.rollout, world.clock())
    assert "Next start Tue 17 Nov 19:" in said.detail
    assert "2 orgs" in said.detail

    approve.withdraw(wave, by=world.pia, reason="not tonight", now=world.clock())
    rest(world, wave)
    world.ticks(30)
    assert world.effects("request_created") == []


@pytest.mark.parametrize(
    ("eve", "hours", "opens", "closes"),
    [
        ("2027-03-27T20:00", "daily 01:30-03:30", "2027-03-28T00:30", "2027-03-28T01:30"),
        ("2027-03-27T20:00", "daily 02:10-02:50", "2027-03-29T00:10", "2027-03-29T00:50"),
        ("2027-10-30T20:00", "daily 02:00-03:00", "2027-10-31T00:00", "2027-10-31T02:00"),
    ],
    ids=["an hour shorter", "skipped", "an hour longer"],
)
def test_in_the_night_in_which_the_clock_changes(
    world: World, eve: str, hours: str, opens: str, closes: str
) -> None:
    world.clock.at = utc(eve)
    world.sync()
    orgs = at_home(world, "Europe/Berlin", hours=hours)
    wave = by_their_hours(world, orgs)
    night_by_night(world, wave)
    exactly_once(world, wave)
    batch = wave.batches.get()
    assert batch.start_at
    assert batch.not_after
    assert utc(opens) <= batch.start_at < batch.not_after < utc(closes)
    assert utc(opens) <= started(world)[orgs[0][:15]] < utc(closes)


@pytest.mark.parametrize("state", ["verified", "armed"])
def test_a_freeze_declared_over_a_batch_calls_it_back_and_voids_nothing(
    world: World, state: str
) -> None:
    wave = sandbox_rollout(world)
    batch = until_batch(world, wave, state)
    end = world.clock() + timedelta(hours=20)
    freeze(world, world.clock() - DAY, end)
    world.ticks(3)
    batch.refresh_from_db()
    wave.refresh_from_db()
    assert (batch.state, wave.state) == ("canceled", "dispatching")
    assert "frozen by “Quarter end”" in batch.cancel_reason
    assert started(world) == {}
    assert set(wave.targets.values_list("state", flat=True)) == {"planned"}
    assert "frozen by “Quarter end”" in (wave.hours_because or "")
    assert Approval.objects.standing().filter(list=wave.frozen_list).exists()

    night_by_night(world, wave)
    exactly_once(world, wave)
    assert min(started(world).values()) >= end
    assert FrozenList.objects.count() == 1


def test_the_next_batch_is_not_cut_into_a_freeze_that_is_to_come(world: World) -> None:
    wave = sandbox_rollout(world, batch_ramp=[2])
    until_batch(world, wave, "settled")
    first = world.clock() + timedelta(minutes=30)
    freeze(world, first, first + DAY)
    night_by_night(world, wave)
    exactly_once(world, wave)
    assert not [at for at in started(world).values() if first <= at < first + DAY]


def test_a_freeze_set_aside_by_two_people_lets_it_go_on(world: World) -> None:
    row = freeze(world, world.clock() - DAY, world.clock() + 2 * DAY)
    wave = sandbox_rollout(world)
    world.ticks(3, minutes=6)
    wave.refresh_from_db()
    assert wave.state == "approved"
    assert "frozen by “Quarter end”" in (wave.hours_because or "")
    FreezeOverride.objects.create(
        freeze=row, reason="a security patch", until=world.clock() + timedelta(hours=6),
        asked_by=world.pia, asked_at=world.clock(),
        confirmed_by=world.ari, confirmed_at=world.clock(),
    )  # fmt: skip
    settle(world, wave)
    exactly_once(world, wave)


def test_maintenance_of_one_instance_keeps_only_its_own_orgs_waiting(world: World) -> None:
    orgs = keys(world, 3)
    there = Org.objects.get(key=orgs[0])
    Org.objects.filter(pk=there.pk).update(instance="FRA42")
    end = world.clock() + timedelta(hours=12)
    Maintenance.objects.create(
        instance="FRA42", starts_at=world.clock() - DAY, ends_at=end, name="Move", source="csv",
        source_key="1", read_at=world.clock(),
    )  # fmt: skip
    wave = sandbox_rollout(world, 3)
    until_batch(world, wave, "settled")
    assert sorted(started(world)) == sorted(key[:15] for key in orgs[1:])
    night_by_night(world, wave)
    exactly_once(world, wave)
    assert started(world)[orgs[0][:15]] >= end


def test_a_window_that_closes_before_salesforce_starts_ends_in_a_recall_and_another_night(
    world: World,
) -> None:
    orgs = at_home(world, "UTC")
    wave = by_their_hours(world, orgs)
    world.sim.options = replace(world.sim.options, pace=Pace(start_delay=(20_000, 20_000)))
    world.clock.at = utc("2026-11-18T00:20")
    batch = until_batch(world, wave, "armed")
    world.ticks(12, minutes=30)
    batch.refresh_from_db()
    assert batch.state == "canceled"
    assert "latest start" in batch.cancel_reason
    assert started(world) == {}
    assert wave.targets.get().state == "planned"
    wave.refresh_from_db()
    assert wave.next_start_at
    assert wave.next_start_at.date() == utc("2026-11-19").date()


def test_what_salesforce_started_too_late_is_written_down_and_shown(world: World) -> None:
    orgs = at_home(world, "UTC")
    wave = by_their_hours(world, orgs)
    world.clock.at = utc("2026-11-18T00:20")
    batch = until_batch(world, wave, "verified")
    world.sim.options = replace(
        world.sim.options, pace=Pace(start_delay=(20_000, 20_000), job=(90, 90))
    )
    batch = until_batch(world, wave, "armed")
    # Nobody is at work while Salesforce begins it, hours late.
    world.clock.forward(hours=8)
    tick.tick()
    batch.refresh_from_db()
    assert "1 of 1 orgs started outside the window" in (batch.began_outside or "")
    assert Event.objects.filter(action="started_outside").count() == 1
    settle(world, wave)
    assert wrongs(world) == []


def test_hours_that_became_narrower_after_the_yes_count_and_are_shown(world: World) -> None:
    orgs = keys(world, 2)
    for org in orgs:
        in_zone(world, org, "UTC")
    wave = only_frozen(world, orgs)
    with_window(world, orgs[0], NIGHTS)
    assert wave.frozen_list
    (said,) = approve.drift(wave.frozen_list, world.clock()).changes
    assert "1 org: hours were any hour, are" in said
    world.approve(wave)
    night_by_night(world, wave)
    exactly_once(world, wave)
    began = started(world)
    assert began[orgs[1][:15]] < utc("2026-11-17T12:00")
    assert utc("2026-11-18T01:00") <= began[orgs[0][:15]] < utc("2026-11-18T05:00")


def only_frozen(world: World, orgs: list[str]) -> Wave:
    """Freeze a wave at any hour, and let nobody approve it yet."""
    return world.freeze(only_planned(world, orgs))


def test_hours_that_became_wider_after_the_yes_wait_for_a_new_one(world: World) -> None:
    orgs = at_home(world, "UTC")
    wave = by_their_hours(world, orgs)
    with_window(world, orgs[0], "any hour")
    night_by_night(world, wave)
    assert utc("2026-11-18T01:00") <= started(world)[orgs[0][:15]] < utc("2026-11-18T05:00")


def test_a_second_try_waits_half_an_hour_and_a_third_for_the_next_night(world: World) -> None:
    orgs = at_home(world, "UTC")
    wave = by_their_hours(world, orgs)
    world.fail(orgs, "LockingFailure", times=2)
    world.clock.at = utc("2026-11-18T00:20")
    for _ in range(60):
        if wave.targets.filter(state="done").exists():
            break
        wave.refresh_from_db()
        rest(world, wave)
        stride(world, minutes=10)
    nights = [datetime.fromisoformat(one.at) for one in world.effects("job_started")]
    assert [at.day for at in nights] == [18, 18, 19]
    assert all(1 <= at.hour < 5 for at in nights)


def test_an_org_that_fits_nowhere_keeps_the_wave_waiting_and_is_told(world: World) -> None:
    orgs = at_home(world, "UTC", hours="Mon 02:00-02:20")
    wave = by_their_hours(world, orgs)
    world.ticks(3, minutes=6)
    wave.refresh_from_db()
    assert (wave.state, wave.next_start_at) == ("approved", None)
    assert wave.frozen_list
    times = report.times(wave.frozen_list, world.clock(), waits=True)
    assert times
    ((why, count),) = times.unplaced
    assert (count, "leaves 30 minutes" in why) == (1, True)
    said = report.verdict(wave.rollout, world.clock()).detail
    assert "No start fits before its approved end date" in said


def test_a_window_that_nobody_can_read_holds_everything_and_is_said(world: World) -> None:
    orgs = keys(world, 2)
    wave = sandbox_rollout(world, 2)
    batch = until_batch(world, wave, "verified")
    with_window(world, orgs[0], "whenever")
    for _ in range(3):
        stride(world)
    batch.refresh_from_db()
    wave.refresh_from_db()
    assert batch.state == "canceled"
    assert "its hours are not known" in batch.cancel_reason
    assert "its hours are not known" in (wave.hours_because or "")
    assert wave.frozen_list
    assert "can't be read" in approve.drift(wave.frozen_list, world.clock()).changes[0]
    assert started(world) == {}
    with_window(world, orgs[0], "any hour")
    settle(world, wave)
    exactly_once(world, wave)


def test_an_approval_holds_until_the_end_of_the_first_window_and_the_list_two_nights_more(
    world: World,
) -> None:
    wave = by_their_hours(world, at_home(world, "UTC"))
    frozen = wave.frozen_list
    assert frozen
    assert frozen.approvals.get().expires_at == utc("2026-11-18T05:00")
    assert frozen.end_by == utc("2026-11-20T05:00")
    world.clock.at = utc("2026-11-18T05:01")
    world.sync()
    world.ticks()
    wave.refresh_from_db()
    assert wave.state == "frozen"
    assert "lapsed" in wave.reason
