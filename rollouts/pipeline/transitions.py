"""The one door for state: a guarded update and a line of history, in one transaction."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import datetime
from typing import Any

from django.db import models, transaction

from rollouts.domain.lifecycle import (
    BATCH_MOVES,
    ROLLOUT_MOVES,
    WAVE_MOVES,
    AttemptState,
    BatchState,
    IllegalMove,
    RolloutState,
    WaveState,
    find_move,
)
from rollouts.domain.permissions import Permission, may
from rollouts.models import SYSTEM, Attempt, Batch, ChainHead, Event, Person, Rollout, Wave


class Refusal(Exception):
    """A person's act can't be done; the text says why and what to do instead."""

    overtaken = False


class Overtaken(Refusal):
    """Somebody was first, or what the person saw has changed since."""

    overtaken = True


class Forbidden(Refusal):
    """The person's roles do not allow the act."""


def demand(by: Person, permission: Permission, now: datetime) -> None:
    """Let the act go on only if the person holds the permission now; raises Forbidden."""
    if not may(by.roles_at(now), permission):
        raise Forbidden(f"Your roles do not include “{permission.value.replace('_', ' ')}”.")


class _Held(threading.local):
    """The chain's link while this thread's transaction holds the lock on it."""

    head: ChainHead | None = None


_held = _Held()


@contextmanager
def writing(*, savepoint: bool = True) -> Iterator[ChainHead]:
    """One transaction that will write history, with the chain's newest link; also a decorator.

    The chain's single row is locked before anything else. Whoever writes history so takes its
    locks in one order, and two of them can't wait for each other. These transactions are short,
    for no call to Salesforce is ever made in one. Without a ``savepoint`` of its own a part that
    fails takes the whole transaction with it.
    """
    with transaction.atomic(savepoint=savepoint):
        if _held.head is not None:
            # The transaction around this one holds the lock already, and keeps it.
            yield _held.head
            return
        _held.head = _chain_head()
        try:
            yield _held.head
        finally:
            _held.head = None


@contextmanager
def joining() -> Iterator[None]:
    """``writing`` for a part that raises, if at all, before it has written anything.

    Within a transaction that writes already there is nothing to undo, so it sets no savepoint.
    """
    if _held.head is not None:
        yield
        return
    with writing():
        yield


def _chain_head() -> ChainHead:
    head = ChainHead.objects.select_for_update().first()
    if head is None:
        ChainHead.objects.create(pk=1)
        head = ChainHead.objects.select_for_update().get()
    return head


def record(
    action: str,
    subject: object,
    *,
    now: datetime,
    by: Person | None = None,
    rollout: Rollout | None = None,
    wave: Wave | None = None,
    before: str = "",
    after: str = "",
    reason: str = "",
    digest: str = "",
    detail: Mapping[str, Any] | None = None,
) -> Event:
    """Append one line to the hash-chained history, in the caller's transaction.

    The single chain row is locked first, so that two appends can't share a predecessor.
    """
    with writing(savepoint=False) as head:
        event = Event(
            at=now,
            person=by,
            actor=str(by) if by else SYSTEM,
            action=action,
            subject=str(subject)[:80],
            rollout=rollout,
            wave=wave,
            before=before,
            after=after,
            reason=reason,
            digest=digest,
            detail=dict(detail or {}),
        )
        while not _append(event, head):
            # Part of this transaction was undone, and lines of history with it.
            head.refresh_from_db()
        if rollout is not None:
            touch(rollout)
        return event


def _append(event: Event, head: ChainHead) -> bool:
    """Hang a line on the link in hand, if that is still the newest; tells whether it was."""
    event.sequence, event.previous = head.sequence + 1, head.hash
    event.hash = event.content_hash()
    newest = ChainHead.objects.filter(pk=head.pk, sequence=head.sequence, hash=head.hash)
    if not newest.update(sequence=event.sequence, hash=event.hash):
        return False
    event.save(force_insert=True)
    head.sequence, head.hash = event.sequence, event.hash
    return True


