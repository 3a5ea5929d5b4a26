"""How the batteries print what they found: Markdown tables that go into docs/reliability.md."""

from __future__ import annotations

import fcntl
import subprocess
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from tests.batteries.demo import ROOT

PAGE = ROOT / "docs" / "reliability.md"


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


@cache
def commit() -> str:
    """The commit that was checked out when first asked, with a mark when files differ from it.

    What batteries before this one wrote into docs/reliability.md makes no difference.
    """
    number = _git("rev-parse", "--short", "HEAD")
    changes = _git(
        "status", "--porcelain", "--untracked-files=no", "--", ".", f":!{PAGE.relative_to(ROOT)}"
    )
    return (number or "unknown") + (", with changes" if changes else "")


def _git(*what: str) -> str:
    said = subprocess.run(
        ["git", *what],  # noqa: S607
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    return said.stdout.strip()


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


def write(line: Line, page: Path = PAGE) -> None:
    """Put a battery's row into the table of the page, in the place of its older one."""

    def with_line(text: str) -> str:
        before, rest = text.split(BEGIN)
        inside, after = rest.split(END)
        rows = [
            tuple(cell.strip() for cell in row.strip("|").split("|"))
            for row in inside.strip().splitlines()[2:]
        ]
        kept = [row for row in rows if row[0] != line.battery]
        kept = sorted([*kept, line.cells])
        return f"{before}{BEGIN}\n\n{table(_HEAD, kept)}\n\n{END}{after}"

    _rewrite(page, with_line)


def put(name: str, text: str, page: Path = PAGE) -> None:
    """Write a battery's own part of docs/reliability.md, between its two marks."""
    begin, end = f"<!-- begin {name}, written by its battery -->", f"<!-- end {name} -->"

    def with_part(whole: str) -> str:
        before, found, rest = whole.partition(begin)
        _, closed, after = rest.partition(end)
        if not found or not closed:
            raise ValueError(f"{page.name} has no place for {name}")
        return f"{before}{begin}\n\n{text}\n\n{end}{after}"

    _rewrite(page, with_part)


def _rewrite(page: Path, change: Callable[[str], str]) -> None:
    """Change a page while no other battery does: several may run at once."""
    with page.open("r+", encoding="utf-8") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        text = change(file.read())
        file.seek(0)
        file.write(text)
        file.truncate()
