"""Links lead somewhere, and what is named exists."""

from __future__ import annotations

import importlib
import os
import re
from pathlib import Path

from tests.conventions.sources import ROOT
from tests.docs.pages import CURRENT, PAGES, anchors, links, spans

_PATH = re.compile(r"(?:rollouts|pushboard|tests|docs|static|templates|requirements)/[\w./-]*")
_NAME = re.compile(r"rollouts(?:\.\w+)+")


def test_there_are_pages_to_look_at() -> None:
    assert Path("README.md") in PAGES
    assert Path("docs/architecture.md") in CURRENT


def test_every_link_within_the_clone_resolves() -> None:
    broken = []
    for page in PAGES:
        for link in links(page):
            if re.match(r"[a-z]+:", link):
                continue
            path, _, anchor = link.partition("#")
            target = Path(os.path.normpath(page.parent / path)) if path else page
            if not (ROOT / target).exists() or (
                anchor and target.suffix == ".md" and anchor not in anchors(target)
            ):
                broken.append(f"{page}: {link}")

    assert broken == []


def test_every_file_that_is_named_exists() -> None:
    missing = [
        f"{page}: {span}"
        for page in CURRENT
        for span in spans(page)
        if _PATH.fullmatch(span) and not (ROOT / span).exists()
    ]

    assert missing == []


def test_every_name_of_the_code_that_is_named_exists() -> None:
    missing = [
        f"{page}: {span}"
        for page in CURRENT
        for span in spans(page)
        if _NAME.fullmatch(span) and not exists(span)
    ]

    assert missing == []


def test_the_glossary_names_where_each_thing_and_act_is() -> None:
    names = [span for span in spans(Path("docs/glossary.md")) if _NAME.fullmatch(span)]

    assert {"rollouts.models.Batch", "rollouts.pipeline.arm.arm"} <= set(names)


def exists(name: str) -> bool:
    """Whether a dotted name is a module, or a name in one."""
    module, _, attribute = name.rpartition(".")
    try:
        return hasattr(importlib.import_module(module), attribute)
    except ModuleNotFoundError:
        return False
