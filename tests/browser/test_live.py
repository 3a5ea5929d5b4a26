"""Live, but calm: what moves by itself never takes anything out of a reader's hands.

The numbers in the names are the statements of docs/ui-acceptance.md. The page's clock is ours: no
story waits for a minute to pass. News come as the server's own part, changed as a moment might.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator

import pytest
from playwright.sync_api import Browser, Page, Route, expect

from tests.batteries.demo import Demo
from tests.browser.visitor import Visitor

TICK = re.compile(r"[?&]v=")
Change = Callable[[str], str]
_WATCH = """
window.beats = 0;
window.answered = 0;
addEventListener("pb:tick", () => { window.beats += 1; }, true);
addEventListener("htmx:afterRequest", () => { window.answered += 1; }, true);
"""
_HIDE = """hidden => {
  Object.defineProperty(document, "hidden", { configurable: true, get: () => hidden });
  document.dispatchEvent(new Event("visibilitychange"));
}"""


class Reader:
    """Somebody at a live page whose time we move."""

    def __init__(self, visitor: Visitor) -> None:
        self.visitor = visitor
        self.page: Page = visitor.page
        self._change: Change | None = None
        self._is_down = False
        self.page.add_init_script(_WATCH)
        self.page.clock.install(time="2026-11-24T03:00:00Z")
        self.page.clock.pause_at("2026-11-24T03:00:01Z")
        self.page.route(TICK, self._answer)

    def _answer(self, route: Route) -> None:
        if self._is_down:
            route.abort("connectionrefused")
        elif self._change is None:
            route.fulfill(status=204)
        else:
            answer = route.fetch(url=re.sub(r"([?&])v=[^&]*", r"\1v=0", route.request.url))
            route.fulfill(response=answer, body=self._change(answer.text()))

    def open(self, path: str) -> None:
        """Go to a page; nothing new happens to it until somebody brings news."""
        self._change = None
        self.visitor.open(path)

    def hears(self, change: Change, milliseconds: int = 2_000) -> None:
        """Let the next tick bring news, and wait until the page has dealt with it."""
        self._change, self._is_down = change, False
        self._wait(milliseconds)

    def misses(self, milliseconds: int) -> None:
        """Let the next tick find no server, as while one is started anew."""
        self._is_down = self.visitor.may_be_cut_off = True
        self._wait(milliseconds)

    def _wait(self, milliseconds: int) -> None:
        before = self.page.evaluate("window.answered")
        self.page.clock.run_for(milliseconds)
        self.page.wait_for_function("before => window.answered > before", arg=before)
        self.page.clock.run_for(50)

    def beats_in(self, milliseconds: int) -> int:
        """How often the page asks in so long."""
        before: int = self.page.evaluate("window.beats")
        self.page.clock.run_for(milliseconds)
        after: int = self.page.evaluate("window.beats")
        return after - before


@pytest.fixture(scope="module")
def reader(browser: Browser, demo: Demo) -> Iterator[Reader]:
    """One reader for these stories: a browser's clock, once taken over, stays so."""
    visitor = Visitor(browser.new_context(locale="en-GB"), demo.address, "vic")
    visitor.sign_in()
    yield Reader(visitor)
    assert visitor.leave() == []
    visitor.context.close()


def test_33_36_37_a_page_asks_as_often_as_somebody_reads(reader: Reader, tracker: str) -> None:
    reader.open(f"/rollouts/{tracker}/")
    page = reader.page
    assert reader.beats_in(10_000) == 5

    page.evaluate(_HIDE, arg=True)
    assert reader.beats_in(118_000) == 1
    before = page.evaluate("window.beats")
    page.evaluate(_HIDE, arg=False)
    assert page.evaluate("window.beats") == before + 1
    assert reader.beats_in(58_000) == 29
    assert 4 <= reader.beats_in(75_000) <= 6

    page.get_by_role("button", name="Pause updates").click()
    paused = page.get_by_role("button", name=re.compile(r"^Paused at \d\d:\d\d:\d\d UTC\. Resume$"))
    expect(paused).to_have_attribute("aria-pressed", "true")
    shown = page.locator("body").inner_text()
    assert reader.beats_in(120_000) == 0
    assert page.locator("body").inner_text() == shown

    paused.click()
    reader.hears(lambda part: part.replace("Wave 1", "Moved"))
    expect(page.get_by_role("heading", name="Moved")).to_be_visible()

    a_server_that_is_started_anew_is_missed_and_found_again(reader)

    reader.hears(lambda part: re.sub(r' data-live .*?hx-sync="this:drop"', "", part), 15_000)
    expect(page.locator("[data-live]")).to_have_count(0)
    assert reader.beats_in(300_000) == 0


def a_server_that_is_started_anew_is_missed_and_found_again(reader: Reader) -> None:
    page = reader.page
    shown = page.get_by_role("navigation", name="Waves").inner_text()
    lost = page.get_by_role("region", name="No connection")
    reader.misses(2_000)
    expect(lost).to_be_hidden()
    # Each window is long enough for the next tick of 2, 4, 8, 16 seconds and a fifth, not for two.
    for window in (2_500, 5_000, 10_000, 20_000):
        reader.misses(window)
    expect(lost).to_contain_text(re.compile(r"No connection\. Showing \d\d:\d\d:\d\d UTC"))
    assert page.get_by_role("navigation", name="Waves").inner_text() == shown
    # Five in a row: it asks again after 24 to 36 seconds and not every two.
    assert reader.beats_in(15_000) == 0

    reader.hears(lambda part: part.replace("Wave 1", "Back"), 40_000)

    expect(lost).to_be_hidden()
    expect(page.get_by_role("heading", name="Back")).to_be_visible()


