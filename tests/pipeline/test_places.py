"""Where a wave's orgs are: by their frozen zones, by their instances only where none were kept."""

from __future__ import annotations

from rollouts.models import FrozenList, FrozenOrg
from rollouts.pipeline import wave_counts
from tests.support.hours import in_zone, keys
from tests.support.trouble import only_planned
from tests.support.world import World


def test_a_working_day_is_counted_in_the_zones_that_were_frozen(world: World) -> None:
    orgs = keys(world, 2)
    in_zone(world, orgs[0], "Asia/Tokyo")
    in_zone(world, orgs[1], "Pacific/Auckland")
    wave = world.freeze(only_planned(world, orgs))

    assert wave_counts.places(wave) == (frozenset(), frozenset({"Asia/Tokyo", "Pacific/Auckland"}))


def test_a_list_from_before_zones_were_kept_goes_by_the_instances(world: World) -> None:
    wave = only_planned(world, keys(world, 2))
    old = FrozenList.objects.create(
        wave=wave, number=1, digest="d", to_version=wave.rollout.to_version, batches=[2],
        not_before=world.clock(), end_by=world.clock(), policy_json={}, frozen_by=world.pia,
        frozen_at=world.clock(),
    )  # fmt: skip
    for target in wave.targets.all():
        FrozenOrg.objects.create(
            list=old, org=target.org, from_version=target.from_version, place=target.place
        )

    regions, zones = wave_counts.places(wave)

    assert zones == frozenset()
    assert regions
