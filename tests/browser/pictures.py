"""Screenshots of telling moments.

A run writes them to var/pictures; `PUSHBOARD_TEST_PICTURES=1 make test-browser` to docs/img, where
the README shows them. Names in Japanese need a font for it, such as Debian's fonts-ipafont-gothic.
"""

from __future__ import annotations

import os
from pathlib import Path

from playwright.sync_api import Page, ViewportSize

ROOT = Path(__file__).resolve().parents[2]
PHONE: ViewportSize = {"width": 390, "height": 844}


def folder() -> Path:
    """Where this run's pictures go."""
    for_readme = os.environ.get("PUSHBOARD_TEST_PICTURES") == "1"
    return ROOT / "docs" / "img" if for_readme else ROOT / "var" / "pictures"


def take(page: Page, name: str) -> None:
    """Take a page: "-light" and "-dark" from head to foot, "-phone" what a phone's screen shows."""
    where = folder() / f"{name}.png"
    where.parent.mkdir(parents=True, exist_ok=True)
    on_phone = name.endswith("-phone")
    before = page.viewport_size
    page.emulate_media(color_scheme="dark" if name.endswith("-dark") else "light")
    page.evaluate("scrollTo(0, 0)")
    if on_phone:
        page.set_viewport_size(PHONE)
    page.screenshot(path=where, full_page=not on_phone, animations="disabled", caret="initial")
    page.emulate_media(color_scheme="light")
    if before:
        page.set_viewport_size(before)
