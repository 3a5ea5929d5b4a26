"""The calendar's lanes as a picture: rectangles in units of a view box, for a template to draw.

It shows nothing that the table beside it does not say, so it is hidden from screen readers.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from rollouts.domain.spans import Span
from rollouts.domain.walls import offset_changes, wall
from rollouts.pipeline.report.calendar import Calendar, Entry

LABELS, WIDTH, LANE, HEAD = 130, 830, 26, 26
_DAY = timedelta(days=1)
_THIN = 1.5


@dataclass(frozen=True, slots=True)
class Box:
    """A rectangle; ``paint`` is the class that colours it."""

    x: float
    y: float
    width: float
    height: float
    paint: str


@dataclass(frozen=True, slots=True)
class Mark:
    """A word at a place; an upright line belongs to it if ``line`` says so."""

    x: float
    y: float
    text: str
    line: bool = False


@dataclass(frozen=True, slots=True)
class Picture:
    """What a template draws."""

    width: int
    height: int
    left: int
    labels: tuple[Mark, ...]
    days: tuple[Mark, ...]
    changes: tuple[Mark, ...]
    boxes: tuple[Box, ...]


def picture(shown: Calendar, zone: str) -> Picture:
    """Draw the lanes; days are those of ``zone``."""
    boxes: list[Box] = []
    labels, changes = [], []
    nights = shown.within.length <= timedelta(days=30)
    for number, lane in enumerate(shown.lanes):
        top = HEAD + number * LANE
        labels.append(Mark(LABELS - 8, top + 17, f"{lane.label} {lane.orgs}"))
        boxes.append(Box(LABELS, top + 2, WIDTH, LANE - 4, "lane"))
        if nights:
            boxes += [_box(shown.within, span, top, "lane-open") for span in lane.open]
        for entry in shown.entries:
            boxes += _of(entry, lane.zone, shown.within, top)
        changes += [
            Mark(_x(shown.within, at), top, f"{lane.label}: the clock changes", line=True)
            for at in offset_changes(lane.zone, shown.within)
        ]
    return Picture(
        width=LABELS + WIDTH,
        height=HEAD + len(shown.lanes) * LANE + 4,
        left=LABELS,
        labels=tuple(labels),
        days=tuple(_days(shown.within, zone)),
        changes=tuple(changes),
        boxes=tuple(boxes),
    )


def _of(entry: Entry, zone: str, within: Span, top: int) -> list[Box]:
    """Draw an entry in a lane: a freeze at the lane's own hours, a batch where its orgs live."""
    if entry.kind in ("freeze", "release"):
        spans = entry.by_zone.get(zone, ())
        return [_box(within, span, top, f"lane-{entry.kind}") for span in spans]
    if zone not in entry.zones:
        return []
    return [_box(within, entry.span, top, f"lane-{entry.kind}")]


def _box(within: Span, span: Span, top: int, paint: str) -> Box:
    start, end = _x(within, span.start), _x(within, span.end)
    return Box(start, top + 2, round(max(end - start, _THIN), 1), LANE - 4, paint)


def _x(within: Span, at: datetime) -> float:
    inside = min(max(at, within.start), within.end)
    return round(LABELS + WIDTH * ((inside - within.start) / within.length), 1)


def _days(within: Span, zone: str) -> list[Mark]:
    """Mark each Monday, and in a short stretch each day."""
    marks = []
    short = within.length <= timedelta(days=8)
    at = within.start
    while at < within.end:
        there = wall(at, zone)
        if short or there.weekday() == 0:
            marks.append(Mark(_x(within, at), 16, f"{there:%a} {there.day} {there:%b}", line=True))
        at += _DAY
    return marks
