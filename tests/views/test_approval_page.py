"""A second person says yes to exactly one list, or nothing happens."""

from __future__ import annotations

import re

import pytest

from rollouts.domain.lifecycle import AttemptState, BatchState, WaveState
from rollouts.models import Approval, Installation, Wave
from rollouts.pipeline import approve
from rollouts.pipeline.transitions import move_wave
from tests.views.conftest import FRAGMENT, Browser
from tests.views.world import World

PAGE = "/rollouts/hbr-4-3-0/waves/1/approve/"


@pytest.fixture
def frozen(world: World) -> Wave:
    """The first wave, frozen by Pia."""
    return world.freeze(world.rollout())


def form(wave: Wave, **changed: str) -> dict[str, str]:
    """Fill the form in as the page offered it."""
    assert wave.frozen_list
    filled = {"digest": wave.frozen_list.digest, "reason": "Clean so far.", "seen": "on"}
    return filled | changed


def test_it_answers_the_approvers_questions_in_order(frozen: Wave, sign_in: Browser) -> None:
    page = sign_in("ari").get(PAGE).content.decode()

    headings = re.findall(r'<h2 id="h\w">([^<]+)</h2>', page)
    assert headings == [
        "What happened in the last wave", "Who is in it", "What changed",
        "When", "If it goes wrong", "Your decision",
    ]  # fmt: skip
    assert frozen.frozen_list
    assert frozen.frozen_list.short_digest in page
    assert "Approve 6 orgs" in page


def test_it_lists_exactly_the_orgs_and_their_from_versions(frozen: Wave, sign_in: Browser) -> None:
    page = sign_in("ari").get(PAGE).content.decode()

    assert frozen.frozen_list
    for row in frozen.frozen_list.orgs.select_related("org", "from_version"):
        assert row.org.key in page
        assert f'data-label="From">{row.from_version.label}' in page


def test_opening_the_page_changes_nothing(frozen: Wave, sign_in: Browser) -> None:
    for who in ("vic", "pia", "ari"):
        assert sign_in(who).get(PAGE).status_code == 200

    frozen.refresh_from_db()
    assert frozen.state == WaveState.FROZEN
    assert not Approval.objects.exists()


def test_an_approver_approves_with_reason_and_tick(frozen: Wave, sign_in: Browser) -> None:
    answer = sign_in("ari").post(PAGE, form(frozen), follow=True)

    frozen.refresh_from_db()
    assert frozen.state == WaveState.APPROVED
    assert "You approved wave 1" in answer.content.decode()
    assert Approval.objects.get().reason == "Clean so far."


@pytest.mark.parametrize("missing", ["reason", "seen"])
def test_without_reason_or_tick_nothing_is_approved_and_the_rest_is_kept(
    missing: str, frozen: Wave, sign_in: Browser
) -> None:
    filled = form(frozen)
    del filled[missing]

    answer = sign_in("ari").post(PAGE, filled)

    assert answer.status_code == 422
    assert "There is 1 problem" in answer.content.decode()
    assert not Approval.objects.exists()
    if missing == "seen":
        assert "Clean so far." in answer.content.decode()


def test_the_planner_is_told_who_can_and_cannot_even_by_hand(
    frozen: Wave, sign_in: Browser
) -> None:
    pia = sign_in("pia")
    page = pia.get(PAGE).content.decode()
    assert "Ann Approver" in page
    assert "Ari Approver" in page
    assert '<form class="decide__form' not in page

    answer = pia.post(PAGE, form(frozen))

    assert answer.status_code == 403
    assert not Approval.objects.exists()


def test_an_approver_who_planned_it_cannot_approve(world: World, sign_in: Browser) -> None:
    ari = world.people["ari"]
    ari.grants.create(role="planner", granted_at=world.now, starts_at=world.now)
    frozen = world.freeze(world.rollout(author="ari"))
    browser = sign_in("ari")

    assert "You planned this rollout, so somebody else approves it." in (
        browser.get(PAGE).content.decode()
    )
    assert browser.post(PAGE, form(frozen)).status_code == 422
    assert not Approval.objects.exists()


def test_a_list_changed_meanwhile_is_not_approved_and_the_difference_is_shown(
    world: World, frozen: Wave, sign_in: Browser
) -> None:
    seen = form(frozen, reason="I saw six orgs.")
    approve.edit(frozen, by=world.people["pia"], reason="one org asked to wait", now=world.now)
    dropped = frozen.targets.order_by("place").first()
    assert dropped
    dropped.state = "excluded"
    dropped.save()
    world.freeze(frozen.rollout)

    answer = sign_in("ari").post(PAGE, seen)
    page = answer.content.decode()

    assert answer.status_code == 409
    assert "This list has changed since you opened the page; nothing was approved." in page
    assert "was removed" in page
    assert "I saw six orgs." in page
    assert "Approve 5 orgs" in page
    assert not Approval.objects.exists()


