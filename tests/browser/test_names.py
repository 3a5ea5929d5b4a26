"""Customers' names are text, whatever they look like."""

from __future__ import annotations

from playwright.sync_api import expect

from tests.browser import acts
from tests.browser.conftest import Come
from tests.browser.fleet import Fleet

HOSTILE = (
    "<b>bold</b>",
    "<script>alert(1)",
    'O\'Hara "The Boat"',
    "{{ 7 * 7 }}",
    "=HYPERLINK",
    "مرفأ",
    "נמל",
    "\u202edetrevni",
    "Ampers & and",
    "Tab\tPipe",
    "Extraordinarily Long",
)


def test_a_hostile_name_is_text_on_its_orgs_page(come: Come, fleet: Fleet) -> None:
    sue = come("sue")
    for part in HOSTILE:
        org = next(org for org in fleet.all() if part in org.name and not org.is_sandbox)

        heading = sue.open(f"/orgs/{org.key}/").get_by_role("heading", level=1)

        assert heading.text_content() == org.name
        assert heading.locator("bdi *").count() == 0
        # Right-to-left names and marks turn nothing around that stands beside them.
        isolation = "name => getComputedStyle(name).unicodeBidi"
        assert heading.locator("bdi").evaluate(isolation) == "isolate"


def test_a_hostile_name_is_found_and_suggested_as_text(come: Come, fleet: Fleet) -> None:
    page = come("sue").open("/")
    search = page.get_by_role("searchbox", name="Find an org")
    suggestions = page.locator("#suggestions")
    for part in HOSTILE[:3]:
        names = {org.name for org in fleet.all() if part in org.name}
        search.fill(part)

        expect(suggestions.locator("bdi").filter(has_text=part).first).to_be_visible()

        assert set(suggestions.locator("bdi").all_text_contents()) <= names
        assert suggestions.locator("bdi *").count() == 0


def test_hostile_names_in_a_list_to_approve_are_text(come: Come, fleet: Fleet) -> None:
    pia, ari = come("pia"), come("ari")
    orgs = fleet.customers(3, sandboxes=False, named=HOSTILE)
    slug = acts.plan(pia, "Harbor 4.2.2", orgs)
    acts.freeze(pia, slug, 1)

    page = ari.open(f"/rollouts/{slug}/waves/1/approve/")

    names = page.get_by_role("table", name="frozen list").locator("bdi").all_text_contents()
    assert sorted(names) == sorted(org.name for org in orgs)
