"""Where the parts of bars and strips lie: pure geometry, in percent and pixels."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

LEAST_PERCENT = 1.0
ROWS = 5
STEP = 16
SIDE = 13


class Counted(Protocol):
    """Counts by word, such as `report.Counts`; every word of SEGMENTS can be asked for."""

    def __getitem__(self, word: str, /) -> int: ...


@dataclass(frozen=True, slots=True)
class Paint:
    """The class names that fill a state in a bar and in a square."""

    bar: str
    square: str


@dataclass(frozen=True, slots=True)
class Segment:
    """One part of a bar; ``left`` and ``width`` are percent of the bar."""

    state: str
    paint: str
    left: str
    width: str
    is_first: bool


@dataclass(frozen=True, slots=True)
class Square:
    """One org; coordinates in pixels."""

    x: int
    y: int
    paint: str
    mark: str


@dataclass(frozen=True, slots=True)
class Grid:
    """Squares in columns of five."""

    width: int
    height: int
    squares: tuple[Square, ...]


# The order of the parts, the same in every bar and every line of counts.
SEGMENTS: dict[str, Paint] = {
    "confirmed": Paint("up", "up"),
    "upgraded": Paint("said", "said"),
    "running": Paint("run", "run"),
    "queued": Paint("queue", "queue"),
    "failed": Paint("fail", "fail"),
    "canceled": Paint("back", "back"),
    "skipped": Paint("skip", "skip"),
    "prepared": Paint("prep", "prep"),
    "planned": Paint("rest", "rest"),
}


def segments(counts: Counted) -> list[Segment]:
    """Lay the parts side by side; even a single org gets one percent, so that it is seen."""
    present = [(state, counts[state]) for state in SEGMENTS if counts[state]]
    total = sum(count for _, count in present)
    if not total:
        return []
    shares = {state: 100 * count / total for state, count in present}
    small = {state for state, share in shares.items() if share < LEAST_PERCENT}
    room = 100 - LEAST_PERCENT * len(small)
    rest = sum(share for state, share in shares.items() if state not in small)
    parts: list[Segment] = []
    left = 0.0
    for state, _ in present:
        width = LEAST_PERCENT if state in small else shares[state] * room / rest
        parts.append(
            Segment(state, SEGMENTS[state].bar, f"{left:.2f}%", f"{width:.2f}%", not parts)
        )
        left += width
    return parts


def squares(states: Sequence[str]) -> Grid:
    """Place one square per state, top to bottom in columns of five."""
    marks = {"failed": "cross", "running": "dot"}
    placed = tuple(
        Square(
            x=index // ROWS * STEP,
            y=index % ROWS * STEP,
            paint=SEGMENTS[state].square if state in SEGMENTS else "rest",
            mark=marks.get(state, ""),
        )
        for index, state in enumerate(states)
    )
    columns = max(1, -(-len(placed) // ROWS))
    rows = min(ROWS, len(placed)) or 1
    return Grid(columns * STEP - (STEP - SIDE), rows * STEP - (STEP - SIDE), placed)
