"""Stopping is always easier than starting."""

from __future__ import annotations

import re

import pytest
from playwright.sync_api import Page, expect

from tests.batteries.demo import Demo
from tests.browser import acts
from tests.browser.conftest import Come
from tests.browser.fleet import Fleet
from tests.browser.visitor import Visitor

NOW = "Stop everything now"


@pytest.mark.parametrize("javascript", [True, False], ids=["with JavaScript", "without"])
def test_everything_is_stopped_in_two_clicks_and_lifted_by_two_people(
    come: Come, fleet: Fleet, demo: Demo, *, javascript: bool
) -> None:
    pia, ari = come("pia", javascript=javascript), come("ari", javascript=javascript)
    slug = acts.plan(pia, "Harbor 4.2.2", fleet.customers(5, sandboxes=True))
    acts.freeze(pia, slug, 1)
    acts.approve(ari, slug, 1, "Five sandboxes.")
    page = pia.open(f"/rollouts/{slug}/waves/1/")
    batches = page.get_by_role("table", name="Batches")
    at_salesforce = re.compile("^(Created|Pending)$")
    acts.reload_until(page, batches.get_by_role("cell", name=at_salesforce))

    page.get_by_role("link", name="Stop everything").click()
    page.get_by_role("button", name=NOW).click()

    stopped = page.get_by_role("heading", name="Stopped", exact=True)
    if javascript:
        expect(stopped).to_be_visible()
    else:
        acts.reload_until(page, stopped)
    expect(page.get_by_text("recalled, confirmed by Salesforce").first).to_be_visible()
    assert {request["status"] for request in demo.ask("truth")["requests"].values()} <= {
        "Canceled",
        "Succeeded",
        "Failed",
    }
    expect(ari.open("/").get_by_role("region", name="Everything is stopped.")).to_be_visible()

    lift(pia, ari)
    verdict = pia.open(f"/rollouts/{slug}/").get_by_role("region", name="Verdict")
    expect(verdict).to_contain_text("paused by")
    expect(verdict).to_contain_text("0 of 5 orgs upgraded")


def lift(asker: Visitor, other: Visitor) -> None:
    page: Page = asker.open("/stop/")
    page.get_by_label("Why?").fill("It was a drill.")
    page.get_by_role("button", name="Ask to lift the stop").click()
    expect(page.get_by_text("You asked, so somebody else confirms.")).to_be_visible()

    page = other.open("/stop/")
    page.get_by_role("button", name="Lift the stop").click()
    expect(page.get_by_text("The stop is lifted.")).to_be_visible()
