"""The main story: of three waves the first passes and the second is halted; support can answer."""

from __future__ import annotations

import re

from playwright.sync_api import expect

from tests.batteries.demo import Demo
from tests.browser import acts, pictures
from tests.browser.conftest import Come
from tests.browser.fleet import Fleet, Subscriber
from tests.browser.soundness import faults
from tests.browser.visitor import Visitor

# Its own tests fail in some sandboxes, as everybody's do one day.
DEFECTIVE = "Harbor 4.4.0"
WAVE_MS = 120_000
# Holds each legend's parts against its total whenever something on the page changes.
WATCH_SUMS = """() => {
  window.sums = new Set();
  window.wrong = new Set();
  const look = () => {
    for (const legend of document.querySelectorAll(".legend")) {
      const figures = [...legend.querySelectorAll("[data-figure]")];
      const parts = figures.map((part) => Number(part.dataset.value));
      const said = `${parts} ${legend.querySelector(".legend__total").textContent.trim()}`;
      const total = Number(/of ([\\d,]+) org/.exec(said)[1].replaceAll(",", ""));
      window.sums.add(said);
      if (parts.reduce((one, other) => one + other, 0) !== total) window.wrong.add(said);
    }
  };
  look();
  const all = { subtree: true, childList: true, characterData: true };
  new MutationObserver(look).observe(document.body, all);
}"""


def test_the_first_wave_passes_the_second_is_halted_and_support_can_answer(
    come: Come, fleet: Fleet, demo: Demo, tracker: str
) -> None:
    pia, ari, sue = come("pia"), come("ari"), come("sue")
    sandboxes = fleet.customers(30, sandboxes=True)
    slug = acts.plan(
        pia, DEFECTIVE, [*fleet.own(), *sandboxes, *fleet.customers(9, sandboxes=False)]
    )
    expect(pia.page.get_by_role("navigation", name="Waves").get_by_role("listitem")).to_have_count(
        3
    )

    the_first_wave_passes_before_the_readers_eyes(pia, ari, slug)
    the_second_wave_is_halted_and_the_page_says_why(pia, ari, slug)
    support_reads_the_new_version(sue, upgraded(demo, sandboxes, fleet))
    its_pages_are_sound(pia, slug)


def the_first_wave_passes_before_the_readers_eyes(pia: Visitor, ari: Visitor, slug: str) -> None:
    acts.freeze(pia, slug, 1)
    acts.approve(ari, slug, 1, "Our own orgs first.")

    page = pia.open(f"/rollouts/{slug}/")
    acts.reload_until(page, page.get_by_role("link", name="All systems ok"))
    pia.stay()
    page.evaluate(WATCH_SUMS)
    first = page.get_by_role("navigation", name="Waves").get_by_role("listitem").first
    expect(first.get_by_role("img", name="Passed")).to_be_visible(timeout=WAVE_MS)
    expect(acts.figure(page, "wave", slug, 1, "confirmed")).to_have_text("8")
    assert pia.has_stayed
    # Statement 12, at every moment that the page has shown (statement 33: without a reload).
    assert page.evaluate("window.sums.size") > 1
    assert page.evaluate("[...window.wrong]") == []


def the_second_wave_is_halted_and_the_page_says_why(pia: Visitor, ari: Visitor, slug: str) -> None:
    acts.freeze(pia, slug, 2)
    approval = ari.open(f"/rollouts/{slug}/waves/2/approve/")
    expect(approval.get_by_text("8 orgs seen on 4.4.0, 0 failed")).to_be_visible()
    acts.fill_in_approval(approval, "All our own orgs have it and work.")
    pictures.take(approval, "approve-light")
    approval.get_by_role("button", name="Approve 30 orgs").click()
    expect(approval.get_by_text("You approved wave 2")).to_be_visible()

    page = pia.open(f"/rollouts/{slug}/")
    pia.stay()
    # The first batch of ten has ended, the second is armed: the moment before it goes wrong.
    expect(acts.figure(page, "wave", slug, 2, "queued")).to_have_text("20", timeout=WAVE_MS)
    pictures.take(page, "rollout-light")
    pictures.take(page, "rollout-phone")
    pictures.take(ari.open("/"), "home-light")

    verdict = page.get_by_role("region", name="Verdict")
    expect(verdict).to_contain_text("Halted: wave 2", timeout=WAVE_MS)
    expect(verdict).to_contain_text(re.compile(r"failed; the real rate is at least|same failure"))
    expect(page.get_by_role("region", name="What is failing")).to_contain_text("Apex Test Failure")
    pictures.take(page, "rollout-dark")
    assert pia.has_stayed


def its_pages_are_sound(pia: Visitor, slug: str) -> None:
    page = pia.open(f"/rollouts/{slug}/")
    page.get_by_role("region", name="What is failing").locator("summary").first.click()
    expect(page.get_by_text("BerthAllocatorTest").first).to_be_visible()
    assert faults(page) == []
    assert faults(pia.open(f"/rollouts/{slug}/waves/2/")) == []
    page.get_by_role("table", name="Batches").get_by_role("link", name="2", exact=True).click()
    expect(page.get_by_role("heading", name="Batch 2")).to_be_visible()
    assert faults(page) == []


def upgraded(demo: Demo, asked: list[Subscriber], fleet: Fleet) -> Subscriber:
    """A sandbox that Salesforce says has the new version, and whose name no other org has."""
    new = set(demo.ask("truth")["orgs"])
    names = [org.name for org in fleet.all()]
    return next(
        org for org in asked if org.key in new and sum(org.name in name for name in names) == 1
    )


def support_reads_the_new_version(sue: Visitor, org: Subscriber) -> None:
    page = sue.open("/")
    page.keyboard.press("/")
    page.keyboard.type(org.name[2:].strip())
    suggestion = page.locator("#suggestions")
    expect(suggestion).to_contain_text(org.name)
    expect(suggestion).to_contain_text("4.4.0")

    page = sue.open("/find/")
    page.get_by_placeholder("Paste an org ID").fill(org.key)
    page.keyboard.press("Enter")
    answer = page.get_by_role("region", name="Answer")
    expect(answer).to_contain_text(org.name)
    expect(answer).to_contain_text("Harbor 4.4.0")
    pictures.take(page, "find-light")
    answer.get_by_role("link", name="Open org").click()
    expect(page.get_by_role("heading", level=1)).to_have_text(org.name)
    expect(page.get_by_role("region", name="Harbor")).to_contain_text("On Harbor 4.4.0")
    expect(page.get_by_role("region", name="Version history")).to_contain_text("our confirmed push")
    pictures.take(page, "org-light")
