"""Readiness of a package and the end of a rollout, as lists of items with who and when.

An item is automatic, when a table or Salesforce proves it, or a person's word. An automatic one
can't be ticked by hand, and it is open again as soon as what proved it breaks.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, datetime
from enum import StrEnum


class Mark(StrEnum):
    """What a person says of an item. OPEN takes a word back; ASKED waits for Salesforce."""

    OPEN = "open"
    ASKED = "asked"
    DONE = "done"
    SKIPPED = "skipped"
    HANDED_OVER = "handed_over"


class Status(StrEnum):
    """Where an item stands, for the page."""

    DONE = "done"
    OPEN = "open"
    ASKED = "asked"
    SKIPPED = "skipped"
    HANDED_OVER = "handed_over"
    OVERDUE = "overdue"
    UNKNOWN = "unknown"


SETTLED = frozenset({Status.DONE, Status.SKIPPED, Status.HANDED_OVER})


@dataclass(frozen=True, slots=True)
class Said:
    """A person's latest word on an item."""

    mark: Mark
    by: str
    at: datetime
    evidence: str = ""
    note: str = ""
    to: str = ""
    due: date | None = None


@dataclass(frozen=True, slots=True)
class Proof:
    """What was looked at: whether it is so (None: can't be told), in words, and as of when."""

    holds: bool | None
    says: str
    as_of: datetime | None = None


@dataclass(frozen=True, slots=True)
class Item:
    """One line of a list: what it is, why it is there, what proves it or who said so.

    ``may_skip`` items may be skipped with a reason or handed over with a date; ``asks`` items may
    wait for an answer of Salesforce. ``facts`` are lines of figures, ``text`` is ready to paste.
    """

    code: str
    group: str
    title: str
    why: str
    proof: Proof | None = None
    said: Said | None = None
    facts: tuple[str, ...] = ()
    text: str = ""
    url_name: str = ""
    url_args: tuple[str | int, ...] = ()
    link: str = ""
    may_skip: bool = False
    asks: bool = False
    warns: str = ""

    @property
    def is_automatic(self) -> bool:
        """Whether tables or Salesforce decide, and nobody's tick."""
        return self.proof is not None

    def status(self, today: date) -> Status:
        """Return where it stands; a date that has passed makes a handed-over item open again."""
        if self.proof is not None and self.proof.holds:
            return Status.DONE
        if self.said is not None:
            word = self.said.mark
            if word is Mark.HANDED_OVER:
                late = self.said.due is None or self.said.due < today
                return Status.OVERDUE if late else Status.HANDED_OVER
            if word is Mark.SKIPPED:
                return Status.SKIPPED
            if self.proof is None and word is Mark.DONE:
                return Status.DONE
            if self.proof is None and word is Mark.ASKED:
                return Status.ASKED
        if self.proof is not None and self.proof.holds is None:
            return Status.UNKNOWN
        return Status.OPEN

    def is_settled(self, today: date) -> bool:
        """Say whether nothing more is to be done about it now."""
        return self.status(today) in SETTLED


def refusal(item: Item, mark: Mark, *, note: str, due: date | None, to: str, today: date) -> str:
    """Say why a person can't mark an item so, or ""."""
    if item.is_automatic and mark in (Mark.DONE, Mark.ASKED):
        return "This is checked automatically and can't be ticked by hand."
    if mark is Mark.ASKED and not item.asks:
        return "Nothing is asked of Salesforce here."
    if mark in (Mark.SKIPPED, Mark.HANDED_OVER) and not item.may_skip:
        return "This can't be skipped or handed over."
    if mark is Mark.SKIPPED and not note.strip():
        return "Say why it is skipped; it stays in history."
    if mark is Mark.HANDED_OVER and (due is None or not to):
        return "Name who takes it over and until when."
    if mark is Mark.HANDED_OVER and due is not None and due < today:
        return "The date has passed already."
    return ""


def summary(items: Iterable[Item], today: date) -> tuple[int, int, Item | None]:
    """Return how many items are settled, how many there are, and the next open one."""
    listed = list(items)
    left = [item for item in listed if not item.is_settled(today)]
    return len(listed) - len(left), len(listed), left[0] if left else None
