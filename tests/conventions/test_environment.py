"""`.env.example` lists what the settings read, no more and no less."""

from __future__ import annotations

import re

from tests.conventions.sources import ROOT, ours, text

LISTED = set(
    re.findall(
        r"^(?:# )?(PUSHBOARD_\w+)=", (ROOT / ".env.example").read_text("utf-8"), re.MULTILINE
    )
)


def read_by_the_settings() -> set[str]:
    names: set[str] = set()
    for path in ours(".py", under="pushboard/"):
        for reader, name in re.findall(r"\benv\.(\w+)\(\s*\"(PUSHBOARD_\w+)\"", text(path)):
            names.add(name)
            if reader == "secret":
                names.add(f"{name}_FILE")
    return names


def test_every_variable_is_listed_with_an_explanation() -> None:
    assert read_by_the_settings() == LISTED


def test_the_product_reads_no_variable_behind_the_settings_back() -> None:
    # The simulator and the launcher are programs of their own and may.
    product = [
        path
        for path in ours(".py", under="rollouts/")
        if not {"simulator", "management"} & set(path.parts)
    ]

    assert [str(path) for path in product if "os.environ" in text(path)] == []


def test_compose_sets_only_variables_that_are_read() -> None:
    named = set(re.findall(r"\b(PUSHBOARD_\w+):", text(ROOT / "docker-compose.yml")))

    assert named <= LISTED
