"""Letting a refused sync through: one act of one person, for exactly the next full reading.

A full reading that would retire suspiciously many orgs changes nothing and holds the package's
arming. When it is right after all, an approver says so, having seen the number.
"""

from __future__ import annotations

from datetime import datetime

from django.db import IntegrityError, transaction
from django.db.models import Q

from rollouts.domain.permissions import Permission
from rollouts.models import Package, Person, SyncLeave, SyncRun
from rollouts.pipeline.transitions import Overtaken, Refusal, demand, record

# Org ids kept of a refused reading, for a person to look up some of them.
SHOWN = 200


def refused(package: Package) -> SyncRun | None:
    """Return the refused reading that holds a package just now, or None."""
    # A reading that failed for another reason says nothing about the one before it.
    spoke = package.syncs.filter(Q(ok=True) | Q(would_retire__isnull=False), full=True)
    last = spoke.order_by("-pk").first()
    return None if last is None or last.ok else last


def waiting(run: SyncRun) -> SyncRun | None:
    """Return the run if it was refused and nobody has let it through, else None."""
    if run.would_retire is None or SyncLeave.objects.filter(run=run).exists():
        return None
    return run


@transaction.atomic
def let_through(run: SyncRun, *, seen: int, reason: str, by: Person, now: datetime) -> SyncLeave:
    """Allow the package's next full reading to retire as many orgs as this one would have.

    Raises:
        Forbidden: not an approver. Refusal: no reason.
        Overtaken: the number is not the one seen, a newer reading has spoken, or it is done.
    """
    demand(by, Permission.LET_SYNC_THROUGH, now)
    package = Package.objects.select_for_update().get(pk=run.package_id)
    if not reason.strip():
        raise Refusal("Give the reason: why is it right that these orgs are gone?")
    now_refused = refused(package)
    if now_refused is None or now_refused.pk != run.pk or run.would_retire != seen:
        raise Overtaken("Another reading has come since. Look at what it found.")
    try:
        with transaction.atomic():
            leave = SyncLeave.objects.create(
                run=run, package=package, orgs=run.would_retire, by=by, reason=reason, at=now
            )
    except IntegrityError:
        raise Overtaken("Somebody has let it through already; the next sync uses it.") from None
    record(
        "let_sync_through",
        f"package {package.name}",
        now=now,
        by=by,
        reason=reason,
        detail={"run": run.pk, "would_retire": run.would_retire},
    )
    return leave


@transaction.atomic
def use(run: SyncRun) -> SyncLeave | None:
    """Take the leave that waits for this package's next full reading; it is used up by that."""
    leave = (
        SyncLeave.objects.select_for_update()
        .filter(package=run.package_id, used_by=None)
        .order_by("-pk")
        .first()
    )
    if leave is not None:
        SyncLeave.objects.filter(package=run.package_id, used_by=None).update(used_by=run)
    return leave
