"""A plan for five thousand orgs in thirty time zones takes few clicks: the defaults are good."""

from __future__ import annotations

import re
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from zoneinfo import available_timezones

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.batteries.demo import Demo
from tests.browser.conftest import running
from tests.browser.soundness import faults
from tests.browser.visitor import Visitor

ORGS, ZONES, MOST = 7_000, 30, 14
LONG_MS = 90_000
# Clicks by hand only: a script's own click is not trusted by the browser.
_COUNT = """addEventListener("click", (event) => {
  if (!event.isTrusted || event.detail === 0) return;
  const counted = Number(localStorage.getItem("clicks") || 0);
  localStorage.setItem("clicks", String(counted + 1));
}, true);"""
_SPREAD = """
INSERT INTO rollouts_zoneword (org_id, zone, reason, by_id, since)
SELECT id, ?, 'told by the customer', 1, '2026-01-01 00:00:00' FROM rollouts_org WHERE id % ? = ?
"""


@pytest.fixture
def large(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Demo]:
    """A demo with 5,000 orgs and more of the package, whose zones people have told."""
    names = sorted(name for name in available_timezones() if "/" in name and "Etc" not in name)
    with running(tmp_path_factory.mktemp("large"), speed=60, orgs=ORGS) as demo:
        with closing(sqlite3.connect(demo.database, timeout=60)) as rows, rows:
            for number in range(ZONES):
                zone = names[number * len(names) // ZONES]
                rows.execute(_SPREAD, (zone, ZONES, number))
        yield demo


def test_a_plan_of_five_thousand_orgs_takes_at_most_fourteen_clicks(
    browser: Browser, large: Demo
) -> None:
    context = browser.new_context()
    context.set_default_timeout(LONG_MS)
    context.add_init_script(_COUNT)
    pia = Visitor(context, large.address, "pia")
    pia.sign_in()
    page = pia.open("/")
    page.evaluate("localStorage.removeItem('clicks')")

    page.get_by_role("link", name="New rollout").first.click()
    harbor = page.get_by_role("group", name="Harbor")
    harbor.get_by_role("radio", name="4.3.0").click()
    page.get_by_role("button", name="Continue to audience").click()
    page.get_by_role("button", name="Continue to waves").click()
    expect(page.get_by_role("table", name="Proposed waves")).to_be_visible(timeout=LONG_MS)
    page.get_by_role("button", name="Continue to schedule").click()
    page.get_by_role("button", name="Continue to review").click()
    expect(page.get_by_role("heading", name="Preflight")).to_be_visible(timeout=LONG_MS)
    assert faults(page) == []
    answer_warnings(page)
    orgs = page.get_by_role("button", name=re.compile("^Create the rollout"))
    said = re.search(r"([\d,]+) orgs", orgs.inner_text())
    orgs.click()
    page.wait_for_url(re.compile(r"/rollouts/(?!new|drafts)[^/]+/$"), timeout=LONG_MS)

    assert said
    assert int(said[1].replace(",", "")) >= 5_000
    clicks = int(page.evaluate("localStorage.getItem('clicks')"))
    assert 7 <= clicks <= MOST
    assert pia.leave() == []
    context.close()


def answer_warnings(page: Page) -> None:
    """Say why one goes on in spite of each warning: a click and a few words."""
    fields = page.get_by_label("Why do you go on?")
    for number in range(fields.count()):
        fields.nth(number).click()
        page.keyboard.type("Agreed with the customers.")
