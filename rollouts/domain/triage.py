"""What people have said of a kind of failure: where it stands, and whether it has come back."""

from __future__ import annotations

import hashlib
from datetime import datetime
from enum import StrEnum


class TriageState(StrEnum):
    """Where a kind of failure stands with the people who look after it."""

    NEW = "new"
    TRIAGED = "triaged"
    FIXING = "fixing"
    CASE_OPEN = "case_open"
    ACCEPTED = "accepted"
    SOLVED = "solved"


WORDS = {
    TriageState.NEW: "New",
    TriageState.TRIAGED: "Triaged",
    TriageState.FIXING: "Fixing",
    TriageState.CASE_OPEN: "Case open",
    TriageState.ACCEPTED: "Accepted",
    TriageState.SOLVED: "Solved",
}
# Nobody has anything to do about these any more, unless it happens again.
SETTLED = frozenset({TriageState.ACCEPTED, TriageState.SOLVED})
_KEY_LENGTH = 12


def key_of(package: str, signed: str) -> str:
    """Return the short name of a kind of failure, for addresses: the same in every rollout.

    ``package`` is the package's 18-character id, ``signed`` the signature.
    """
    return hashlib.sha256(f"{package}:{signed}".encode()).hexdigest()[:_KEY_LENGTH]


def standing(state: TriageState, *, said_at: datetime | None, last_at: datetime) -> TriageState:
    """Return where it stands now: what was solved and has happened since is new again.

    What people have accepted stays accepted: they said that it may happen.
    """
    again = state is TriageState.SOLVED and said_at is not None and last_at > said_at
    return TriageState.NEW if again else state


def is_link(text: str) -> bool:
    """Say whether what people typed can be followed; anything else is a number of a case."""
    return text.casefold().startswith(("https://", "http://")) and " " not in text.strip()
