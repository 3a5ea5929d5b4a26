"""A page in somebody's hands: their words survive a lost session, their keys do what they say."""

from __future__ import annotations

import re

from playwright.sync_api import Browser, Page, expect

from tests.batteries.demo import Demo
from tests.browser.conftest import Come
from tests.browser.fleet import Fleet
from tests.browser.soundness import complaints
from tests.browser.visitor import Visitor

COME_BACK = """() => document.dispatchEvent(new Event("visibilitychange"))"""
WORDS = "Their migration runs until March."


def test_58_a_lost_connection_or_session_costs_nobody_their_words(
    browser: Browser, demo: Demo, fleet: Fleet, tracker: str
) -> None:
    pia = Visitor(browser.new_context(locale="en-GB"), demo.address, "pia")
    pia.sign_in()
    (org,) = fleet.customers(1, sandboxes=True)
    live, form, other = pia.page, pia.context.new_page(), pia.context.new_page()
    live.goto(f"{pia.address}/rollouts/{tracker}/")
    form.goto(f"{pia.address}/orgs/{org.key}/")
    form.goto(f"{form.url}exclude/")
    form.get_by_label("Why").first.fill(WORDS)
    rail = live.get_by_role("navigation", name="Waves").inner_text()

    with pia.cut_off():
        lost = live.get_by_role("region", name="No connection")
        expect(lost).to_contain_text(re.compile(r"No connection\. Showing \d\d:\d\d:\d\d UTC"))
        assert live.get_by_role("navigation", name="Waves").inner_text() == rail
    expect(lost).to_be_hidden()

    with pia.refused_with(401):
        sign_out(other, pia.address)
        for page in (live, form):
            page.evaluate(COME_BACK)
            expect(page.get_by_role("region", name="Signed out")).to_be_visible()
        assert live.get_by_label("Password").count() == 0
        form.get_by_role("button", name="Exclude").click()
        expect(form.get_by_label("Why").first).to_have_value(WORDS)

    other.goto(f"{pia.address}/sign-in/")
    other.get_by_label("E-mail address").fill("pia@pushboard.example")
    other.get_by_label("Password").fill("pushboard")
    other.get_by_role("button", name="Sign in").click()
    expect(other.get_by_role("heading", name="Hello")).to_be_visible()
    form.evaluate(COME_BACK)
    expect(form.get_by_role("region", name="Signed out")).to_be_hidden()
    form.get_by_role("button", name="Exclude").click()
    expect(form.get_by_text(WORDS).first).to_be_visible()
    expect(form.get_by_role("heading", level=1)).to_have_text(org.name)

    assert pia.leave() == []
    pia.context.close()


def sign_out(page: Page, address: str) -> None:
    page.goto(f"{address}/find/")
    page.locator("summary.avatar").click()
    page.get_by_role("button", name="Sign out").click()
    expect(page.get_by_role("heading", name="Sign in to Pushboard")).to_be_visible()


def test_keys_lead_everywhere_take_nothing_from_a_field_and_can_be_switched_off(
    come: Come, tracker: str
) -> None:
    vic = come("vic")
    page = vic.open("/status/")
    page.keyboard.press("?")
    keys = page.get_by_role("dialog", name="Keys")
    expect(keys).to_contain_text("Find an org")
    assert complaints(page) == []
    page.keyboard.press("Escape")
    page.keyboard.press("g")
    page.keyboard.press("r")
    expect(page.get_by_role("heading", name="Rollouts", level=1)).to_be_visible()

    page.keyboard.press("Control+k")
    palette = page.get_by_role("dialog", name="Go to")
    field = palette.get_by_role("combobox")
    expect(palette.get_by_role("option", name="Home")).to_be_visible()
    page.keyboard.type("tracker 2.2 g/?")
    expect(field).to_have_value("tracker 2.2 g/?")
    expect(palette).to_contain_text("Nothing is called")
    field.fill("tracker 2.2")
    expect(palette.get_by_role("option", name="Tracker 2.2.0").first).to_have_attribute(
        "aria-selected", "true"
    )
    assert complaints(page) == []
    page.keyboard.press("Enter")
    expect(page).to_have_url(re.compile(f"/rollouts/{tracker}/$"))

    page = vic.open("/settings/me/")
    page.get_by_role("radio", name="Off: no single key").check()
    page.get_by_role("button", name="Keep it").click()
    expect(page.get_by_text("They are switched off for you.")).to_be_visible()
    for key in ("/", "?", "Control+k"):
        page.keyboard.press(key)
    expect(page.locator("dialog[open]")).to_have_count(0)
    expect(page.locator("#q")).not_to_be_focused()
    page.get_by_role("radio", name="On", exact=True).check()
    page.get_by_role("button", name="Keep it").click()
    expect(page.get_by_text("Kept until you sign out.")).to_be_visible()
