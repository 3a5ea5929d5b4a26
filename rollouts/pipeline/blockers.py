"""Customers who block pushes: who they are, and what to tell them."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from rollouts.models import Installation
from rollouts.pipeline import customers


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


def blockers() -> list[Blocker]:
    """List all orgs that block pushes, by customer and name."""
    rows = list(
        Installation.objects.present()
        .filter(blocked=True)
        .select_related("org", "version__package")
        .order_by("org__name", "org__key")
    )
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
