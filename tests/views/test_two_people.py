"""Grave acts and second tries: who sees which button, and what the pages say."""

from __future__ import annotations

from datetime import timedelta

import pytest

from rollouts.domain.lifecycle import AttemptState, BatchState, WaveState
from rollouts.models import (
    Ask,
    Batch,
    Connection,
    Deployment,
    Heartbeat,
    Rollout,
    Stranger,
    Wave,
)
from rollouts.pipeline import memory
from rollouts.pipeline.transitions import move_wave
from tests.views.conftest import Browser
from tests.views.world import World


@pytest.fixture
def rollout(world: World) -> Rollout:
    made = world.rollout()
    world.dispatching(made)
    made.refresh_from_db()
    return made


def doubtful(world: World, rollout: Rollout) -> Batch:
    wave = rollout.waves.get(number=1)
    return world.batch(wave, 1, {AttemptState.SUBMITTED: 2}, BatchState.IN_DOUBT, "Created")


def test_one_asks_and_another_confirms_that_a_request_is_gone(
    world: World, rollout: Rollout, sign_in: Browser
) -> None:
    batch = doubtful(world, rollout)
    page = f"/rollouts/{rollout.slug}/batches/{batch.pk}/"
    pia, ari, vic = sign_in("pia"), sign_in("ari"), sign_in("vic")
    assert f"{page}gone/" in pia.get(page).content.decode()
    assert f"{page}gone/" not in vic.get(page).content.decode()
    assert pia.post(f"{page}gone/", {"reason": ""}).status_code == 422
    assert pia.post(f"{page}gone/", {"reason": "deleted in Setup"}).status_code == 303
    assert Ask.objects.get().seen == 2

    assert "Somebody else confirms it." in pia.get(page).content.decode()
    shown = ari.get(page).content.decode()
    assert "says that its request is gone from Salesforce: deleted in Setup" in shown
    assert f"{page}gone/confirm/" in shown
    assert pia.post(f"{page}gone/confirm/").status_code == 403
    # The world of these pages has no Salesforce: nothing is ended on a mere word.
    answer = ari.post(f"{page}gone/confirm/")
    assert answer.status_code == 422
    assert "could not be asked" in answer.content.decode()
    batch.refresh_from_db()
    assert batch.state == "in_doubt"


def baking(world: World, rollout: Rollout) -> Wave:
    wave = rollout.waves.get(number=1)
    count = wave.targets.count()
    world.batch(
        wave, 1, {AttemptState.FAILED: 1, AttemptState.CONFIRMED: count - 1}, BatchState.SETTLED
    )
    move_wave(wave, WaveState.BAKING, now=world.now, because="settled", baked_until=world.now)
    return wave


def test_a_planner_puts_failed_orgs_on_a_new_list(
    world: World, rollout: Rollout, sign_in: Browser
) -> None:
    wave = baking(world, rollout)
    page = f"/rollouts/{rollout.slug}/waves/1/"
    failed = wave.targets.get(state="failed").org
    pia = sign_in("pia")
    assert "Retry failed" in pia.get(page).content.decode()
    asking = pia.get(f"{page}retry/").content.decode()
    assert failed.key in asking
    assert "This pushes nothing" in asking
    none = pia.post(f"{page}retry/", {"reason": "mended"})
    assert none.status_code == 409
    assert "mended" in none.content.decode()

    done = pia.post(f"{page}retry/", {"reason": "mended", "orgs": failed.key}, follow=True)
    assert "1 orgs wait for a new list" in done.content.decode()
    wave.refresh_from_db()
    assert wave.state == "planned"
    assert sign_in("ari").post(f"{page}retry/", {"reason": "x"}).status_code == 403