def test_34_35_what_somebody_holds_stays_while_the_rest_moves(reader: Reader, tracker: str) -> None:
    reader.open(f"/rollouts/{tracker}/waves/1/")
    page = reader.page
    rows = page.locator("#orgs-rows tr")
    before = rows.get_by_role("rowheader").all_inner_texts()
    assert len(before) > 2

    rows.nth(2).get_by_role("link").first.focus()
    page.evaluate("window.held = document.activeElement")
    reader.hears(lambda part: _turned_round(part).replace(">sandbox<", ">sand<"))
    expect(rows.nth(2)).to_contain_text("sand")
    assert page.evaluate("window.held === document.activeElement && window.held.isConnected")
    assert rows.get_by_role("rowheader").all_inner_texts() == before

    rows.nth(1).hover()
    page.evaluate("document.activeElement.blur()")
    page.clock.run_for(1_000)
    assert rows.get_by_role("rowheader").all_inner_texts() == before
    page.get_by_role("heading", level=1).hover()
    page.clock.run_for(1_000)
    expect(rows.get_by_role("rowheader")).to_have_text(before[::-1])

    reader.hears(lambda part: _with_new_row(_turned_round(part)))
    expect(rows).to_have_count(len(before))
    page.get_by_role("button", name="1 new org, show").click()
    expect(rows.first).to_contain_text("Newly Failed Ltd")
    expect(rows.first.get_by_role("link")).to_be_focused()

    batches = page.get_by_role("heading", name="Batches")
    batches.evaluate("node => getSelection().selectAllChildren(node)")
    reader.hears(lambda part: part.replace(">Batches<", ">Requests<"), 15_000)
    assert page.evaluate("getSelection().toString()") == "Batches"
    page.evaluate("getSelection().removeAllRanges()")
    expect(page.get_by_role("heading", name="Requests")).to_be_visible()

    reader.hears(
        lambda part: part.replace('<h2 id="batches">', '<input id="note"><h2 id="batches">')
    )
    page.locator("#note").fill("half a word")
    reader.hears(lambda part: part.replace(">Batches<", ">Again<"))
    expect(page.locator("#note")).to_have_value("half a word")
    expect(page.get_by_role("heading", name="Again")).to_have_count(0)
    page.evaluate("document.activeElement.blur()")
    page.clock.run_for(50)
    expect(page.get_by_role("heading", name="Again")).to_be_visible()


def test_9_10_55_ages_turn_late_and_only_events_are_heard(reader: Reader, tracker: str) -> None:
    reader.open(f"/rollouts/{tracker}/")
    page = reader.page
    polite, loud = page.locator("#sr-status"), page.locator("#sr-alert")
    reader.hears(lambda part: part.replace(" orgs", " many orgs"))
    expect(polite).to_be_empty()

    reader.hears(_saying("announce", "Wave 1: Running"))
    expect(polite).to_have_text("Wave 1: Running")
    reader.hears(_saying("announce", "Wave 1: Baking"))
    page.clock.run_for(4_000)
    expect(polite).to_have_text("Wave 1: Running")
    page.clock.run_for(12_000)
    expect(polite).to_have_text("Wave 1: Baking")
    expect(loud).to_be_empty()
    reader.hears(_saying("alarm", "Halted: wave 1: 3 of 6 failed"))
    expect(loud).to_have_text("Halted: wave 1: 3 of 6 failed")
    reader.hears(_with_banner("Everything is stopped."))
    expect(loud).to_have_text("Everything is stopped.")

    reader.open("/find/")
    page.locator("#q").fill("blue")
    page.clock.run_for(300)
    expect(page.locator("#suggestions")).to_contain_text("Blue")
    page.clock.run_for(1_000)
    expect(polite).to_have_text(re.compile(r"^\d+ orgs?"))

    ages = page.locator("#ages time").first
    expect(ages).not_to_contain_text("late")
    page.clock.fast_forward("03:00")
    expect(ages).to_have_text(re.compile(r", late$"))
    page.clock.fast_forward("15:00")
    expect(ages).to_have_text(re.compile(r", very late$"))
    banner = page.get_by_role("region", name="Very late data")
    expect(banner).to_contain_text("Approving now means approving an old list.")


def _saying(what: str, words: str) -> Change:
    pattern = re.compile(rf'(id="live"[^>]*? data-{what}=")[^"]*')
    return lambda part: pattern.sub(lambda found: found[1] + words, part, count=1)


def _with_banner(words: str) -> Change:
    place = '<div id="banners" hx-swap-oob="calm">'
    return lambda part: part.replace(place, f'{place}<p data-alarm="{words}">{words}</p>')


def _turned_round(part: str) -> str:
    head, body, tail = _rows(part)
    return head + "".join(reversed(re.findall(r"<tr.*?</tr>", body, re.DOTALL))) + tail


def _with_new_row(part: str) -> str:
    head, body, tail = _rows(part)
    new = '<tr id="org-new"><th scope="row"><a href="/orgs/x/">Newly Failed Ltd</a></th></tr>'
    return head + new + body + tail


def _rows(part: str) -> tuple[str, str, str]:
    start = part.index(">", part.index('id="orgs-rows"')) + 1
    end = part.index("</tbody>", start)
    return part[:start], part[start:end], part[end:]
