"""Customers' names are text, whatever they look like."""

from __future__ import annotations

import pytest
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


@pytest.mark.parametrize("part", HOSTILE)
def test_a_hostile_name_is_shown_as_text(come: Come, fleet: Fleet, part: str) -> None:
    org = next(org for org in fleet.all() if part in org.name and not org.is_sandbox)
    page = come("sue").open(f"/orgs/{org.key}/")

    heading = page.get_by_role("heading", level=1)
    assert heading.text_content() == org.name
    assert heading.locator("bdi *").count() == 0
    isolation = "name => getComputedStyle(name).unicodeBidi"
    assert heading.locator("bdi").evaluate(isolation) == "isolate"
    assert page.title().startswith(org.name[:5].split("\t")[0])


@pytest.mark.parametrize("part", HOSTILE)
def test_a_hostile_name_is_found_and_suggested_as_text(come: Come, fleet: Fleet, part: str) -> None:
    found = {org.name for org in fleet.all() if part in org.name}
    page = come("sue").open("/find/")
    page.get_by_role("searchbox", name="Find an org").first.fill(part)

    suggestions = page.locator("#suggestions")
    expect(suggestions.locator("bdi").first).to_be_visible()
    shown = set(suggestions.locator("bdi").all_text_contents())
    assert shown <= found
    assert suggestions.locator("bdi *").count() == 0


def test_hostile_names_in_a_list_to_approve_are_text(come: Come, fleet: Fleet) -> None:
    pia, ari = come("pia"), come("ari")
    orgs = [fleet.named(part) for part in ("<b>bold</b>", 'O\'Hara "The Boat"', "مرفأ")]
    slug = acts.plan(pia, "Harbor 4.4.0", orgs)
    acts.freeze(pia, slug, 1)
    page = ari.open(f"/rollouts/{slug}/waves/1/approve/")

    names = page.get_by_role("table", name="frozen list").locator("bdi").all_text_contents()
    assert sorted(names) == sorted(org.name for org in orgs)
