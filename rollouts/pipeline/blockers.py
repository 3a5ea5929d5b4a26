"""Customers who block pushes: who they are, and what to tell them."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass
from datetime import datetime

from rollouts.domain.planner import Because
from rollouts.models import Installation, Rollout
from rollouts.pipeline import customers
from rollouts.pipeline.parts import parts


@dataclass(frozen=True, slots=True)
class Blocker:
    """One org whose customer blocks pushes of a package, as last read."""

    key: str
    name: str
    customer: str
    package: str
    version: str
    read_at: datetime

    @property
    def text(self) -> str:
        """What to write to the customer; the product names what they know, never our plan."""
        return (
            f"Your Salesforce org {self.name} ({self.key}) has {self.package} {self.version} and "
            "does not accept upgrades from us at present. To allow them again, an administrator of "
            "the org opens Setup, Installed Packages, and lifts the block for "
            f"{self.package} there. You can also tell us a date that suits you, and we upgrade "
            "the org then."
        )


CSV_HEADER = ("Org ID", "Org", "Customer", "Package", "Version", "Read at", "What to tell them")


def csv_row(one: Blocker) -> tuple[object, ...]:
    """Return a line of a table under `CSV_HEADER`."""
    return one.key, one.name, one.customer, one.package, one.version, one.read_at, one.text


def blockers(rows: Iterable[Installation] | None = None) -> list[Blocker]:
    """Tell of orgs that block pushes, by customer and name; all of them, or these."""
    rows = barring() if rows is None else list(rows)
    whose = customers.customers_of({row.org_id for row in rows})
    listed = [
        Blocker(
            row.org.key,
            row.org.name,
            whose[row.org_id].name if row.org_id in whose else "",
            row.version.package.name,
            row.version.label,
            row.read_at,
        )
        for row in rows
    ]
    return sorted(listed, key=lambda one: (one.customer or one.name).casefold())


def barring(
    rollout: Rollout | None = None, told: Collection[tuple[int, int]] = ()
) -> list[Installation]:
    """Return what is installed in orgs that block pushes: of all, or of those a rollout is for.

    ``told`` are orgs and packages, by row, of which a failed push said so: Salesforce's answer to
    a sync may be older, or not be readable. Who has the rollout's version already is not among
    them. Two queries, three for a rollout.
    """
    listed = Installation.objects.present().select_related("org", "version__package")
    found = {row.pk: row for row in listed.filter(blocked=True)}
    for part in parts(sorted({org for org, _ in told})):
        found |= {
            row.pk: row
            for row in listed.filter(org__in=part)
            if (row.org_id, row.package_id) in told
        }
    rows = sorted(found.values(), key=lambda row: (row.org.name, row.org.key))
    return rows if rollout is None else _meant_by(rollout, rows)


def _meant_by(rollout: Rollout, rows: list[Installation]) -> list[Installation]:
    to = rollout.to_version
    behind = [
        row for row in rows if row.package_id == to.package_id and row.version.number < to.number
    ]
    planned = {
        org
        for part in parts([row.org_id for row in behind])
        for org in rollout.targets.filter(org__in=part).values_list("org_id", flat=True)
    }
    left = {key for key, why in rollout.left_out.items() if why == Because.BLOCKED.value}
    return [row for row in behind if row.org_id in planned or row.org.key in left]
