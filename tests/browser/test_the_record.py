"""What happened can be read, checked and printed, and by nobody changed."""

from __future__ import annotations

from playwright.sync_api import expect

from tests.browser import acts
from tests.browser.conftest import Come
from tests.browser.fleet import Fleet
from tests.browser.soundness import faults
from tests.browser.visitor import Visitor

# Every colour that is seen: text, what is drawn, and what has a size behind or around it.
_COLOURED = """() => {
  const grey = (value) => {
    const found = value.match(/^rgba?\\(([\\d.]+), ([\\d.]+), ([\\d.]+)(?:, ([\\d.]+))?\\)$/);
    if (!found || found[4] === "0") return true;
    return found[1] === found[2] && found[2] === found[3];
  };
  return [...document.querySelectorAll("main, main *")]
    .filter((one) => one.getClientRects().length)
    .flatMap((one) => {
      const style = getComputedStyle(one);
      const drawn = one instanceof SVGElement ? [style.fill, style.stroke] : [];
      return [style.color, style.backgroundColor, ...drawn].filter((value) => !grey(value))
        .map((value) => `${one.localName}.${one.getAttribute("class")}: ${value}`);
    }).slice(0, 5);
}"""


def test_32_48_49_a_decision_is_read_on_the_rollout_and_stands_in_an_intact_log(
    come: Come, fleet: Fleet
) -> None:
    pia, ari, omar = come("pia"), come("ari"), come("omar")
    slug = acts.plan(pia, "Harbor 4.2.2", fleet.customers(3, sandboxes=True))
    acts.freeze(pia, slug, 1)
    acts.approve(ari, slug, 1, "Three quiet sandboxes.")

    decided = pia.open(f"/rollouts/{slug}/").get_by_role("region", name="Who decided")
    expect(decided).to_contain_text("Ari Approver approved wave 1")
    expect(decided).to_contain_text("Three quiet sandboxes.")

    page = omar.open("/audit/?action=decide")
    row = page.get_by_role("row").filter(has_text="Three quiet sandboxes.").first
    expect(row).to_contain_text("Ari Approver (approver) approved wave 1 of hbr 4.2.2")
    expect(row).to_contain_text("3 orgs, list ")
    row.get_by_text("Fields and hashes").click()
    expect(row.get_by_text("Hash of the one before")).to_be_visible()
    for word in ("Edit", "Delete", "Remove", "Change"):
        expect(page.get_by_role("main").get_by_role("button", name=word)).to_have_count(0)
        expect(page.get_by_role("main").get_by_role("link", name=word, exact=True)).to_have_count(0)
    page.get_by_role("button", name="Verify the chain").click()
    expect(page.get_by_text("entries, chain intact.").first).to_be_visible()
    assert faults(page) == []

    _newer_entries_wait_behind_a_pill(omar, pia, slug)


def _newer_entries_wait_behind_a_pill(omar: Visitor, pia: Visitor, slug: str) -> None:
    page = omar.open("/audit/?action=stop&actor=people")
    omar.stay()
    before = page.get_by_role("row").count()

    stop = pia.open(f"/rollouts/{slug}/")
    stop.get_by_role("button", name="Pause", exact=True).click()
    expect(stop.get_by_role("button", name="Lift pause")).to_be_visible()

    pill = page.get_by_role("link", name="1 newer entry, show")
    expect(pill).to_be_visible()
    assert page.get_by_role("row").count() == before
    pill.click()
    expect(page.get_by_role("row").nth(1)).to_contain_text("Pia Planner (planner) paused ")
    stop.get_by_role("button", name="Lift pause").click()


def test_50_the_report_prints_in_black_and_white_with_every_state_told_apart(
    come: Come, tracker: str
) -> None:
    page = come("vic").open(f"/rollouts/{tracker}/report/")

    page.emulate_media(media="print")
    expect(page.get_by_role("navigation", name="Main")).to_be_hidden()
    assert page.evaluate(_COLOURED) == []
    patterns = page.evaluate(
        "() => [...document.querySelectorAll('pattern')].map((one) => one.innerHTML)"
    )
    assert len(set(patterns)) == len(patterns) == 5
    sheet = page.pdf(prefer_css_page_size=True, print_background=False)
    assert sheet.startswith(b"%PDF")
    # A4 in points, as Chromium rounds it.
    assert b"/MediaBox [0 0 594.95" in sheet or b"/MediaBox [0 0 595" in sheet
    page.emulate_media(media="screen")
