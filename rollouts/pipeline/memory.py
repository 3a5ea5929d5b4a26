"""Does this database still know what it once knew? If not, nothing new starts.

A database that was put back from a backup has forgotten what was armed, halted and withdrawn since.
Two things outside it remember. A note in the data folder (and in the memory of each process) holds
how far the history had come; and every request of this installation starts at a second of the
minute that is its own mark, so that Salesforce remembers too (``sweep`` asks it).
"""

from __future__ import annotations

import json
import logging
import os
import threading
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

from django.conf import settings
from django.db.models import QuerySet, Subquery

from rollouts.models import ChainHead, Connection, Deployment, Event
from rollouts.pipeline import clock
from rollouts.pipeline.transitions import record, writing

log = logging.getLogger(__name__)
MINUTE = timedelta(minutes=1)


@dataclass(frozen=True, slots=True, order=True)
class Note:
    """How far the history had come when somebody last looked.

    Its generation is the installation's: each match after a restore begins a new one, so that
    what other processes remember from before it raises no new alarm.
    """

    generation: int
    sequence: int
    hash: str


_noted: dict[UUID, Note] = {}
# The installation whose note this process looks at; compared with the database at each look.
_here: list[UUID] = []


def deployment() -> Deployment:
    """Return the row of this installation, made at the first call."""
    return Deployment.objects.here(simulation=settings.SIMULATION, now=clock.now())


def restored() -> bool:
    """Say whether the database was put back and not yet matched with Salesforce."""
    return Deployment.objects.exclude(restored_at=None).exists()


# --- the mark -------------------------------------------------------------------------------------


def mark() -> int:
    """Return the second of the minute, 1 to 59, at which this installation's requests start.

    People and other tools schedule at whole minutes, so 0 is nobody's mark.
    """
    return deployment().installation.int % 59 + 1


def marked_second(earliest: datetime, link: Connection) -> datetime:
    """Return the first moment from ``earliest`` on that bears the mark.

    Where Salesforce keeps whole minutes only, no mark can be kept, and whole minutes it is.
    """
    second = 0 if link.whole_minutes else mark()
    at = earliest.replace(second=second, microsecond=0)
    return at if at >= earliest else at + MINUTE


def is_marked(start: datetime | None, link: Connection) -> bool:
    """Say whether a request's start second bears the mark of this installation."""
    return start is not None and not link.whole_minutes and start.second == mark()


# --- the note outside -----------------------------------------------------------------------------


def look_back() -> None:
    """Compare the history with the note outside, and renew the note.

    The note is read before the history: what was noted was committed, so a database that has not
    forgotten it shows at least as much.
    """
    note, row, head = _note_first()
    if note is not None and note.generation > row.generation:
        remember_restored("it was matched after a restore, and knows nothing of that")
        return
    ours = note if note is not None and note.generation == row.generation else None
    if ours is not None and not _still_known(ours, head):
        remember_restored(
            f"the history has {head.sequence if head else 0} lines, and it had {ours.sequence} "
            "with another text before"
        )
        return
    if head is not None and head.sequence and (ours is None or head.sequence > ours.sequence):
        write_note(row.installation, Note(row.generation, head.sequence, head.hash))


def _note_first() -> tuple[Note | None, Deployment, ChainHead | None]:
    """Read the note, and only then the rows. Whose note it is was learnt at an earlier look."""
    note = _note(_here[0]) if _here else None
    row = _with_head().first()
    if row is None or _here != [row.installation]:
        # The first look of this process, or the database is another one by now.
        _here[:] = [deployment().installation]
        note = _note(_here[0])
        row = _with_head().get(installation=_here[0])
    head = row.head_sequence, row.head_hash
    return note, row, None if None in head else ChainHead(sequence=head[0], hash=head[1])


def noted() -> tuple[int, str] | None:
    """Return the sequence and hash that are noted outside the database, if the note is ours.

    A note of another generation is from before or after a restore, and proves nothing here.
    """
    row = Deployment.objects.order_by("pk").first()
    note = _note(row.installation) if row else None
    if row is None or note is None or note.generation != row.generation:
        return None
    return note.sequence, note.hash


def _with_head() -> QuerySet[Any]:
    """Read this installation's row and the history's newest link at once."""
    newest = ChainHead.objects.order_by("pk")
    return Deployment.objects.order_by("pk").annotate(
        head_sequence=Subquery(newest.values("sequence")[:1]),
        head_hash=Subquery(newest.values("hash")[:1]),
    )


def _note(installation: UUID) -> Note | None:
    """Return the newest note, of the file's and this process's."""
    known = (_read(installation), _noted.get(installation))
    return max((note for note in known if note), default=None)


def _still_known(note: Note, head: ChainHead | None) -> bool:
    if head is None or head.sequence < note.sequence:
        return False
    if (head.sequence, head.hash) == (note.sequence, note.hash):
        # The usual case: the head moves only together with its line.
        return True
    return Event.objects.filter(sequence=note.sequence, hash=note.hash).exists()


def _place(installation: UUID) -> Path:
    return Path(settings.DATA_DIR) / f"memory-{installation}.json"


def _read(installation: UUID) -> Note | None:
    try:
        stored = json.loads(_place(installation).read_text())
        return Note(int(stored["generation"]), int(stored["sequence"]), str(stored["hash"]))
    except FileNotFoundError:
        return None
    except (OSError, ValueError, KeyError, TypeError):
        log.warning("the note of the history in %s can't be read", settings.DATA_DIR)
        return None


def write_note(installation: UUID, note: Note) -> None:
    """Write down how far the history has come, here and in the data folder."""
    _noted[installation] = note
    place = _place(installation)
    # The loop writes from several threads of one process.
    fresh = place.with_suffix(f".{os.getpid()}-{threading.get_ident()}")
    try:
        fresh.write_text(json.dumps(asdict(note)))
        fresh.replace(place)
    except OSError as error:
        # This process still remembers; only one that starts after a restore would not.
        log.warning("the note of the history can't be written: %s", error)


# --- restored, and matched again ------------------------------------------------------------------


@writing()
def remember_restored(why: str) -> None:
    """Note that the database was put back: from here on nothing is created, filled or armed."""
    row = Deployment.objects.select_for_update().get(pk=deployment().pk)
    if row.restored_at is not None:
        return
    now = clock.now()
    Deployment.objects.filter(pk=row.pk).update(restored_at=now, restored_why=why)
    record("restored", "the database", now=now, after="only reads", reason=why)
    log.warning("the database was put back to an older state: %s", why)


def matched(reason: str) -> None:
    """End the time of only reading: everything at Salesforce is known again."""
    row = deployment()
    noted = _note(row.installation)
    generation = max(row.generation, noted.generation if noted else 0) + 1
    with writing():
        Deployment.objects.filter(pk=row.pk).update(
            restored_at=None, restored_why="", generation=generation
        )
        event = record(
            "after_restore", "the database", now=clock.now(), before="only reads", reason=reason
        )
    write_note(row.installation, Note(generation, event.sequence, event.hash))
