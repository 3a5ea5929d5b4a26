"""A rollout that has ended stays "done, not finished" until its list is settled."""

from __future__ import annotations

import pytest
from django.utils.html import escape

from rollouts.domain.lifecycle import RolloutState, TargetState
from rollouts.models import Event, Hold, HoldKind, PackageVersion, Rollout
from rollouts.pipeline import finish
from rollouts.pipeline.transitions import move_rollout
from tests.views.conftest import Browser
from tests.views.world import World

SETTLED = ("remainder", "deprecate", "listing", "trialforce", "tell", "cases", "lessons")


@pytest.fixture
def ended(world: World) -> Rollout:
    """A rollout to 4.3.0 that reached all but five orgs: two failed there, three left over."""
    rollout = world.rollout()
    rows = list(rollout.targets.order_by("pk"))
    states = [TargetState.FAILED] * 2 + [TargetState.LEFT_OVER] * 3
    states += [TargetState.DONE] * (len(rows) - 5)
    for row, state in zip(rows, states, strict=True):
        row.state = state.value
        row.save(update_fields=["state"])
    for to in (RolloutState.ACTIVE, RolloutState.COMPLETED_WITH_FAILURES):
        move_rollout(rollout, to, now=world.now, because="so it went", ended_at=world.now)
    return rollout


def page_of(rollout: Rollout) -> str:
    return f"/rollouts/{rollout.slug}/finish/"


def test_the_remainder_is_counted_and_must_be_decided(ended: Rollout, sign_in: Browser) -> None:
    page = sign_in("vic").get(page_of(ended)).content.decode()

    assert "58 planned: 53 have it, 2 failed, 3 left out" in page
    assert "Done, not finished" in page
    assert "Next: Decide on the remainder" in page


def test_it_says_who_would_be_left_behind_by_deprecating(
    ended: Rollout, world: World, sign_in: Browser
) -> None:
    previous = finish.previous_version(ended)
    assert previous is not None
    behind, on_it, loose = finish.left_behind(ended, previous)

    page = sign_in("vic").get(page_of(ended)).content.decode()

    assert behind == 60
    assert escape(f"{behind} orgs are still on older versions, {on_it} of them on") in page
    assert f"{loose} of them are in no plan and nobody has excused them." in page


def test_deprecating_is_seen_at_salesforce_and_not_ticked(ended: Rollout, sign_in: Browser) -> None:
    ticked = sign_in("pia").post(page_of(ended) + "deprecate/", {"mark": "done"})
    assert ticked.status_code == 422

    previous = finish.previous_version(ended)
    assert previous is not None
    PackageVersion.objects.filter(pk=previous.pk).update(deprecated=True)
    page = sign_in("pia").get(page_of(ended)).content.decode()
    assert "Salesforce shows it as deprecated." in page


def test_an_item_is_handed_over_with_a_name_and_a_day(
    ended: Rollout, world: World, sign_in: Browser
) -> None:
    pia, to = sign_in("pia"), world.people["ada"].pk

    nobody = pia.post(page_of(ended) + "trialforce/", {"mark": "handed_over"})
    late = pia.post(
        page_of(ended) + "trialforce/", {"mark": "handed_over", "to": to, "due": "2026-01-01"}
    )
    good = pia.post(
        page_of(ended) + "trialforce/", {"mark": "handed_over", "to": to, "due": "2026-12-12"}
    )

    assert (nobody.status_code, late.status_code, good.status_code) == (422, 422, 303)
    assert (
        "handed over to <bdi>Ada Admin</bdi> until 12 Dec 2026"
        in pia.get(page_of(ended)).content.decode()
    )


def test_skipping_needs_a_reason(ended: Rollout, sign_in: Browser) -> None:
    answer = sign_in("pia").post(page_of(ended) + "listing/", {"mark": "skipped"})

    assert answer.status_code == 422
    assert "Say why it is skipped" in answer.content.decode()


def test_a_pause_for_this_rollout_must_be_lifted_first(
    ended: Rollout, world: World, sign_in: Browser
) -> None:
    Hold.objects.create(
        rollout=ended, kind=HoldKind.PAUSED, reason="", by=world.people["pia"], since=world.now
    )

    listed = {item.code: item for item in finish.items(ended, world.now)}

    assert listed["holds"].proof is not None
    assert listed["holds"].proof.holds is False


def test_it_is_finished_when_nothing_is_open_and_not_before(
    ended: Rollout, sign_in: Browser
) -> None:
    pia = sign_in("pia")
    early = pia.post(page_of(ended) + "close/")
    assert early.status_code == 422
    assert "Next: Decide on the remainder" in early.content.decode()

    for code in SETTLED:
        mark = "skipped" if code == "deprecate" else "done"
        assert (
            pia.post(page_of(ended) + code + "/", {"mark": mark, "note": "so"}).status_code == 303
        )
    answer = pia.post(page_of(ended) + "close/")

    ended.refresh_from_db()
    assert answer.status_code == 303
    assert ended.finished_at is not None
    assert Event.objects.filter(action="finish", rollout=ended).count() == 1
    assert "Not finished" not in pia.get("/rollouts/").content.decode()


def test_the_list_of_rollouts_says_done_but_not_finished(ended: Rollout, sign_in: Browser) -> None:
    assert "Not finished" in sign_in("vic").get("/rollouts/").content.decode()


def test_before_the_end_the_list_is_only_shown(world: World, sign_in: Browser) -> None:
    rollout = world.rollout()

    page = sign_in("pia").get(page_of(rollout))
    act = sign_in("pia").post(page_of(rollout) + "listing/", {"mark": "done"})

    assert "This list opens when the last wave has ended." in page.content.decode()
    assert act.status_code == 404


def test_a_patch_is_merged_back(world: World) -> None:
    listed = [item.code for item in finish.items(world.rollout("4.2.1"), world.now)]

    assert "merge" in listed
