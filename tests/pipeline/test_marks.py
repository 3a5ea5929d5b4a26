"""Tags, rings and wishes: of one org, of a whole customer, or of a list; nothing is forgotten."""

from __future__ import annotations

from datetime import UTC, date, datetime

import pytest

from rollouts.models import Account, Event, Installation, Mark, MarkKind, Org
from rollouts.pipeline import marks, org_facts
from rollouts.pipeline.marks import Said
from rollouts.pipeline.transitions import Forbidden, Refusal
from tests.support.people_words import Customers
from tests.views import world as worlds
from tests.views.world import World

NOW = datetime(2026, 11, 21, 3, 14, 7, tzinfo=UTC)


@pytest.fixture
def world(db: None, monkeypatch: pytest.MonkeyPatch) -> World:
    monkeypatch.setattr("rollouts.pipeline.clock.wall", lambda: NOW)
    return worlds.make(14)


@pytest.fixture
def customers(world: World) -> Customers:
    return Customers(world)


@pytest.fixture
def acme(customers: Customers) -> Account:
    return customers.account("ACME")


def put(world: World, whom: list[Org] | Account, kind: MarkKind, value: str = "") -> int:
    return marks.put_on(whom, kind, value, by=world.people["pia"], now=NOW)


def test_an_org_of_which_nobody_spoke_has_no_marks(world: World, customers: Customers) -> None:
    assert marks.of_org(customers.production()) == Said()


def test_tags_and_wishes_of_org_and_customer_add_up(
    world: World, customers: Customers, acme: Account
) -> None:
    org = customers.production()
    customers.licence(org, acme)
    put(world, [org], MarkKind.TAG, "Close  of Books")
    put(world, [org], MarkKind.VOLUNTEER)
    put(world, acme, MarkKind.TAG, "bank")
    put(world, acme, MarkKind.NEVER_FIRST)

    said = marks.of_org(org)

    assert said == Said(frozenset({"close of books", "bank"}), "", volunteer=True, never_first=True)


def test_an_orgs_own_ring_speaks_before_its_customers(
    world: World, customers: Customers, acme: Account
) -> None:
    first, second = customers.production(0), customers.production(1)
    for org in (first, second):
        customers.licence(org, acme)
    put(world, acme, MarkKind.RING, "late")
    put(world, [first], MarkKind.RING, "early")

    assert (marks.of_org(first).ring, marks.of_org(second).ring) == ("early", "late")


def test_a_new_ring_takes_the_place_of_the_old_one_which_stays_in_the_history(
    world: World, customers: Customers
) -> None:
    org = customers.production()
    put(world, [org], MarkKind.RING, "early")
    put(world, [org], MarkKind.RING, "late")

    assert marks.of_org(org).ring == "late"
    old = Mark.objects.get(value="early")
    assert (old.ended_at, old.ended_by) == (NOW, world.people["pia"])
    told = Event.objects.filter(action="mark").order_by("sequence")
    assert [one.after for one in told] == ["ring early", "ring late"]


def test_what_is_taken_off_says_nothing_more(world: World, customers: Customers) -> None:
    org = customers.production()
    put(world, [org], MarkKind.TAG, "bank")

    taken = marks.take_off([org], MarkKind.TAG, "bank", by=world.people["pia"], now=NOW)

    assert (taken, marks.of_org(org)) == (1, Said())
    assert Event.objects.filter(action="unmark").exists()


def test_in_bulk_only_what_is_new_is_counted_and_told(world: World, customers: Customers) -> None:
    three = [customers.production(place) for place in range(3)]
    put(world, three[:1], MarkKind.TAG, "bank")

    assert put(world, three, MarkKind.TAG, "bank") == 2
    assert put(world, three, MarkKind.TAG, "bank") == 0
    assert Event.objects.filter(action="mark").count() == 2
    assert marks.tags_in_use() == ["bank"]


@pytest.mark.parametrize("tag", ["", "  ", "x" * 40, "<b>", "=1+1", "@home", "ümlaut"])
def test_a_tag_that_would_not_survive_is_refused(
    world: World, customers: Customers, tag: str
) -> None:
    with pytest.raises(Refusal, match="A tag has"):
        put(world, [customers.production()], MarkKind.TAG, tag)


def test_an_unknown_ring_and_somebody_who_does_not_plan_are_refused(
    world: World, customers: Customers
) -> None:
    with pytest.raises(Refusal, match="The rings are own, early, usual, late"):
        put(world, [customers.production()], MarkKind.RING, "first")
    with pytest.raises(Forbidden):
        marks.put_on([customers.production()], MarkKind.VOLUNTEER, by=world.people["sue"], now=NOW)


def test_all_facts_of_many_orgs_take_few_queries(
    world: World, customers: Customers, acme: Account, django_assert_max_num_queries: type
) -> None:
    for org in world.orgs:
        customers.licence(org, acme, seats=7, ends=date(2027, 1, 1))
    put(world, acme, MarkKind.TAG, "bank")

    with django_assert_max_num_queries(12):
        known = org_facts.of_package(world.package)

    one = known[-1].facts
    assert len(known) == len(world.orgs)
    assert (one.customer, one.tags, one.seats) == (acme.sf_id, frozenset({"bank"}), 7)
    assert (one.licence, one.ends) == ("Active", date(2027, 1, 1))


def test_what_is_told_of_some_orgs_is_what_is_told_of_all(
    world: World, customers: Customers, acme: Account, monkeypatch: pytest.MonkeyPatch
) -> None:
    for org in world.orgs[:6]:
        customers.licence(org, acme, seats=7, ends=date(2027, 1, 1))
    gone, *some = [org.key for org in world.orgs[:5]]
    Installation.objects.filter(org__key=gone).update(gone_at=NOW)
    put(world, acme, MarkKind.TAG, "bank")
    monkeypatch.setattr(org_facts, "_AT_ONCE", 2)
    all_of_them = org_facts.of_package(world.package, also_gone=[gone])

    told = org_facts.of_package(world.package, also_gone=[gone], among=[*some, gone])

    assert told == [row for row in all_of_them if row.facts.org in {gone, *some}]
    assert len(told) == 5
    assert org_facts.of_package(world.package, among=[gone]) == []
