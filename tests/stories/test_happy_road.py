"""The whole road: planned, approved by somebody else, pushed wave by wave, each org once."""

from __future__ import annotations

from rollouts.models import Attempt, Batch, Event, Installation
from tests.support.world import World


def test_a_rollout_goes_wave_by_wave_and_pushes_each_org_once(world: World) -> None:
    rollout = world.rollout()
    for wave in rollout.waves.order_by("number"):
        world.go(rollout, wave.number)
        world.until(world.wave_is(wave, "passed"))
    world.ticks()

    rollout.refresh_from_db()
    assert rollout.state == "completed", world.story()
    orgs = sorted(rollout.targets.values_list("org__key", flat=True))
    version = rollout.to_version.sf_id
    assert sorted(world.pushed()) == [(org, version) for org in orgs]
    assert not Attempt.objects.exclude(state="confirmed").exists()
    assert not Batch.objects.exclude(state="settled").exists()
    assert set(
        Installation.objects.filter(
            org__key__in=orgs, package=rollout.to_version.package
        ).values_list("version__sf_id", "since_proof")
    ) == {(version, "push")}


def test_the_history_of_a_rollout_is_one_unbroken_chain(world: World) -> None:
    rollout = world.rollout()
    wave = world.go(rollout, 1)
    world.until(world.wave_is(wave, "passed"))

    before = ""
    for number, event in enumerate(Event.objects.order_by("sequence"), start=1):
        assert event.sequence == number
        assert event.previous == before
        assert event.hash == event.content_hash()
        before = event.hash
