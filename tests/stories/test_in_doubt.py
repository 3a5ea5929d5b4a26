"""A batch in doubt is a normal state with two safe ways out."""

from __future__ import annotations

from datetime import timedelta

from rollouts.models import Batch
from rollouts.pipeline import control
from tests.support.world import World


def doubtful(world: World) -> Batch:
    """Lose the answer of a create while somebody makes a request at the very same second."""
    rollout = world.rollout()
    wave = world.go(rollout, 1)
    world.sim.plan_fault("reset_after", match="create:PackagePushRequest")
    world.until(lambda: wave.batches.exclude(created_sent_at=None).exists())
    batch = wave.batches.get()
    if batch.state == "reserved":
        world._gateway().create_request(rollout.to_version.sf_id, batch.start_at)  # type: ignore[arg-type]
    world.until(lambda: Batch.objects.filter(pk=batch.pk, state="in_doubt").exists())
    batch.refresh_from_db()
    return batch


def test_two_requests_that_could_be_it_are_a_doubt_and_nothing_is_repeated(world: World) -> None:
    batch = doubtful(world)
    assert batch.sf_id is None
    world.ticks(5)
    batch.refresh_from_db()
    assert batch.state == "in_doubt"
    assert len(world.effects("request_created")) == 2


def test_recall_cancels_every_request_that_could_be_it_and_frees_its_orgs(world: World) -> None:
    batch = doubtful(world)
    control.recall(batch, by=world.pia, reason="sort it out", now=world.clock())

    batch.refresh_from_db()
    assert batch.state == "abandoned", batch.reason
    assert len(world.effects("request_canceled")) == 2
    assert not batch.attempts.live().exists()

    wave = batch.wave
    world.until(world.wave_is(wave, "passed"))
    orgs = sorted(wave.targets.values_list("org__key", flat=True))
    assert sorted(org for org, _ in world.pushed()) == orgs


def test_one_that_salesforce_works_on_stays_in_doubt(world: World) -> None:
    batch = doubtful(world)
    stranger = world._gateway()
    found = stranger.requests_starting(batch.list.to_version.sf_id, batch.start_at)  # type: ignore[arg-type]
    target = world.rollout_org_outside(batch)
    stranger.add_jobs(found[0].id, [target])
    world.sim.script([target], "stuck")
    stranger.arm(found[0].id)
    assert batch.start_at
    world.clock.at = batch.start_at + timedelta(hours=3)
    control.recall(batch, by=world.pia, now=world.clock())
    batch.refresh_from_db()
    assert batch.state == "in_doubt"
