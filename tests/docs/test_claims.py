"""What the documentation tells people to type exists, and its lists are complete."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

from django.core.management import get_commands

from tests.conventions.sources import ROOT, text
from tests.docs.pages import CURRENT, PAGES

README_LINES = 150
_DECISION = re.compile(r"\d{4}-[a-z-]+\.md")


def test_every_make_target_that_is_named_exists() -> None:
    targets = set(re.findall(r"^([a-z][\w-]*):", text(Path("Makefile")), re.MULTILINE))
    named = {
        (str(page), target)
        for page in PAGES
        for target in re.findall(r"(?:`|^|\b)make ([a-z][\w-]*)(?=[`\s\"])", commands_in(page))
    }

    assert {target for _, target in named} >= {"demo", "test"}
    assert {(page, target) for page, target in named if target not in targets} == set()


def test_every_command_that_is_named_exists() -> None:
    known = set(get_commands())
    named = {
        command for page in CURRENT for command in re.findall(r"manage\.py ([a-z_]+)", text(page))
    }

    assert named - known == set()


def test_every_command_of_ours_is_in_the_readme() -> None:
    ours = {name for name, app in get_commands().items() if app == "rollouts"}

    assert {name for name in ours if f"`{name}`" not in readme_words()} == set()


def test_every_variable_that_is_named_is_read() -> None:
    listed = set(re.findall(r"\b(PUSHBOARD_\w+)=", text(Path(".env.example"))))
    allowed = listed | {"PUSHBOARD_SF_"}
    named = {
        (str(page), variable)
        for page in CURRENT
        for variable in re.findall(r"\bPUSHBOARD_[A-Z_]+", text(page))
        if not variable.startswith("PUSHBOARD_TEST_")
    }

    assert {(page, variable) for page, variable in named if variable not in allowed} == set()


def test_the_table_of_settings_is_complete_and_true() -> None:
    example = text(Path(".env.example"))
    listed = set(re.findall(r"^(?:# )?(PUSHBOARD_\w+)=", example, re.MULTILINE))
    rows = dict(
        re.findall(
            r"^\| `(PUSHBOARD_\w+)` \| ([^|]+) \|", text(Path("docs/operations.md")), re.MULTILINE
        )
    )
    with_file = {name for name in listed if f"{name}_FILE" in listed}
    files = {f"{name}_FILE" for name in with_file}

    assert set(rows) == listed - files
    assert {name for name, default in rows.items() if default.endswith("file")} == with_file


def test_every_dependency_has_its_reason() -> None:
    project = tomllib.loads(text(Path("pyproject.toml")))
    wanted = [
        *project["project"]["dependencies"],
        *project["project"]["optional-dependencies"]["embedded"],
        *project["dependency-groups"]["dev"],
    ]
    page = text(Path("docs/decisions/0011-dependencies.md"))
    reasons = dict(re.findall(r"^\| ([a-z][\w-]*) \| (.+) \|$", page, re.MULTILINE))
    names = {re.split(r"[\[<>=]", line)[0] for line in wanted}

    assert set(reasons) - {"package"} == names


def test_decisions_are_numbered_listed_and_short() -> None:
    folder = ROOT / "docs" / "decisions"
    pages = sorted(path.name for path in folder.glob("0*.md"))
    listed = re.findall(r"\((\d{4}-[a-z-]+\.md)\)", text(Path("docs/decisions/README.md")))

    assert [int(name[:4]) for name in pages] == list(range(1, len(pages) + 1))
    assert listed == pages
    for name in pages:
        page = (folder / name).read_text(encoding="utf-8")
        assert page.startswith(f"# {int(name[:4])}. "), name
        assert "\n## Context\n" in page, name
        assert "\n## Decision" in page, name


def test_the_readme_is_short_enough_to_be_read() -> None:
    assert text(Path("README.md")).count("\n") <= README_LINES


def test_the_changelog_knows_this_version() -> None:
    version = tomllib.loads(text(Path("pyproject.toml")))["project"]["version"]

    assert f"\n## [{version}] - 20" in text(Path("CHANGELOG.md"))


def commands_in(page: Path) -> str:
    """Fenced blocks and code spans only: "make" is a word of English too."""
    content = text(page)
    fenced = re.findall(r"^```.*?^```$", content, re.DOTALL | re.MULTILINE)
    return "\n".join(fenced + re.findall(r"`[^`\n]+`", content))


def readme_words() -> str:
    """The README with `manage.py x` written as `x`."""
    return text(Path("README.md")).replace("`manage.py ", "`")
