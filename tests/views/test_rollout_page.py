"""The page that people keep open: where it stands, whether it is well, what can be done."""

from __future__ import annotations

import html
import re
from collections import Counter
from datetime import timedelta

import pytest

from rollouts.domain.lifecycle import AttemptState, BatchState
from rollouts.models import Hold, Rollout
from rollouts.pipeline import clock, report
from rollouts.views.reading import COLUMN_STATES, column_of, in_column, states_of
from tests.views.conftest import FRAGMENT, NOW, Browser
from tests.views.world import World

PAGE = "/rollouts/hbr-4-3-0/"


@pytest.fixture
def running(world: World) -> Rollout:
    """A rollout whose first wave is at Salesforce: two seen, one failed, three running."""
    rollout = world.rollout()
    wave = world.dispatching(rollout)
    states = {AttemptState.CONFIRMED: 2, AttemptState.FAILED: 1, AttemptState.IN_PROGRESS: 3}
    world.batch(wave, 1, states)
    rollout.refresh_from_db()
    return rollout


def test_it_opens_with_a_verdict_in_words_and_its_age(running: Rollout, sign_in: Browser) -> None:
    page = sign_in("vic").get(PAGE).content.decode()

    assert "Wave 1, Own orgs, is on its way: 2 of 6 orgs upgraded." in page
    assert "Confirmed by Salesforce" in page
    assert "data-ago=" in page


def test_every_wave_stands_in_the_rail(running: Rollout, sign_in: Browser) -> None:
    page = sign_in("vic").get(PAGE).content.decode()

    assert page.count('class="rail__step') == running.waves.count()
    assert page.count('aria-current="step"') == 1


def test_figures_carry_the_moment_of_their_read(running: Rollout, sign_in: Browser) -> None:
    page = sign_in("vic").get(PAGE).content.decode()

    moments = set(
        re.findall(r'data-figure="(?:rollout|wave|batch)\.[^"]+" data-as-of="([^"]*)"', page)
    )
    assert len(moments) == 1
    assert moments.pop().endswith("Z")


def test_a_batch_shows_salesforces_word_beside_ours(running: Rollout, sign_in: Browser) -> None:
    page = sign_in("vic").get(PAGE).content.decode()

    assert re.search(r'data-figure="batch\.hbr-4-3-0\.\d+\.sf_status"[^>]*>InProgress<', page)


def test_failures_are_grouped_with_salesforces_text(running: Rollout, sign_in: Browser) -> None:
    page = sign_in("vic").get(PAGE).content.decode()

    assert "Apex test failed" in page
    assert "Zone is required on &#x27;Dispatch__c&#x27;" in page
    assert "the customer must act" in page


def test_who_decided_is_read_without_another_page(running: Rollout, sign_in: Browser) -> None:
    page = sign_in("vic").get(PAGE).content.decode()

    assert "Ari Approver</bdi></b> approved wave 1" in page
    assert "Own orgs are clean." in page


def test_a_viewer_sees_the_buttons_and_why_they_are_not_theirs(
    running: Rollout, sign_in: Browser
) -> None:
    page = sign_in("vic").get(PAGE).content.decode()

    assert "Pause, Halt rollout, Abort: for admin or approver or planner." in page
    assert 'action="/rollouts/hbr-4-3-0/pause/"' not in page


@pytest.mark.parametrize("who", ["pia", "ari", "ada"])
def test_those_who_may_stop_have_the_buttons(who: str, running: Rollout, sign_in: Browser) -> None:
    page = sign_in(who).get(PAGE).content.decode()

    assert 'action="/rollouts/hbr-4-3-0/pause/"' in page
    assert 'href="/rollouts/hbr-4-3-0/halt/"' in page
    assert "Halt rollout" in page


def test_the_live_part_comes_alone_and_not_when_unchanged(
    running: Rollout, sign_in: Browser
) -> None:
    vic = sign_in("vic")
    part = vic.get(PAGE, headers=FRAGMENT).content.decode()
    assert part.lstrip().startswith('<div class="stack" id="live" data-live')

    stamp = re.findall(r";v=([^\"]+)", part)[0]
    assert vic.get(PAGE, {"v": stamp}, headers=FRAGMENT).status_code == 204


def test_a_finished_rollout_stops_asking(world: World, sign_in: Browser) -> None:
    rollout = world.rollout()
    for state in ("aborting", "aborted"):
        Rollout.objects.filter(pk=rollout.pk).update(state=state, ended_at=world.now)

    page = sign_in("vic").get(PAGE).content.decode()

    assert "data-live" not in page
    assert "http-equiv" not in page


def test_a_person_without_scripts_gets_a_page_that_reloads(
    running: Rollout, sign_in: Browser
) -> None:
    page = sign_in("vic").get(PAGE).content.decode()

    assert '<noscript><meta http-equiv="refresh" content="30"></noscript>' in page


def test_pausing_takes_one_press(running: Rollout, sign_in: Browser) -> None:
    answer = sign_in("pia").post(PAGE + "pause/", follow=True)

    assert "Paused. Nothing new is armed" in answer.content.decode()
    assert Hold.objects.in_force().filter(rollout=running).exists()


def test_pausing_twice_says_that_somebody_was_first(running: Rollout, sign_in: Browser) -> None:
    sign_in("ari").post(PAGE + "pause/")

    answer = sign_in("pia").post(PAGE + "pause/")

    assert answer.status_code == 409
    assert "It is held already." in answer.content.decode()