def test_the_second_approval_is_another_persons(world: World, sign_in: Browser) -> None:
    rollout = world.rollout()
    rollout.waves.filter(number=1).update(approvals_needed=2)
    frozen = world.freeze(rollout)
    ari = sign_in("ari")
    ari.post(PAGE, form(frozen))
    frozen.refresh_from_db()
    assert frozen.state == WaveState.FROZEN

    assert "You have approved this list already" in ari.get(PAGE).content.decode()
    assert ari.post(PAGE, form(frozen)).status_code == 422

    sign_in("ann").post(PAGE, form(frozen))
    frozen.refresh_from_db()
    assert frozen.state == WaveState.APPROVED


def test_what_changed_in_the_orgs_since_is_shown(
    world: World, frozen: Wave, sign_in: Browser
) -> None:
    Installation.objects.filter(org=world.orgs[0]).update(blocked=True)

    page = sign_in("ari").get(PAGE).content.decode()

    assert "1 change" in page
    assert "blocks pushes now" in page


def test_the_last_wave_is_told_with_its_figures(world: World, sign_in: Browser) -> None:
    rollout = world.rollout()
    first = world.dispatching(rollout, 1)
    world.batch(first, 1, {AttemptState.CONFIRMED: 5, AttemptState.FAILED: 1}, BatchState.SETTLED)
    move_wave(first, WaveState.BAKING, now=world.now, because="all settled")
    move_wave(first, WaveState.PASSED, now=world.now, because="baked")
    rollout.refresh_from_db()
    world.freeze(rollout, 2)

    page = sign_in("ari").get("/rollouts/hbr-4-3-0/waves/2/approve/").content.decode()

    assert 'data-figure="wave.hbr-4-3-0.1.confirmed"' in page
    assert "5 seen, 1 failed" in page
    assert "ApexTestFailure" in page


def test_sending_back_needs_a_reason(frozen: Wave, sign_in: Browser) -> None:
    ari = sign_in("ari")
    empty = ari.post("/rollouts/hbr-4-3-0/waves/1/send-back/", {"reason": ""})
    assert empty.status_code == 422
    assert "Say what should change" in empty.content.decode()

    ari.post("/rollouts/hbr-4-3-0/waves/1/send-back/", {"reason": "not on a Friday"})

    frozen.refresh_from_db()
    assert frozen.state == WaveState.PLANNED
    assert "not on a Friday" in frozen.reason


def test_a_big_list_asks_for_its_number(
    frozen: Wave, sign_in: Browser, monkeypatch: pytest.MonkeyPatch
) -> None:
    rollout = frozen.rollout
    rollout.policy_json = rollout.policy_json | {"two_approvals_above": 5}
    rollout.save()
    ari = sign_in("ari")
    assert "Type the number of orgs" in ari.get(PAGE).content.decode()

    wrong = ari.post(PAGE, form(frozen, count="7"))
    assert wrong.status_code == 422
    assert "The list has 6 orgs, you typed 7." in wrong.content.decode()

    assert ari.post(PAGE, form(frozen, count="6")).status_code == 303


def test_a_wave_that_is_not_frozen_says_what_comes_first(world: World, sign_in: Browser) -> None:
    world.rollout()

    page = sign_in("ari").get(PAGE).content.decode()

    assert "There is no list to approve yet" in page


def test_a_granted_list_no_longer_waits(world: World, sign_in: Browser) -> None:
    world.approved(world.rollout())

    page = sign_in("ann").get(PAGE).content.decode()

    assert "This list is not waiting for approval" in page
    assert "Ari Approver" in page


def test_the_part_for_htmx_is_the_same_page_without_its_frame(
    frozen: Wave, sign_in: Browser
) -> None:
    part = sign_in("ari").get(PAGE, headers=FRAGMENT).content.decode()

    assert "<html" not in part
    assert "Approve 6 orgs" in part


def test_an_org_that_we_pushed_is_not_said_to_have_changed_by_itself(
    world: World, sign_in: Browser
) -> None:
    wave = world.dispatching(world.rollout())
    world.batch(wave, 1, {AttemptState.CONFIRMED: 6}, BatchState.SETTLED, "Succeeded")
    Installation.objects.update(version=world.versions["4.3.0"])

    page = sign_in("ari").get(PAGE).content.decode()

    assert "went from" not in page
    assert "The wave has started." in page
