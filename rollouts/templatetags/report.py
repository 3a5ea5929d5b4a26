"""The printed report: columns in words and shapes, bars in patterns that need no colour."""

from __future__ import annotations

from typing import NamedTuple

from django import template

from rollouts.pipeline.report.whole import Share
from rollouts.pipeline.report.whole_out import COLUMN_WORDS, KIND_WORDS

register = template.Library()

_ICONS = {
    "seen": "verified",
    "reported": "ok",
    "failed": "failed",
    "under_way": "running",
    "left": "planned",
}


class Part(NamedTuple):
    """One part of a bar, in percent of it."""

    column: str
    left: str
    width: str


@register.inclusion_tag("rollouts/_report_bar.html")
def patterned(share: Share, columns: list[str]) -> dict[str, object]:
    """Draw a share as a bar; the numbers stand beside it, so it is a picture and no more."""
    total = sum(share[column] for column in columns)
    parts: list[Part] = []
    left = 0.0
    for column in columns:
        if share[column]:
            width = 100 * share[column] / total
            parts.append(Part(column, f"{left:.2f}%", f"{width:.2f}%"))
            left += width
    said = ", ".join(f"{share[column]} {COLUMN_WORDS[column]}" for column in columns)
    return {"parts": parts, "label": f"{share.name}: {said}"}


@register.filter
def part(share: Share, column: str) -> int:
    """Return one column of a share."""
    return share[column]


@register.filter
def column_words(column: str) -> str:
    """Return what a column is called."""
    return COLUMN_WORDS[column]


@register.filter
def column_icon(column: str) -> str:
    """Return the shape of a column."""
    return _ICONS[column]


@register.filter
def cause(kind: str) -> str:
    """Say whose turn a kind of failure is, without its message."""
    return {kind.value: words for kind, words in KIND_WORDS.items()}.get(kind, kind)


@register.filter
def underscores(word: str) -> str:
    """Write a state in words."""
    return word.replace("_", " ")
