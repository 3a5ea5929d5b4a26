"""What the demo's people have said before somebody looks: marks, an exclusion, an audience."""

from __future__ import annotations

from datetime import timedelta

from rollouts.models import MarkKind, Org, Package, Person
from rollouts.pipeline import clock, exclusions, marks, saved_audiences

_MARKS: tuple[tuple[MarkKind, str, slice], ...] = (
    (MarkKind.RING, "early", slice(0, 6)),
    (MarkKind.RING, "late", slice(6, 9)),
    (MarkKind.TAG, "bank", slice(9, 12)),
    (MarkKind.VOLUNTEER, "", slice(12, 13)),
    (MarkKind.NEVER_FIRST, "", slice(13, 15)),
)


def say(package: Package, planner: Person) -> None:
    """Mark a few production orgs, exclude one for two weeks and save an audience."""
    now = clock.now()
    orgs = list(
        Org.objects.filter(
            installations__package=package, is_production=True, is_own=False, status="Active"
        ).order_by("key")[:16]
    )
    for kind, value, which in _MARKS:
        marks.put_on(orgs[which], kind, value, by=planner, now=now)
    if len(orgs) > 15:  # noqa: PLR2004 - the last of those that were asked for
        exclusions.exclude(
            orgs[15],
            reason="Closes its books; call before pushing.",
            until=now + timedelta(days=14),
            by=planner,
            now=now,
        )
    saved_audiences.save(
        "Early ring", {"rings": ["early"]}, package, by=planner, now=now,
        note="Customers who like to see things first.",
    )  # fmt: skip
