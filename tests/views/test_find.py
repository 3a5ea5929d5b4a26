"""Which version has this org? Answered in place, whatever was pasted."""

from __future__ import annotations

import pytest

from rollouts.domain import ids
from tests.views.conftest import FRAGMENT, Browser
from tests.views.world import HOSTILE, World, key_of

KEY = key_of(12)


@pytest.mark.parametrize(
    "pasted",
    [KEY, KEY[: ids.SHORT], KEY.lower(), f"  {KEY} ", f"https://x.lightning.force.com/{KEY}/view"],
)
def test_an_id_in_any_form_gives_the_same_org(pasted: str, world: World, sign_in: Browser) -> None:
    page = sign_in("sue").get("/find/", {"q": pasted}).content.decode()

    assert f'<a class="strong" href="/orgs/{KEY}/">' in page
    assert f'data-figure="org.{KEY}.version.hbr"' in page


def test_the_answer_tells_version_since_proof_age_and_why_not_newer(
    world: World, sign_in: Browser
) -> None:
    page = sign_in("sue").get("/find/", {"q": KEY}).content.decode()

    assert ">4.2.1</span>" in page
    assert "at least since" in page
    assert "when we first saw this org" in page
    assert "seen in Salesforce" in page
    assert "No rollout of 4.3.0 has this org in its plan yet." in page


def test_a_lost_case_is_repaired_and_said(world: World, sign_in: Browser) -> None:
    assert b"Case repaired." in sign_in("sue").get("/find/", {"q": KEY.lower()}).content


def test_a_session_id_is_dropped_before_anything_uses_it(world: World, sign_in: Browser) -> None:
    page = sign_in("sue").get("/find/", {"q": f"{KEY[:15]}!AQ4AQSecretToken.x"}).content.decode()

    assert "You pasted a session ID. We kept only the org ID." in page
    assert f"/orgs/{KEY}/" in page
    assert "Secret" not in page


def test_a_name_is_found_without_its_accents(world: World, sign_in: Browser) -> None:
    page = sign_in("sue").get("/find/", {"q": "munchen sud"}).content.decode()

    assert "10 orgs match" in page
    assert page.count('class="hit"') == 8
    assert "2 more: type more of the name" in page


def test_three_misses_get_three_different_answers(world: World, sign_in: Browser) -> None:
    sue = sign_in("sue")
    wrong = sue.get("/find/", {"q": KEY[:-1] + "Z"}).content.decode()
    unknown = sue.get("/find/", {"q": key_of(99999)}).content.decode()
    nobody = sue.get("/find/", {"q": "no such customer"}).content.decode()

    assert "That ID is mistyped" in wrong
    assert "its last three characters should be" in wrong
    assert f"No org with the ID {key_of(99999)} has one of our packages." in unknown
    assert "No org&#x27;s name has “no such customer” in it." in nobody


def test_the_answer_alone_is_sent_to_the_search_box(world: World, sign_in: Browser) -> None:
    part = sign_in("sue").get("/find/", {"q": KEY}, headers=FRAGMENT).content.decode()

    assert "<html" not in part
    assert "What you can paste" not in part
    assert KEY in part


def test_an_empty_search_sends_nothing_to_the_box(world: World, sign_in: Browser) -> None:
    assert sign_in("sue").get("/find/", {"q": ""}, headers=FRAGMENT).content.strip() == b""


def test_hostile_names_and_questions_stay_text(world: World, sign_in: Browser) -> None:
    page = sign_in("sue").get("/find/", {"q": HOSTILE[:20]}).content.decode()

    assert "<script>alert" not in page
    assert "&lt;script&gt;alert" in page


def test_the_sentence_for_the_phone_stands_alone(world: World, sign_in: Browser) -> None:
    page = sign_in("sue").get("/find/", {"q": KEY}).content.decode()

    assert f"({KEY}) has Harbor 4.2.1, at least since" in page
    assert "Read from Salesforce on" in page
