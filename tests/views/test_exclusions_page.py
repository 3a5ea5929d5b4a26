"""Who must not be pushed, who said so, until when, and how two people end it."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from rollouts.models import Exclusion, Installation, Mark, Org
from tests.support.people_words import Customers
from tests.views.conftest import Browser
from tests.views.world import World


@pytest.fixture
def org(world: World) -> Org:
    return next(org for org in world.orgs if org.is_production and not org.is_own)


def exclude(sign_in: Browser, org: Org, **also: str) -> None:
    typed = {"reason": "close of books", "until": "2026-12-05", "whose": "org", **also}
    answer = sign_in("pia").post(f"/orgs/{org.key}/exclude/", typed)
    assert answer.status_code == 303


def test_an_org_is_excluded_from_its_page_and_listed(org: Org, sign_in: Browser) -> None:
    exclude(sign_in, org)

    page = sign_in("vic").get("/exclusions/").content.decode()
    of_org = sign_in("vic").get(f"/orgs/{org.key}/").content.decode()

    assert "close of books" in page
    assert org.key in page
    assert "Pia Planner" in page
    assert "Must not be pushed" in of_org
    assert Exclusion.objects.get().until == datetime(2026, 12, 5, tzinfo=UTC)


def test_a_whole_customer_is_excluded_and_each_of_its_orgs_says_so(
    world: World, org: Org, sign_in: Browser
) -> None:
    customers = Customers(world)
    acme = customers.account("ACME")
    other = customers.production(3)
    for one in (org, other):
        customers.licence(one, acme)

    exclude(sign_in, org, whose="customer")

    page = sign_in("vic").get(f"/orgs/{other.key}/").content.decode()
    assert "all orgs of the customer" in page
    assert "with all orgs of its customer" in page


def test_without_a_reason_or_with_a_day_gone_by_nothing_happens(org: Org, sign_in: Browser) -> None:
    pia = sign_in("pia")
    address = f"/orgs/{org.key}/exclude/"

    for typed in ({"reason": ""}, {"reason": "x", "until": "2020-01-01"}, {"until": "soon"}):
        assert pia.post(address, {"whose": "org", **typed}).status_code == 422

    assert not Exclusion.objects.exists()


def test_a_short_id_is_as_good(org: Org, sign_in: Browser) -> None:
    assert sign_in("pia").get(f"/orgs/{org.key[:15]}/exclude/").status_code == 200
    assert sign_in("pia").get("/orgs/not-an-id/exclude/").status_code == 404


def test_two_people_end_it_early(org: Org, sign_in: Browser) -> None:
    exclude(sign_in, org)
    pk = Exclusion.objects.get().pk
    sign_in("ari").post(f"/exclusions/{pk}/end/", {"reason": "they called"})

    assert "1 exclusion asked to end early" in sign_in("ann").get("/").content.decode()
    assert "asked to end early" not in sign_in("ari").get("/").content.decode()
    own = sign_in("ari").post(f"/exclusions/{pk}/confirm-end/")
    page = sign_in("ann").get("/exclusions/?show=asked").content.decode()
    sign_in("ann").post(f"/exclusions/{pk}/confirm-end/")

    assert own.status_code == 422
    assert "they called" in page
    assert "Confirm the end" in page
    assert "Confirm the end" not in sign_in("ari").get("/exclusions/?show=asked").content.decode()
    held = Exclusion.objects.get()
    assert held.ended_by is not None
    assert held.ended_by.name == "Ann Approver"


def test_a_new_sandbox_waits_for_a_planners_decision(
    world: World, org: Org, sign_in: Browser
) -> None:
    exclude(sign_in, org)
    sandbox = next(one for one in world.orgs if not one.is_production)
    taken = Exclusion.objects.create(
        org=sandbox, reason="close of books", by=world.people["pia"], since=world.now,
        taken_from=Exclusion.objects.get(),
    )  # fmt: skip

    page = sign_in("pia").get("/exclusions/?show=undecided").content.decode()
    assert "1 new sandbox of an excluded org" in sign_in("pia").get("/").content.decode()
    refused = sign_in("ari").post(f"/exclusions/{taken.pk}/decide/", {"stays": "no"})
    sign_in("pia").post(f"/exclusions/{taken.pk}/decide/", {"stays": "no"})

    assert "new sandbox, waits for a decision" in page
    assert refused.status_code == 403
    taken.refresh_from_db()
    assert taken.ended_at is not None


def test_customers_who_block_pushes_are_listed_with_what_to_tell_them(
    world: World, org: Org, sign_in: Browser
) -> None:
    Installation.objects.filter(org=org).update(blocked=True)

    page = sign_in("sue").get("/exclusions/?show=blocking").content.decode()

    assert "What to tell them" in page
    assert f"({org.key}) has Harbor" in page
    assert "lifts the block for Harbor there" in page


def test_the_list_is_a_file_that_no_spreadsheet_calculates(
    world: World, org: Org, sign_in: Browser
) -> None:
    exclude(sign_in, org, reason='=HYPERLINK("http://x")')

    answer = sign_in("vic").get("/exclusions/?as=csv")

    assert answer["Content-Type"] == "text/csv; charset=utf-8"
    assert "\"'=HYPERLINK(" in answer.content.decode()


def test_viewers_are_shown_no_buttons(org: Org, sign_in: Browser) -> None:
    exclude(sign_in, org)

    page = sign_in("vic").get("/exclusions/").content.decode()

    assert "End early" not in page
    assert "Exclude a list" not in page


class TestMarksOnTheOrgsPage:
    def send(self, sign_in: Browser, org: Org, **typed: str) -> int:
        return sign_in("pia").post(f"/orgs/{org.key}/marks/", typed).status_code

    def test_a_tag_and_a_ring_are_put_on_shown_and_taken_off(
        self, org: Org, sign_in: Browser
    ) -> None:
        assert self.send(sign_in, org, kind="tag", tag="bank", whose="org") == 303
        assert self.send(sign_in, org, kind="ring", ring="late", whose="org") == 303
        page = sign_in("vic").get(f"/orgs/{org.key}/").content.decode()
        assert "<dt>Ring</dt><dd>late</dd>" in page
        assert "tag <b>bank</b>" in page
        assert "Add a mark" not in page

        assert self.send(sign_in, org, kind="tag", tag="bank", whose="org", off="1") == 303

        page = sign_in("vic").get(f"/orgs/{org.key}/").content.decode()
        assert "<b>bank</b>" not in page
        assert "taken off by <bdi>Pia Planner</bdi>" in page

    def test_what_cannot_be_a_mark_is_refused_in_words(self, org: Org, sign_in: Browser) -> None:
        assert self.send(sign_in, org, kind="tag", tag="<b>", whose="org") == 422
        assert self.send(sign_in, org, kind="ring", ring="", whose="org") == 422
        assert self.send(sign_in, org, kind="king", whose="org") == 422
        assert self.send(sign_in, org, kind="volunteer", whose="customer") == 422
        assert not Mark.objects.exists()

    def test_a_person_says_whose_the_org_is(self, world: World, org: Org, sign_in: Browser) -> None:
        Customers(world).account("ACME")
        address = f"/orgs/{org.key}/customer/"

        unknown = sign_in("pia").post(address, {"customer": "Nobody", "reason": "mail"})
        sign_in("pia").post(address, {"customer": "acme", "reason": "their mail of Monday"})

        assert unknown.status_code == 422
        page = sign_in("vic").get(f"/orgs/{org.key}/").content.decode()
        assert "a person said so" in page
        assert "their mail of Monday" in sign_in("pia").get(address).content.decode()
