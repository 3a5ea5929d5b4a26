"""Licences and customers: joined by the org's id, shown with their age, never acted upon."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import date, datetime

import pytest

from rollouts.models import Account, Connection, Licence, Org, Package
from rollouts.pipeline import licences, lookup, tick
from rollouts.salesforce.errors import TryAgain
from rollouts.salesforce.values import SfLicence
from tests.support.world import World


class LicenseOrg:
    """A gateway to a license org that answers from a list, and notes what it was asked."""

    def __init__(self, rows: list[SfLicence]) -> None:
        self.rows = rows
        self.asked: list[datetime | None] = []
        self.breaks_after: int | None = None

    def licences(self, *, since: datetime | None = None) -> Iterator[Sequence[SfLicence]]:
        self.asked.append(since)
        for number, row in enumerate(self.rows):
            if number == self.breaks_after:
                raise TryAgain("the answer broke off")
            if since is None or row.modified >= since:
                yield [row]

    def budget(self) -> None:
        return None


@pytest.fixture
def lmo(world: World) -> Connection:
    return Connection.objects.create(
        name="License org", role="lmo", login_url="http://127.0.0.1:8998", simulated=True,
        org_id="00D5g0000000002EAA",
    )  # fmt: skip


@pytest.fixture
def org_of_licences(world: World) -> LicenseOrg:
    package = Package.objects.get(namespace="hbr")
    orgs = Org.objects.filter(installations__package=package).order_by("key")[:60]
    return LicenseOrg(
        [
            SfLicence(
                id=f"a0A{number:012d}AAA", org=org.key, package_id=package.sf_id, version_id="",
                status="Active", seats=None if number else 25, expires=None,
                installed_on=date(2024, 3, number % 28 + 1), account_id=f"001{number // 2:012d}AAA",
                account_name=f"Customer {number // 2}", zone="", country="DE",
                modified=world.clock(),
            )
            for number, org in enumerate(orgs)
        ]
    )  # fmt: skip


def test_each_org_is_joined_with_its_licence_and_customer(
    world: World, lmo: Connection, org_of_licences: LicenseOrg
) -> None:
    assert licences.sync_licences(lmo, org_of_licences) == 60  # type: ignore[arg-type]
    assert Account.objects.count() == 30
    (facts,) = licences.of_org(Org.objects.get(key=org_of_licences.rows[0].org))
    assert (facts.package_name, facts.account_name, facts.seats) == ("Harbor", "Customer 0", 25)
    assert facts.read_at == world.clock()


def test_by_day_only_changes_are_read_and_the_rest_keeps_its_age(
    world: World, lmo: Connection, org_of_licences: LicenseOrg
) -> None:
    licences.sync_licences(lmo, org_of_licences)  # type: ignore[arg-type]
    first = world.clock()
    world.clock.forward(minutes=15)
    changed = replace(org_of_licences.rows[3], status="Suspended", modified=world.clock())
    org_of_licences.rows[3] = changed
    licences.sync_licences(lmo, org_of_licences)  # type: ignore[arg-type]
    assert org_of_licences.asked == [None, first]
    assert Licence.objects.get(sf_id=changed.id).status == "Suspended"
    world.clock.forward(hours=24)
    licences.sync_licences(lmo, org_of_licences)  # type: ignore[arg-type]
    assert org_of_licences.asked[-1] is None
    assert set(Licence.objects.values_list("read_at", flat=True)) == {world.clock()}


def test_one_that_is_not_listed_any_more_is_kept_as_gone_and_comes_back(
    lmo: Connection, org_of_licences: LicenseOrg
) -> None:
    licences.sync_licences(lmo, org_of_licences, full=True)  # type: ignore[arg-type]
    gone = org_of_licences.rows.pop()
    licences.sync_licences(lmo, org_of_licences, full=True)  # type: ignore[arg-type]
    assert Licence.objects.get(sf_id=gone.id).gone_at is not None
    org_of_licences.rows.append(gone)
    licences.sync_licences(lmo, org_of_licences, full=True)  # type: ignore[arg-type]
    assert Licence.objects.get(sf_id=gone.id).gone_at is None


def test_an_answer_without_most_of_them_retires_none(
    lmo: Connection, org_of_licences: LicenseOrg
) -> None:
    licences.sync_licences(lmo, org_of_licences, full=True)  # type: ignore[arg-type]
    org_of_licences.rows = org_of_licences.rows[:5]
    licences.sync_licences(lmo, org_of_licences, full=True)  # type: ignore[arg-type]
    assert not Licence.objects.exclude(gone_at=None).exists()


def test_a_reading_that_breaks_off_changes_nothing(
    world: World, lmo: Connection, org_of_licences: LicenseOrg, monkeypatch: pytest.MonkeyPatch
) -> None:
    org_of_licences.breaks_after = 40
    monkeypatch.setattr(
        tick, "gateway_for", lambda link: org_of_licences if link == lmo else world.gateway
    )
    tick.sync_all()
    assert not Licence.objects.exists()
    lmo.refresh_from_db()
    assert "broke off" in lmo.failure


def test_the_licence_is_named_as_proof_of_the_packages_first_day(
    world: World, lmo: Connection, org_of_licences: LicenseOrg
) -> None:
    licences.sync_licences(lmo, org_of_licences)  # type: ignore[arg-type]
    org = Org.objects.get(key=org_of_licences.rows[0].org)
    said = next(
        one.since
        for one in lookup.org_answer(org, world.clock())
        if one.version.package.namespace == "hbr"
    )
    assert said.startswith("at least since")
    assert said.endswith("by its licence record the package came on 01 Mar 2024")
