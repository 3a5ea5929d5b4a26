"""A wave: its orgs, its batches, its frozen lists, and the planner's moves on it."""

from __future__ import annotations

import re

import pytest

from rollouts.domain.lifecycle import AttemptState, BatchState, WaveState
from rollouts.models import Wave
from rollouts.pipeline.transitions import move_wave
from tests.views.conftest import FRAGMENT, Browser
from tests.views.world import World

PAGE = "/rollouts/hbr-4-3-0/waves/1/"


@pytest.fixture
def wave(world: World) -> Wave:
    """A wave of six own orgs with one failed, two running and three waiting."""
    made = world.dispatching(world.rollout())
    world.batch(made, 1, {AttemptState.FAILED: 1, AttemptState.IN_PROGRESS: 2})
    return made


def test_it_lists_each_org_with_state_from_version_and_batch(wave: Wave, sign_in: Browser) -> None:
    page = sign_in("vic").get(PAGE).content.decode()

    assert page.count('<th scope="row"><a href="/orgs/') == 6
    assert "ApexTestFailure | Apex test failed" in page
    assert "1 to 6 of 6" in page


def test_a_count_leads_to_exactly_its_orgs(wave: Wave, sign_in: Browser) -> None:
    vic = sign_in("vic")
    page = vic.get(PAGE).content.decode()
    links = dict(re.findall(r'href="([^"]+\?state=(?:\w+))"><b><span[^>]*data-value="(\d+)"', page))
    assert len(links) == 3

    for address, count in links.items():
        listed = vic.get(address).content.decode()
        assert listed.count('<th scope="row"><a href="/orgs/') == int(count), address


def test_a_state_that_nobody_knows_shows_all(wave: Wave, sign_in: Browser) -> None:
    assert b"1 to 6 of 6" in sign_in("vic").get(PAGE + "?state=nonsense").content


def test_long_waves_are_paged_and_keep_their_filter(world: World, sign_in: Browser) -> None:
    rollout = world.rollout()
    big = max(rollout.waves.all(), key=lambda wave: wave.targets.count())
    address = f"/rollouts/hbr-4-3-0/waves/{big.number}/?state=planned"

    page = sign_in("vic").get(address).content.decode()

    assert f"of {big.targets.count()}" in page


def test_the_live_part_comes_alone(wave: Wave, sign_in: Browser) -> None:
    vic = sign_in("vic")
    part = vic.get(PAGE, headers=FRAGMENT).content.decode()
    assert "<html" not in part

    stamp = re.findall(r"v=([^\"&]+)", part)[0]
    assert vic.get(PAGE, {"v": stamp}, headers=FRAGMENT).status_code == 204


def test_hostile_org_names_stay_text(wave: Wave, sign_in: Browser) -> None:
    page = sign_in("vic").get(PAGE).content.decode()

    assert "<script>alert" not in page
    assert "<bdi>&lt;script&gt;alert(&quot;x&quot;)&lt;/script&gt;" in page


def test_freezing_is_the_planners_button(world: World, sign_in: Browser) -> None:
    world.rollout()

    answer = sign_in("pia").post(PAGE + "freeze/", follow=True).content.decode()

    assert "Wave 1 is frozen. It waits for somebody else" in answer
    assert Wave.objects.get(number=1).state == WaveState.FROZEN


@pytest.mark.parametrize("who", ["vic", "sue", "ari", "ada"])
def test_nobody_else_freezes(who: str, world: World, sign_in: Browser) -> None:
    world.rollout()

    assert sign_in(who).post(PAGE + "freeze/").status_code == 403


def test_freezing_twice_shows_the_wave_as_it_is(world: World, sign_in: Browser) -> None:
    world.freeze(world.rollout())

    answer = sign_in("pia").post(PAGE + "freeze/")

    assert answer.status_code == 409
    assert "Wave 1 is frozen already." in answer.content.decode()


def test_opening_for_changes_voids_the_list_with_the_reason(world: World, sign_in: Browser) -> None:
    made = world.freeze(world.rollout())

    sign_in("pia").post(PAGE + "edit/", {"reason": "wrong night"})

    made.refresh_from_db()
    assert made.state == WaveState.PLANNED
    assert "void since" in sign_in("vic").get(PAGE).content.decode()


def test_withdrawing_asks_for_a_reason_first(world: World, sign_in: Browser) -> None:
    made = world.approved(world.rollout())
    ari = sign_in("ari")
    assert ari.post(PAGE + "withdraw/", {"reason": ""}).status_code == 422

    ari.post(PAGE + "withdraw/", {"reason": "support is not staffed"})

    made.refresh_from_db()
    assert made.state == WaveState.FROZEN


def test_the_own_orgs_wave_cannot_be_closed(world: World, sign_in: Browser) -> None:
    made = world.dispatching(world.rollout())
    world.batch(made, 1, {AttemptState.FAILED: 6}, BatchState.SETTLED, "Failed")
    move_wave(made, WaveState.BAKING, now=world.now, because="all settled")

    answer = sign_in("ari").post(PAGE + "close/", {"reason": "good enough"})

    assert answer.status_code == 422
    assert "The own orgs and the canary can&#x27;t be closed" in answer.content.decode()
    assert "good enough" in answer.content.decode()


def test_a_wave_that_holds_for_a_look_says_so_and_goes_on_with_a_finding(
    wave: Wave, sign_in: Browser
) -> None:
    Wave.objects.filter(pk=wave.pk).update(review="1 failure of a new kind")
    ari = sign_in("ari")
    assert "1 failure of a new kind" in ari.get(PAGE).content.decode()

    ari.post(PAGE + "look-over/", {"reason": "a test org with a broken test"})

    wave.refresh_from_db()
    assert wave.review == ""


def test_an_unknown_wave_is_not_found(wave: Wave, sign_in: Browser) -> None:
    assert sign_in("vic").get("/rollouts/hbr-4-3-0/waves/99/").status_code == 404
