"""Drafts are rows: shared by their address, saved at every change, and never overwritten unread."""

from __future__ import annotations

from typing import Any

import pytest
from django.test import Client

from rollouts.domain.permissions import Role
from rollouts.models import Draft, Event, Person, RoleGrant, Rollout
from tests.views.conftest import FRAGMENT, Browser
from tests.views.world import World

STEPS = ("version", "audience", "waves", "schedule", "review")


@pytest.fixture
def pia(world: World, sign_in: Browser) -> Client:
    return sign_in("pia")


@pytest.fixture
def draft(world: World, pia: Client) -> Draft:
    pia.post("/rollouts/new/", {"version": world.versions["4.3.0"].sf_id})
    return Draft.objects.get()


@pytest.fixture
def paul(world: World, sign_in: Browser) -> Client:
    """A second planner."""
    world.people["paul"] = paul = Person.objects.create_user("paul@x.example", name="Paul Planner")
    RoleGrant.objects.create(
        person=paul, role=Role.PLANNER.value, granted_at=world.now, starts_at=world.now
    )
    return sign_in("paul")


def send(client: Client, draft: Draft, step: str, rev: int, **fields: str) -> Any:
    form: dict[str, Any] = {"rev": rev} | fields
    return client.post(f"/rollouts/drafts/{draft.pk}/{step}/", form)


def test_beginning_is_one_line_of_history_and_no_rollout(draft: Draft) -> None:
    begun = Event.objects.get(action="begin_draft")

    assert (begun.actor, begun.after) == ("Pia Planner", "Harbor 4.3.0")
    assert not Rollout.objects.exists()


@pytest.mark.parametrize("step", STEPS)
def test_each_step_can_be_opened_by_its_address_and_names_the_others(
    pia: Client, draft: Draft, step: str
) -> None:
    page = pia.get(f"/rollouts/drafts/{draft.pk}/{step}/").content.decode()

    assert page.count('aria-current="step"') == 1
    for other in set(STEPS) - {step}:
        assert f'<a href="/rollouts/drafts/{draft.pk}/{other}/">' in page
    assert "Plan so far" in page


@pytest.mark.parametrize("step", STEPS)
def test_who_may_not_plan_reads_a_shared_draft_and_changes_nothing(
    draft: Draft, sign_in: Browser, step: str
) -> None:
    sue = sign_in("sue")
    page = sue.get(f"/rollouts/drafts/{draft.pk}/{step}/").content.decode()

    assert "Changing it needs the role planner." in page
    assert 'name="next"' not in page
    assert "Create the rollout" not in page
    assert send(sue, draft, step, 1, types="sandbox").status_code == 403
    draft.refresh_from_db()
    assert draft.rev == 1


def test_going_back_and_forth_loses_nothing(pia: Client, draft: Draft) -> None:
    send(pia, draft, "audience", 1, types="sandbox", next="1")
    send(pia, draft, "waves", 2, next="1")
    version = draft.to_version.sf_id
    answer = send(pia, draft, "version", 2, version=version, next="1")

    assert answer["Location"] == f"/rollouts/drafts/{draft.pk}/audience/"
    draft.refresh_from_db()
    assert draft.audience["types"] == ["sandbox"]
    assert draft.rev == 2, "saying the same again changes nothing"


def test_another_version_begins_the_audience_anew(world: World, pia: Client, draft: Draft) -> None:
    send(pia, draft, "audience", 1, types="sandbox", next="1")

    send(pia, draft, "version", 2, version=world.versions["4.2.1"].sf_id, next="1")

    draft.refresh_from_db()
    assert (draft.to_version.label, draft.audience) == ("4.2.1", {})


def test_a_change_is_saved_at_once_and_the_column_beside_it_follows(
    pia: Client, draft: Draft
) -> None:
    answer = pia.post(
        f"/rollouts/drafts/{draft.pk}/audience/", {"rev": 1, "types": "sandbox"}, headers=FRAGMENT
    )
    part = answer.content.decode()

    draft.refresh_from_db()
    assert draft.audience["types"] == ["sandbox"]
    assert "<html" not in part
    assert 'id="plan-so-far"' in part
    assert 'name="rev" value="2" hx-swap-oob="true"' in part
    assert "last changed by <bdi>Pia Planner</bdi>" in part


