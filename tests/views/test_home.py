"""Home answers: what needs me, what moves, what happened, is all well."""

from __future__ import annotations

import re

from rollouts.domain.lifecycle import AttemptState
from tests.views.conftest import FRAGMENT, Browser
from tests.views.world import World


def test_a_first_day_says_how_to_begin(sign_in: Browser) -> None:
    page = sign_in("pia").get("/").content.decode()

    assert "Nothing waits for you." in page
    assert "No rollouts yet" in page
    assert 'href="/rollouts/new/"' in page


def test_a_viewer_is_not_offered_what_only_planners_may(sign_in: Browser) -> None:
    assert b'href="/rollouts/new/"' not in sign_in("vic").get("/").content


def test_an_approver_finds_the_wave_that_waits_for_them(world: World, sign_in: Browser) -> None:
    world.freeze(world.rollout())

    page = sign_in("ari").get("/").content.decode()

    assert "needs your approval" in page
    assert 'href="/rollouts/hbr-4-3-0/waves/1/approve/"' in page


def test_the_planner_who_froze_it_is_not_asked_to_approve(world: World, sign_in: Browser) -> None:
    world.freeze(world.rollout())

    assert b"needs your approval" not in sign_in("pia").get("/").content


def test_an_active_rollout_shows_counts_that_add_up(world: World, sign_in: Browser) -> None:
    rollout = world.rollout()
    wave = world.dispatching(rollout)
    world.batch(wave, 1, {AttemptState.CONFIRMED: 4, AttemptState.FAILED: 2})

    page = sign_in("vic").get("/").content.decode()

    figures = dict(
        re.findall(r'data-figure="rollout\.hbr-4-3-0\.(\w+)"[^>]*data-value="(\d+)"', page)
    )
    assert figures["confirmed"] == "4"
    assert figures["failed"] == "2"
    assert sum(map(int, figures.values())) == rollout.targets.count()


def test_the_live_part_alone_is_sent_to_htmx(sign_in: Browser) -> None:
    part = sign_in("vic").get("/", headers=FRAGMENT).content.decode()

    assert part.lstrip().startswith('<div class="stack" id="live"')
    assert "<html" not in part


def test_an_unchanged_part_is_not_sent_again(world: World, sign_in: Browser) -> None:
    world.rollout()
    vic = sign_in("vic")
    stamp = re.findall(r"\?v=([^\"]+)", vic.get("/").content.decode())[0]

    assert vic.get("/", {"v": stamp}, headers=FRAGMENT).status_code == 204

    world.freeze(world.people["pia"].rollouts.get())
    assert vic.get("/", {"v": stamp}, headers=FRAGMENT).status_code == 200


def test_every_page_says_that_this_is_a_simulation(world: World, sign_in: Browser) -> None:
    vic = sign_in("vic")

    for address in ("/", "/find/", "/rollouts/", "/status/", "/stop/", "/nowhere/"):
        assert b"Nothing here reaches a customer." in vic.get(address).content, address


def test_home_asks_the_database_little(
    world: World, sign_in: Browser, django_assert_max_num_queries: object
) -> None:
    world.freeze(world.rollout())
    vic = sign_in("vic")

    with django_assert_max_num_queries(45):  # type: ignore[operator]
        vic.get("/")
