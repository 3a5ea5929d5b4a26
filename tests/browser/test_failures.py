"""What fails is met as a few kinds, each with what to do, and exactly its orgs are retried."""

from __future__ import annotations

import re

from playwright.sync_api import Page, expect

from tests.batteries.demo import Demo
from tests.browser import acts
from tests.browser.conftest import Come
from tests.browser.fleet import Fleet
from tests.browser.soundness import faults
from tests.browser.visitor import Visitor

CAUSES = {"LimitExceeded": 2, "FeatureMissing": 2, "PACError": 2, "Blocked": 1}
SETTLES_MS = 120_000


def test_44_45_46_47_failures_are_kinds_with_advice_and_exactly_one_kind_is_retried(
    come: Come, fleet: Fleet, demo: Demo
) -> None:
    pia, ari = come("pia"), come("ari")
    orgs = fleet.customers(11, sandboxes=True)
    slug = acts.plan(pia, "Harbor 4.2.2", orgs)
    going = iter([org.key for org in orgs])
    hit = {cause: [next(going) for _ in range(count)] for cause, count in CAUSES.items()}
    demo.tell("outcomes", {"orgs": list(going), "outcome": "success"})
    for cause, keys in hit.items():
        demo.tell("outcomes", {"orgs": keys, "outcome": "fail", "error": cause, "times": 1})
    acts.freeze(pia, slug, 1)
    acts.approve(ari, slug, 1, "Eleven sandboxes.")
    page = pia.open(f"/rollouts/{slug}/waves/1/")
    expect(page.get_by_role("heading", level=1).locator("xpath=..")).to_contain_text(
        "Baking", timeout=SETTLES_MS
    )

    many_failures_are_a_few_kinds(page, pia, slug)
    a_kind_says_what_it_is_and_all_that_salesforce_said(page)
    a_block_is_no_failure(page, pia, slug)
    exactly_one_kind_is_retried(pia, ari, slug)


def many_failures_are_a_few_kinds(page: Page, pia: Visitor, slug: str) -> None:
    pia.open(f"/rollouts/{slug}/failures/")
    expect(page.get_by_text("6 orgs open in 3 kinds")).to_be_visible()
    kinds = page.get_by_role("table", name="Kinds of failure").locator("tbody").get_by_role("row")
    expect(kinds).to_have_count(3)
    expect(page.get_by_role("img", name="2 orgs: 2 failed, 0 upgraded since")).to_have_count(3)
    assert faults(page) == []


def a_kind_says_what_it_is_and_all_that_salesforce_said(page: Page) -> None:
    page.get_by_role("link", name=re.compile("Limit Exceeded")).first.click()
    means = page.get_by_role("region", name="What it means")
    expect(means).to_contain_text("The org would go over one of its limits")
    expect(means).to_contain_text("No, needs a fix")
    expect(page.get_by_role("region", name="Salesforce's words").first).to_contain_text(
        "limit of custom objects."
    )
    expect(page.get_by_role("button", name="Copy all")).to_be_visible()
    expect(page.get_by_role("button", name="Copy for Salesforce case")).to_be_visible()
    expect(
        page.get_by_role("table", name="Orgs that failed like this").locator("tbody tr")
    ).to_have_count(2)
    expect(page.locator(".phead time")).to_have_count(2)
    assert faults(page) == []


def a_block_is_no_failure(page: Page, pia: Visitor, slug: str) -> None:
    pia.open(f"/rollouts/{slug}/failures/?show=blocked")
    expect(page.get_by_text("Blocked by the customer", exact=True)).to_be_visible()
    page.get_by_text("What to tell them").click()
    expect(page.get_by_text("does not accept upgrades from us at present")).to_be_visible()
    assert faults(page) == []


def exactly_one_kind_is_retried(pia: Visitor, ari: Visitor, slug: str) -> None:
    page = pia.open(f"/rollouts/{slug}/failures/")
    page.get_by_role("link", name=re.compile("Limit Exceeded")).first.click()
    page.get_by_role("link", name="Retry 2…").click()
    expect(page.get_by_role("heading", name="Retry 2 orgs")).to_be_visible()
    expect(page.get_by_text("2 of 3")).to_be_visible()
    assert faults(page) == []
    page.get_by_label("Why?").fill("They made room.")
    page.get_by_role("button", name="Put 2 orgs on a new list").click()
    expect(acts.said(page, "2 orgs wait for a new list in wave 1")).to_be_visible()
    kind = pia.path

    acts.freeze(pia, slug, 1)
    acts.approve(ari, slug, 1, "Exactly the two that made room.")
    pia.open(kind)
    acts.reload_until(page, page.get_by_role("link", name="Upgraded since 2"), SETTLES_MS / 1000)
    page = pia.open(f"/rollouts/{slug}/waves/1/?state=confirmed")
    expect(page.locator('td[data-label="Try"]', has_text="2")).to_have_count(2)
