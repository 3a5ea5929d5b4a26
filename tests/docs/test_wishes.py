"""The list of wishes names pages and tests that exist."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from django.urls import Resolver404, resolve

from tests.conventions.sources import ROOT, text

PAGE = Path("docs/wishes.md")
# What stands for a name in an address of the list.
NAMES = {"<rollout>": "hbr-4-3-0", "<draft>": "1", "<n>": "1", "<package>": "hbr"}


def rows() -> list[str]:
    return [line for line in text(PAGE).splitlines() if re.match(r"\| \d ", line)]


def test_there_are_eight_each_with_a_page_and_a_test() -> None:
    found = rows()

    assert len(found) == 8
    for line in found:
        assert re.search(r"`/[a-z]", line), line
        assert "`tests/" in line, line


@pytest.mark.parametrize("named", re.findall(r"`(tests/[^`]+)`", text(PAGE)))
def test_every_test_that_is_named_exists(named: str) -> None:
    path, _, name = named.partition("::")

    assert (ROOT / path).is_file()
    assert not name or f"def {name}(" in (ROOT / path).read_text(encoding="utf-8")


def answers(address: str) -> bool:
    """Say whether some page is at an address of ours."""
    try:
        resolve(address)
    except Resolver404:
        return False
    return True


@pytest.mark.parametrize("address", re.findall(r"`(/[^`]+/)`", text(PAGE)))
def test_every_page_that_is_named_exists(address: str) -> None:
    for placeholder, name in NAMES.items():
        address = address.replace(placeholder, name)

    assert answers(address), f"no page answers {address}"


def test_a_page_that_is_not_there_would_be_noticed() -> None:
    assert not answers("/rollouts/hbr-4-3-0/no-such-page/")