def test_a_half_typed_change_is_not_saved_and_says_so(pia: Client, draft: Draft) -> None:
    answer = pia.post(
        f"/rollouts/drafts/{draft.pk}/audience/", {"rev": 1, "org_ids": "00D"}, headers=FRAGMENT
    )

    assert answer.status_code == 422
    assert "Not saved yet" in answer.content.decode()
    assert 'name="rev"' not in answer.content.decode()
    draft.refresh_from_db()
    assert draft.rev == 1


def test_two_planners_at_once_never_overwrite_what_they_have_not_read(
    pia: Client, paul: Client, draft: Draft
) -> None:
    assert send(pia, draft, "audience", 1, types="sandbox").status_code == 303

    late = send(paul, draft, "audience", 1, types="production", instance_prefix="EU")
    page = late.content.decode()

    assert late.status_code == 409
    assert "Pia Planner changed the audience of this draft after you opened the page" in page
    assert "nothing of yours was stored" in page
    assert 'value="EU"' in page, "what he typed is still there"
    draft.refresh_from_db()
    assert draft.audience["types"] == ["sandbox"]

    assert 'name="rev" value="2"' in page
    assert send(paul, draft, "audience", 2, types="production").status_code == 303
    draft.refresh_from_db()
    assert draft.audience["types"] == ["production"]
    assert {str(one) for one in draft.editors.all()} == {"Pia Planner", "Paul Planner"}


def test_ones_own_second_tab_is_no_conflict(pia: Client, draft: Draft) -> None:
    send(pia, draft, "audience", 1, types="sandbox")

    assert send(pia, draft, "audience", 1, types="production").status_code == 303


def test_a_rollout_is_not_made_from_a_plan_that_changed_meanwhile(
    pia: Client, paul: Client, draft: Draft
) -> None:
    send(paul, draft, "audience", 1, types="own")

    assert send(pia, draft, "review", 1).status_code == 409
    assert not Rollout.objects.exists()
    assert send(pia, draft, "review", 2).status_code == 303
    draft.refresh_from_db()
    assert draft.rollout == Rollout.objects.get()


def test_after_very_many_changes_an_old_page_is_a_conflict_too(
    pia: Client, paul: Client, draft: Draft
) -> None:
    for rev in range(1, 61):
        send(pia, draft, "audience", rev, instance_prefix=f"NA{rev}")

    answer = send(paul, draft, "audience", 3, types="sandbox")

    assert answer.status_code == 409
    assert "Pia Planner changed much of this draft" in answer.content.decode()


@pytest.mark.parametrize("rev", ["", "-1", "1e9", "٣", "99"])
def test_a_form_with_a_made_up_number_of_changes_is_refused(
    pia: Client, draft: Draft, rev: str
) -> None:
    answer = pia.post(f"/rollouts/drafts/{draft.pk}/audience/", {"rev": rev, "types": "sandbox"})

    assert answer.status_code in {409, 422}
    draft.refresh_from_db()
    assert draft.rev == 1


def test_a_draft_that_became_a_rollout_can_only_be_read(pia: Client, draft: Draft) -> None:
    send(pia, draft, "review", 1)
    slug = Rollout.objects.get().slug

    page = pia.get(f"/rollouts/drafts/{draft.pk}/audience/").content.decode()

    assert f'This draft has become the rollout <a href="/rollouts/{slug}/">' in page
    assert 'name="next"' not in page
    assert send(pia, draft, "audience", 1, types="sandbox").status_code == 409
    assert pia.get(f"/rollouts/drafts/{draft.pk}/")["Location"] == f"/rollouts/{slug}/"


def test_a_draft_thrown_away_stays_readable_and_becomes_nothing(pia: Client, draft: Draft) -> None:
    assert pia.post(f"/rollouts/drafts/{draft.pk}/drop/").status_code == 303

    assert send(pia, draft, "review", 1).status_code == 409
    assert "thrown away" in pia.get(f"/rollouts/drafts/{draft.pk}/review/").content.decode()
    assert "No draft is open" in pia.get("/rollouts/drafts/").content.decode()
    assert Event.objects.filter(action="drop_draft").count() == 1


def test_open_drafts_are_listed_and_offered_where_one_begins(pia: Client, draft: Draft) -> None:
    line = f'<a class="strong" href="/rollouts/drafts/{draft.pk}/">Draft {draft.pk}: Harbor 4.3.0'

    assert line in pia.get("/rollouts/drafts/").content.decode()
    assert line in pia.get("/rollouts/new/").content.decode()
