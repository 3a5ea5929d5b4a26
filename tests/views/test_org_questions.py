"""The org's page asks few questions however much is known of the org, and answers as all others.

What it reads is read for one org at once; here it is held against what the rest of the product is
told of the same org, among many.
"""

from __future__ import annotations

from datetime import date, timedelta
from typing import Any

import pytest

from rollouts.domain.lifecycle import AttemptState
from rollouts.models import (
    Account,
    CustomerWord,
    Exclusion,
    FiscalYear,
    FreezeOverride,
    FreezeRow,
    Installation,
    Licence,
    Maintenance,
    Mark,
    Org,
    Since,
    VersionChange,
    WindowRule,
    ZoneWord,
)
from rollouts.pipeline import customers, exclusions, history, licences, lookup, marks
from rollouts.pipeline.report.one_org import one_org
from rollouts.pipeline.zones import whereabouts, whereabouts_of
from tests.views.conftest import Browser
from tests.views.world import World, key_of


@pytest.fixture
def family(world: World) -> list[Org]:
    """Eight orgs of which much is said; the second is the first one's sandbox.

    A customer by word and one by licence, marks and exclusions of orgs and of customers, zones,
    windows, freezes, a freeze set aside, maintenance, versions before, and a push that failed.
    """
    wave = world.dispatching(world.rollout())
    batch = world.batch(wave, 1, {AttemptState.FAILED: 1, AttemptState.CONFIRMED: 1})
    orgs = [attempt.org for attempt in batch.attempts.select_related("org").order_by("pk")]
    rest = [org for org in world.orgs if org.pk not in {one.pk for one in orgs}]
    family = [*orgs, *rest[:4], *[org for org in rest if not org.is_production][:2]]
    family[1].parent_key, family[1].is_production = family[0].key, False
    family[6].parent_key = key_of(77777)
    Org.objects.bulk_update(family, ["parent_key", "is_production"])
    _customers(world, family)
    _words(world, family)
    _calendar(world, family)
    _versions(world, family)
    return family


def _customers(world: World, family: list[Org]) -> None:
    accounts = [
        Account.objects.create(
            connection=world.package.connection, sf_id=key_of(number, "001"), name=name,
            country=country, zone=zone,
        )
        for number, (name, country, zone) in enumerate(
            (("ACME", "Japan", ""), ("Blue Ridge", "", "Europe/Oslo"), ("Reseller", "", "")), 1
        )
    ]  # fmt: skip
    licensed = [(0, 2), (1, 1), (2, 1), (3, None), (4, 0), (4, 2)]
    keys = [(family[org].key, whose) for org, whose in licensed] + [(key_of(77777), 1)]
    for number, (key, whose) in enumerate(keys):
        Licence.objects.create(
            connection=world.package.connection, sf_id=key_of(number, "a0A"), org_key=key,
            package_sf_id=world.package.sf_id if number % 2 else key_of(9, "033"),
            account=None if whose is None else accounts[whose], status="Active", seats=40,
            expires=date(2027, 1, 31), installed_on=date(2026, 1, 31), read_at=world.now,
            modified=world.now - timedelta(days=number),
            gone_at=world.now if number == 4 else None,
        )  # fmt: skip
    for org, account in ((0, accounts[1]), (0, accounts[0]), (2, accounts[0]), (2, None)):
        CustomerWord.objects.create(
            org=family[org], account=account, reason="it says so", by=world.people["pia"],
            at=world.now,
        )  # fmt: skip


def _words(world: World, family: list[Org]) -> None:
    pia, acme = world.people["pia"], Account.objects.get(name="ACME")
    blue = Account.objects.get(name="Blue Ridge")
    for whom, kind, value, ended in (
        ({"account": acme}, "ring", "canary", None), ({"org": family[0]}, "ring", "late", None),
        ({"org": family[0]}, "tag", "pilot", world.now), ({"account": blue}, "tag", "gold", None),
        ({"org": family[5]}, "never_first", "", None),
    ):  # fmt: skip
        Mark.objects.create(
            **whom, kind=kind, value=value, by=pia, since=world.now, ended_at=ended,
            ended_by=pia if ended else None,
        )  # fmt: skip
    for whom, reason, days in (
        ({"org": family[2]}, "close of books", 9), ({"org": family[2]}, "audit", 30),
        ({"org": family[2]}, "audit again", 30), ({"account": blue}, "merger", None),
        ({"account": blue}, "tender", 5), ({"org": family[5]}, "until told", None),
        ({"org": family[5]}, "a week", 7), ({"org": family[4]}, "over", -1),
    ):  # fmt: skip
        Exclusion.objects.create(
            **whom, reason=reason, by=pia, since=world.now - timedelta(days=2),
            until=None if days is None else world.now + timedelta(days=days),
        )  # fmt: skip
    ZoneWord.objects.create(org=family[0], zone="Europe/Rome", by=pia, since=world.now)
    ZoneWord.objects.create(account=acme, zone="Europe/Paris", by=pia, since=world.now)
    ZoneWord.objects.create(org=family[5], zone="Asia/Tokyo", by=pia, since=world.now)


