"""Is the history what was written? One look at every line, for the page and for the command."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from datetime import datetime

from django.db import IntegrityError
from django.db.models import Max

from rollouts.domain.permissions import Permission
from rollouts.models import ChainHead, Event, Person
from rollouts.pipeline import memory
from rollouts.pipeline.transitions import demand, record, writing

log = logging.getLogger(__name__)
SUBJECT = "the history"
_LINES_AT_ONCE = 2_000


@dataclass(frozen=True, slots=True)
class Verdict:
    """What came of it.

    ``entries`` are intact, from the first one on; ``head`` is the hash of the last of them.
    ``broken`` is the sequence number of the first that is not, None when all are.
    """

    entries: int
    head: str
    broken: int | None = None
    why: str = ""

    @property
    def intact(self) -> bool:
        """Whether nothing is wrong."""
        return self.broken is None

    @property
    def sentence(self) -> str:
        """Say it in a line."""
        entries = f"{self.entries:,} {'entry' if self.entries == 1 else 'entries'}"
        if self.intact:
            return f"{entries}, chain intact"
        return f"Entry {self.broken:,} is the first that is wrong: {self.why}. {entries} before it"


def verify(*, expect: tuple[int, str] | None = None) -> Verdict:
    """Hold every line against its hash, the one before it, the newest link and the note outside.

    What is appended meanwhile is not looked at. Nothing is written. ``expect`` is a sequence
    number and a hash that somebody kept elsewhere: that entry must still have that hash.
    """
    # The note first: what it knew was committed, so the newest link is at least as far.
    kept = dict(filter(None, (memory.noted(), expect)))
    head = ChainHead.objects.order_by("pk").first() or ChainHead()
    number, previous = 0, ""
    lines = Event.objects.filter(sequence__lte=head.sequence).order_by("sequence")
    for line in lines.iterator(chunk_size=_LINES_AT_ONCE):
        why = _wrong(line, number, previous, kept)
        if why:
            return Verdict(number, previous, number + 1, why)
        number, previous = line.sequence, line.hash
    why = _wrong_end(head, number, previous, kept)
    return Verdict(number, previous, number + 1, why) if why else Verdict(number, previous)


def _wrong(line: Event, number: int, previous: str, kept: dict[int, str]) -> str:
    if line.sequence != number + 1:
        return "it is missing"
    if line.previous != previous:
        return "it does not follow from the entry before it"
    if line.hash != line.content_hash():
        return "what it says is not what was hashed"
    if kept.get(line.sequence, line.hash) != line.hash:
        return "it had another hash when that was noted outside the database"
    return ""


def _wrong_end(head: ChainHead, number: int, previous: str, kept: dict[int, str]) -> str:
    if head.sequence != number:
        return f"it is missing, and the newest link names entry {head.sequence:,}"
    if head.hash != previous:
        return "the newest link is not the hash of the last entry"
    if max(kept, default=0) > number:
        return f"it is missing; entry {max(kept):,} was noted outside the database"
    # Read in this order: what was appended since the first look has moved the link by now.
    last = Event.objects.aggregate(last=Max("sequence"))["last"] or 0
    newest = ChainHead.objects.order_by("pk").values_list("sequence", flat=True).first() or 0
    return "it stands behind the newest link" if last > newest else ""


def check(*, by: Person, now: datetime) -> Verdict:
    """Verify for a person; that somebody looked, and what came of it, is an entry of its own."""
    demand(by, Permission.READ_AUDIT, now)
    verdict = verify()
    detail = {"entries": verdict.entries, "head": verdict.head, "broken": verdict.broken}
    try:
        with writing():
            record(
                "verify_chain", SUBJECT, now=now, by=by, reason=verdict.sentence, detail=detail,
                after="intact" if verdict.intact else "broken",
            )  # fmt: skip
    except IntegrityError:
        # A forged entry sits where this one belongs. Whoever asked is told all the same.
        log.warning("the history is broken and takes no entry: %s", verdict.sentence)
    return verdict
