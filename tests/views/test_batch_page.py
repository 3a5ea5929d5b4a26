"""A batch: one Salesforce request, their word beside ours, and the way back."""

from __future__ import annotations

import re

import pytest

from rollouts.domain.lifecycle import AttemptState, BatchState
from rollouts.models import Batch
from tests.views.conftest import FRAGMENT, Browser
from tests.views.world import World


@pytest.fixture
def armed(world: World) -> Batch:
    """An armed batch of three."""
    wave = world.dispatching(world.rollout())
    return world.batch(wave, 1, {AttemptState.QUEUED: 3}, BatchState.ARMED, "Pending")


def page_of(batch: Batch) -> str:
    """The address of a batch."""
    return f"/rollouts/hbr-4-3-0/batches/{batch.pk}/"


def test_both_vocabularies_stand_side_by_side(armed: Batch, sign_in: Browser) -> None:
    page = sign_in("vic").get(page_of(armed)).content.decode()

    assert f'data-figure="batch.hbr-4-3-0.{armed.pk}.sf_status"' in page
    assert ">Pending</span>" in page
    assert "Armed" in page
    assert str(armed.sf_id) in page


def test_its_figures_are_as_old_as_its_own_read(armed: Batch, sign_in: Browser) -> None:
    page = sign_in("vic").get(page_of(armed)).content.decode()

    found = re.findall(
        rf'data-figure="batch\.hbr-4-3-0\.{armed.pk}\.queued" data-as-of="([^"]+)"', page
    )
    assert armed.sf_as_of
    assert found == [armed.sf_as_of.isoformat(timespec="milliseconds").replace("+00:00", "Z")]


def test_every_attempt_is_listed_with_salesforces_status(armed: Batch, sign_in: Browser) -> None:
    page = sign_in("vic").get(page_of(armed)).content.decode()

    assert page.count('data-label="Salesforce">Pending') == 3


def test_a_viewer_reads_why_they_cannot_recall(armed: Batch, sign_in: Browser) -> None:
    vic = sign_in("vic")

    assert (
        "A planner, an approver or an admin can recall it."
        in vic.get(page_of(armed)).content.decode()
    )
    assert vic.post(page_of(armed) + "recall/").status_code == 403


def test_a_recall_is_asked_and_counts_only_when_confirmed(armed: Batch, sign_in: Browser) -> None:
    pia = sign_in("pia")
    answer = pia.post(page_of(armed) + "recall/", follow=True).content.decode()

    armed.refresh_from_db()
    assert armed.cancel_wanted_at
    assert armed.state != BatchState.CANCELED
    assert "1 recall asked for and not confirmed yet" in answer
    assert "Recalling…" in answer


def test_a_running_batch_is_past_recall(world: World, sign_in: Browser) -> None:
    wave = world.dispatching(world.rollout())
    running = world.batch(wave, 1, {AttemptState.IN_PROGRESS: 2})
    pia = sign_in("pia")
    assert "recall/" not in pia.get(page_of(running)).content.decode()

    answer = pia.post(page_of(running) + "recall/")

    assert answer.status_code == 409
    assert "it can&#x27;t be called back" in answer.content.decode()


def test_a_batch_in_doubt_offers_two_safe_buttons(armed: Batch, sign_in: Browser) -> None:
    Batch.objects.filter(pk=armed.pk).update(state=BatchState.IN_DOUBT.value)

    page = sign_in("ari").get(page_of(armed)).content.decode()

    assert "Look again" in page
    assert "Nothing is repeated blindly" in page


def test_the_live_part_comes_alone_and_not_when_unchanged(armed: Batch, sign_in: Browser) -> None:
    vic = sign_in("vic")
    part = vic.get(page_of(armed), headers=FRAGMENT).content.decode()
    assert "<html" not in part

    (query,) = re.findall(r'hx-get="[^"]+(\?v=[^"]+)"', part)
    assert vic.get(page_of(armed) + query, headers=FRAGMENT).status_code == 204


def test_a_batch_of_another_rollout_is_not_found(armed: Batch, sign_in: Browser) -> None:
    address = page_of(armed).replace("hbr-4-3-0", "hbr-4-2-1")

    assert sign_in("vic").get(address).status_code == 404
