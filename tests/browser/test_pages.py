"""What holds for every page: nothing to complain about, for the browser, for axe, on any width."""

from __future__ import annotations

from typing import Any

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, Page, expect

from tests.batteries.demo import Demo
from tests.browser.conftest import Come
from tests.browser.fleet import Fleet
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
    "org": "/orgs/{org}/",
    "new rollout": "/rollouts/new/",
    "status": "/status/",
    "stop": "/stop/",
}
WIDTHS = (360, 768, 1280, 1920)


def complaints(page: Page) -> list[str]:
    """What axe finds, one line per rule with the places."""
    found: dict[str, Any] = Axe().run(page).response
    return [
        f"{rule['id']}: {rule['help']} at {[node['target'] for node in rule['nodes'][:3]]}"
        for rule in found["violations"]
    ]


def sideways(page: Page) -> dict[int, str]:
    """Widths at which the page scrolls sideways, with what sticks out."""
    wrong = {}
    for width in WIDTHS:
        page.set_viewport_size({"width": width, "height": 900})
        out = page.evaluate(
            """() => {
              const room = document.documentElement.clientWidth;
              if (document.documentElement.scrollWidth <= room) return "";
              const wide = [...document.querySelectorAll("body *")]
                .filter((one) => one.getBoundingClientRect().right > room + 1)
                .map((one) => one.localName + "." + one.className);
              return wide.slice(0, 5).join(", ") || "something";
            }"""
        )
        if out:
            wrong[width] = out
    return wrong


@pytest.mark.parametrize("name", PAGES)
def test_a_page_is_sound(come: Come, fleet: Fleet, tracker: str, name: str) -> None:
    visitor = come("ari" if name == "approval" else "pia")
    page = visitor.open(PAGES[name].format(slug=tracker, org=fleet.all()[0].key))

    assert sideways(page) == {}
    assert complaints(page) == []
    page.emulate_media(color_scheme="dark")
    assert complaints(page) == []


def test_the_sign_in_page_is_sound_too(browser: Browser, demo: Demo) -> None:
    stranger = Visitor(browser.new_context(), demo.address, "nobody")
    page = stranger.open("/")
    expect(page.get_by_role("heading", name="Sign in to Pushboard")).to_be_visible()

    assert sideways(page) == {}
    assert complaints(page) == []
    page.emulate_media(color_scheme="dark")
    assert complaints(page) == []
    assert stranger.leave() == []
    stranger.context.close()
