"""What is asked of every page: nothing for axe to find, in light and dark, on any width."""

from __future__ import annotations

from typing import Any

from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Page

WIDTHS = (360, 768, 1280, 1920)


def faults(page: Page) -> list[str]:
    """Everything that is wrong with the page as it stands, in sentences; empty when sound.

    Call it last on a page: axe leaves its script there.
    """
    before = page.viewport_size
    found = sideways(page)
    if before:
        page.set_viewport_size(before)
    page.emulate_media(color_scheme="light")
    found += complaints(page)
    # The schemes differ in colours only.
    page.emulate_media(color_scheme="dark")
    found += [f"in dark, {rule}" for rule in complaints(page, "color-contrast")]
    page.emulate_media(color_scheme="light")
    return found


def complaints(page: Page, *only: str) -> list[str]:
    """What axe finds by all its rules or some, one line per rule with the first places."""
    options: dict[str, Any] = {"resultTypes": ["violations"]}
    if only:
        options["runOnly"] = list(only)
    answer: dict[str, Any] = Axe().run(page, options=options).response
    return [
        f"{rule['id']}: {rule['help']} at {[node['target'] for node in rule['nodes'][:3]]}"
        for rule in answer["violations"]
    ]


def sideways(page: Page) -> list[str]:
    """Widths at which the page scrolls sideways, with what sticks out."""
    wrong = []
    for width in WIDTHS:
        page.set_viewport_size({"width": width, "height": 900})
        if out := page.evaluate(_STICKS_OUT):
            wrong.append(f"scrolls sideways at {width} px: {out}")
    return wrong


_STICKS_OUT = """() => {
  const room = document.documentElement.clientWidth;
  if (document.documentElement.scrollWidth <= room) return "";
  return [...document.querySelectorAll("body *")]
    .filter((one) => one.getBoundingClientRect().right > room + 1)
    .slice(0, 5)
    .map((one) => `${one.localName}.${one.getAttribute("class")}`)
    .join(", ") || "something";
}"""
