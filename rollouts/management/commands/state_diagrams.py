"""Draw the states into docs/architecture.md: ``manage.py state_diagrams --write``.

The drawing is made from ``domain.lifecycle``, so the page can't tell of a move that the one door
would refuse. A test fails when the page is older than the tables.
"""

from __future__ import annotations

from collections.abc import Iterator
from enum import StrEnum
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError, CommandParser

from rollouts.domain import lifecycle
from rollouts.domain.lifecycle import Move
from rollouts.domain.permissions import Role

BEGIN = "<!-- begin state diagrams, written by manage.py state_diagrams -->"
END = "<!-- end state diagrams -->"

Moves = tuple[Move[Any], ...]
States = frozenset[Any]

# Title, states, moves, ends. The first state of each is where it begins.
DRAWN: tuple[tuple[str, type[StrEnum], Moves, States], ...] = (
    ("Rollout", lifecycle.RolloutState, lifecycle.ROLLOUT_MOVES, lifecycle.ROLLOUT_ENDS),
    ("Wave", lifecycle.WaveState, lifecycle.WAVE_MOVES, lifecycle.WAVE_ENDS),
    ("Batch", lifecycle.BatchState, lifecycle.BATCH_MOVES, lifecycle.BATCH_ENDS),
)
# Title, states, what the two sets are called. Salesforce's word moves these, no table does.
LISTED: tuple[tuple[str, type[StrEnum], tuple[tuple[str, States], ...]], ...] = (
    (
        "Attempt",
        lifecycle.AttemptState,
        (("live", lifecycle.ATTEMPT_LIVE), ("end", lifecycle.ATTEMPT_ENDS)),
    ),
    ("Target", lifecycle.TargetState, (("end", lifecycle.TARGET_ENDS),)),
)


def section() -> str:
    """Return the marked part of the page, markers included, without a line end at its end."""
    parts = [BEGIN]
    for title, states, moves, ends in DRAWN:
        parts += ["", f"### {title}", "", *_diagram(states, moves, ends), "", *_table(moves)]
    for title, states, sets in LISTED:
        parts += ["", f"### {title}", "", *_list(states, sets)]
    return "\n".join([*parts, "", END])


def redrawn(page: str) -> str:
    """Return the page with its marked part replaced; raises ValueError without both markers."""
    before, begin, rest = page.partition(BEGIN)
    _, end, after = rest.partition(END)
    if not begin or not end:
        raise ValueError(f"the page needs the two lines {BEGIN} and {END}")
    return before + section() + after


def _diagram(states: type[StrEnum], moves: Moves, ends: States) -> Iterator[str]:
    yield "```mermaid"
    yield "stateDiagram-v2"
    order = list(states)
    yield f"    [*] --> {order[0].value}"
    for move in moves:
        for source in sorted(move.sources, key=order.index):
            yield f"    {source.value} --> {move.to.value}: {move.name}"
    for state in order:
        if state in ends:
            yield f"    {state.value} --> [*]"
    yield "```"


def _table(moves: Moves) -> Iterator[str]:
    yield "| move | who | reason |"
    yield "|---|---|---|"
    for move in moves:
        who = ["engine"] if move.engine else []
        who += [role.value for role in Role if role in move.by]
        yield f"| {move.name} | {', '.join(who)} | {_reason(move)} |"


def _reason(move: Move[Any]) -> str:
    if move.needs_reason:
        return "needed"
    return "may follow" if move.reason_later else ""


def _list(states: type[StrEnum], sets: tuple[tuple[str, States], ...]) -> Iterator[str]:
    yield "| state | kind |"
    yield "|---|---|"
    for state in states:
        yield f"| {state.value} | {', '.join(name for name, members in sets if state in members)} |"


class Command(BaseCommand):
    """Print the state diagrams, or bring the page up to date."""

    help = "Print the diagrams of all states; --write puts them into docs/architecture.md."
    requires_system_checks: list[str] = []

    def add_arguments(self, parser: CommandParser) -> None:
        """Take the one option."""
        parser.add_argument("--write", action="store_true", help="write docs/architecture.md anew")

    def handle(self, *_: Any, **options: Any) -> None:
        """Print or write."""
        if not options["write"]:
            self.stdout.write(section())
            return
        page = Path(settings.BASE_DIR) / "docs" / "architecture.md"
        try:
            page.write_text(redrawn(page.read_text(encoding="utf-8")), encoding="utf-8")
        except (OSError, ValueError) as problem:
            raise CommandError(f"{page} was not written: {problem}") from None
        self.stdout.write(f"{page} is up to date.")
