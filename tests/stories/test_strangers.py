"""Requests that no batch accounts for: orphans are cancelled, strangers shown, their orgs wait."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from rollouts.models import Batch, Connection, Event, Stranger
from rollouts.pipeline import holds, memory, sweep, tick
from rollouts.salesforce.errors import TryAgain
from tests.support.trouble import (
    exactly_once,
    nothing_swallowed,
    own_rollout,
    settle,
    stride,
    tell,
    until_batch,
)
from tests.support.world import World

__all__ = ["nothing_swallowed"]
pytestmark = pytest.mark.usefixtures("nothing_swallowed")


def theirs(world: World, orgs: list[str], *, hours: float = 6, armed: bool = True) -> str:
    """Let somebody else schedule a push with another tool, at a whole minute as people do."""
    start = (world.clock() + timedelta(hours=hours)).replace(second=0, microsecond=0)
    stranger = world._gateway()
    request = stranger.create_request(world.version("4.2.2").sf_id, start)
    stranger.add_jobs(request, orgs)
    if armed:
        stranger.arm(request)
    return request


def test_a_wave_that_shares_an_org_with_a_stranger_waits_and_says_for_whom(world: World) -> None:
    wave = own_rollout(world)
    org = wave.targets.first().org  # type: ignore[union-attr]
    request = theirs(world, [org.key])
    world.ticks(3)
    (hold,) = holds.on_rollout(wave.rollout, world.clock())
    assert request in hold
    assert "1 orgs of wave 1" in hold
    assert "lifts itself" in hold
    assert not Batch.objects.exists()

    world._gateway().cancel(request)
    settle(world, wave)
    orgs = sorted(wave.targets.values_list("org__key", flat=True))
    assert sorted(org for org, _ in world.pushed()) == orgs
    assert Stranger.objects.get().ended_at


def test_a_stranger_that_shares_nothing_is_shown_and_holds_nobody(world: World) -> None:
    wave = own_rollout(world)
    other = world.small_choice().org_ids[-1]
    theirs(world, [other])
    settle(world, wave)
    assert Stranger.objects.get().orgs == [other]
    assert Event.objects.filter(action="foreign_request").count() == 1


def test_an_orphan_of_ours_is_cancelled_and_nothing_is_lost(world: World) -> None:
    wave = own_rollout(world)
    # Created twice: the first answer is lost and lands so late that the batch was cut anew.
    world.sim.plan_fault("late", call="create:PackagePushRequest", seconds=640)
    settle(world, wave)
    world.ticks(8, minutes=4)
    made = [effect.request_id for effect in world.effects("request_created")]
    bound = set(Batch.objects.exclude(sf_id=None).values_list("sf_id", flat=True))
    for effect in world.effects("request_created"):
        if effect.request_id not in bound:
            assert Event.objects.filter(action="orphan_request").exists()
    ended = {effect.request_id for effect in world.effects("request_canceled")}
    assert set(made) - bound <= ended
    exactly_once(world, wave)


def test_every_request_starts_at_the_mark_of_its_installation(world: World) -> None:
    wave = own_rollout(world, batch_strict=1)
    settle(world, wave)
    seconds = {batch.start_at.second for batch in Batch.objects.all() if batch.start_at}
    assert seconds == {memory.mark()}
    assert 1 <= memory.mark() <= 59


def test_without_a_look_for_strangers_nothing_is_armed(world: World) -> None:
    told = tell(world)
    wave = own_rollout(world)
    until_batch(world, wave, "verified")

    def unreadable(*_: object) -> None:
        raise TryAgain("no way there")

    told.instead["requests_since"] = unreadable
    Connection.objects.update(swept_at=world.clock() - timedelta(hours=3))
    tick.watch_all()
    # Our own requests are watched all the same.
    assert holds.watcher_seen(world.link, world.clock())
    assert any(
        "nobody has looked" in hold for hold in holds.on_rollout(wave.rollout, world.clock())
    )
    for _ in range(3):
        stride(world)
    assert world.effects("request_pending") == []
    del told.instead["requests_since"]
    settle(world, wave)
    exactly_once(world, wave)


def test_where_salesforce_keeps_minutes_only_whole_minutes_are_used(world: World) -> None:
    unknowns = replace(world.sim.options.unknowns, start_kept_to_minute=True)
    world.sim.options = replace(world.sim.options, unknowns=unknowns)
    wave = own_rollout(world)
    settle(world, wave)
    exactly_once(world, wave)
    first, *later = Batch.objects.order_by("number")
    assert "to the minute" in first.reason
    assert {batch.start_at.second for batch in later if batch.start_at} == {0}
    assert not memory.restored()


def test_a_look_that_was_just_made_is_not_made_again(world: World) -> None:
    told = tell(world)
    own_rollout(world)
    world.ticks()
    told.made.clear()
    stride(world)
    assert "requests_since" not in told.made
    world.clock.forward(seconds=sweep.EVERY)
    world.ticks()
    assert told.made.count("requests_since") == world.link.packages.count()