def test_an_older_rollout_is_taken_over_only_when_that_is_ticked(
    world: World, rollout: Rollout, sign_in: Browser
) -> None:
    newer = world.versions["4.3.0"]
    older = world.versions["4.2.1"]
    Rollout.objects.filter(pk=rollout.pk).update(to_version=older)
    pia = sign_in("pia")
    draft = pia.post("/rollouts/new/", {"version": newer.sf_id})["Location"].rsplit("/", 2)[0]
    audience = pia.get(f"{draft}/audience/").content.decode()
    assert f"take over what Harbor 4.2.1 ({rollout.slug}) has left" in audience
    chosen = {"rev": 1, "take_over": rollout.slug, "next": "1"}
    answer = pia.post(f"{draft}/audience/", chosen)
    assert answer.status_code == 303
    page = pia.get(f"{draft}/review/").content.decode()
    assert f"Abort Harbor 4.2.1 ({rollout.slug})" in page

    refused = pia.post(f"{draft}/review/", {"rev": 2})
    assert refused.status_code == 422
    assert "is to be aborted" in refused.content.decode()
    rollout.refresh_from_db()
    assert rollout.state == "active"

    confirmed = {"rev": 2, "confirmed": rollout.slug}
    done = pia.post(f"{draft}/review/", confirmed, follow=True)
    assert f"{rollout.slug} is being aborted" in done.content.decode()
    rollout.refresh_from_db()
    assert rollout.state == "aborting"
    made = Rollout.objects.get(supersedes=rollout)
    assert (
        f"{rollout.slug}, which it takes over, is aborting"
        in pia.get(f"/rollouts/{made.slug}/").content.decode()
    )


def test_home_names_what_is_stuck_and_nothing_else(
    world: World, rollout: Rollout, sign_in: Browser
) -> None:
    vic = sign_in("vic")
    assert "longer in one state than is normal" not in vic.get("/").content.decode()
    wave = rollout.waves.get(number=1)
    armed = world.batch(wave, 1, {AttemptState.QUEUED: 1}, BatchState.ARMED, "Pending")
    Batch.objects.filter(pk=armed.pk).update(not_after=world.now - timedelta(hours=1))
    stuck = world.batch(wave, 2, {AttemptState.STUCK: 1}, BatchState.RUNNING)
    Batch.objects.filter(pk=stuck.pk).update(
        started_seen_at=world.now - timedelta(hours=13),
        cancel_wanted_at=world.now - timedelta(hours=13),
    )
    page = vic.get("/").content.decode()
    assert "batch 1 was not started by its latest start" in page
    assert "batch 2 has run for many hours" in page
    assert "pushes have not moved at Salesforce for hours" in page


def test_requests_of_others_are_shown_while_they_are_open(world: World, sign_in: Browser) -> None:
    vic = sign_in("vic")
    assert "Push requests that are not ours" not in vic.get("/status/").content.decode()
    theirs = Stranger.objects.create(
        connection=world.package.connection, sf_id="0DV5g0000010AbcGAI", version_sf_id="04t",
        status="Pending", orgs=["a", "b"], first_seen_at=world.now, seen_at=world.now,
    )  # fmt: skip
    page = vic.get("/status/").content.decode()
    assert "0DV5g0000010AbcGAI" in page
    assert "Pending, 2 orgs" in page
    Stranger.objects.filter(pk=theirs.pk).update(ended_at=world.now)
    assert theirs.sf_id not in vic.get("/status/").content.decode()


def test_a_restored_database_is_said_on_every_page(world: World, sign_in: Browser) -> None:
    memory.deployment()
    Deployment.objects.update(restored_at=world.now, restored_why="the history is shorter")
    for page in ("/", "/rollouts/", "/status/"):
        body = sign_in("vic").get(page).content.decode()
        assert "The database was put back to an older state." in body
        assert "manage.py reconcile --after-restore" in body


def test_a_connection_that_nobody_watches_is_named(world: World, sign_in: Browser) -> None:
    other = Connection.objects.create(
        name="Second org", login_url="http://127.0.0.1:9", simulated=True, answered_at=world.now
    )
    page = sign_in("vic").get("/status/").content.decode()
    assert "The watcher is silent on Second org" in page
    Heartbeat.objects.create(part=f"watcher {other.pk}", beat_at=world.now)
    assert "All systems ok" in sign_in("vic").get("/status/").content.decode()
