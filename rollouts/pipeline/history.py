"""Which versions an org has had: Salesforce keeps no such history, so we do.

Most installations have never changed since they were first seen, and say themselves what was seen
and when; a line for each would be half of what a first sync writes. The first change of one is
where its history begins to be written, with what went before.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from django.db.models import Max

from rollouts.models import Installation, Org, Since, VersionChange


def write(changes: Sequence[VersionChange]) -> None:
    """Store changes of installations that are still as they were before them.

    Call it in the transaction that changes them, before they are changed.
    """
    rows = Installation.objects.filter(pk__in=[change.installation_id for change in changes])
    new = rows.filter(changes=None).select_related("version").order_by("pk")
    first = [_first(row) for row in new]
    VersionChange.objects.bulk_create([*first, *changes], batch_size=500)


def of_org(org: Org) -> list[VersionChange]:
    """Return the org's version changes, newest first: two queries. Some may not be stored."""
    written = (
        VersionChange.objects.filter(installation__org=org)
        .select_related("installation__package", "from_version", "to_version", "attempt__batch")
        .order_by("-before", "-pk")
    )
    unchanged = org.installations.filter(changes=None).select_related("package", "version")
    first = [_first(row) for row in unchanged.order_by("pk")]
    return sorted([*written, *first], key=lambda change: change.before, reverse=True)


def last_seen(org: Org, changes: Sequence[VersionChange]) -> datetime | None:
    """Say when a read last showed one of our packages in the org; ``changes`` as `of_org` does."""
    there = org.installations.present().aggregate(newest=Max("read_at"))["newest"]
    left = [change.after for change in changes if change.to_version is None and change.after]
    return max([*left, *([there] if there else [])], default=None)


def _first(row: Installation) -> VersionChange:
    """Return the line that an installation without history is itself."""
    return VersionChange(
        installation=row,
        to_version=row.version,
        before=row.since_before,
        proof=Since.FIRST_SEEN,
    )
