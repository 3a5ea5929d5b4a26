"""Our Markdown pages and what stands in them, for the tests of the documentation."""

from __future__ import annotations

import re
from pathlib import Path

from tests.conventions.sources import ours, text

PAGES = ours(".md")
# Pages that speak of this version; the changelog speaks of older ones too.
CURRENT = [path for path in PAGES if path != Path("CHANGELOG.md")]

_FENCE = re.compile(r"^```.*?^```$", re.DOTALL | re.MULTILINE)
_LINK = re.compile(r"\]\(([^()\s]+)\)")
_SPAN = re.compile(r"`([^`\n]+)`")
_HEADING = re.compile(r"^#{1,6} (.+)$", re.MULTILINE)


def prose(page: Path) -> str:
    """The page without its fenced blocks."""
    return _FENCE.sub("", text(page))


def links(page: Path) -> list[str]:
    """Where the page's links and pictures lead, as written."""
    return _LINK.findall(prose(page))


def spans(page: Path) -> list[str]:
    """What stands in backticks outside of fenced blocks."""
    return _SPAN.findall(prose(page))


def anchors(page: Path) -> set[str]:
    """The anchors that a page's headings get when it is shown."""
    return {
        re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-")
        for heading in _HEADING.findall(prose(page))
    }
