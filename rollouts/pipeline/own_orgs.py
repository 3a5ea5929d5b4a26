"""Which orgs go first: our own, and volunteers'. Only people say so, Salesforce does not know."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime

from rollouts.domain import ids
from rollouts.models import Org, Person
from rollouts.pipeline.transitions import Refusal, record, writing


@writing()
def mark(
    org_ids: Iterable[str], *, own: bool = True, by: Person | None = None, now: datetime
) -> int:
    """Mark orgs as own (or no longer so) for rollouts planned from now on.

    Returns how many changed. All or nothing: raises Refusal when an id is mistyped or no such
    org is known.
    """
    try:
        keys = [ids.org_id(text) for text in org_ids]
    except ids.BadId as bad:
        raise Refusal(f"{bad}; nothing was marked.") from bad
    known = set(Org.objects.filter(key__in=keys).values_list("key", flat=True))
    unknown = [key for key in keys if key not in known]
    if unknown:
        raise Refusal(f"No org {unknown[0]} is known; sync first. Nothing was marked.")
    changed = list(
        Org.objects.filter(key__in=keys).exclude(is_own=own).values_list("key", flat=True)
    )
    Org.objects.filter(key__in=changed).update(is_own=own)
    if changed:
        record(
            "mark_own" if own else "unmark_own",
            f"{len(changed)} orgs",
            now=now,
            by=by,
            detail={"orgs": changed},
        )
    return len(changed)
