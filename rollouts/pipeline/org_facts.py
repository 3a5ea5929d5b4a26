"""What is known of every org that has a package, in few queries however many they are.

Customers, licences, marks, exclusions and failed pushes are each read once and joined here; a page
that plans for 100,000 orgs waits for this.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from datetime import date, datetime
from typing import NamedTuple, TypeVar

from django.db.models import Count, F, Model, QuerySet

from rollouts.domain.audience import Facts, Ring
from rollouts.domain.lifecycle import AttemptState
from rollouts.domain.versions import Number
from rollouts.models import Account, Attempt, Installation, Licence, Package
from rollouts.pipeline import customers, marks
from rollouts.pipeline.marks import NOTHING, Said

R = TypeVar("R", bound=Model)
TRIAL, INACTIVE = "Trial", "Inactive"
_AT_ONCE = 900


class Known(NamedTuple):
    """One org with the package: its facts, and what of it is no condition of an audience.

    ``account`` is the row of its customer.
    """

    pk: int
    account: int | None
    facts: Facts
    released: bool
    blocked: bool | None
    gone: bool
    said: Said

    def is_trial(self) -> bool:
        """Whether Salesforce or the licence calls it a trial."""
        return TRIAL in {self.facts.status, self.facts.licence}

    def is_expired(self, today: date) -> bool:
        """Whether its licence has ended before today; without one nobody knows, so it has not."""
        return self.facts.ends is not None and self.facts.ends < today


class _Right(NamedTuple):
    """What the licence for the package says."""

    status: str = ""
    ends: date | None = None
    seats: int | None = None


_NONE = _Right()


def of_package(
    package: Package, *, also_gone: Collection[str] = (), among: Collection[str] | None = None
) -> list[Known]:
    """Return all orgs that have the package, in the order of their ids.

    ``also_gone`` names orgs (18 characters) to tell of though they have it no longer; ``among``
    names the only ones to tell of, which is quick where they are few.
    """
    rows = _rows(package, also_gone, among)
    owned = customers.owners_of({row[0]: (row[1], row[6]) for row in rows})
    whose = {pk: one.account for pk, one in owned.items()}
    accounts = _sf_ids(None if among is None else set(whose.values()))
    said = marks.said_of({row[0]: whose.get(row[0]) for row in rows})
    rights = _rights(package, among)
    failures = _failures(package, among)
    numbers = {
        pk: (sf_id, Number(*number), released)
        for pk, sf_id, released, *number in package.versions.values_list(
            "pk", "sf_id", "released", "major", "minor", "patch", "build"
        )
    }
    found = []
    for pk, key, production, own, status, instance, _, version, blocked, gone in rows:
        version_id, number, released = numbers[version]
        words = said.get(pk, NOTHING)
        right = rights.get(key, _NONE)
        account = whose.get(pk)
        ours = own or words.ring == Ring.OWN
        facts = Facts(
            key,
            number,
            version_id,
            production,
            ours,
            status,
            instance,
            accounts[account] if account is not None else "",
            words.tags,
            words.ring or (Ring.OWN.value if ours else Ring.USUAL.value),
            failures.get(pk, 0),
            right.status,
            right.ends,
            right.seats,
        )
        found.append(Known(pk, account, facts, released, blocked, gone is not None, words))
    return found


_Row = tuple[int, str, bool, bool, str, str, str, int, bool | None, datetime | None]


def _rows(
    package: Package, also_gone: Collection[str], among: Collection[str] | None
) -> list[_Row]:
    found = Installation.objects.filter(package=package)
    columns = (
        "org_id", "org__key", "org__is_production", "org__is_own", "org__status",
        "org__instance", "org__parent_key", "version_id", "blocked", "gone_at",
    )  # fmt: skip
    rows: list[_Row] = [
        row
        for part in _narrowed(found.present(), "org__key", among)
        for row in part.values_list(*columns)
    ]
    if also_gone:
        wanted = frozenset(also_gone)
        only = None if among is None else wanted & frozenset(among)
        rows += [
            row
            for part in _narrowed(found.exclude(gone_at=None), "org__key", only)
            for row in part.values_list(*columns)
            if row[1] in wanted
        ]
    rows.sort(key=lambda row: row[1])
    return rows


def _narrowed(
    rows: QuerySet[R], column: str, among: Collection[str] | None
) -> Iterator[QuerySet[R]]:
    """Yield the rows of these values part by part, or with None all of them at once."""
    if among is None:
        yield rows
        return
    values = list(among)
    for start in range(0, len(values), _AT_ONCE):
        yield rows.filter(**{f"{column}__in": values[start : start + _AT_ONCE]})


def _rights(package: Package, among: Collection[str] | None) -> dict[str, _Right]:
    """Return what the newest listed licence of each org says; a gone one tells nothing."""
    listed = Licence.objects.filter(package_sf_id=package.sf_id, gone_at=None)
    return {
        key: _Right(status, ends, seats)
        for rows in _narrowed(listed.order_by("modified", "pk"), "org_key", among)
        for key, status, ends, seats in rows.values_list("org_key", "status", "expires", "seats")
    }


def _failures(package: Package, among: Collection[str] | None) -> Mapping[int, int]:
    failed = Attempt.objects.filter(version__package=package, state=AttemptState.FAILED.value)
    return {
        row["org_pk"]: row["failed"]
        for rows in _narrowed(failed.order_by(), "org__key", among)
        for row in rows.values("org_id").annotate(failed=Count("pk"), org_pk=F("org_id"))
    }


def _sf_ids(wanted: Collection[int] | None) -> dict[int, str]:
    if wanted is None or len(wanted) > _AT_ONCE:
        return dict(Account.objects.values_list("pk", "sf_id"))
    return dict(Account.objects.filter(pk__in=wanted).values_list("pk", "sf_id"))
