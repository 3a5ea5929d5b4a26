"""One person's word on whose org it is opens nothing that two people keep closed."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from rollouts.domain.freeze_rules import written
from rollouts.domain.freezes import FiscalEnd, Once, Period, Rule
from rollouts.models import Account, Event, Exclusion, FreezeRow, Org
from rollouts.pipeline import exclusions
from rollouts.pipeline.customer_words import set_customer
from rollouts.pipeline.transitions import Refusal
from tests.support.people_words import Customers
from tests.views import world as worlds
from tests.views.world import World

NOW = datetime(2026, 11, 21, 3, 14, 7, tzinfo=UTC)
SOON, LATER = NOW + timedelta(days=2), NOW + timedelta(days=14)
QUARTERS = FiscalEnd(Period.QUARTER, before=2, after=0)


class Family:
    """A customer's org with a sandbox, another customer, and who may say whose they are."""

    def __init__(self, world: World) -> None:
        self.world = world
        customers = Customers(world)
        self.acme, self.other = customers.account("ACME"), customers.account("Blue Ridge")
        self.org = customers.production()
        self.sandbox = customers.sandbox_of(self.org)
        customers.licence(self.org, self.acme)

    def exclude(self, whom: Org | Account, until: datetime | None = LATER) -> Exclusion:
        return exclusions.exclude(
            whom, reason="close of books", until=until, by=self.world.people["ari"], now=NOW
        )

    def freeze(self, rule: Rule, *accounts: Account) -> FreezeRow:
        return FreezeRow.objects.create(
            name="Quarter end", scope="customer", among=[one.sf_id for one in accounts],
            rule=written(rule), zone="UTC", reason="x", by=self.world.people["ari"], since=NOW,
        )  # fmt: skip

    def move(self, account: Account | None, org: Org | None = None) -> None:
        set_customer(
            org or self.org, account, by=self.world.people["pia"], reason="they called", now=NOW
        )

    def barred(self) -> set[int]:
        return set(exclusions.barred([self.org.pk, self.sandbox.pk], NOW))


@pytest.fixture
def family(db: None, monkeypatch: pytest.MonkeyPatch) -> Family:
    monkeypatch.setattr("rollouts.pipeline.clock.wall", lambda: NOW)
    return Family(worlds.make(14))


def test_an_org_is_not_moved_out_of_its_customers_exclusion(family: Family) -> None:
    family.exclude(family.acme)

    with pytest.raises(Refusal, match=r"excluded with all orgs of ACME.* End that exclusion first"):
        family.move(family.other)

    assert family.barred() == {family.org.pk, family.sandbox.pk}
    assert not family.org.customer_words.exists()
    assert not Event.objects.filter(action="set_customer").exists()


def test_nor_is_a_word_withdrawn_that_brought_it_into_one(family: Family) -> None:
    family.move(family.other)
    family.exclude(family.other)

    with pytest.raises(Refusal, match="excluded with all orgs of Blue Ridge"):
        family.move(None)

    assert family.barred() == {family.org.pk, family.sandbox.pk}


def test_an_org_that_is_excluded_itself_does_not_free_its_sandbox(family: Family) -> None:
    family.exclude(family.acme)
    family.exclude(family.org, until=None)

    with pytest.raises(Refusal, match=family.sandbox.name):
        family.move(family.other)

    family.exclude(family.sandbox)
    family.move(family.other)
    assert family.barred() == {family.org.pk, family.sandbox.pk}


def test_a_shorter_exclusion_does_not_stand_in_for_a_longer_one(family: Family) -> None:
    family.exclude(family.acme)
    family.exclude(family.other, until=SOON)

    with pytest.raises(Refusal, match="or exclude the org itself for as long"):
        family.move(family.other)

    family.exclude(family.other, until=None)
    family.move(family.other)
    assert family.barred() == {family.org.pk, family.sandbox.pk}


def test_what_a_sandbox_took_over_undecided_does_not_stand_in_either(family: Family) -> None:
    family.exclude(family.acme)
    family.exclude(family.org)
    Org.objects.filter(pk=family.sandbox.pk).update(first_seen_at=NOW + timedelta(hours=1))
    exclusions.take_over(NOW)
    taken = Exclusion.objects.get(org=family.sandbox)

    with pytest.raises(Refusal, match=family.sandbox.name):
        family.move(family.other)

    exclusions.decide(taken, stays=True, by=family.world.people["pia"], now=NOW)
    family.move(family.other)
    assert family.barred() == {family.org.pk, family.sandbox.pk}


def test_when_two_people_have_ended_it_the_word_is_taken(family: Family) -> None:
    held = family.exclude(family.acme)
    exclusions.ask_end(held, reason="not theirs", by=family.world.people["pia"], now=NOW)
    exclusions.confirm_end(held, by=family.world.people["ann"], now=NOW)

    family.move(family.other)

    assert family.barred() == set()


@pytest.mark.parametrize(
    "rule",
    [QUARTERS, Once(datetime(2026, 12, 20), datetime(2026, 12, 27))],  # noqa: DTZ001 - wall time
    ids=["again and again", "to come"],
)
def test_an_org_is_not_moved_out_of_its_customers_freeze(family: Family, rule: Rule) -> None:
    family.freeze(rule, family.acme)

    with pytest.raises(Refusal, match=r"by “Quarter end”.* End that freeze first, in the calendar"):
        family.move(family.other)

    assert not family.org.customer_words.exists()


def test_a_freeze_that_is_over_or_of_both_customers_stops_no_word(family: Family) -> None:
    over = Once(datetime(2026, 11, 1), datetime(2026, 11, 8))  # noqa: DTZ001 - wall time
    family.freeze(over, family.acme)
    family.freeze(QUARTERS, family.acme, family.other)

    family.move(family.other)

    assert family.org.customer_words.get().account == family.other


def test_an_org_that_is_excluded_itself_without_an_end_may_leave_a_freeze(family: Family) -> None:
    family.freeze(QUARTERS, family.acme)
    family.exclude(family.org, until=LATER)
    family.exclude(family.sandbox, until=None)
    with pytest.raises(Refusal, match="exclude the org itself without an end"):
        family.move(family.other)

    family.exclude(family.org, until=None)
    family.move(family.other)

    assert family.org.customer_words.get().account == family.other
