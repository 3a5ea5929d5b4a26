"""Policies: tightened at once, loosened by two people, kept by each rollout as they were."""

from __future__ import annotations

from typing import Any

import pytest
from django.test import Client

from rollouts.domain.lifecycle import RolloutState
from rollouts.domain.policy import Policy
from rollouts.models import Draft, EmergencyReview, Event, PolicyVersion, Rollout
from tests.views.conftest import Browser
from tests.views.world import World

MINOR = "/settings/policies/minor/"


def typed(client: Client, page: str = MINOR, **changes: object) -> dict[str, Any]:
    """Return the form as the page shows it, with some fields typed anew."""
    form = client.get(f"{page}change/").context["form"]
    fields = {name: form[name].value() for name in form.fields if name != "reason"}
    kept = {
        name: value for name, value in fields.items() if value is not False and value is not None
    }
    return kept | {"reason": "After last night."} | changes


def end(world: World) -> None:
    """Let the rollout be over, by the steps that the database allows."""
    Rollout.objects.update(state=RolloutState.ABORTING.value)
    Rollout.objects.update(state=RolloutState.ABORTED.value, ended_at=world.now)


def change(client: Client, page: str = MINOR, **changes: object) -> Any:
    return client.post(f"{page}change/", typed(client, page, **changes))


def test_all_four_policies_are_listed_and_open_to_everybody(sign_in: Browser) -> None:
    vic = sign_in("vic")
    page = vic.get("/settings/policies/").content.decode()

    for name in ("patch", "minor", "major", "emergency"):
        assert f'href="/settings/policies/{name}/"' in page
        assert "as delivered" in vic.get(f"/settings/policies/{name}/").content.decode()
    assert vic.get("/settings/policies/hasty/").status_code == 404
    assert vic.get(f"{MINOR}change/").status_code == 403


def test_tightening_counts_at_once_for_new_rollouts_and_not_for_old_ones(
    world: World, sign_in: Browser
) -> None:
    old = world.rollout("4.2.1")

    assert change(sign_in("pia"), failure_cap="5").status_code == 303

    assert PolicyVersion.objects.get().in_force_at == world.now
    assert Event.objects.get(action="change_policy").reason == "After last night."
    old.refresh_from_db()
    assert (old.policy.failure_cap, old.policy_number) == (25, 0)
    end(world)
    new = world.rollout("4.3.0")
    assert (new.policy.failure_cap, new.policy_number) == (5, 1)


def test_loosening_waits_for_an_approver_other_than_the_asker(
    world: World, sign_in: Browser
) -> None:
    pia, ari, page = sign_in("pia"), sign_in("ari"), MINOR
    assert change(pia, failure_cap="60").status_code == 303
    row = PolicyVersion.objects.get()
    assert row.in_force_at is None
    assert world.rollout().policy.failure_cap == 25

    shown = pia.get(page).content.decode()
    assert "Halt at failed orgs in a wave: 25 orgs becomes 60 orgs" in shown
    assert "Agree to version 1" not in shown
    assert pia.post(f"{page}1/confirm/").status_code == 403
    assert change(pia, failure_cap="3").status_code == 409

    assert "Agree to version 1" in ari.get(page).content.decode()
    assert ari.post(f"{page}1/confirm/").status_code == 303
    now = PolicyVersion.objects.get()
    assert (now.confirmed_by, now.in_force_at) == (world.people["ari"], world.now)
    assert ari.post(f"{page}1/refuse/").status_code == 409


def test_one_who_asks_and_is_an_approver_too_still_needs_another(
    world: World, sign_in: Browser
) -> None:
    world.people["pia"].grants.create(role="approver", granted_at=world.now, starts_at=world.now)
    pia = sign_in("pia")
    change(pia, failure_cap="60")

    answer = pia.post(f"{MINOR}1/confirm/")

    assert answer.status_code == 422
    assert "You asked for it, so somebody else agrees." in answer.content.decode()
    assert PolicyVersion.objects.get().in_force_at is None


def test_a_refused_change_leaves_the_way_free_for_another(sign_in: Browser) -> None:
    pia = sign_in("pia")
    change(pia, failure_cap="60")
    assert sign_in("vic").post(f"{MINOR}1/refuse/").status_code == 403

    assert sign_in("ari").post(f"{MINOR}1/refuse/").status_code == 303

    assert change(pia, failure_cap="20").status_code == 303
    assert list(PolicyVersion.objects.values_list("number", flat=True)) == [2, 1]


