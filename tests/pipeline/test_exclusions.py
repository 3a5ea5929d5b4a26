"""Who must not be pushed: said by one, ended early by two, taken over by new sandboxes."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from rollouts.models import Event, Exclusion, Org
from rollouts.pipeline import exclusions
from rollouts.pipeline.audiences import AudienceChoice, candidates
from rollouts.pipeline.transitions import Forbidden, Overtaken, Refusal
from tests.support.people_words import Customers
from tests.views import world as worlds
from tests.views.world import World

NOW = datetime(2026, 11, 21, 3, 14, 7, tzinfo=UTC)
LATER = NOW + timedelta(days=14)


@pytest.fixture
def world(db: None, monkeypatch: pytest.MonkeyPatch) -> World:
    monkeypatch.setattr("rollouts.pipeline.clock.wall", lambda: NOW)
    return worlds.make(14)


@pytest.fixture
def customers(world: World) -> Customers:
    return Customers(world)


def barred(org: Org, now: datetime = NOW) -> str:
    found = exclusions.barred([org.pk], now).get(org.pk)
    return found.reason if found else ""


def excluded(world: World, whom: object, reason: str = "close of books") -> Exclusion:
    return exclusions.exclude(
        whom,  # type: ignore[arg-type]
        reason=reason, until=LATER, by=world.people["pia"], now=NOW,
    )  # fmt: skip


def test_an_excluded_org_is_held_until_the_day_that_was_said(
    world: World, customers: Customers
) -> None:
    org = customers.production()
    excluded(world, org)

    assert barred(org) == "close of books"
    assert barred(org, LATER - timedelta(seconds=1)) == "close of books"
    assert barred(org, LATER) == ""


def test_a_customers_exclusion_holds_all_its_orgs_also_those_that_come_later(
    world: World, customers: Customers
) -> None:
    acme = customers.account("ACME")
    first, second = customers.production(0), customers.production(1)
    customers.licence(first, acme)
    excluded(world, acme)
    assert (barred(first), barred(second)) == ("close of books", "")

    customers.licence(second, acme)

    assert barred(second) == "close of books"


def test_the_planner_leaves_out_what_a_customer_has_promised_for_all(
    world: World, customers: Customers
) -> None:
    acme, org = customers.account("ACME"), customers.production()
    customers.licence(org, acme)
    excluded(world, acme)

    people = candidates(world.versions["4.3.0"], AudienceChoice(), NOW)

    assert [one.org for one in people if one.excluded] == [org.key]


def test_it_needs_a_reason_an_end_to_come_and_somebody_who_may_stop(
    world: World, customers: Customers
) -> None:
    org, pia = customers.production(), world.people["pia"]

    with pytest.raises(Refusal, match="Say why"):
        exclusions.exclude(org, reason=" ", until=None, by=pia, now=NOW)
    with pytest.raises(Refusal, match="has passed already"):
        exclusions.exclude(org, reason="x", until=NOW, by=pia, now=NOW)
    with pytest.raises(Forbidden):
        exclusions.exclude(org, reason="x", until=None, by=world.people["vic"], now=NOW)

    assert not Exclusion.objects.exists()


def test_to_end_it_early_one_asks_and_another_approver_confirms(
    world: World, customers: Customers
) -> None:
    org = customers.production()
    held = excluded(world, org)
    exclusions.ask_end(held, reason="they called", by=world.people["ari"], now=NOW)

    with pytest.raises(Refusal, match="another approver confirms"):
        exclusions.confirm_end(held, by=world.people["ari"], now=NOW)
    with pytest.raises(Forbidden):
        exclusions.confirm_end(held, by=world.people["pia"], now=NOW)
    assert barred(org) == "close of books"

    exclusions.confirm_end(held, by=world.people["ann"], now=NOW)

    assert barred(org) == ""
    told = Event.objects.get(action="end_exclusion")
    assert told.person == world.people["ann"]
    assert told.detail["asked_by"] == "Ari Approver"


def test_nobody_can_end_what_nobody_asked_to_end(world: World, customers: Customers) -> None:
    held = excluded(world, customers.production())

    with pytest.raises(Overtaken, match="Nobody asks"):
        exclusions.confirm_end(held, by=world.people["ann"], now=NOW)


def test_what_was_asked_can_be_declined_and_asked_anew(world: World, customers: Customers) -> None:
    held = excluded(world, customers.production())
    exclusions.ask_end(held, reason="they called", by=world.people["pia"], now=NOW)
    with pytest.raises(Overtaken, match="asked already"):
        exclusions.ask_end(held, reason="me too", by=world.people["ari"], now=NOW)

    exclusions.keep(held, by=world.people["ann"], now=NOW)
    exclusions.ask_end(held, reason="they called again", by=world.people["ari"], now=NOW)

    held.refresh_from_db()
    assert held.end_reason == "they called again"


def test_a_list_is_excluded_as_a_whole_or_not_at_all(world: World, customers: Customers) -> None:
    keys = [customers.production(0).key, customers.production(1).key]
    pia = world.people["pia"]

    with pytest.raises(Refusal, match="Nothing was changed"):
        exclusions.exclude_many(
            [*keys, worlds.key_of(99_999)], reason="x", until=None, by=pia, now=NOW
        )
    assert not Exclusion.objects.exists()

    done = exclusions.exclude_many(keys, reason="audit", until=LATER, by=pia, now=NOW)
    again = exclusions.exclude_many(keys, reason="audit", until=LATER, by=pia, now=NOW)

    assert (done, again) == (2, 0)
    assert sorted(Event.objects.get(action="exclude").detail["orgs"]) == sorted(keys)


class TestNewSandboxes:
    """A sandbox that appears while its parent is excluded is excluded too, until a person says."""

    @pytest.fixture
    def parent(self, customers: Customers) -> Org:
        return customers.production()

    def appears(self, customers: Customers, parent: Org, when: datetime) -> Org:
        sandbox = customers.sandbox_of(parent)
        Org.objects.filter(pk=sandbox.pk).update(first_seen_at=when)
        exclusions.take_over(when)
        return sandbox

    def test_it_takes_its_parents_exclusion_over_once(
        self, world: World, customers: Customers, parent: Org
    ) -> None:
        held = excluded(world, parent)
        sandbox = self.appears(customers, parent, NOW + timedelta(hours=1))

        assert exclusions.take_over(NOW + timedelta(hours=2)) == 0
        taken = Exclusion.objects.get(org=sandbox)
        assert (taken.taken_from, taken.until, taken.waits_for_decision) == (held, LATER, True)
        assert barred(sandbox, NOW + timedelta(hours=2)) == "close of books"

    def test_one_that_was_there_before_is_left_as_it_is(
        self, world: World, customers: Customers, parent: Org
    ) -> None:
        excluded(world, parent)
        sandbox = self.appears(customers, parent, NOW - timedelta(days=30))

        exclusions.take_over(NOW)

        assert barred(sandbox) == ""

    @pytest.mark.parametrize("stays", [True, False])
    def test_a_planner_decides_and_that_holds(
        self, world: World, customers: Customers, parent: Org, stays: bool
    ) -> None:
        excluded(world, parent)
        sandbox = self.appears(customers, parent, NOW + timedelta(hours=1))
        now = NOW + timedelta(hours=3)
        taken = Exclusion.objects.get(org=sandbox)

        exclusions.decide(taken, stays=stays, by=world.people["pia"], now=now)
        exclusions.take_over(now + timedelta(hours=1))

        assert bool(barred(sandbox, now + timedelta(hours=1))) is stays
        with pytest.raises(Overtaken):
            exclusions.decide(taken, stays=True, by=world.people["pia"], now=now)

    def test_undecided_it_ends_with_its_parents(
        self, world: World, customers: Customers, parent: Org
    ) -> None:
        held = excluded(world, parent)
        sandbox = self.appears(customers, parent, NOW + timedelta(hours=1))
        now = NOW + timedelta(hours=2)
        exclusions.ask_end(held, reason="done", by=world.people["pia"], now=now)

        exclusions.confirm_end(held, by=world.people["ari"], now=now)

        assert barred(sandbox, now) == ""
