"""What the engine asks of Salesforce, in calls: counted at the wire, promised in the docs."""

from __future__ import annotations

import pytest

from rollouts.models import Attempt, Installation, PushError
from rollouts.pipeline import looking, track
from tests.support.trouble import sandbox_rollout, tell, until_batch
from tests.support.world import World


def calls_of(world: World, rollout: object) -> int:
    before = world.gateway.calls
    track.track(rollout, world.gateway)  # type: ignore[arg-type]
    return world.gateway.calls - before


def test_a_poll_is_one_call_before_and_while_it_runs(world: World) -> None:
    wave = sandbox_rollout(world, 6)
    until_batch(world, wave, "armed")
    # The first look finds the jobs Pending, which is news and one call more.
    calls_of(world, wave.rollout)
    assert calls_of(world, wave.rollout) == 1
    until_batch(world, wave, "running")
    assert calls_of(world, wave.rollout) == 1


def test_errors_come_with_the_jobs(world: World) -> None:
    wave = sandbox_rollout(world, 6)
    orgs = list(wave.targets.values_list("org__key", flat=True))
    world.fail(orgs, "ValidationRule")
    told = tell(world)
    until_batch(world, wave, "settled")
    failed = Attempt.objects.filter(batch__wave=wave, state="failed")
    assert failed.count() == len(orgs)
    assert PushError.objects.filter(attempt__in=failed).count() >= len(orgs)
    assert "errors" not in told.made


def test_versions_are_read_back_by_batch_and_not_by_org(world: World) -> None:
    wave = sandbox_rollout(world, 6)
    told = tell(world)
    until_batch(world, wave, "running", "settled")
    told.made.clear()
    until_batch(world, wave, "settled")
    world.ticks(3)
    assert not Attempt.objects.exclude(state="confirmed").exists()
    assert told.made.count("installed") <= 2


@pytest.mark.parametrize(("listed_a_call", "way"), [(1, "installed"), (2_000, "subscribers")])
def test_many_orgs_are_read_in_whichever_way_takes_fewer_calls(
    world: World, monkeypatch: pytest.MonkeyPatch, listed_a_call: int, way: str
) -> None:
    monkeypatch.setattr(looking, "ORGS_A_CALL", 5)
    monkeypatch.setattr(looking, "ROWS_A_CALL", listed_a_call)
    rows = Installation.objects.filter(package__namespace="hbr").select_related("org", "package")
    orgs = [row.org.key for row in rows[:12]]
    told = tell(world)
    found = looking.installed(rows[0].package, orgs, told)
    assert told.made == [way]
    assert sorted(found) == sorted(orgs)


def test_the_jobs_of_a_large_batch_are_told_from_those_of_others(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    wave = sandbox_rollout(world, 4)
    batch = until_batch(world, wave, "verified")
    orgs = list(wave.targets.values_list("org__key", flat=True))
    start = batch.start_at
    assert batch.sf_id is not None
    assert start is not None
    other = world.gateway.create_request(wave.rollout.to_version.sf_id, start)
    stranger = world.rollout_org_outside(batch)
    world.gateway.add_jobs(other, [orgs[0], stranger])
    small = looking.jobs(wave.rollout.to_version.package, batch.sf_id, orgs, world.gateway)
    monkeypatch.setattr(looking, "ORGS_A_CALL", 2)
    large = looking.jobs(wave.rollout.to_version.package, batch.sf_id, orgs, world.gateway)
    assert sorted(large[0]) == sorted(small[0]) == sorted(orgs)
    assert large[1] == small[1] == [orgs[0]]
