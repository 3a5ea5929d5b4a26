"""Who works on what just now: leases on the database's clock, fences on the row.

A lease only saves work. Safety comes from the epoch: each claim raises it, every later write of
the claim demands it, so a worker that slept past its lease changes nothing. What it must not do
either is *send*: that is measured on its own monotonic clock (``may_send``).
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime

from django.conf import settings
from django.db import IntegrityError, transaction
from django.db.models import F, Q, QuerySet

from rollouts.models import Batch, Heartbeat, Lease
from rollouts.pipeline import clock


def lease_seconds() -> float:
    """Return how long a lease lasts in real seconds; far longer than any step may take."""
    return float(settings.LEASE_SECONDS)


@dataclass(slots=True)
class Claim:
    """A batch that this worker may work on until its lease ends."""

    batch: Batch
    epoch: int
    began: float = field(default_factory=time.monotonic)

    def may_send(self) -> bool:
        """Say whether a write may still be sent: no later than a third of the lease."""
        return time.monotonic() - self.began < lease_seconds() / 3


@contextmanager
def claimed(batch: Batch, now: datetime, *, by_force: bool = False) -> Iterator[Claim | None]:
    """Claim a batch, or give None when another worker has it.

    ``by_force`` takes it from whoever holds it: stopping must not wait for a dead worker's lease,
    and the fence makes a live one stop.
    """
    free = Q() if by_force else Q(leased_until=None) | Q(leased_until__lt=now)
    epoch = _take(batch, free, now) or (_take(batch, free, now) if by_force else None)
    if epoch is None:
        yield None
        return
    mine = whole().get(pk=batch.pk)
    # Another claim may have come between: its epoch in the row must not become ours.
    mine.epoch = epoch
    try:
        yield Claim(mine, epoch)
    finally:
        Batch.objects.filter(pk=mine.pk, epoch=epoch).update(leased_until=None)


def whole() -> QuerySet[Batch]:
    """Read batches with all that their steps ask for: one statement instead of seven."""
    return Batch.objects.select_related(
        "wave__rollout__to_version__package", "list__to_version__package", "connection"
    )


def _take(batch: Batch, free: Q, now: datetime) -> int | None:
    """Raise the epoch by compare-and-set; returns the one that is ours, or None."""
    epoch = _raised(batch, batch.epoch, free, now)
    if epoch is not None:
        return epoch
    # What the caller read may be old.
    seen = Batch.objects.values_list("epoch", flat=True).get(pk=batch.pk)
    return _raised(batch, seen, free, now) if seen != batch.epoch else None


def _raised(batch: Batch, seen: int, free: Q, now: datetime) -> int | None:
    won = Batch.objects.filter(free, pk=batch.pk, epoch=seen).update(
        epoch=seen + 1, leased_until=now + clock.wire(lease_seconds())
    )
    return seen + 1 if won else None


@contextmanager
def leased(name: str, now: datetime) -> Iterator[bool]:
    """Hold a named lease for a piece of conducting; gives False when somebody else has it."""
    # Only the first one ever makes the row; for all others this is one statement.
    lease = Lease.objects.filter(name=name).first() or _made(name, now)
    won = Lease.objects.filter(pk=lease.pk, epoch=lease.epoch, until__lte=now).update(
        epoch=F("epoch") + 1, until=now + clock.wire(lease_seconds())
    )
    if not won:
        yield False
        return
    try:
        yield True
    finally:
        Lease.objects.filter(pk=lease.pk, epoch=lease.epoch + 1).update(until=now)


def _made(name: str, now: datetime) -> Lease:
    try:
        with transaction.atomic():
            return Lease.objects.create(name=name, until=now)
    except IntegrityError:
        return Lease.objects.get(name=name)


def beat(part: str, now: datetime, note: str = "") -> None:
    """Write a heartbeat: proof that this part has just done its work."""
    told = {"beat_at": now, "note": note[:400]}
    # Every beat but a part's first finds its row: one statement, and no transaction around it.
    if not Heartbeat.objects.filter(part=part).update(**told):
        Heartbeat.objects.bulk_create(
            [Heartbeat(part=part, **told)],
            update_conflicts=True,
            unique_fields=["part"],
            update_fields=list(told),
        )
