"""Support looks an org up: whatever is pasted, the answer stands in the search box."""

from __future__ import annotations

import csv
import re
from collections import Counter

from playwright.sync_api import Locator, Page, expect

from rollouts.domain import ids
from tests.browser.conftest import Come
from tests.browser.fleet import Fleet, Subscriber
from tests.browser.visitor import Visitor


def only_harbor(fleet: Fleet) -> list[Subscriber]:
    """Customers' orgs with Harbor alone, whose names nobody else has; those with words first."""
    packages = Counter(org.key for org in fleet.all())
    names = Counter(org.name for org in fleet.all())
    return [
        org
        for org in fleet.all()
        if org.package == "Harbor" and packages[org.key] == names[org.name] == 1
        and re.fullmatch(r"[A-Z][a-z]{4,} [\w ]+", org.name)
    ]  # fmt: skip


def paste(visitor: Visitor, text: str) -> Locator:
    """Press / on any page and paste over what is there; returns what comes under the search box."""
    page = visitor.page
    page.keyboard.press("/")
    page.keyboard.press("Control+a")
    page.evaluate("text => navigator.clipboard.writeText(text)", text)
    page.keyboard.press("Control+v")
    return page.locator("#suggestions")


def may_copy(visitor: Visitor) -> None:
    visitor.context.grant_permissions(["clipboard-read", "clipboard-write"])


def test_1_2_5_an_id_in_any_spelling_is_answered_in_place(come: Come, fleet: Fleet) -> None:
    sue, org = come("sue"), only_harbor(fleet)[0]
    may_copy(sue)
    whole = ids.org_id(org.key)
    domain = "https://story-of-domains.my.salesforce.com/lightning/page/home"
    page = sue.open("/find/?q=" + domain)
    page.get_by_label("Which org is it").fill(whole)
    page.get_by_role("button", name="Look").click()
    page.get_by_role("button", name="story-of-domains is this org").click()
    expect(page.locator("#main").get_by_text("is this org from now on.")).to_be_visible()

    for text in (whole, org.key, whole.lower(), domain):
        sue.open("/status/")
        answer = paste(sue, text).get_by_role("region", name="Answer")

        expect(answer.get_by_role("link", name=org.name)).to_have_attribute(
            "href", f"/orgs/{whole}/"
        )
        expect(answer).to_contain_text(f"Harbor {org.version}")
        expect(answer).to_contain_text(re.compile(r"since \d\d \w{3} \d{4}, \d\d:\d\d UTC"))
        expect(answer).to_contain_text(re.compile(r"seen in Salesforce \d+ (s|min|h) ago"))
        assert len(answer.locator(".answer__why").all_text_contents()) == 1
        assert answer.locator(".answer__why").inner_text().strip().endswith(".")
        assert sue.path == "/status/"


def test_3_nothing_behind_the_mark_is_sent_or_shown(come: Come, fleet: Fleet) -> None:
    sue, org = come("sue"), only_harbor(fleet)[1]
    may_copy(sue)
    page = sue.open("/status/")
    sent: list[str] = []
    page.on("request", lambda request: sent.append(f"{request.url} {request.post_data or ''}"))

    found = paste(sue, f"Session of Sam:\n{org.key}!AQ4AQsecretTokenOfSam.x_y\nThanks!")

    expect(found.get_by_role("region", name="Answer")).to_contain_text(org.name)
    assert any(org.key in line for line in sent)
    assert not [line for line in sent if "secret" in line]
    assert "secret" not in page.content()
    assert "secret" not in page.get_by_role("searchbox", name="Find an org").input_value()


def test_4_7_8_names_are_ranked_misses_differ_and_the_sentence_is_copied(
    come: Come, fleet: Fleet
) -> None:
    sue, org = come("sue"), only_harbor(fleet)[2]
    may_copy(sue)
    page = sue.open("/status/")
    word = org.name.split()[0][:4].lower()
    page.keyboard.press("/")
    page.keyboard.type(word)
    hits = page.locator("#suggestions .hit")
    expect(hits.nth(1)).to_be_visible()
    names = [name.lower() for name in hits.locator("bdi").all_text_contents()]
    ranks = [0 if name.startswith(word) else 1 if f" {word}" in name else 2 for name in names]
    assert ranks == sorted(ranks)
    first = [text for text, rank in zip(kinds(hits), ranks, strict=True) if rank == 0]
    assert first == sorted(first)  # production before sandbox

    whole = ids.org_id(org.key)
    unknown = paste(sue, ids.org_id("00D" + "zZ9" * 4))
    expect(unknown).to_contain_text("has one of our packages.")
    expect(unknown).not_to_contain_text("One character away")
    mistyped = paste(sue, ids.org_id(whole[:9] + "z" + whole[10:15]))
    expect(mistyped).to_contain_text("One character away")
    expect(mistyped.get_by_role("link", name=org.name)).to_have_attribute("href", f"/orgs/{whole}/")
    no_id = paste(sue, whole[:15] + "555")
    expect(no_id.get_by_role("heading", name="That ID is mistyped")).to_be_visible()

    answer = paste(sue, whole)
    answer.get_by_role("button", name="Copy as sentence").click()
    expect(answer.get_by_role("button", name="Copied")).to_be_visible()
    copied = page.evaluate("navigator.clipboard.readText()")
    assert copied.startswith(f"{org.name} ({whole}) has Harbor {org.version}, ")
    assert re.search(r"Read from Salesforce on \d+ \w{3} \d{4}, \d\d:\d\d UTC\.$", copied)


def kinds(hits: Locator) -> list[str]:
    return [re.split(r"[, ]", text)[0] for text in hits.locator(".muted").all_text_contents()]


def test_11_51_the_list_is_what_its_numbers_say_and_its_file_is_the_list(
    come: Come, fleet: Fleet
) -> None:
    pia = come("pia")
    page = pia.open("/packages/")
    page.get_by_role("link", name="Harbor", exact=True).click()
    counts = page.get_by_role("table", name="Versions").locator("td[data-label=Orgs] a")
    orgs = [int(text) for text in counts.all_text_contents()]
    counts.nth(orgs.index(max(orgs))).click()
    assert total_of(page) == max(orgs)

    page.get_by_label("Type").select_option("production")
    page.get_by_role("button", name="Filter").click()
    page.locator("thead").get_by_role("link", name="Org").click()
    expect(page.locator('th[aria-sort="descending"]')).to_have_text(re.compile("Org"))
    with page.expect_download() as download:
        page.get_by_role("link", name=re.compile(r"^CSV")).click()
    with download.value.path().open(encoding="utf-8-sig", newline="") as file:
        lines = list(csv.DictReader(file))

    assert len(lines) == total_of(page)
    shown = page.locator("tbody th .id").all_text_contents()
    assert shown == [line["Org ID"] for line in lines][: len(shown)]
    assert all(line["Read at (UTC)"].endswith("+00:00") for line in lines)
    assert any(line["Read at (local)"] for line in lines)


def total_of(page: Page) -> int:
    said = page.locator(".phead__meta").inner_text()
    return int(said.split()[0].replace(",", ""))
