"""How the batteries print what they found: Markdown tables that go into docs/reliability.md."""

from __future__ import annotations

import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

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


BEGIN, END = "<!-- begin battery table -->", "<!-- end battery table -->"
_HEAD = ("battery", "quantity", "seeds", "commit", "violations", "wall", "command")


@dataclass(frozen=True, slots=True)
class Line:
    """What a battery ran: one row of the table in docs/reliability.md."""

    battery: str
    command: str
    quantity: str
    seeds: str
    violations: int
    seconds: float

    @property
    def cells(self) -> tuple[str, ...]:
        """The row, with the commit that is checked out now."""
        return (
            self.battery,
            self.quantity,
            self.seeds,
            commit(),
            str(self.violations),
            f"{self.seconds:.0f} s",
            f"`{self.command}`",
        )


def write(line: Line, page: Path = ROOT / "docs" / "reliability.md") -> None:
    """Put a battery's row into the table of the page, in the place of its older one."""
    text = page.read_text(encoding="utf-8")
    before, rest = text.split(BEGIN)
    inside, after = rest.split(END)
    rows = [
        tuple(cell.strip() for cell in row.strip("|").split("|"))
        for row in inside.strip().splitlines()[2:]
    ]
    kept = [row for row in rows if row[0] != line.battery]
    kept = sorted([*kept, line.cells])
    page.write_text(f"{before}{BEGIN}\n\n{table(_HEAD, kept)}\n\n{END}{after}", encoding="utf-8")


def put(name: str, text: str) -> None:
    """Write a battery's own part of docs/reliability.md, between its two marks."""
    page = ROOT / "docs" / "reliability.md"
    begin, end = f"<!-- begin {name}, written by its battery -->", f"<!-- end {name} -->"
    before, found, rest = page.read_text().partition(begin)
    _, closed, after = rest.partition(end)
    if not found or not closed:
        raise ValueError(f"docs/reliability.md has no place for {name}")
    page.write_text(f"{before}{begin}\n\n{text}\n\n{end}{after}")
