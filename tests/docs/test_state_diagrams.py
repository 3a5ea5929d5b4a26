"""The drawing of the states is what the tables say."""

from __future__ import annotations

import pytest

from rollouts.domain.lifecycle import BATCH_MOVES, ROLLOUT_MOVES, WAVE_MOVES
from rollouts.management.commands.state_diagrams import BEGIN, END, redrawn, section
from tests.conventions.sources import ROOT

PAGE = ROOT / "docs" / "architecture.md"


def test_the_drawing_is_as_new_as_the_tables() -> None:
    page = PAGE.read_text(encoding="utf-8")

    assert redrawn(page) == page, "run: manage.py state_diagrams --write"


def test_every_move_is_drawn_from_each_of_its_sources() -> None:
    drawn = section().splitlines()
    wanted = {
        f"    {source.value} --> {move.to.value}: {move.name}"
        for table in (ROLLOUT_MOVES, WAVE_MOVES, BATCH_MOVES)
        for move in table
        for source in move.sources
    }

    assert wanted <= set(drawn)


def test_only_the_marked_part_is_written() -> None:
    page = f"before\n{BEGIN}\nold\n{END}\nafter\n"

    assert redrawn(page) == f"before\n{section()}\nafter\n"


def test_a_page_without_its_marks_is_not_touched() -> None:
    with pytest.raises(ValueError, match="needs the two lines"):
        redrawn("no marks here")
