"""Stopping needs no words; they may follow, once, as an entry of their own."""

from __future__ import annotations

import pytest
from django.test import Client

from rollouts.models import Event, Hold, Rollout
from rollouts.pipeline import control
from tests.views.conftest import FRAGMENT, Browser
from tests.views.world import World


@pytest.fixture
def running(world: World) -> Rollout:
    rollout = world.rollout()
    world.dispatching(rollout)
    rollout.refresh_from_db()
    return rollout


def page_of(rollout: Rollout) -> str:
    return f"/rollouts/{rollout.slug}/"


def stopped(world: World, rollout: Rollout, how: str) -> str:
    """Stop in one of three ways without a reason; returns the page that owes it."""
    pia = world.people["pia"]
    if how == "pause":
        control.pause(rollout, by=pia, now=world.now)
    elif how == "halt":
        control.halt(rollout, by=pia, now=world.now)
    else:
        control.stop_everything(by=pia, now=world.now)
        return "/stop/"
    return page_of(rollout)


@pytest.mark.parametrize("how", ["pause", "halt", "stop everything"])
def test_the_reason_follows_later_and_is_history(
    world: World, running: Rollout, sign_in: Browser, how: str
) -> None:
    page = stopped(world, running, how)
    ari = sign_in("ari")
    assert f"{page}reason/" in ari.get(page).content.decode()
    assert f"Why: {how}" in ari.get(f"{page}reason/").content.decode()
    assert ari.post(f"{page}reason/", {"reason": " "}).status_code == 422

    assert ari.post(f"{page}reason/", {"reason": "Support sees errors."}).status_code == 303
    after = ari.get(page).content.decode()
    assert f"{page}reason/" not in after
    assert "Support sees errors." in after
    event = Event.objects.get(action="reason")
    assert (event.subject, event.reason, event.actor) == (
        how, "Support sees errors.", "Ari Approver",
    )  # fmt: skip

    again = ari.post(f"{page}reason/", {"reason": "No, something else."})
    assert again.status_code == 409
    assert "was given already" in again.content.decode()


def test_who_may_not_stop_gives_no_reason(world: World, running: Rollout, sign_in: Browser) -> None:
    page = stopped(world, running, "halt")
    vic = sign_in("vic")
    assert "reason/" not in vic.get(page).content.decode()
    assert vic.post(f"{page}reason/", {"reason": "because"}).status_code == 403


def test_a_pause_with_a_reason_owes_none(world: World, running: Rollout, sign_in: Browser) -> None:
    control.pause(running, by=world.people["pia"], reason="lunch", now=world.now)
    assert Hold.objects.get().reason == "lunch"
    assert "reason/" not in sign_in("pia").get(page_of(running)).content.decode()


def stop_button(client: Client, page: str) -> str:
    body = client.get(page, headers=FRAGMENT).content.decode()
    start = body.index('id="stop-everything"')
    return body[body.rindex("<a", 0, start) : body.index(">", start)]


def test_the_stop_button_comes_along_with_the_live_part(
    world: World, running: Rollout, sign_in: Browser
) -> None:
    from rollouts.domain.lifecycle import AttemptState

    pia = sign_in("pia")
    assert "btn--danger" not in stop_button(pia, page_of(running))
    world.batch(running.waves.get(number=1), 1, {AttemptState.IN_PROGRESS: 1})
    button = stop_button(pia, page_of(running))
    assert "btn--danger" in button
    assert 'hx-swap-oob="calm"' in button


def test_a_halted_wave_with_nothing_left_offers_nothing_to_freeze(
    world: World, running: Rollout, sign_in: Browser
) -> None:
    wave = running.waves.get(number=1)
    wave.targets.update(state="done")
    control.halt(running, by=world.people["pia"], reason="odd log", now=world.now)
    pia = sign_in("pia")
    for page in (page_of(running), f"{page_of(running)}waves/1/", "/"):
        body = pia.get(page).content.decode()
        assert "Freeze what is left" not in body
        assert "frozen again" not in body
        assert "can be frozen" not in body
    body = pia.get(page_of(running)).content.decode()
    assert "Nothing left to push; bakes after Resume" in body
    assert "nothing of wave 1 is left, it bakes then" in body
    assert "Wave 1 stopped, what is left needs a new approval" in body
