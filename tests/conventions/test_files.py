"""Rules for files as such."""

from __future__ import annotations

import hashlib
import re

import pytest

from tests.conventions.sources import ROOT, files, ours, text

LONGEST = 400
LOCKS = ("production", "demo", "dev")


def test_no_file_is_longer_than_a_reader_can_hold() -> None:
    lengths = {
        str(path): text(path).count("\n")
        for path in ours(".py", ".html", ".css", ".js", ".md")
        if "migrations" not in path.parts
    }

    assert {path: length for path, length in lengths.items() if length > LONGEST} == {}


def test_vendored_files_are_what_their_checksums_say() -> None:
    folder = ROOT / "static" / "vendor"
    named = dict(
        re.findall(
            r"^\| `([^`]+)` \|.*\| `([0-9a-f]{64})` \|$",
            (folder / "README.md").read_text(encoding="utf-8"),
            re.MULTILINE,
        )
    )
    there = {
        path.name: hashlib.sha256(path.read_bytes()).hexdigest()
        for path in folder.iterdir()
        if path.name != "README.md"
    }

    assert there == named


# Put together here, so that this file does not hold what it forbids.
REGISTRIES = (
    "pypi" + ".org",
    "python" + "hosted.org",
    "npmjs" + ".",
    "registry" + ".yarnpkg",
    "deb" + ".debian.org",
    "--index" + "-url",
    "--extra-index" + "-url",
    "--find" + "-links",
)


def test_no_file_names_a_registry() -> None:
    named = [
        f"{path}: {word}"
        for path in files()
        if path.suffix not in {".png", ".ico", ".woff2"}
        for word in REGISTRIES
        if word in text(path)
    ]

    assert named == []


@pytest.mark.parametrize("name", LOCKS)
def test_a_lock_file_holds_versions_and_hashes_and_nothing_else(name: str) -> None:
    lines = text_of_lock(name).splitlines()
    pin = re.compile(r"[a-z0-9][a-z0-9.-]*==\S+(?: ; .+)? \\$")
    digest = re.compile(r"    --hash=sha256:[0-9a-f]{64}(?: \\)?$")

    assert lines
    assert [line for line in lines if not pin.match(line) and not digest.match(line)] == []


@pytest.mark.parametrize(("narrow", "wide"), [("production", "demo"), ("demo", "dev")])
def test_a_lock_is_a_part_of_the_wider_one(narrow: str, wide: str) -> None:
    # The bootstrap relies on it: what is filled from the wider lock serves the narrower too.
    assert pins(narrow) <= pins(wide)


def text_of_lock(name: str) -> str:
    return (ROOT / "requirements" / f"{name}.txt").read_text(encoding="utf-8")


def pins(name: str) -> set[str]:
    return {
        line.split(" ")[0] for line in text_of_lock(name).splitlines() if not line.startswith(" ")
    }
