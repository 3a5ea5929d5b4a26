"""Stopping everything takes one press; lifting it takes two people."""

from __future__ import annotations

import pytest

from rollouts.domain.lifecycle import AttemptState, BatchState
from rollouts.models import Batch, Hold, HoldKind, Rollout
from tests.views.conftest import FRAGMENT, Browser
from tests.views.world import World


@pytest.fixture
def busy(world: World) -> Rollout:
    """One batch running, one armed."""
    rollout = world.rollout()
    wave = world.dispatching(rollout)
    world.batch(wave, 1, {AttemptState.IN_PROGRESS: 2})
    world.batch(wave, 2, {AttemptState.QUEUED: 3}, BatchState.ARMED, "Pending")
    return rollout


def test_it_is_two_clicks_away_on_every_page(busy: Rollout, sign_in: Browser) -> None:
    pia = sign_in("pia")

    for address in ("/", "/find/", "/status/", "/rollouts/hbr-4-3-0/", "/nowhere/"):
        assert 'href="/stop/"' in pia.get(address).content.decode(), address


def test_it_parts_what_is_recalled_from_what_will_finish(busy: Rollout, sign_in: Browser) -> None:
    page = sign_in("pia").get("/stop/").content.decode()

    assert "<b>3 orgs</b> in 1 batch" in page
    assert "<b>up to 2 orgs</b> in 1 batch" in page


def test_one_press_without_a_reason_or_a_script_stops_everything(
    busy: Rollout, sign_in: Browser
) -> None:
    answer = sign_in("pia").post("/stop/", follow=True)
    page = answer.content.decode()

    assert Hold.objects.in_force().filter(kind=HoldKind.STOP_EVERYTHING).exists()
    assert "reason not given yet" in page
    assert "Everything is stopped." in page


def test_it_does_not_say_stopped_before_each_batch_has_answered(
    busy: Rollout, sign_in: Browser
) -> None:
    pia = sign_in("pia")
    page = pia.post("/stop/", follow=True).content.decode()
    assert "<h1>Stopping: 0 of 2 batches answered</h1>" in page
    assert "recalling…" in page

    Batch.objects.filter(number=2).update(state="canceled")
    Batch.objects.filter(number=1).update(cancel_too_late_at=busy.created_at)
    page = pia.get("/stop/").content.decode()

    assert "<h1>Stopped</h1>" in page
    assert "recalled, confirmed by Salesforce" in page
    assert "too late, already running; watched on" in page


def test_support_cannot_stop_and_is_told_who_can(busy: Rollout, sign_in: Browser) -> None:
    sue = sign_in("sue")
    assert "A planner, an approver or an admin can stop everything." in (
        sue.get("/stop/").content.decode()
    )

    assert sue.post("/stop/").status_code == 403
    assert not Hold.objects.exists()


def test_every_page_carries_the_red_line_while_stopped(busy: Rollout, sign_in: Browser) -> None:
    sign_in("pia").post("/stop/", {"reason": "wrong version"})

    page = sign_in("vic").get("/find/").content.decode()

    assert "banner--stop" in page
    assert "Pia Planner pressed it." in page
    assert "Reason: wrong version" in page


def test_lifting_takes_two_people(busy: Rollout, sign_in: Browser) -> None:
    ari, ann = sign_in("ari"), sign_in("ann")
    ari.post("/stop/")
    ari.post("/stop/ask-lift/", {"reason": "the version was right after all"})
    assert "You asked, so somebody else confirms." in ari.get("/stop/").content.decode()
    assert ari.post("/stop/confirm-lift/").status_code == 422
    assert Hold.objects.in_force().filter(kind=HoldKind.STOP_EVERYTHING).exists()

    answer = ann.post("/stop/confirm-lift/", follow=True).content.decode()

    assert "Every rollout is paused until somebody lifts its pause." in answer
    assert Hold.objects.in_force().get().kind == HoldKind.PAUSED


def test_asking_needs_a_reason(busy: Rollout, sign_in: Browser) -> None:
    pia = sign_in("pia")
    pia.post("/stop/")

    answer = pia.post("/stop/ask-lift/", {"reason": ""})

    assert answer.status_code == 422
    assert "Say why; it stays in the audit trail." in answer.content.decode()


def test_a_planner_cannot_confirm(busy: Rollout, sign_in: Browser) -> None:
    sign_in("ari").post("/stop/")
    sign_in("ari").post("/stop/ask-lift/", {"reason": "all is well"})

    assert sign_in("pia").post("/stop/confirm-lift/").status_code == 403


def test_lifting_when_nothing_is_stopped_is_a_conflict(world: World, sign_in: Browser) -> None:
    assert sign_in("ari").post("/stop/confirm-lift/").status_code == 409


def test_the_answers_move_by_themselves(busy: Rollout, sign_in: Browser) -> None:
    pia = sign_in("pia")
    pia.post("/stop/")

    part = pia.get("/stop/", headers=FRAGMENT).content.decode()

    assert part.lstrip().startswith('<div class="stack" id="live" data-live')


def test_a_called_back_wave_waits_for_the_planner_not_for_an_approver(
    world: World, sign_in: Browser
) -> None:
    world.approved(world.rollout())
    sign_in("pia").post("/stop/")

    page = sign_in("vic").get("/rollouts/hbr-4-3-0/").content.decode()

    assert "To be frozen again" in page
    assert "Called back; to be frozen again" in page
    assert "Needs approval" not in page