def test_the_pause_is_lifted_by_the_same_button(running: Rollout, sign_in: Browser) -> None:
    pia = sign_in("pia")
    pia.post(PAGE + "pause/")
    assert b"Lift pause" in pia.get(PAGE).content

    pia.post(PAGE + "lift-pause/")

    assert not Hold.objects.in_force().exists()


def test_support_cannot_pause(running: Rollout, sign_in: Browser) -> None:
    assert sign_in("sue").post(PAGE + "pause/").status_code == 403


def test_the_halt_page_parts_recalled_from_finishing(world: World, sign_in: Browser) -> None:
    wave = world.dispatching(world.rollout())
    world.batch(wave, 1, {AttemptState.IN_PROGRESS: 2})
    world.batch(wave, 2, {AttemptState.QUEUED: 3}, BatchState.ARMED, "Pending")

    page = sign_in("pia").get(PAGE + "halt/").content.decode()

    assert "<b>3 orgs</b> in 1 batch" in page
    assert "<b>up to 2 orgs</b> in 1 batch" in page
    assert "Halt, recall 3 orgs" in page


def test_a_halt_needs_no_reason(running: Rollout, sign_in: Browser) -> None:
    answer = sign_in("pia").post(PAGE + "halt/", {"reason": ""})

    running.refresh_from_db()
    assert answer.status_code == 303
    assert running.state == "halted"
    assert running.reason == ""
    page = sign_in("vic").get(PAGE).content.decode()
    assert "Halted by Pia Planner, reason not given yet" in page


def test_an_abort_needs_a_reason_and_keeps_the_form(running: Rollout, sign_in: Browser) -> None:
    answer = sign_in("pia").post(PAGE + "abort/", {"reason": "  "})

    assert answer.status_code == 422
    assert "Say why; it stays in the audit trail." in answer.content.decode()
    running.refresh_from_db()
    assert running.state == "active"


def test_resuming_needs_the_number_of_failures_that_the_page_shows(
    running: Rollout, sign_in: Browser
) -> None:
    sign_in("pia").post(PAGE + "halt/")
    ari = sign_in("ari")
    wrong = ari.post(PAGE + "resume/", {"reason": "looked at it", "acknowledged": "7"})
    assert wrong.status_code == 422
    assert "1 orgs have failed, you typed 7." in wrong.content.decode()
    assert "looked at it" in wrong.content.decode()

    right = ari.post(PAGE + "resume/", {"reason": "looked at it", "acknowledged": "1"})

    running.refresh_from_db()
    assert right.status_code == 303
    assert running.state == "active"


def test_a_planner_cannot_resume(running: Rollout, sign_in: Browser) -> None:
    sign_in("pia").post(PAGE + "halt/")

    assert sign_in("pia").get(PAGE + "resume/").status_code == 403


def test_orgs_left_out_are_listed_by_reason(world: World, sign_in: Browser) -> None:
    world.rollout()

    page = sign_in("vic").get(PAGE + "left-out/", {"because": "blocked"}).content.decode()

    assert "2 orgs left out" in page
    assert page.count("<tr>") == 2
    assert "The customer blocks pushes" in page


def test_an_unknown_rollout_is_not_found(world: World, sign_in: Browser) -> None:
    assert sign_in("vic").get("/rollouts/nothing/").status_code == 404


def test_squares_and_lists_count_as_the_report_does(world: World) -> None:
    rollout = world.rollout()
    wave = world.dispatching(rollout, 1)
    world.batch(wave, 1, {AttemptState.CANCELED: 1}, BatchState.CANCELED, "Canceled")
    mixed = [
        AttemptState.CONFIRMED, AttemptState.FAILED, AttemptState.STUCK,
        AttemptState.SUCCEEDED, AttemptState.SUBMITTED,
    ]  # fmt: skip
    world.batch(wave, 2, dict.fromkeys(mixed, 1))

    counted = report.wave_counts(rollout)[1]
    drawn = Counter(column_of(t.state, t.attempt_state) for t in states_of(wave))
    listed = {name: states_of(wave).filter(in_column(name)).count() for name in COLUMN_STATES}

    assert drawn == {name: counted[name] for name in COLUMN_STATES if counted[name]}
    assert listed == {name: counted[name] for name in COLUMN_STATES}


def test_the_list_of_rollouts_has_tabs(world: World, sign_in: Browser) -> None:
    world.rollout()
    vic = sign_in("vic")

    assert b"Harbor 4.3.0" in vic.get("/rollouts/?show=active").content
    assert b"Harbor 4.3.0" not in vic.get("/rollouts/?show=ended").content
    assert b"Harbor 4.3.0" in vic.get("/rollouts/?show=no-such-tab").content


def test_a_live_part_is_renewed_though_nothing_happened(
    running: Rollout, sign_in: Browser, monkeypatch: pytest.MonkeyPatch
) -> None:
    vic = sign_in("vic")
    (query,) = re.findall(r'hx-get="[^"?]+\?([^"]+)"', vic.get(PAGE).content.decode())
    address = f"{PAGE}?{html.unescape(query)}"
    assert vic.get(address, headers=FRAGMENT).status_code == 204

    monkeypatch.setattr(clock, "wall", lambda: NOW + timedelta(seconds=16))

    part = vic.get(address, headers=FRAGMENT).content.decode()
    assert 'id="lamp" hx-swap-oob="calm"' in part
    assert 'id="banners" hx-swap-oob="calm"' in part
    assert re.search(r'id="ages" data-now="[^"]+" hx-swap-oob="calm"', part)
