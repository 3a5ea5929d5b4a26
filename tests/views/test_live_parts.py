"""What keeps a page true and calm: cheap ticks, ages that turn late, what is read out."""

from __future__ import annotations

import html
import re
from datetime import timedelta

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from rollouts.domain.lifecycle import AttemptState
from rollouts.models import Batch, Rollout
from rollouts.pipeline import clock
from tests.views.conftest import FRAGMENT, NOW, Browser
from tests.views.world import World

ROLLOUT = "/rollouts/hbr-4-3-0/"
# Session, person, time, roles: who asks. Then what the page shows, by one read or two.
WHO_ASKS = 4


@pytest.fixture
def batch(world: World) -> Batch:
    """A batch of a running rollout: two orgs seen, four queued."""
    wave = world.dispatching(world.rollout())
    return world.batch(wave, 1, {AttemptState.CONFIRMED: 2, AttemptState.QUEUED: 4})


def live_address(page: str) -> str:
    """Where a live part asks, with the stamp of what it shows."""
    (address,) = re.findall(r'data-live hx-get="([^"]+)"', page)
    return html.unescape(address)


def said(page: str, what: str) -> str:
    """What the live part says in one of its data attributes."""
    region = page[page.index('id="live"') :]
    return html.unescape(re.findall(rf'data-{what}="([^"]*)"', region)[0])


def test_a_tick_that_finds_nothing_new_costs_one_read_or_two(
    batch: Batch, sign_in: Browser
) -> None:
    vic = sign_in("vic")
    pages = {
        ROLLOUT: 1,
        f"{ROLLOUT}waves/1/?state=queued": 1,
        f"{ROLLOUT}batches/{batch.pk}/": 1,
        "/rollouts/?show=all": 2,
        "/": 2,
    }
    for page, reads in pages.items():
        address = live_address(vic.get(page).content.decode())
        if address.startswith("?"):
            address = page.partition("?")[0] + address

        with CaptureQueriesContext(
            connection,
        ) as asked:
            answer = vic.get(address, headers=FRAGMENT)

        assert (answer.status_code, answer.content) == (204, b""), page
        assert len(asked) <= WHO_ASKS + reads, [query["sql"] for query in asked]


def test_a_read_at_salesforce_is_news_though_no_state_moved(batch: Batch, sign_in: Browser) -> None:
    vic = sign_in("vic")
    for seconds, page in enumerate((ROLLOUT, "/"), 5):
        address = live_address(vic.get(page).content.decode())
        assert vic.get(address, headers=FRAGMENT).status_code == 204

        Batch.objects.update(sf_as_of=NOW + timedelta(seconds=seconds))

        assert vic.get(address, headers=FRAGMENT).status_code == 200


def test_numbers_are_not_read_out_and_changes_of_state_are(
    world: World, batch: Batch, sign_in: Browser
) -> None:
    vic = sign_in("vic")
    before = vic.get(ROLLOUT).content.decode()
    batch.attempts.filter(state="queued").update(state="failed")
    numbers = vic.get(ROLLOUT).content.decode()
    Rollout.objects.update(state="halted", reason="wave 1: 4 of 6 failed")
    halted = vic.get(ROLLOUT).content.decode()

    assert said(before, "announce").endswith("Wave 1, Own orgs: Dispatching")
    assert said(numbers, "announce") == said(before, "announce")
    assert (said(numbers, "alarm"), said(numbers, "mood")) == ("", "failed")
    assert said(halted, "alarm") == "Harbor 4.3.0. Halted: wave 1: 4 of 6 failed"
    assert said(halted, "mood") == "held"
    assert "<title>(4 failed) Harbor 4.3.0, " in halted


@pytest.mark.parametrize(("minutes", "word"), [(1, ""), (31, ", late"), (151, ", very late")])
def test_ages_say_late_from_twice_and_very_late_from_ten_times_the_usual(
    minutes: int, word: str, sign_in: Browser, monkeypatch: pytest.MonkeyPatch
) -> None:
    vic = sign_in("vic")
    monkeypatch.setattr(clock, "wall", lambda: NOW + timedelta(minutes=minutes))

    page = vic.get("/calendar/").content.decode()

    (orgs,) = re.findall(r'<span id="ages"[^>]*>.*?orgs <time [^>]*>([^<]*)</time>', page)
    assert orgs.partition(" ago")[2] == word
    assert 'data-very-late="Org data is {} old.' in page


def test_a_page_that_was_left_asks_whose_session_it_is(world: World, sign_in: Browser) -> None:
    answer = sign_in("pia").get("/session/", headers=FRAGMENT)

    assert answer.json()["person"] == str(world.people["pia"].pk)
    assert len(answer.json()["token"]) == 64
    assert "no-store" in answer["Cache-Control"]
    assert Client().get("/session/", headers=FRAGMENT).status_code == 401


def test_keys_and_announcements_can_be_switched_off(sign_in: Browser) -> None:
    vic = sign_in("vic")
    page = vic.get("/").content.decode()
    assert 'data-keys="on" data-announce="all"' in page
    assert 'data-go="r"' in page

    assert vic.post("/settings/me/", {"keys": "maybe", "announce": "all"}).status_code == 422
    answer = vic.post("/settings/me/", {"keys": "off", "announce": "important"}, follow=True)

    assert "Kept until you sign out." in answer.content.decode()
    assert 'data-keys="off" data-announce="important"' in vic.get("/find/").content.decode()
    assert 'data-keys="on"' in sign_in("sue").get("/find/").content.decode()
