"""What the batteries write into docs/reliability.md stands in its own place and nowhere else."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.batteries.report import BEGIN, END, Line, put, write

PAGE = f"""# Page

{BEGIN}

| battery | quantity | seeds | commit | violations | wall | command |
| ------- | -------- | ----- | ------ | ---------- | ---- | ------- |
| model   | few      | none  | old    | 0          | 1 s  | `x`     |
| storms  | 9        | 1     | old    | 0          | 1 s  | `y`     |

{END}

Words.

<!-- begin model, written by its battery -->

cut off

<!-- end model -->

More words.
"""


@pytest.fixture
def page(tmp_path: Path) -> Path:
    made = tmp_path / "page.md"
    made.write_text(PAGE)
    return made


def test_a_part_takes_the_place_of_the_older_one(page: Path) -> None:
    put("model", "all of it", page)
    assert page.read_text() == PAGE.replace("cut off", "all of it")


def test_a_part_without_a_place_is_refused_and_nothing_is_lost(page: Path) -> None:
    with pytest.raises(ValueError, match="no place for policy"):
        put("policy", "all of it", page)
    assert page.read_text() == PAGE


def test_a_line_takes_the_place_of_the_older_one(page: Path) -> None:
    write(Line("model", "make battery-model", "many", "every order", 0, 61.7), page)
    text = page.read_text()
    assert "few" not in text
    assert "| many " in text
    assert "| 62 s " in text
    assert "| storms  | 9 " in text
    assert text.endswith(PAGE.partition(END)[2])
