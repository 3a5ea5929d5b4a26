"""Nothing inline: the content security policy would block it, and silently."""

from __future__ import annotations

import re

import pytest

from tests.conventions.sources import ours, text

TEMPLATES = [path for path in ours(".html") if path.parts[0] == "templates"]
FORBIDDEN = {
    "an inline style": re.compile(r"<[^>]*\sstyle\s*="),
    "a style element": re.compile(r"<style\b", re.IGNORECASE),
    "an inline script": re.compile(r"<script\b(?![^>]*\bsrc=)", re.IGNORECASE),
    "an event attribute": re.compile(r"<[^>]*\son[a-z]+\s*=", re.IGNORECASE),
    "an htmx event attribute": re.compile(r"hx-on[:\s=-]"),
    "a script in an htmx value": re.compile(r"hx-(?:vals|headers)=[\"']js:"),
    "a script address": re.compile(r"javascript:", re.IGNORECASE),
    "unescaped output": re.compile(r"\|\s*safe\b|\{%\s*autoescape\s+off"),
    "a file of another host": re.compile(
        r"<(?:script|link|img)[^>]+(?:src|href)=[\"'](?:https?:)?//"
    ),
}


@pytest.mark.parametrize("what", FORBIDDEN)
def test_templates_hold_no(what: str) -> None:
    found = [
        f"{path}:{source.count(chr(10), 0, match.start()) + 1}"
        for path in TEMPLATES
        for source in [text(path)]
        for match in FORBIDDEN[what].finditer(source)
    ]

    assert TEMPLATES
    assert found == []


def test_scripts_build_no_code_from_text() -> None:
    own = ours(".js", under="static/")
    risky = re.compile(r"\beval\(|new Function\(|\.innerHTML\s*=|document\.write\(")

    assert [str(path) for path in own if risky.search(text(path))] == []
