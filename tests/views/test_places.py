"""Go anywhere by a few letters, with a script or without."""

from __future__ import annotations

import re

import pytest

from rollouts.domain.lifecycle import AttemptState
from tests.views.conftest import FRAGMENT, Browser
from tests.views.world import HOSTILE, World, key_of


@pytest.fixture
def running(world: World) -> str:
    """A running rollout; returns its batch's path."""
    wave = world.dispatching(world.rollout())
    batch = world.batch(wave, 1, {AttemptState.QUEUED: 1})
    return f"/rollouts/hbr-4-3-0/batches/{batch.pk}/"


def test_places_are_found_by_words_numbers_and_ids(
    world: World, running: str, sign_in: Browser
) -> None:
    pia = sign_in("pia")
    expected = {
        "": "/rollouts/hbr-4-3-0/",
        "4.3": "/rollouts/hbr-4-3-0/",
        "harbor 4.3": "/rollouts/hbr-4-3-0/",
        "hbr": "/packages/hbr/",
        "dark stop": "",
        "emergency": "/stop/",
        "munchen": f"/orgs/{key_of(6)}/",
        key_of(12).lower(): f"/orgs/{key_of(12)}/",
        key_of(101, "0DV"): running,
        key_of(1, "0DX")[:15]: running,
    }
    for text, address in expected.items():
        part = pia.get("/go/", {"q": text}, headers=FRAGMENT).content.decode()

        found = re.findall(r'role="option"[^>]* href="([^"]+)"', part)
        assert (address in found) if address else not found, (text, found)
        assert "<html" not in part

    many = pia.get("/go/", {"q": "munchen"}, headers=FRAGMENT).content.decode()
    assert 'href="/orgs/?q=munchen&amp;installed=all"' in many
    assert "All 10 orgs" in many


def test_nobody_is_led_where_they_may_not_go(sign_in: Browser) -> None:
    part = sign_in("vic").get("/go/", {"q": "new rollout"}, headers=FRAGMENT).content.decode()

    assert "/rollouts/new/" not in part
    assert "Nothing is called “new rollout”." in part


def test_without_a_script_it_is_a_page_and_names_stay_text(running: str, sign_in: Browser) -> None:
    page = sign_in("sue").get("/go/", {"q": HOSTILE[:20]}).content.decode()

    assert "<h1" in page
    assert 'class="strong" href="/orgs/' in page
    assert "<script>alert" not in page


def test_asking_is_cheap(
    running: str, sign_in: Browser, django_assert_max_num_queries: object
) -> None:
    sue = sign_in("sue")

    with django_assert_max_num_queries(9):  # type: ignore[operator]
        sue.get("/go/", {"q": "munchen"}, headers=FRAGMENT)
