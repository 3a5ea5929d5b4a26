"""Which version has this org? Answered in place, whatever was pasted."""

from __future__ import annotations

import re

import pytest

from rollouts.domain import ids
from rollouts.models import Account, Connection, Installation, Licence, Org
from rollouts.pipeline.sync import fold
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
    assert 'href="/orgs/?q=munchen%20sud&amp;installed=all">All 10 orgs as a list' in page


def test_three_misses_get_three_different_answers(world: World, sign_in: Browser) -> None:
    sue = sign_in("sue")
    Installation.objects.filter(org=world.orgs[8]).update(gone_at=world.now)
    unknown = sue.get("/find/", {"q": key_of(99999)}).content.decode()
    gone = sue.get("/find/", {"q": key_of(9)}).content.decode()
    # One wrong character: the last three only encode capitals, so nothing else tells.
    typed = KEY[:10] + "7" + KEY[11:]
    mistyped = sue.get("/find/", {"q": typed}).content.decode()
    nobody = sue.get("/find/", {"q": "no such customer"}).content.decode()

    assert f"No org with the ID {key_of(99999)} has one of our packages." in unknown
    assert "One character away" not in unknown
    assert "No longer installed; last Harbor 4.2.1" in gone
    assert "The package was no longer installed on 21 Nov 2026." in gone
    assert "One character away" in mistyped
    assert f'<a class="hit" href="/orgs/{KEY}/">' in mistyped
    assert "No org or customer has “no such customer” in its name." in nobody


def test_an_id_whose_last_three_do_not_fit_is_said_to_be_mistyped(
    world: World, sign_in: Browser
) -> None:
    wrong = sign_in("sue").get("/find/", {"q": KEY[:-1] + "Z"}).content.decode()

    assert "That ID is mistyped" in wrong
    assert "its last three characters should be" in wrong
    assert f'<a class="hit" href="/orgs/{KEY}/">' in wrong


def test_a_whole_mail_is_read_for_its_org_id_and_shows_no_token(
    world: World, sign_in: Browser
) -> None:
    mail = f"Hello! The org is {KEY[:15]}!AQ4Secret, session of Sam.\nThanks"
    page = sign_in("sue").get("/find/", {"q": mail}).content.decode()

    assert f'<a class="strong" href="/orgs/{KEY}/">' in page
    assert "Secret" not in page


def test_several_ids_lead_to_a_list(world: World, sign_in: Browser) -> None:
    page = sign_in("sue").get("/find/", {"q": f"{KEY}, {key_of(3)} {key_of(99999)}"})

    assert b"2 orgs match" in page.content
    assert b"1 of 3 IDs are not known here." in page.content
    assert b"All 2 orgs as a list" in page.content


def test_names_come_by_how_well_they_fit_production_and_awake_first(
    world: World, sign_in: Browser
) -> None:
    link = Connection.objects.get()
    acme = Account.objects.create(connection=link, sf_id="001A", name="The Pine Group")
    Licence.objects.create(
        connection=link, sf_id="a0A1", org_key=key_of(10), package_sf_id=world.package.sf_id,
        account=acme, status="Active", modified=world.now, read_at=world.now,
    )  # fmt: skip
    named = {3: "Pine", 9: "Pineapple UAT", 13: "Pineapple", 19: "Scots pine", 25: "Alpine"}
    for number, name in named.items():
        Org.objects.filter(key=key_of(number)).update(
            name=name, folded=fold(name), is_production=number != 9
        )
    Org.objects.exclude(key__in=map(key_of, [*named, 10])).update(folded="other")

    page = sign_in("sue").get("/find/", {"q": "pine"}, headers=FRAGMENT).content.decode()

    hits = re.findall(r'class="hit" href="/orgs/(\w+)/"', page)
    assert hits == [key_of(number) for number in (3, 13, 9, 19, 25, 10)]


def test_an_address_that_somebody_linked_is_its_org(world: World, sign_in: Browser) -> None:
    sue, vic = sign_in("sue"), sign_in("vic")
    address = "https://munchen-sud.lightning.force.com/lightning/page/home"
    asked = sue.get("/find/", {"q": address}).content.decode()
    assert "We don't know munchen-sud yet" in asked
    assert "munchen-sud is this org" in asked
    assert "munchen-sud is this org" not in vic.get("/find/", {"q": address}).content.decode()
    assert vic.post(f"/orgs/{KEY}/domain/", {"domain": "munchen-sud"}).status_code == 403

    assert sue.post(f"/orgs/{KEY}/domain/", {"domain": "munchen-sud"}).status_code == 303
    for typed in (
        address,
        "munchen-sud.my.salesforce.com",
        "HTTPS://Munchen-Sud.my.salesforce.com/",
    ):
        page = vic.get("/find/", {"q": typed}).content.decode()
        assert f'<a class="strong" href="/orgs/{KEY}/">' in page
        assert "Sue Support linked munchen-sud to this org on 21 Nov 2026." in page

    named = sue.get("/find/", {"q": "orion", "domain": "munchen-sud"}).content.decode()
    assert "munchen-sud is this org" in named
    assert sue.post(f"/orgs/{KEY}/domain/", {"domain": "munchen-sud"}).status_code == 422
    sue.post(f"/orgs/{key_of(4)}/domain/", {"domain": "munchen-sud"})
    assert f'href="/orgs/{key_of(4)}/">' in vic.get("/find/", {"q": address}).content.decode()


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
    assert page.count("Copy as sentence") == 2
