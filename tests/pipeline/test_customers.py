"""Whose is an org: a person's word, else a sandbox's parent, else the licence."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from rollouts.models import Account, Connection, Event, Licence, Org
from rollouts.pipeline import customer_words, customers
from rollouts.pipeline.customers import By
from rollouts.pipeline.transitions import Forbidden, Refusal
from tests.views import world as worlds
from tests.views.world import World

NOW = datetime(2026, 11, 21, 3, 14, 7, tzinfo=UTC)


@pytest.fixture
def world(db: None, monkeypatch: pytest.MonkeyPatch) -> World:
    """A few orgs of a few customers."""
    monkeypatch.setattr("rollouts.pipeline.clock.wall", lambda: NOW)
    return worlds.make(12)


@pytest.fixture
def link(world: World) -> Connection:
    return Connection.objects.create(
        name="License org", role="lmo", login_url="http://127.0.0.1:8998", simulated=True
    )


def account(link: Connection, name: str) -> Account:
    number = Account.objects.count()
    return Account.objects.create(
        connection=link, sf_id=worlds.key_of(number + 1, "001"), name=name
    )


def licence(
    link: Connection, org: Org, whose: Account | None, *, gone: bool = False, day: int = 1
) -> Licence:
    return Licence.objects.create(
        connection=link, sf_id=f"a0A{Licence.objects.count():015d}", org_key=org.key,
        account=whose, modified=NOW.replace(day=day), read_at=NOW, gone_at=NOW if gone else None,
    )  # fmt: skip


def whose(org: Org) -> str:
    found = customers.customers_of([org.pk]).get(org.pk)
    return found.name if found else "nobody knows"


def production(world: World) -> Org:
    return next(org for org in world.orgs if org.is_production and not org.is_own)


def sandbox_of(parent: Org, world: World) -> Org:
    org = next(org for org in world.orgs if not org.is_production and org.pk != parent.pk)
    org.parent_key = parent.key
    org.save()
    return org


def test_the_licence_tells_whose_an_org_is(world: World, link: Connection) -> None:
    org = production(world)
    licence(link, org, account(link, "ACME"))

    assert whose(org) == "ACME"


def test_an_org_without_licence_or_account_has_no_customer(world: World, link: Connection) -> None:
    org = production(world)
    licence(link, org, None)

    assert whose(org) == "nobody knows"


def test_of_several_licences_the_newest_that_is_still_listed_speaks(
    world: World, link: Connection
) -> None:
    org = production(world)
    licence(link, org, account(link, "Old name"), day=2)
    licence(link, org, account(link, "New name"), day=9)
    licence(link, org, account(link, "Gone since"), day=20, gone=True)

    assert whose(org) == "New name"


def test_a_sandbox_is_its_parents_customers_whatever_its_own_licence_says(
    world: World, link: Connection
) -> None:
    parent = production(world)
    sandbox = sandbox_of(parent, world)
    licence(link, parent, account(link, "ACME"))
    licence(link, sandbox, account(link, "ACME test lead"))

    assert whose(sandbox) == "ACME"
    assert customers.owners([sandbox.pk])[sandbox.pk].by is By.PARENT


def test_a_sandbox_whose_parent_has_no_package_of_ours_goes_by_the_parents_licence(
    world: World, link: Connection
) -> None:
    sandbox = sandbox_of(production(world), world)
    absent = Org(key=worlds.key_of(77777))
    Org.objects.filter(pk=sandbox.pk).update(parent_key=absent.key)
    licence(link, absent, account(link, "Only by licence"))

    assert whose(sandbox) == "Only by licence"


def test_a_persons_word_wins_also_for_the_orgs_sandboxes(world: World, link: Connection) -> None:
    parent = production(world)
    sandbox = sandbox_of(parent, world)
    licence(link, parent, account(link, "Reseller"))
    real = account(link, "The customer itself")

    customer_words.set_customer(
        parent, real, by=world.people["pia"], reason="the contract says so", now=NOW
    )

    assert (whose(parent), whose(sandbox)) == (real.name, real.name)
    assert customers.orgs_of(real) == sorted([parent.pk, sandbox.pk])


def test_a_word_can_be_taken_back_and_both_stay_in_the_history(
    world: World, link: Connection
) -> None:
    org = production(world)
    licence(link, org, account(link, "ACME"))
    other = account(link, "Blue Ridge")
    pia = world.people["pia"]
    customer_words.set_customer(org, other, by=pia, reason="asked by phone", now=NOW)

    customer_words.set_customer(org, None, by=pia, reason="it was a mistake", now=NOW)

    assert whose(org) == "ACME"
    told = Event.objects.filter(action="set_customer").order_by("sequence")
    assert [(one.before, one.after) for one in told] == [
        ("ACME", "Blue Ridge"),
        ("Blue Ridge", "ACME"),
    ]


def test_a_word_needs_a_planner_and_a_reason(world: World, link: Connection) -> None:
    org, acme = production(world), account(link, "ACME")

    with pytest.raises(Forbidden):
        customer_words.set_customer(org, acme, by=world.people["sue"], reason="x", now=NOW)
    with pytest.raises(Refusal, match="Say how you know"):
        customer_words.set_customer(org, acme, by=world.people["pia"], reason=" ", now=NOW)
    with pytest.raises(Refusal, match="the licence tells already"):
        customer_words.set_customer(org, None, by=world.people["pia"], reason="x", now=NOW)

    assert not org.customer_words.exists()


def test_many_orgs_take_few_queries(
    world: World, link: Connection, django_assert_max_num_queries: type
) -> None:
    for org in world.orgs:
        licence(link, org, account(link, f"Customer of {org.name}"))

    with django_assert_max_num_queries(5):
        found = customers.customers_of([org.pk for org in world.orgs])

    assert len(found) == len(world.orgs)


def test_above_some_size_whole_tables_are_read_with_the_same_answer(
    world: World, link: Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    parent = production(world)
    sandbox_of(parent, world)
    for org in world.orgs[:7]:
        licence(link, org, account(link, f"Customer of {org.name}"))
    orgs = [org.pk for org in world.orgs]
    in_parts = customers.owners(orgs)

    monkeypatch.setattr(customers, "_WHOLE", 0)

    assert customers.owners(orgs) == in_parts
