"""A freeze closes an approved list as agreed and as it is today, whatever one person says."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from rollouts.domain.freeze_rules import written
from rollouts.domain.freezes import FiscalEnd, Once, Period, Rule, together
from rollouts.domain.spans import Span
from rollouts.domain.walls import UnknownZone
from rollouts.models import Account, FreezeRow, FrozenList, Org
from rollouts.pipeline import hours, keeping
from rollouts.pipeline.customer_words import set_customer
from tests.support.people_words import Customers
from tests.views import world as worlds
from tests.views.world import World

NOW = datetime(2026, 11, 21, 3, 14, 7, tzinfo=UTC)
AFTER = NOW + timedelta(hours=1)
DECEMBER = Span(datetime(2026, 12, 1, tzinfo=UTC), datetime(2027, 1, 1, tzinfo=UTC))
QUARTERS = FiscalEnd(Period.QUARTER, before=2, after=0)
WEEK = Once(datetime(2026, 12, 21), datetime(2026, 12, 28))  # noqa: DTZ001 - wall time


class Agreed:
    """A frozen list with an org of ACME, and one person who speaks after that."""

    def __init__(self, world: World) -> None:
        self.world = world
        customers = Customers(world)
        self.acme, self.other = customers.account("ACME"), customers.account("Blue Ridge")
        rollout = world.rollout()
        target = rollout.targets.filter(wave__number=1).select_related("org")[0]
        self.org: Org = target.org
        customers.licence(self.org, self.acme)
        self.zone("Europe/Berlin", NOW)
        self.rollout = rollout

    def freeze_list(self) -> None:
        found = self.world.freeze(self.rollout).frozen_list
        assert found is not None
        self.list: FrozenList = found

    def close(self, rule: Rule) -> None:
        FreezeRow.objects.create(
            name="Quarter end", scope="all", among=[], rule=written(rule), zone="",
            reason="x", by=self.world.people["ari"], since=NOW,
        )  # fmt: skip

    def zone(self, name: str, now: datetime = AFTER) -> None:
        hours.set_zone(self.org, name, by=self.world.people["pia"], reason="they said", now=now)

    def fiscal(self, account: Account, month: int | None, now: datetime = AFTER) -> None:
        hours.set_fiscal_year(
            account, month, by=self.world.people["pia"], reason="their report", now=now
        )

    def closed(self) -> tuple[Span, ...]:
        known = keeping.hours_of(self.list, [self.org.pk], AFTER, DECEMBER)
        return together(known[self.org.pk].closed)


@pytest.fixture
def agreed(db: None, monkeypatch: pytest.MonkeyPatch) -> Agreed:
    monkeypatch.setattr("rollouts.pipeline.clock.wall", lambda: NOW)
    return Agreed(worlds.make(14))


def test_a_word_on_a_zone_moves_no_freeze_away_from_an_approved_list(agreed: Agreed) -> None:
    agreed.close(WEEK)
    agreed.freeze_list()
    (as_agreed,) = agreed.closed()

    agreed.zone("Pacific/Auckland")

    (both,) = agreed.closed()
    assert both.end == as_agreed.end
    assert both.start == as_agreed.start - timedelta(hours=12)


@pytest.mark.parametrize("moved_to", [2, 3])
def test_a_word_on_a_fiscal_year_opens_no_quarter_end_of_an_approved_list(
    agreed: Agreed, moved_to: int
) -> None:
    agreed.close(QUARTERS)
    agreed.freeze_list()
    as_agreed = agreed.closed()
    assert as_agreed

    agreed.fiscal(agreed.acme, moved_to)

    assert set(as_agreed) <= set(agreed.closed())


def test_nor_does_a_word_on_the_customer_whose_fiscal_year_is_another(agreed: Agreed) -> None:
    agreed.close(QUARTERS)
    agreed.fiscal(agreed.other, 2, NOW)
    agreed.freeze_list()
    as_agreed = agreed.closed()
    assert as_agreed

    set_customer(agreed.org, agreed.other, by=agreed.world.people["pia"], reason="sold", now=AFTER)

    assert agreed.closed() == as_agreed


def test_a_list_that_is_made_anew_takes_what_is_known_by_then(agreed: Agreed) -> None:
    agreed.close(QUARTERS)
    agreed.fiscal(agreed.acme, 2, NOW)
    agreed.freeze_list()

    assert agreed.closed() == ()


def test_what_is_closed_by_a_new_word_is_closed_at_once(agreed: Agreed) -> None:
    agreed.close(QUARTERS)
    agreed.fiscal(agreed.acme, 2, NOW)
    agreed.freeze_list()

    agreed.fiscal(agreed.acme, 1)

    assert agreed.closed() != ()


def test_an_agreed_zone_that_nobody_knows_any_more_holds_its_org(
    agreed: Agreed, monkeypatch: pytest.MonkeyPatch
) -> None:
    agreed.close(WEEK)
    agreed.freeze_list()
    agreed.zone("Europe/Rome")

    def forgotten(name: str) -> None:
        if name == "Europe/Berlin":
            raise UnknownZone(name)

    monkeypatch.setattr(keeping, "zone", forgotten)

    assert keeping.hours_of(agreed.list, [agreed.org.pk], AFTER, DECEMBER) == {}
