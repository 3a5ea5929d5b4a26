"""A few orgs, customers and people, for stories about the calendar."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from rollouts.domain.freeze_rules import written
from rollouts.domain.freezes import Rule, Yearly
from rollouts.domain.permissions import Role
from rollouts.domain.spans import Span
from rollouts.models import (
    Account,
    Connection,
    FreezeRow,
    Licence,
    Org,
    Package,
    Person,
    RoleGrant,
)
from rollouts.pipeline.freezes import ClosedSpan, closed_for

NOW = datetime(2026, 11, 21, 12, tzinfo=UTC)
DECEMBER = Span(datetime(2026, 12, 1, tzinfo=UTC), datetime(2027, 1, 1, tzinfo=UTC))
CHRISTMAS = Yearly((12, 24), (12, 26))


class Fleet:
    """A few orgs and people, made as a story needs them."""

    def __init__(self) -> None:
        self.pia = self.person("Pia", Role.PLANNER)
        self.ari = self.person("Ari", Role.APPROVER)
        self.vic = self.person("Vic", Role.VIEWER)
        self.link = Connection.objects.create(
            name="Org", login_url="http://127.0.0.1:8999", simulated=True
        )
        self.package = Package.objects.create(
            connection=self.link, sf_id="033000000000001AAA", name="Harbor", namespace="hbr"
        )

    def person(self, name: str, role: Role) -> Person:
        person = Person.objects.create(email=f"{name.lower()}@example.test", name=name)
        RoleGrant.objects.create(
            person=person, role=role.value, granted_at=NOW, starts_at=NOW - timedelta(days=9)
        )
        return person

    def org(self, instance: str = "", account: Account | None = None) -> Org:
        number = Org.objects.count() + 1
        org = Org.objects.create(
            key=f"00D{number:012d}AAA", name=f"Org {number}", folded=f"org {number}",
            is_production=True, status="Active", instance=instance, first_seen_at=NOW,
        )  # fmt: skip
        if account:
            Licence.objects.create(
                connection=self.link, sf_id=f"a0A{number:012d}AAA", org_key=org.key,
                account=account, modified=NOW, read_at=NOW,
            )  # fmt: skip
        return org

    def account(self, name: str = "Acme", *, zone: str = "", country: str = "") -> Account:
        number = Account.objects.count() + 1
        return Account.objects.create(
            connection=self.link, sf_id=f"001{number:012d}AAA", name=name, zone=zone,
            country=country,
        )  # fmt: skip

    def freeze(
        self, rule: Rule = CHRISTMAS, scope: str = "all", among: tuple[str, ...] = ()
    ) -> FreezeRow:
        return FreezeRow.objects.create(
            name="Quiet days", scope=scope, among=list(among), rule=written(rule), zone="UTC",
            by=self.pia, since=NOW,
        )  # fmt: skip

    def closed(self, org: Org, package: Package | None = None) -> tuple[ClosedSpan, ...]:
        return closed_for([org.pk], package or self.package, DECEMBER, NOW)[org.pk]
