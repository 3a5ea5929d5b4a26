"""Five small steps from a version to a rollout; a mistake is answered with how to mend it."""

from __future__ import annotations

from typing import Any

from django.test import Client

from rollouts.models import Draft, Rollout
from tests.views.conftest import Browser
from tests.views.world import World, key_of


def choose(pia: Client, world: World, label: str = "4.3.0") -> str:
    """Take the first step; returns where the draft is."""
    answer = pia.post("/rollouts/new/", {"version": world.versions[label].sf_id})
    assert answer.status_code == 303
    return answer["Location"].removesuffix("audience/")


def send(pia: Client, page: str, **fields: str) -> Any:
    """Send a step's form as it stands, with these fields filled in."""
    draft = Draft.objects.get(pk=page.split("/")[3])
    form: dict[str, Any] = {"rev": draft.rev} | fields
    return pia.post(page, form)


def test_versions_that_cannot_be_pushed_say_why(sign_in: Browser) -> None:
    page = sign_in("pia").get("/rollouts/new/").content.decode()

    assert "Cannot be pushed: it is a beta; only a released version can be pushed." in page
    assert "Cannot be pushed: it is deprecated; choose a version that is still offered." in page
    assert "Cannot be pushed: every org already has this version or a newer one." in page
    assert page.count("disabled") == 3


def test_a_beta_posted_by_hand_is_refused(world: World, sign_in: Browser) -> None:
    beta = world.versions["4.4.0 beta"].sf_id

    answer = sign_in("pia").post("/rollouts/new/", {"version": beta})

    assert answer.status_code == 422
    assert "That version can&#x27;t be pushed: it is a beta" in answer.content.decode()


def test_choosing_nothing_asks_for_a_version(sign_in: Browser) -> None:
    answer = sign_in("pia").post("/rollouts/new/", {})

    assert answer.status_code == 422
    assert "Choose a version." in answer.content.decode()


def test_the_audience_counts_everybody_and_names_those_left_out(
    world: World, sign_in: Browser
) -> None:
    pia = sign_in("pia")
    draft = choose(pia, world)

    page = pia.get(f"{draft}audience/").content.decode()

    assert "<b>60</b><span>orgs have Harbor" in page
    assert "the customer blocks pushes" in page
    assert world.orgs[57].key in page
    assert "<b>= 58</b><span>orgs get it" in page


def test_a_draft_that_was_never_begun_is_not_found(sign_in: Browser) -> None:
    assert sign_in("pia").get("/rollouts/drafts/77/audience/").status_code == 404


def test_narrowing_is_kept_when_the_step_is_left(world: World, sign_in: Browser) -> None:
    pia = sign_in("pia")
    draft = choose(pia, world)
    send(pia, f"{draft}audience/", types="sandbox", instance_prefix="ap")

    page = pia.get(f"{draft}audience/").content.decode()

    assert 'value="sandbox" id="id_types_1" checked' in page or "checked" in page
    assert 'value="ap"' in page
    assert "not in the chosen audience" in page


def test_each_bad_line_of_pasted_ids_is_named_and_mendable(world: World, sign_in: Browser) -> None:
    pia = sign_in("pia")
    draft = choose(pia, world)
    pasted = f"{key_of(3)}\n00D5g000000000\n{key_of(4)[:17]}x\n{key_of(3)}"

    answer = send(pia, f"{draft}audience/", org_ids=pasted)
    page = answer.content.decode()

    assert answer.status_code == 422
    assert "Line 2: “00D5g000000000” has 14 characters; an org ID has 15 or 18" in page
    assert "Line 3:" in page
    assert "is mistyped" in page
    assert "Line 4: stands in line 1 already" in page
    assert "There are 3 problems" in page
    assert key_of(3) in page


def test_an_audience_without_orgs_goes_no_further(world: World, sign_in: Browser) -> None:
    pia = sign_in("pia")
    draft = choose(pia, world)

    answer = send(pia, f"{draft}audience/", instance_prefix="ZZ", next="1")

    assert answer.status_code == 422
    assert "No org is left in this audience." in answer.content.decode()


def test_the_waves_show_size_approvals_and_bake(world: World, sign_in: Browser) -> None:
    pia = sign_in("pia")
    draft = choose(pia, world)

    page = pia.get(f"{draft}waves/").content.decode()

    assert "1 Own orgs" in page
    assert "2 Sandboxes" in page
    assert "3 Canary" in page
    assert "7 d" in page
    assert "Create the rollout, 58 orgs" in pia.get(f"{draft}review/").content.decode()


def test_the_last_button_stores_a_rollout_and_starts_nothing(
    world: World, sign_in: Browser
) -> None:
    pia = sign_in("pia")
    draft = choose(pia, world)

    answer = send(pia, f"{draft}review/")

    made = Rollout.objects.get()
    assert answer["Location"] == f"/rollouts/{made.slug}/"
    assert made.state == "ready"
    assert made.author == world.people["pia"]
    assert set(made.waves.values_list("state", flat=True)) == {"planned"}


def test_pressing_the_last_button_twice_makes_one_rollout(world: World, sign_in: Browser) -> None:
    pia = sign_in("pia")
    draft = choose(pia, world)
    send(pia, f"{draft}review/")

    again = send(pia, f"{draft}review/")

    assert again.status_code == 303
    assert again["Location"] == f"/rollouts/{Rollout.objects.get().slug}/"
    assert Rollout.objects.count() == 1


def test_orgs_taken_by_another_rollout_meanwhile_are_refused_with_the_reason(
    world: World, sign_in: Browser
) -> None:
    pia = sign_in("pia")
    draft = choose(pia, world)
    world.rollout()

    answer = send(pia, f"{draft}review/")

    assert answer.status_code == 422
    assert "No org is left in this audience." in answer.content.decode()


def test_only_planners_plan(sign_in: Browser) -> None:
    for who in ("vic", "sue", "ari", "ada", "omar"):
        assert sign_in(who).get("/rollouts/new/").status_code == 403


def test_a_raised_cap_is_shown_with_its_calls_and_its_reach_and_is_stored(
    world: World, sign_in: Browser
) -> None:
    pia = sign_in("pia")
    draft = choose(pia, world)
    page = pia.get(f"{draft}audience/").content.decode()
    assert "can&#x27;t be recalled: a stop can come too late for a whole batch." in page
    bad = send(pia, f"{draft}audience/", largest_batch="10001", next="1")
    assert bad.status_code == 422
    send(pia, f"{draft}audience/", largest_batch="1000", next="1")

    page = pia.get(f"{draft}waves/").content.decode()
    assert "API calls; following comes on top" in page
    assert "can come too late for at most" in page

    send(pia, f"{draft}review/")
    assert Rollout.objects.get().policy.batch_ramp[-1] == 1_000