def _calendar(world: World, family: list[Org]) -> None:
    pia, acme = world.people["pia"], Account.objects.get(name="ACME")
    for scope, whose, hours in (
        ("org", {"org": family[0]}, "Mon 20:00-Tue 04:00"),
        ("customer", {"account": acme}, "Wed 20:00-Thu 04:00"),
        ("region", {"region": "DEU"}, "Thu 20:00-Fri 04:00"),
        ("default", {}, "Sat 20:00-Sun 04:00"),
    ):
        WindowRule.objects.create(scope=scope, hours=hours, by=pia, since=world.now, **whose)
    FiscalYear.objects.create(account=acme, month=4, by=pia, since=world.now)
    for name, scope, among in (
        ("Inventory", "customer", [acme.sf_id]), ("Move", "org", [family[0].key]),
        ("Moratorium", "all", []),
    ):  # fmt: skip
        FreezeRow.objects.create(
            name=name, scope=scope, among=among, zone="UTC", since=world.now,
            rule={"kind": "once", "start": "2026-11-25T12:00", "end": "2026-11-27T12:00"},
        )  # fmt: skip
    FreezeOverride.objects.create(
        freeze=FreezeRow.objects.get(name="Moratorium"), reason="a hot fix",
        asked_by=pia, asked_at=world.now,
        confirmed_by=world.people["ari"], confirmed_at=world.now,
        until=world.now + timedelta(days=5),
    )  # fmt: skip
    Maintenance.objects.create(
        instance=family[0].instance, name="Site switch", source="csv", source_key="1",
        starts_at=world.now + timedelta(days=3), ends_at=world.now + timedelta(days=3, hours=4),
        read_at=world.now,
    )  # fmt: skip


def _versions(world: World, family: list[Org]) -> None:
    for org in family[:2]:
        row = Installation.objects.get(org=org)
        history.write(
            [
                VersionChange(
                    installation=row, from_version=world.versions["4.1.0"],
                    to_version=world.versions["4.2.0"], before=world.now, proof=Since.PUSH,
                    attempt=org.attempts.get(),
                )
            ]
        )  # fmt: skip
    Installation.objects.filter(org=family[3]).update(gone_at=world.now)


def test_an_org_of_which_much_is_said_costs_four_questions_more_than_any_other(
    family: list[Org], sign_in: Browser, django_assert_max_num_queries: Any
) -> None:
    sue = sign_in("sue")
    pages = [f"/orgs/{org.key}/" for org in family]
    sue.get(pages[0])
    # Beside the 25 of a plain org: the errors, a freeze set aside, a fiscal year, a package's name.
    for page in pages:
        with django_assert_max_num_queries(29):
            sue.get(page)


def test_the_page_tells_of_one_org_what_all_others_are_told_of_it_among_many(
    world: World, family: list[Org]
) -> None:
    everybody = [org.pk for org in Org.objects.all()]
    owners = customers.owners(everybody)
    barred = exclusions.barred(everybody, world.now)
    places = whereabouts(everybody, world.now)
    said = marks.said_of({pk: owners[pk].account if pk in owners else None for pk in everybody})
    answers = lookup.answers(family, world.now)

    for org in Org.objects.filter(pk__in=[one.pk for one in family]):
        told = one_org(org, world.now)
        owner = owners.get(org.pk)
        assert (told.account.pk if told.account else None) == (owner.account if owner else None)
        assert told.account_by == (customers.BY_WORDS[owner.by] if owner else "")
        assert exclusions.speaking(told.exclusions) == barred.get(org.pk)
        assert whereabouts_of(org, told.account) == places[org.pk]
        assert told.said == said.get(org.pk, marks.NOTHING)
        assert told.answers == answers[org.pk] == lookup.org_answer(org, world.now)
        assert told.licences == licences.of_org(org)
        assert told.changes
        assert told.seen_at == history.last_seen(org, history.of_org(org))

    # The stories differ, so that there was something to tell apart.
    assert {one.by for pk, one in owners.items()} == set(customers.By)
    assert len({one.reason for one in barred.values()}) == 3
    assert len({place.time for place in places.values()}) > 3


def test_another_orgs_unreadable_window_is_told_as_nothing_starts_then(
    world: World, family: list[Org], sign_in: Browser
) -> None:
    WindowRule.objects.filter(org=family[0]).update(hours="at night")

    page = sign_in("sue").get(f"/orgs/{family[7].key}/").content.decode()

    assert "so nothing is pushed to it" in page
