"""From the moves that the tables allow to the buttons of a page, with their addresses.

The pipeline says which moves there are, and why one can't be made; here each gets its address and
its icon. A move that asks for a reason or shows what it reaches leads to a page of its own.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from django.urls import reverse

from rollouts.models import Person, Rollout, Wave
from rollouts.pipeline import report


@dataclass(frozen=True, slots=True)
class PageButton:
    """A button as a template draws it; ``posts`` says that pressing it acts at once."""

    name: str
    label: str
    url: str
    icon: str
    tone: str
    posts: bool
    enabled: bool
    why_not: str


@dataclass(frozen=True, slots=True)
class _Way:
    url_name: str
    icon: str
    posts: bool
    tone: str = ""


_ROLLOUT = {
    "pause": _Way("rollout-pause", "paused", posts=True),
    "lift_pause": _Way("rollout-lift-pause", "running", posts=True),
    "halt": _Way("rollout-halt", "halted", posts=False, tone="stop"),
    "resume": _Way("rollout-resume", "running", posts=False, tone="primary"),
    "abort": _Way("rollout-abort", "canceled", posts=False),
}
_WAVE = {
    "freeze": _Way("wave-freeze", "locked", posts=True, tone="primary"),
    "approve": _Way("wave-approve", "decide", posts=False, tone="primary"),
    "look_over": _Way("wave-look-over", "observed", posts=False, tone="primary"),
    "edit": _Way("wave-edit", "planned", posts=False),
    "withdraw": _Way("wave-withdraw", "left", posts=False),
    "ask_retry": _Way("wave-retry", "retry", posts=False),
    "close": _Way("wave-close", "warn", posts=False),
}


def rollout_buttons(rollout: Rollout, person: Person, now: datetime) -> list[PageButton]:
    """List the buttons of a rollout for this person; stopping comes first."""
    moves = report.moves(rollout, person, now)
    return [
        _button(move, _ROLLOUT[move.name], [rollout.slug])
        for move in moves
        if move.name in _ROLLOUT
    ]


def wave_buttons(wave: Wave, person: Person, now: datetime) -> list[PageButton]:
    """List the buttons of a wave for this person."""
    args = [wave.rollout.slug, wave.number]
    moves = report.wave_moves(wave, person, now)
    return [_button(move, _WAVE[move.name], args) for move in moves if move.name in _WAVE]


def _button(move: report.Button, way: _Way, args: list[object]) -> PageButton:
    return PageButton(
        name=move.name,
        label=move.label,
        url=reverse(way.url_name, args=args),
        icon=way.icon,
        tone=way.tone,
        posts=way.posts,
        enabled=move.enabled,
        why_not=move.why_not,
    )
