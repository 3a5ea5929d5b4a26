"""A License org with customers for the small world of rows."""

from __future__ import annotations

from datetime import date

from rollouts.models import Account, Connection, Licence, Org
from tests.views.world import World, key_of


class Customers:
    """Accounts and licences, made as a License org would have told them."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.link = Connection.objects.create(
            name="License org", role="lmo", login_url="http://127.0.0.1:8998", simulated=True
        )

    def account(self, name: str) -> Account:
        number = Account.objects.count() + 1
        return Account.objects.create(connection=self.link, sf_id=key_of(number, "001"), name=name)

    def licence(
        self,
        org: Org,
        whose: Account | None,
        *,
        status: str = "Active",
        seats: int | None = 10,
        ends: date | None = None,
    ) -> Licence:
        return Licence.objects.create(
            connection=self.link, sf_id=key_of(Licence.objects.count() + 1, "a0A"),
            org_key=org.key, package_sf_id=self.world.package.sf_id, account=whose, status=status,
            seats=seats, expires=ends, modified=self.world.now, read_at=self.world.now,
        )  # fmt: skip

    def production(self, place: int = 0) -> Org:
        rows = [org for org in self.world.orgs if org.is_production and not org.is_own]
        return rows[place]

    def sandbox_of(self, parent: Org) -> Org:
        org = next(org for org in self.world.orgs if not org.is_production and not org.parent_key)
        org.parent_key = parent.key
        org.save(update_fields=["parent_key"])
        return org
