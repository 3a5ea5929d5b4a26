"""What holds for every page, whatever it shows; pages of a halted rollout: `test_a_rollout`."""

from __future__ import annotations

import re

import pytest
from playwright.sync_api import Browser, expect

from tests.batteries.demo import Demo
from tests.browser import acts
from tests.browser.conftest import Come
from tests.browser.fleet import Fleet
from tests.browser.soundness import faults
from tests.browser.visitor import Visitor

PAGES = {
    "home": "/",
    "rollouts": "/rollouts/",
    "rollout": "/rollouts/{slug}/",
    "left out": "/rollouts/{slug}/left-out/",
    "wave": "/rollouts/{slug}/waves/1/",
    "approval": "/rollouts/{slug}/waves/1/approve/",
    "halt": "/rollouts/{slug}/halt/",
    "find": "/find/?q=blue",
    "orgs": "/orgs/?type=production&sort=-version",
    "views": "/views/",
    "new view": "/views/new/?page=orgs&query=type%3Dsandbox",
    "org": "/orgs/{org}/",
    "new rollout": "/rollouts/new/",
    "drafts": "/rollouts/drafts/",
    "waves by hand": "/rollouts/{slug}/waves/",
    "orgs to move": "/rollouts/{slug}/waves/1/orgs/",
    "inbox": "/rollouts/{slug}/inbox/",
    "policies": "/settings/policies/",
    "policy": "/settings/policies/minor/",
    "policy to change": "/settings/policies/minor/change/",
    "audiences": "/audiences/",
    "new audience": "/audiences/new/",
    "audience": "/audiences/1/",
    "exclusions": "/exclusions/",
    "failures": "/failures/",
    "exclude": "/orgs/{org}/exclude/",
    "whose org": "/orgs/{org}/customer/",
    "list": "/lists/new/exclude/",
    "calendar": "/calendar/?weeks=13",
    "freezes": "/calendar/freezes/",
    "freeze": "/calendar/freezes/1/",
    "new freeze": "/calendar/freezes/new/",
    "maintenance": "/calendar/maintenance/",
    "windows": "/calendar/windows/",
    "zones": "/calendar/zones/",
    "audit": "/audit/?action=plan&tz=Europe/Berlin",
    "history": "/rollouts/{slug}/audit/",
    "report": "/rollouts/{slug}/report/?appendix=1",
    "status": "/status/",
    "connections": "/connections/",
    "connection": "/connections/1/",
    "stop": "/stop/",
    "go to": "/go/?q=har",
    "keys": "/settings/me/",
}


@pytest.mark.parametrize("name", PAGES)
def test_a_page_is_sound(come: Come, fleet: Fleet, tracker: str, name: str) -> None:
    visitor = come("ari" if name == "approval" else "pia")

    page = visitor.open(PAGES[name].format(slug=tracker, org=fleet.all()[0].key))

    # The first of the two clicks with which everything can be stopped from here.
    expect(page.get_by_role("link", name="Stop everything")).to_have_attribute("href", "/stop/")
    # How old the data are (statement 9).
    expect(page.locator("#ages")).to_contain_text(re.compile(r"orgs .+, pushes .+"))
    assert faults(page) == []


def test_the_steps_of_a_new_rollout_are_sound(come: Come) -> None:
    pia = come("pia")
    acts.choose_version(pia, "Harbor 4.2.2")
    assert faults(pia.page) == []

    with pia.refused_with(422):
        pia.page.get_by_label("Only these orgs").fill("00D5g000001AbCdEAX")
        pia.page.get_by_role("button", name="Continue to waves").click()
        expect(pia.page.get_by_text("There is 1 problem")).to_be_visible()
    assert faults(pia.page) == []

    acts.choose_version(pia, "Harbor 4.2.2")
    pia.page.get_by_role("button", name="Continue to waves").click()
    expect(pia.page.get_by_role("table", name="Proposed waves")).to_be_visible()
    assert faults(pia.page) == []

    for onward, heading in (("schedule", "When, and what holds it"), ("review", "Review Harbor")):
        pia.page.get_by_role("button", name=f"Continue to {onward}").click()
        expect(pia.page.get_by_role("heading", name=heading)).to_be_visible()
        assert faults(pia.page) == []
    assert faults(pia.open("/rollouts/drafts/")) == []


def test_the_sign_in_page_is_sound_too(browser: Browser, demo: Demo) -> None:
    stranger = Visitor(browser.new_context(), demo.address, "nobody")

    page = stranger.open("/")
    expect(page.get_by_role("heading", name="Sign in to Pushboard")).to_be_visible()

    assert faults(page) == []
    assert stranger.leave() == []
    stranger.context.close()
