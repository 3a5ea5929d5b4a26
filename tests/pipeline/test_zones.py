"""Every org's own time: where its zone and its window come from, and what is closed for it."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import pytest
from django.test.utils import CaptureQueriesContext

from rollouts.domain.freezes import FiscalEnd, Once, Period, together
from rollouts.domain.org_time import ZoneSource
from rollouts.domain.spans import Span
from rollouts.domain.windows import BadWindow
from rollouts.models import (
    FiscalYear,
    FreezeOverride,
    Maintenance,
    Package,
    WindowRule,
    ZoneWord,
)
from rollouts.pipeline.freezes import closed_for
from rollouts.pipeline.zones import org_times
from tests.support.calendars import CHRISTMAS, DECEMBER, NOW, Fleet

pytestmark = pytest.mark.django_db


@pytest.fixture
def fleet() -> Fleet:
    return Fleet()


def test_each_org_says_where_its_zone_comes_from(fleet: Fleet) -> None:
    told = fleet.org("USA1", fleet.account(zone="Asia/Tokyo", country="US"))
    crm = fleet.org("USA1", fleet.account(zone="Asia/Tokyo", country="US"))
    address = fleet.org("USA1", fleet.account(zone="tbd", country="Sweden"))
    instance, nothing = fleet.org("DEU8"), fleet.org("CS9")
    ZoneWord.objects.create(org=told, zone="Europe/Paris", by=fleet.pia, since=NOW)

    times = org_times([org.pk for org in (told, crm, address, instance, nothing)], NOW)

    assert [(times[org.pk].zones[0], times[org.pk].source) for org in (told, crm, address)] == [
        ("Europe/Paris", ZoneSource.PERSON),
        ("Asia/Tokyo", ZoneSource.CRM),
        ("Europe/Stockholm", ZoneSource.ADDRESS),
    ]
    assert times[instance.pk].zones[0] == "Europe/Berlin"
    assert times[instance.pk].source is ZoneSource.INSTANCE
    assert times[nothing.pk].source is ZoneSource.GUESS
    assert len(times[nothing.pk].zones) > 3


def test_a_word_on_a_customer_is_for_all_its_orgs_but_those_with_their_own(fleet: Fleet) -> None:
    acme = fleet.account(zone="Asia/Tokyo")
    one, other = fleet.org(account=acme), fleet.org(account=acme)
    ZoneWord.objects.create(account=acme, zone="Europe/Rome", by=fleet.pia, since=NOW)
    own = ZoneWord.objects.create(org=other, zone="Europe/Oslo", by=fleet.pia, since=NOW)

    times = org_times([one.pk, other.pk], NOW)
    assert (times[one.pk].zones, times[other.pk].zones) == (("Europe/Rome",), ("Europe/Oslo",))

    own.ended_at, own.ended_by = NOW, fleet.ari
    own.save()
    assert org_times([other.pk], NOW)[other.pk].zones == ("Europe/Rome",)


def test_the_window_said_of_fewest_orgs_goes_before(fleet: Fleet) -> None:
    acme = fleet.account("Acme")
    org = fleet.org("DEU8", acme)

    def window() -> tuple[str, str]:
        time = org_times([org.pk], NOW)[org.pk]
        return str(time.window).split(",")[0], time.window_from

    said: list[tuple[str, dict[str, object]]] = [
        ("default", {}), ("region", {"region": "DEU"}), ("customer", {"account": acme}),
        ("org", {"org": org}),
    ]  # fmt: skip
    assert window() == ("Mon 01:00-Mon 05:00", "the default")
    seen = []
    for hour, (scope, subject) in enumerate(said):
        WindowRule.objects.create(
            scope=scope, hours=f"Sat 0{hour}:00-06:00", by=fleet.pia, since=NOW, **subject
        )
        seen.append(window())

    assert seen == [
        ("Sat 00:00-Sat 06:00", "the default"),
        ("Sat 01:00-Sat 06:00", "region DEU"),
        ("Sat 02:00-Sat 06:00", "Acme"),
        ("Sat 03:00-Sat 06:00", "this org"),
    ]


def test_a_window_that_cannot_be_read_is_nobodys_open_hours(fleet: Fleet) -> None:
    org = fleet.org("DEU8")
    WindowRule.objects.create(scope="default", hours="at night", by=fleet.pia, since=NOW)

    with pytest.raises(BadWindow):
        org_times([org.pk], NOW)


def test_a_few_queries_are_enough_for_any_number_of_orgs(
    fleet: Fleet, django_assert_max_num_queries: Callable[[int], CaptureQueriesContext]
) -> None:
    acme = fleet.account(zone="Asia/Tokyo")
    pks = [fleet.org("DEU8", acme).pk for _ in range(60)]
    fleet.freeze(CHRISTMAS)

    with django_assert_max_num_queries(14):
        assert len(closed_for(pks, fleet.package, DECEMBER, NOW)) == 60


def test_freezes_and_maintenance_close_an_org_each_with_its_reason(fleet: Fleet) -> None:
    org = fleet.org("DEU8")
    row = fleet.freeze(CHRISTMAS)
    work = Maintenance.objects.create(
        instance="DEU8", name="Power supply", starts_at=datetime(2026, 12, 5, 1, tzinfo=UTC),
        ends_at=datetime(2026, 12, 5, 5, tzinfo=UTC), source="csv", source_key="1", read_at=NOW,
    )  # fmt: skip

    assert [(one.because, one.freeze_id) for one in fleet.closed(org)] == [
        ("Salesforce maintenance on DEU8: Power supply", f"maintenance {work.pk}"),
        ("Quiet days", f"freeze {row.pk}"),
    ]
    assert [one.freeze_id for one in fleet.closed(fleet.org("USA2"))] == [f"freeze {row.pk}"]
    assert len(fleet.closed(fleet.org(""))) == 2, "an org of an unknown instance is on all"


def test_a_freeze_of_one_package_lets_others_go(fleet: Fleet) -> None:
    org = fleet.org("DEU8")
    other = Package.objects.create(
        connection=fleet.link, sf_id="033000000000002AAA", name="Pier", namespace="pir"
    )
    fleet.freeze(CHRISTMAS, "package", (fleet.package.sf_id,))

    assert len(fleet.closed(org)) == 1
    assert fleet.closed(org, other) == ()


def test_a_customers_fiscal_year_moves_its_quarter_ends(fleet: Fleet) -> None:
    acme = fleet.account("Acme")
    fleet.freeze(FiscalEnd(Period.QUARTER, before=2, after=0))
    january, february = fleet.org("DEU8"), fleet.org("DEU8", acme)
    FiscalYear.objects.create(account=acme, month=2, by=fleet.pia, since=NOW)

    assert together(fleet.closed(january)) == (
        Span(datetime(2026, 12, 30, tzinfo=UTC), datetime(2027, 1, 1, tzinfo=UTC)),
    )
    assert fleet.closed(february) == ()


def test_an_override_takes_a_freeze_off_until_it_expires(fleet: Fleet) -> None:
    org = fleet.org("DEU8")
    row = fleet.freeze(CHRISTMAS)
    override = FreezeOverride.objects.create(
        freeze=row, reason="a leak must be closed", asked_by=fleet.pia, asked_at=NOW,
        until=datetime(2026, 12, 25, tzinfo=UTC),
    )  # fmt: skip
    assert len(together(fleet.closed(org))) == 1
    assert together(fleet.closed(org))[0].length == timedelta(days=3), "nobody confirmed it yet"

    override.confirmed_by, override.confirmed_at = fleet.ari, NOW
    override.save()
    assert together(fleet.closed(org)) == (
        Span(datetime(2026, 12, 25, tzinfo=UTC), datetime(2026, 12, 27, tzinfo=UTC)),
    )

    override.ended_at = NOW
    override.save()
    assert together(fleet.closed(org))[0].length == timedelta(days=3)


def test_a_freeze_that_cannot_be_read_closes_everything(fleet: Fleet) -> None:
    org = fleet.org("DEU8")
    row = fleet.freeze(Once(datetime(2026, 12, 1), datetime(2026, 12, 2)), "org", ("00D",))  # noqa: DTZ001
    row.rule = {"kind": "sometimes"}
    row.save()

    (one,) = fleet.closed(org)

    assert one.span == DECEMBER
    assert "can't be read" in one.because
