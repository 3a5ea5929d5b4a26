"""How the batteries print what they found: Markdown tables that go into docs/reliability.md."""

from __future__ import annotations

import subprocess
from collections.abc import Sequence

from tests.batteries.demo import ROOT


def table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """A Markdown table, also readable at a terminal."""
    widths = [max(len(row[column]) for row in (head, *rows)) for column in range(len(head))]
    lines = [head, ["-" * width for width in widths], *rows]
    return "\n".join(
        "| "
        + " | ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True))
        + " |"
        for line in lines
    )


def commit() -> str:
    """The commit that is checked out, with a mark when files differ from it."""
    said = subprocess.run(
        ["git", "describe", "--always", "--dirty=, with changes", "--exclude=*"],  # noqa: S607
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    return said.stdout.strip() or "unknown"