def test_rules_out_of_bounds_are_answered_at_their_fields(sign_in: Browser) -> None:
    answer = change(sign_in("pia"), canary_ceiling="500", ladder_percent="5, 4, x")

    page = answer.content.decode()
    assert answer.status_code == 422
    assert "Write numbers with commas, such as 5, 20, 100." in page

    answer = change(sign_in("pia"), canary_ceiling="500", growth="6")
    page = answer.content.decode()
    assert answer.status_code == 422
    assert "Canary, at most: from 10 to 100 orgs." in page
    assert "A wave grows at most: from 2 to 5 times." in page
    assert not PolicyVersion.objects.exists()


def test_a_change_needs_a_reason_and_a_difference(sign_in: Browser) -> None:
    pia = sign_in("pia")

    assert change(pia, reason=" ").status_code == 422
    assert "Nothing differs" in change(pia).content.decode()


def test_two_who_change_at_once_do_not_overwrite_each_other(sign_in: Browser) -> None:
    pia, ada = sign_in("pia"), sign_in("ada")
    late = typed(ada, failure_cap="7")
    change(pia, failure_cap="5")

    answer = ada.post(f"{MINOR}change/", late)

    assert answer.status_code == 409
    assert "Somebody changed this policy" in answer.content.decode()


@pytest.fixture
def draft(world: World, sign_in: Browser) -> Draft:
    sign_in("pia").post("/rollouts/new/", {"version": world.versions["4.3.0"].sf_id})
    return Draft.objects.get()


def test_an_emergency_has_a_reason_two_approvals_and_a_review_afterwards(
    world: World, sign_in: Browser, draft: Draft
) -> None:
    pia, page = sign_in("pia"), f"/rollouts/drafts/{draft.pk}/"
    bare = pia.post(f"{page}waves/", {"rev": 1, "profile": "emergency"})
    assert bare.status_code == 422
    assert "Say why this is an emergency." in bare.content.decode()
    why = {"rev": 1, "profile": "emergency", "emergency": "4.2 loses bookings."}
    assert pia.post(f"{page}waves/", why).status_code == 303
    pia.post(f"{page}review/", {"rev": 2})

    made = Rollout.objects.get()
    assert made.policy.profile == "emergency"
    assert set(made.waves.values_list("approvals_needed", flat=True)) == {2}
    assert "canary" in made.waves.values_list("kind", flat=True)
    assert Event.objects.get(action="plan").reason == "4.2 loses bookings."
    assert pia.post(f"/rollouts/{made.slug}/review/", {"reason": "x"}).status_code == 409

    end(world)
    shown = sign_in("vic").get(f"/rollouts/{made.slug}/").content.decode()
    assert "nobody has reviewed it yet" in shown
    own = pia.post(f"/rollouts/{made.slug}/review/", {"reason": "All went well."})
    assert "somebody else reviews it" in own.content.decode()
    ari = sign_in("ari")
    assert ari.post(f"/rollouts/{made.slug}/review/", {"reason": "Was needed."}).status_code == 303
    assert EmergencyReview.objects.get().by == world.people["ari"]
    assert "reviewed this emergency" in ari.get(f"/rollouts/{made.slug}/").content.decode()


def test_a_stricter_policy_may_be_chosen_and_a_laxer_one_may_not(
    sign_in: Browser, draft: Draft
) -> None:
    pia, page = sign_in("pia"), f"/rollouts/drafts/{draft.pk}/"
    pia.post(f"{page}waves/", {"rev": 1, "profile": "major"})
    assert 'The policy <a href="/settings/policies/major/">' in (
        pia.get(f"{page}waves/").content.decode()
    )
    assert pia.post(f"{page}waves/", {"rev": 2, "profile": "patch"}).status_code == 422

    Draft.objects.update(profile="patch")
    refused = pia.post(f"{page}review/", {"rev": 2})
    assert refused.status_code == 422
    assert "is for smaller jumps" in refused.content.decode()


def test_a_rollout_of_the_first_release_stays_readable(world: World, sign_in: Browser) -> None:
    made = world.rollout()
    Rollout.objects.update(policy_number=None, policy_json=Policy().as_json())

    assert sign_in("vic").get(f"/rollouts/{made.slug}/").status_code == 200


def test_a_policy_that_can_not_be_read_plans_nothing(sign_in: Browser, draft: Draft) -> None:
    pia = sign_in("pia")
    change(pia, "/settings/policies/minor/", failure_cap="5")
    change(pia, "/settings/policies/major/", failure_cap="5")
    for row in PolicyVersion.objects.all():
        row.policy_json = {"canary": 3}
        row.save()

    page = pia.get(f"/rollouts/drafts/{draft.pk}/waves/").content.decode()

    assert "can&#x27;t be read" in page
    assert pia.post(f"/rollouts/drafts/{draft.pk}/review/", {"rev": 1}).status_code == 422
    assert not Rollout.objects.exists()