def touch(rollout: Rollout) -> None:
    """Raise the rollout's page version, so that live pages fetch it anew."""
    Rollout.objects.filter(pk=rollout.pk).update(version=models.F("version") + 1)


@joining()
def move_rollout(
    rollout: Rollout,
    to: RolloutState,
    *,
    now: datetime,
    because: str,
    by: Person | None = None,
    **also: Any,
) -> None:
    """Move a rollout; ``also`` sets further columns with it. Raises Overtaken or IllegalMove."""
    before = RolloutState(rollout.state)
    move = find_move(ROLLOUT_MOVES, before, to)
    _guarded(Rollout, rollout.pk, before.value, state=to.value, **also)
    rollout.refresh_from_db()
    record(
        move.name,
        f"rollout {rollout.slug}",
        now=now,
        by=by,
        rollout=rollout,
        before=before.value,
        after=to.value,
        reason=because,
    )


@joining()
def move_wave(
    wave: Wave,
    to: WaveState,
    *,
    now: datetime,
    because: str,
    by: Person | None = None,
    digest: str = "",
    detail: Mapping[str, Any] | None = None,
    **also: Any,
) -> None:
    """Move a wave; ``also`` sets further columns with it. Raises Overtaken or IllegalMove."""
    before = WaveState(wave.state)
    move = find_move(WAVE_MOVES, before, to)
    _guarded(Wave, wave.pk, before.value, state=to.value, reason=because, **also)
    wave.refresh_from_db(from_queryset=Wave.objects.select_related("rollout", "frozen_list"))
    record(
        f"{move.name}_wave",
        f"wave {wave.number}",
        now=now,
        by=by,
        rollout=wave.rollout,
        wave=wave,
        before=before.value,
        after=to.value,
        reason=because,
        digest=digest,
        detail=detail,
    )


@joining()
def move_batch(
    batch: Batch,
    to: BatchState,
    *,
    now: datetime,
    because: str = "",
    by: Person | None = None,
    detail: Mapping[str, Any] | None = None,
    **also: Any,
) -> None:
    """Move a batch that this worker has claimed; the claim's epoch is part of the guard.

    Raises Overtaken when another worker has claimed it since: touch nothing more then.
    """
    before = BatchState(batch.state)
    move = find_move(BATCH_MOVES, before, to)
    changed = Batch.objects.filter(pk=batch.pk, state=before.value, epoch=batch.epoch).update(
        state=to.value, reason=because, **also
    )
    if changed != 1:
        raise Overtaken(f"batch {batch.number} has moved on")
    batch.refresh_from_db(from_queryset=Batch.objects.select_related("wave__rollout", "list"))
    record(
        f"{move.name}_batch" if "batch" not in move.name else move.name,
        f"wave {batch.wave.number} batch {batch.number}",
        now=now,
        by=by,
        rollout=batch.wave.rollout,
        wave=batch.wave,
        before=before.value,
        after=to.value,
        reason=because,
        digest=batch.list.digest,
        detail=detail,
    )


def shift_attempt(attempt: Attempt, to: AttemptState, at: datetime) -> None:
    """Put an attempt where Salesforce's word has moved it; the caller stores it with its read.

    Attempts move by the hundred in one read, so they have no line of history each: their batch
    gets one line that names them all.
    """
    attempt.state = to.value
    attempt.moved_at = at


def _guarded(model: type[Rollout | Wave], pk: int, before: str, **values: Any) -> None:
    """Claim by guarded update: one row changed means it is ours."""
    if model.objects.filter(pk=pk, state=before).update(**values) != 1:
        raise Overtaken("Somebody changed this a moment ago. Look again.")


__all__ = [
    "Forbidden",
    "IllegalMove",
    "Overtaken",
    "Refusal",
    "demand",
    "joining",
    "move_batch",
    "move_rollout",
    "move_wave",
    "record",
    "shift_attempt",
    "touch",
    "writing",
]
