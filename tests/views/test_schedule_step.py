"""Step 4 of a draft: whose hours count, when waves may start, and when they are likely to."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest
from django.test import Client

from rollouts.domain.freeze_rules import written
from rollouts.domain.freezes import Yearly
from rollouts.models import Draft, FreezeRow
from rollouts.pipeline import drafts
from tests.views.conftest import Browser
from tests.views.world import World


@pytest.fixture
def pia(world: World, sign_in: Browser) -> Client:
    return sign_in("pia")


@pytest.fixture
def draft(world: World, pia: Client) -> Draft:
    pia.post("/rollouts/new/", {"version": world.versions["4.3.0"].sf_id})
    return Draft.objects.get()


def page(client: Client, draft: Draft) -> str:
    return client.get(f"/rollouts/drafts/{draft.pk}/schedule/").content.decode()


def send(client: Client, draft: Draft, **fields: str) -> Any:
    draft.refresh_from_db()
    form = {"rev": str(draft.rev), "next": "1"} | fields
    answer = client.post(f"/rollouts/drafts/{draft.pk}/schedule/", form)
    draft.refresh_from_db()
    return answer


def test_without_a_word_the_hours_of_each_org_count_and_each_wave_shows_its_starts(
    pia: Client, draft: Draft
) -> None:
    shown = page(pia, draft)

    assert 'name="hours" value="own"' in shown
    assert "Likely starts of each wave" in shown
    assert "A stop can come too late for at most" in shown
    assert "none fits" not in shown
    assert send(pia, draft, hours="own").status_code == 303
    assert draft.schedule == {}
    assert drafts.schedule_of(draft).window == ""


def test_any_hour_and_a_date_are_kept_and_become_the_rollouts(
    world: World, pia: Client, draft: Draft
) -> None:
    send(pia, draft, hours="any", **{"earliest-1": "2027-01-11T20:00"})

    made, _ = drafts.create(draft, rev=draft.rev, by=world.people["pia"], now=world.now)
    assert made.when.window == "any hour"
    assert made.when.earliest == {1: datetime(2027, 1, 11, 20, tzinfo=UTC)}
    frozen = world.freeze(made).frozen_list
    assert frozen
    assert frozen.not_before == datetime(2027, 1, 11, 20, tzinfo=UTC)
    assert frozen.window == "any hour"
    assert set(frozen.orgs.values_list("window", flat=True)) == {"any hour"}


def test_hours_that_nobody_can_read_are_refused_with_an_example(pia: Client, draft: Draft) -> None:
    answer = send(pia, draft, hours="other", window="at night")

    assert answer.status_code == 422
    assert "“" in answer.content.decode()
    assert "at night" in answer.content.decode()
    assert draft.schedule == {}
    assert send(pia, draft, hours="other", window="daily 01:00-05:00").status_code == 303
    assert draft.schedule["window"] == "daily 01:00-05:00"
    assert 'value="daily 01:00-05:00"' in page(pia, draft)


def test_a_freeze_in_the_way_is_said(world: World, pia: Client, draft: Draft) -> None:
    FreezeRow.objects.create(
        name="Closed all year", scope="all", rule=written(Yearly((1, 1), (12, 31))), since=world.now
    )

    shown = page(pia, draft)

    assert "none fits" in shown
    assert "Closed all year" in shown
