"""What is known of every org that has a package, in few queries however many they are.

Customers, licences, marks, exclusions and failed pushes are each read once and joined here; a page
that plans for 100,000 orgs waits for this.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from datetime import date, datetime
from typing import NamedTuple

from django.db.models import Count, F

from rollouts.domain.audience import Facts, Ring
from rollouts.domain.lifecycle import AttemptState
from rollouts.domain.versions import Number
from rollouts.models import Account, Attempt, Installation, Licence, Package
from rollouts.pipeline import customers, marks
from rollouts.pipeline.marks import NOTHING, Said

TRIAL, INACTIVE = "Trial", "Inactive"


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


def of_package(package: Package, *, also_gone: Collection[str] = ()) -> list[Known]:
    """Return all orgs that have the package, in the order of their ids.

    ``also_gone`` names orgs (18 characters) to tell of though they have it no longer.
    """
    rows = _rows(package, also_gone)
    owned = customers.owners_of({row[0]: (row[1], row[6]) for row in rows})
    accounts = _sf_ids()
    whose = {pk: one.account for pk, one in owned.items()}
    said = marks.said_of({row[0]: whose.get(row[0]) for row in rows})
    rights = _rights(package)
    failures = _failures(package)
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


def _rows(package: Package, also_gone: Collection[str]) -> list[_Row]:
    found = Installation.objects.filter(package=package)
    columns = (
        "org_id", "org__key", "org__is_production", "org__is_own", "org__status",
        "org__instance", "org__parent_key", "version_id", "blocked", "gone_at",
    )  # fmt: skip
    rows: list[_Row] = list(found.present().values_list(*columns))
    if also_gone:
        wanted = frozenset(also_gone)
        rows += [
            row for row in found.exclude(gone_at=None).values_list(*columns) if row[1] in wanted
        ]
    rows.sort(key=lambda row: row[1])
    return rows


def _rights(package: Package) -> dict[str, _Right]:
    """Return what the newest listed licence of each org says; a gone one tells nothing."""
    rows = (
        Licence.objects.filter(package_sf_id=package.sf_id, gone_at=None)
        .order_by("modified", "pk")
        .values_list("org_key", "status", "expires", "seats")
    )
    return {key: _Right(status, ends, seats) for key, status, ends, seats in rows}


def _failures(package: Package) -> Mapping[int, int]:
    rows = (
        Attempt.objects.filter(version__package=package, state=AttemptState.FAILED.value)
        .order_by()
        .values("org_id")
        .annotate(failed=Count("pk"), org_pk=F("org_id"))
    )
    return {row["org_pk"]: row["failed"] for row in rows}


def _sf_ids() -> dict[int, str]:
    return dict(Account.objects.values_list("pk", "sf_id"))
