"""Which versions an org has had: Salesforce keeps no such history, so we do.

Most installations have never changed since they were first seen, and say themselves what was seen
and when; a line for each would be half of what a first sync writes. The first change of one is
where its history begins to be written, with what went before.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime

from rollouts.models import Installation, Org, Since, VersionChange


def write(changes: Sequence[VersionChange]) -> None:
    """Store changes of installations that are still as they were before them.

    Call it in the transaction that changes them, before they are changed.
    """
    rows = Installation.objects.filter(pk__in=[change.installation_id for change in changes])
    new = rows.filter(changes=None).select_related("version").order_by("pk")
    first = [_first(row) for row in new]
    VersionChange.objects.bulk_create([*first, *changes], batch_size=500)


def of_org(org: Org, rows: Iterable[Installation] | None = None) -> list[VersionChange]:
    """Return the org's version changes, newest first: two queries. Some may not be stored.

    ``rows`` are all its installations, with package and version, if they have been read already.
    """
    if rows is None:
        rows = org.installations.select_related("package", "version")
    written = list(
        VersionChange.objects.filter(installation__org=org)
        .select_related(
            "installation__package", "from_version", "to_version", "attempt__batch__wave__rollout"
        )
        .order_by("-before", "-pk")
    )
    changed = {change.installation_id for change in written}
    unchanged = sorted((row for row in rows if row.pk not in changed), key=lambda row: row.pk)
    first = [_first(row) for row in unchanged]
    return sorted([*written, *first], key=lambda change: change.before, reverse=True)


def last_seen(
    org: Org, changes: Iterable[VersionChange], rows: Iterable[Installation] | None = None
) -> datetime | None:
    """Say when a read last showed one of our packages in the org.

    ``changes`` as `of_org` returns them, and ``rows`` as it takes them.
    """
    if rows is None:
        rows = org.installations.all()
    there = [row.read_at for row in rows if row.gone_at is None]
    left = [change.after for change in changes if change.to_version is None and change.after]
    return max([*left, *there], default=None)


def _first(row: Installation) -> VersionChange:
    """Return the line that an installation without history is itself."""
    return VersionChange(
        installation=row,
        to_version=row.version,
        before=row.since_before,
        proof=Since.FIRST_SEEN,
    )
