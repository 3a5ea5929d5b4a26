"""Other hands at the same Salesforce: people in its Setup, late calls, requests of nobody."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from rollouts.models import Attempt, Batch, Event, Exclusion, Wave
from rollouts.pipeline import clock as pipeline_clock
from rollouts.pipeline import control, tick, track
from rollouts.pipeline.leases import claimed
from rollouts.salesforce.live import SalesforceGateway
from tests.support.trouble import (
    Told,
    exactly_once,
    nothing_swallowed,
    own_rollout,
    settle,
    stride,
    tell,
    until_batch,
    wrongs,
)
from tests.support.world import World

__all__ = ["nothing_swallowed"]
pytestmark = pytest.mark.usefixtures("nothing_swallowed")


@pytest.fixture
def person(world: World) -> SalesforceGateway:
    """Somebody with access to the packaging org, and with no idea of Pushboard."""
    return world._gateway()


def sf_id(batch: Batch) -> str:
    batch.refresh_from_db()
    assert batch.sf_id
    return batch.sf_id


def looked_over(world: World, wave: Wave) -> None:
    control.look_over(wave, by=world.ari, reason="asked the person", now=world.clock())
    settle(world, wave)
    exactly_once(world, wave)


@pytest.mark.parametrize("state", ["created", "verified", "armed", "in_doubt"])
def test_a_request_canceled_at_salesforce_is_not_pushed_again_unasked(
    world: World, person: SalesforceGateway, state: str
) -> None:
    wave = own_rollout(world)
    if state == "created":
        world.sim.plan_fault("error_before", call="collection:PackagePushJob")
    batch = until_batch(world, wave, "armed" if state == "in_doubt" else state)
    if state == "in_doubt":
        Batch.objects.filter(pk=batch.pk).update(state="in_doubt")
    person.cancel(sf_id(batch))
    world.ticks(4)
    batch.refresh_from_db()
    wave.refresh_from_db()
    assert batch.state == "canceled"
    assert "somebody canceled" in wave.review
    assert wave.targets.filter(state="planned").count() == 3
    assert wave.batches.count() == 1
    looked_over(world, wave)


def test_a_request_that_somebody_else_armed_is_called_back_at_once(
    world: World, person: SalesforceGateway
) -> None:
    wave = own_rollout(world)
    batch = until_batch(world, wave, "verified")
    person.arm(sf_id(batch))
    tick.watch_all()
    batch.refresh_from_db()
    assert batch.state == "canceled"
    assert "though we did not arm it" in batch.reason
    assert world.effects("job_started") == []


def test_a_request_that_ran_though_never_verified_is_tracked_to_its_end(
    world: World, person: SalesforceGateway
) -> None:
    wave = own_rollout(world)
    world.sim.plan_fault("error_after", call="collection:PackagePushJob")
    batch = until_batch(world, wave, "created")
    assert batch.jobs_unknown
    person.arm(sf_id(batch))
    world.clock.forward(minutes=28)
    settle(world, wave)
    batch.refresh_from_db()
    assert batch.state == "settled"
    assert set(Attempt.objects.values_list("state", flat=True)) == {"confirmed"}
    assert len(world.pushed()) == 3


def test_orgs_without_a_job_in_a_request_that_ended_are_freed(
    world: World, person: SalesforceGateway
) -> None:
    wave = own_rollout(world)
    world.sim.plan_fault("error_before", call="collection:PackagePushJob")
    batch = until_batch(world, wave, "created")
    first = wave.targets.first()
    assert first
    person.add_jobs(sf_id(batch), [first.org.key])
    person.arm(sf_id(batch))
    world.clock.forward(minutes=28)
    settle(world, wave)
    assert sorted(org for org, _ in world.pushed()) == sorted(
        wave.targets.values_list("org__key", flat=True)
    )
    assert Attempt.objects.filter(batch=batch, state="canceled").count() == 2


def stranger(world: World, wave: Wave) -> str:
    """An org with the package that is in no wave of ours."""
    taken = wave.targets.values_list("org__key", flat=True)
    return next(key for key in world.small_choice().org_ids if key not in taken)


@pytest.mark.parametrize("state", ["created", "verified"])
def test_an_org_slipped_into_a_request_never_starts(
    world: World, person: SalesforceGateway, state: str
) -> None:
    wave = own_rollout(world)
    if state == "created":
        world.sim.plan_fault("error_before", call="collection:PackagePushJob")
    batch = until_batch(world, wave, state)
    person.add_jobs(sf_id(batch), [stranger(world, wave)])
    settle(world, wave)
    exactly_once(world, wave)


def test_an_org_slipped_into_an_armed_request_is_seen_by_the_watcher(
    world: World, person: SalesforceGateway
) -> None:
    unknowns = replace(world.sim.options.unknowns, jobs_after_pending=True)
    world.sim.options = replace(world.sim.options, unknowns=unknowns)
    wave = own_rollout(world)
    batch = until_batch(world, wave, "armed")
    person.add_jobs(sf_id(batch), [stranger(world, wave)])
    tick.watch_all()
    batch.refresh_from_db()
    assert batch.state == "canceled"
    settle(world, wave)
    exactly_once(world, wave)


def test_an_org_in_somebody_elses_request_is_waited_for(
    world: World, person: SalesforceGateway
) -> None:
    wave = own_rollout(world)
    batch = until_batch(world, wave, "verified")
    target = wave.targets.first()
    assert target
    foreign = person.create_request(
        wave.rollout.to_version.sf_id, world.clock() + timedelta(days=2)
    )
    person.add_jobs(foreign, [target.org.key])
    stride(world)
    batch.refresh_from_db()
    assert "another push request holds 1" in batch.reason
    assert Event.objects.filter(action="foreign_request").count() == 1
    person.cancel(foreign)
    settle(world, wave)
    exactly_once(world, wave)


def test_a_create_that_lands_long_after_is_swept_and_a_person_s_request_is_not(
    world: World, person: SalesforceGateway
) -> None:
    wave = own_rollout(world)
    world.sim.plan_fault("late", call="create:PackagePushRequest", seconds=1200)
    first = until_batch(world, wave, "reserved")
    assert first.start_at
    theirs = person.create_request(wave.rollout.to_version.sf_id, world.clock() + timedelta(days=2))
    settle(world, wave)
    world.ticks()
    exactly_once(world, wave)
    words = {e.request_id: e.kind for e in world.sim.effects() if e.request_id and not e.job_id}
    orphans = [request for request in words if not Batch.objects.filter(sf_id=request).exists()]
    assert sorted(words[request] for request in orphans) == ["request_canceled", "request_created"]
    assert words[theirs] == "request_created"


@pytest.mark.parametrize("armed", [False, True])
def test_two_requests_that_could_be_ours_are_neither(
    world: World, person: SalesforceGateway, armed: bool
) -> None:
    wave = own_rollout(world)
    world.sim.plan_fault("error_after", call="create:PackagePushRequest")
    batch = until_batch(world, wave, "reserved")
    assert batch.start_at
    theirs = person.create_request(wave.rollout.to_version.sf_id, batch.start_at)
    theirs_too = wave.targets.first()
    assert theirs_too
    person.add_jobs(theirs, [theirs_too.org.key])
    if armed:
        # It even runs: the org that it upgrades must not be pushed again.
        person.arm(theirs)
    world.ticks()
    batch.refresh_from_db()
    assert batch.state == "in_doubt"
    world.ticks(3, minutes=10)
    batch.refresh_from_db()
    assert batch.state == "in_doubt"

    control.recall(batch, by=world.ari, reason="neither", now=world.clock())
    world.ticks()
    if armed:
        control.look_over(wave, by=world.ari, reason="theirs", now=world.clock())
    settle(world, wave)
    assert len(set(world.pushed())) == len(world.pushed()) == 3
    ended = "request_succeeded" if armed else "request_canceled"
    words = [e.kind for e in world.sim.effects() if e.request_id == theirs and not e.job_id]
    assert words[-1] == ended


def test_a_recall_while_orgs_are_being_added_loses_none_of_them(world: World) -> None:
    told = tell(world)
    wave = own_rollout(world)

    def recall_first(name: str) -> None:
        if name == "add_jobs":
            told.before = Told(None).before
            batch = wave.batches.get()
            control.recall(batch, by=world.pia, reason="wait", now=world.clock())

    told.before = recall_first
    world.ticks(2)
    assert set(wave.targets.values_list("state", flat=True)) == {"planned"}
    settle(world, wave)
    exactly_once(world, wave)


def test_orgs_refused_by_a_request_that_was_canceled_are_not_lost(
    world: World, person: SalesforceGateway
) -> None:
    told = tell(world)
    wave = own_rollout(world)

    def cancel_first(name: str) -> None:
        if name == "add_jobs":
            told.before = Told(None).before
            person.cancel(sf_id(wave.batches.get()))

    told.before = cancel_first
    world.ticks(3)
    assert set(wave.targets.values_list("state", flat=True)) == {"planned"}
    looked_over(world, wave)


def test_a_round_of_the_watcher_that_began_before_a_recall_raises_no_alarm(world: World) -> None:
    told = tell(world)
    wave = own_rollout(world)
    batch = until_batch(world, wave, "verified")

    def recall_after(name: str) -> None:
        if name == "open_requests":
            told.after = Told(None).after
            control.recall(batch, by=world.pia, now=world.clock())

    told.after = recall_after
    tick.watch_all()
    assert not Event.objects.filter(action="late_patch").exists()


# --- opt-outs -----------------------------------------------------------------------------------


@pytest.mark.parametrize("state", ["dispatching", "verified", "armed"])
def test_an_org_that_opts_out_late_is_left_out(world: World, state: str) -> None:
    wave = own_rollout(world, drop_percent=50.0)
    if state == "dispatching":
        world.ticks()
    else:
        until_batch(world, wave, state)
    target = wave.targets.first()
    assert target
    # One exclusion of the past and one that holds.
    for until in (world.clock() - timedelta(days=1), None):
        Exclusion.objects.create(
            org=target.org, reason="asked us to wait", by=world.ari,
            since=world.clock() - timedelta(days=9), until=until,
        )  # fmt: skip
    world.ticks()
    settle(world, wave)
    assert wrongs(world) == []
    assert target.org.key not in [org for org, _ in world.pushed()]
    assert len(world.pushed()) == 2
    target.refresh_from_db()
    assert target.state == "excluded"


@pytest.mark.parametrize(
    ("change", "state"),
    [
        ({"uninstalled": True}, "gone"),
        ({"blocked": True}, "excluded"),
        ({"org_status": "Inactive"}, "excluded"),
        ({"version_id": "4.2.2"}, "already_current"),
        ({"version_id": "3.0.0"}, "excluded"),
    ],
)
def test_an_org_that_changed_before_its_arming_is_left_out_with_the_reason(
    world: World, change: dict[str, object], state: str
) -> None:
    wave = own_rollout(world, drop_percent=50.0)
    until_batch(world, wave, "verified")
    target = wave.targets.first()
    assert target
    if "version_id" in change:
        number = str(change["version_id"])
        if number == "3.0.0":
            number = min(world.sim.catalog()["Harbor"]["versions"])
        change = {"version_id": world.sim.version_id("Harbor", number)}
    world.sim.change_org(target.org.key, **change)
    settle(world, wave)
    target.refresh_from_db()
    assert (target.state, bool(target.reason)) == (state, True)
    assert wrongs(world) == []
    assert len(world.pushed()) == 2


# --- old reads ----------------------------------------------------------------------------------


def test_a_read_from_before_a_recall_changes_nothing_any_more(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    wave = own_rollout(world)
    batch = until_batch(world, wave, "armed")
    read = track._read

    def read_then_recall(batches: list[Batch], gateway: SalesforceGateway) -> track.Reading:
        reading = read(batches, gateway)
        monkeypatch.setattr(track, "_read", read)
        world.clock.forward(seconds=5)
        control.recall(batch, by=world.pia, now=world.clock())
        return reading

    monkeypatch.setattr(track, "_read", read_then_recall)
    track.track(wave.rollout, world.gateway)
    batch.refresh_from_db()
    assert (batch.state, batch.sf_status) == ("canceled", "Canceled")


def test_a_batch_is_late_by_salesforces_word_not_by_ours(world: World) -> None:
    wave = own_rollout(world)
    batch = until_batch(world, wave, "armed")
    # Nobody looked for a day; Salesforce had started in time and works on still.
    world.sim.script("all", "stuck")
    world.clock.forward(hours=25)
    world.sync()
    track.track(wave.rollout, world.gateway)
    batch.refresh_from_db()
    assert batch.state == "running"
    assert batch.began_outside == ""


def test_the_patch_is_not_repeated_for_whoever_lost_the_batch(world: World) -> None:
    told = tell(world)
    wave = own_rollout(world)
    until_batch(world, wave, "verified")
    world.sim.plan_fault("error_before", call="update:PackagePushRequest")
    batch = until_batch(world, wave, "arming")

    def lose(name: str) -> None:
        if name == "request":
            told.after = Told(None).after
            with claimed(batch, pipeline_clock.now(), by_force=True):
                pass

    told.made.clear()
    told.after = lose
    tick.tick()
    assert "arm" not in told.made
