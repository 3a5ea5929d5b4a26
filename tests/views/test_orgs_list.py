"""The list of orgs: what is asked for is what is shown, counted and downloaded."""

from __future__ import annotations

import csv
import html
import io
import re
from datetime import date, timedelta
from typing import Any
from urllib.parse import parse_qsl

import pytest
from asgiref.sync import async_to_sync
from django.db import connection
from django.test import AsyncClient, Client
from django.test.utils import CaptureQueriesContext

from rollouts.domain.audience import Ring
from rollouts.domain.lifecycle import AttemptState
from rollouts.models import (
    Account,
    Connection,
    CustomerWord,
    Event,
    Installation,
    Licence,
    MarkKind,
    Org,
    SavedView,
    Target,
)
from rollouts.pipeline import customers, exclusions, lookup, marks
from rollouts.pipeline.ownership import owner
from rollouts.pipeline.report import orgs_wanted
from rollouts.pipeline.report.orgs_wanted import Wanted
from tests.views.conftest import Browser
from tests.views.world import HOSTILE, World, key_of


def account(name: str, number: int) -> Account:
    link = Connection.objects.get()
    return Account.objects.create(
        connection=link, sf_id=key_of(number, "001"), name=name, country="Germany"
    )


def licence(world: World, org: Org, whose: Account | None, **other: Any) -> Licence:
    given: dict[str, Any] = {"status": "Active", "seats": 40, "expires": date(2027, 1, 31)}
    return Licence.objects.create(
        connection=Connection.objects.get(), sf_id=key_of(Licence.objects.count() + 1, "a02"),
        org_key=org.key, package_sf_id=world.package.sf_id, account=whose,
        modified=world.now, read_at=world.now, **{**given, **other},
    )  # fmt: skip


@pytest.fixture
def peopled(world: World) -> World:
    """Orgs 11 to 20 are Acme's by licence, 21 a sandbox of 11; people have said things of some."""
    acme, kumo = account("Acme Widgets", 1), account("Kumo KK", 2)
    for org in world.orgs[10:20]:
        licence(world, org, acme)
    licence(world, world.orgs[10], kumo, gone_at=world.now)
    licence(world, world.orgs[20], kumo, status="Trial")
    Org.objects.filter(pk=world.orgs[20].pk).update(parent_key=world.orgs[10].key)
    pia = world.people["pia"]
    CustomerWord.objects.create(
        org=world.orgs[11], account=kumo, reason="sold", by=pia, at=world.now
    )
    marks.put_on(acme, MarkKind.TAG, "friendly", by=pia, now=world.now)
    marks.put_on([world.orgs[30]], MarkKind.TAG, "friendly", by=pia, now=world.now)
    marks.put_on(acme, MarkKind.RING, Ring.EARLY, by=pia, now=world.now)
    marks.put_on([world.orgs[12]], MarkKind.RING, Ring.LATE, by=pia, now=world.now)
    exclusions.exclude(kumo, reason="migrating", until=None, by=pia, now=world.now)
    exclusions.exclude(world.orgs[31], reason="closing", until=None, by=pia, now=world.now)
    Installation.objects.filter(org=world.orgs[40]).update(gone_at=world.now - timedelta(days=3))
    return world


def shown(answer: Any) -> list[str]:
    """The ids of the orgs in the table, in its order."""
    return re.findall(r'class="table__sub id">(\w+)<', answer.content.decode())


def numbers(found: list[str]) -> list[int]:
    return sorted(int(key[5:15]) for key in found)


FILTERS = {
    "type=sandbox&region=deu": [12, 24, 36, 48, 60],
    "type=production&q=orion": [10, 16, 22, 28, 34, 40, 46, 52, 58, 4],
    "version=4.2.1&instance=ap12": [9, 21, 33, 45, 57],
    "version=older-than-4.2.0": [],
    "version=before-4.2.0&ring=own": [2, 5],
    "status=Inactive": [59],
    "why=blocked": [58],
    "why=inactive": [59],
    "why=excluded": [12, 32],
    "customer=acme": [11, 13, 14, 15, 16, 17, 18, 19, 20, 21],
    "customer=kumo": [12],
    "q=acme": [11, 13, 14, 15, 16, 17, 18, 19, 20, 21],
    "tag=friendly&type=production": [11, 13, 14, 16, 17, 19, 20, 31],
    "ring=early": [11, 14, 15, 16, 17, 18, 19, 20, 21],
    "ring=late": [13],
    "ring=own": [1, 2, 3, 4, 5, 6],
    "licence=Trial": [21],
    "installed=no": [41],
    "package=nowhere": [],
    "why=because": [],
}


@pytest.fixture
def sue(sign_in: Browser) -> Client:
    return sign_in("sue")


def test_each_filter_lists_its_orgs_and_no_other(peopled: World, sue: Client) -> None:
    there, known = orgs_wanted.catalog(), orgs_wanted.known_words()
    for query, expected in FILTERS.items():
        wanted = Wanted.read(dict(parse_qsl(query)))
        rows = orgs_wanted.narrowed(wanted, there, known, peopled.now)
        assert numbers(list(rows.values_list("org__key", flat=True))) == sorted(expected), query

    page = sue.get("/orgs/?tag=friendly&type=production")
    assert numbers(shown(page)) == FILTERS["tag=friendly&type=production"]
    assert "8 orgs match" in page.content.decode()


def test_the_database_says_of_each_org_the_customer_that_is_told_elsewhere(
    peopled: World,
) -> None:
    rows = Installation.objects.annotate(whose=owner("org__"))
    by_database = dict(rows.values_list("org", "whose"))

    assert {pk: whose for pk, whose in by_database.items() if whose} == {
        pk: one.account for pk, one in customers.owners(by_database).items()
    }


def test_who_waits_is_told_from_who_failed_and_who_is_planned(world: World, sue: Client) -> None:
    rollout = world.rollout()
    wave = world.dispatching(rollout)
    world.batch(wave, 1, {AttemptState.FAILED: 2, AttemptState.CONFIRMED: 1})
    failed = [target.org.key for target in wave.targets.filter(state="failed")]
    left = [target.org.key for target in rollout.targets.filter(state="planned")]

    assert sorted(shown(sue.get("/orgs/?why=failed"))) == sorted(failed)
    assert sorted(shown(sue.get("/orgs/?why=in-rollout&size=200"))) == sorted(left)
    everybody = rollout.targets.values_list("org__key", flat=True)
    of_it = sue.get(f"/orgs/?rollout={rollout.slug}&size=200")
    assert sorted(shown(of_it)) == sorted(everybody)
    # Blocked and inactive orgs can't be planned, so nobody has forgotten them.
    assert shown(sue.get("/orgs/?why=unplanned")) == []


def test_each_row_says_what_the_look_up_says(peopled: World, sue: Client) -> None:
    peopled.rollout()
    page = html.unescape(sue.get("/orgs/?size=200").content.decode())

    for number in (12, 13, 32, 58, 59):
        org = peopled.orgs[number - 1]
        (answer,) = lookup.org_answer(org, peopled.now)
        row = page[page.index(f">{org.key}<") :].split("</tr>")[0]
        assert answer.why_not in row
        assert answer.version.label in row
    assert page.count("/waves/") == Target.objects.count()


def test_columns_sort_both_ways_and_say_so(peopled: World, sue: Client) -> None:
    page = sue.get("/orgs/?sort=-version&type=sandbox").content.decode()
    assert re.search(
        r'aria-sort="descending"><a href="/orgs/\?sort=version&amp;type=sandbox">', page
    )
    assert page.count("aria-sort") == 1
    for sort, column, keys in (
        ("instance", "org__instance", lambda value: value),
        ("name", "org__folded", lambda value: value),
        ("type", "org__is_production", lambda value: not value),
    ):
        rows = Installation.objects.all()
        up = orgs_wanted.ordered(rows, sort).values_list(column, flat=True)
        down = orgs_wanted.ordered(rows, f"-{sort}").values_list(column, flat=True)
        assert [keys(one) for one in up] == sorted(keys(one) for one in up)
        assert [keys(one) for one in down] == sorted((keys(one) for one in up), reverse=True)
    owned = shown(sue.get("/orgs/?sort=-customer"))
    assert numbers(owned[:1]) == [12]  # Kumo's comes before Acme's, and theirs before nobody's


def test_a_page_costs_the_same_for_many_orgs_as_for_few(peopled: World, sue: Client) -> None:
    peopled.rollout()
    sue.get("/orgs/")
    asked = {}
    for query in ("q=orion", "size=200"):
        with CaptureQueriesContext(connection) as captured:
            sue.get(f"/orgs/?{query}")
        asked[query] = len(captured)
    with CaptureQueriesContext(connection) as bare:
        sue.get("/views/")

    assert asked["q=orion"] == asked["size=200"]
    # The list of views asks one question beside what every page asks.
    assert asked["size=200"] - (len(bare) - 1) <= 12


def table_of(page: str) -> list[tuple[str, str]]:
    """Each row's id and version, as shown."""
    body = page.split("<tbody>")[1].split("</tbody>", maxsplit=1)[0]
    rows = body.split("</tr>")[:-1]
    return [
        (
            re.findall(r'class="table__sub id">(\w+)<', row)[0],
            re.findall(r'data-label="Version">(?:<span class="muted">was )?([\w. ]+?)<', row)[0],
        )
        for row in rows
    ]


def test_51_the_csv_is_the_filtered_table_row_for_row_in_utc_and_local_time(
    peopled: World, sue: Client
) -> None:
    address = "/orgs/?type=production&installed=all&sort=-version"
    page = sue.get(f"{address}&size=200").content.decode()
    assert f'href="{html.escape(address)}&amp;as=csv"' in page

    answer: Any = sue.get(f"{address}&as=csv")
    assert answer.streaming
    assert answer["Content-Disposition"].endswith('"orgs-2026-11-21T0314Z.csv"')
    lines = list(csv.DictReader(io.StringIO(answer.getvalue().decode("utf-8-sig"))))

    assert [(line["Org ID"], line["Version"]) for line in lines] == table_of(page)
    acme = next(line for line in lines if line["Org ID"] == key_of(11))
    assert acme["Customer"] == "Acme Widgets"
    assert acme["Tags"] == "friendly"
    assert acme["Time zone"] == "Europe/Berlin"
    assert acme["Read at (UTC)"] == "2026-11-21T03:14:07+00:00"
    assert acme["Read at (local)"] == "2026-11-21T04:14:07+01:00"
    names = {line["Org"] for line in lines}
    assert any(name.startswith("<script>") for name in names)  # as it is: no page shows it


def test_a_served_table_is_sent_piece_by_piece(peopled: World) -> None:
    async def read() -> tuple[bool, bytes]:
        client = AsyncClient()
        await client.aforce_login(peopled.people["sue"])
        answer: Any = await client.get("/orgs/?as=csv")
        return answer.is_async, b"".join([part async for part in answer])

    is_async, sent = async_to_sync(read)()
    assert is_async
    assert sent.count(b"\r\n") == 60


def test_hostile_names_stay_text_and_formulas_stay_words(world: World, sue: Client) -> None:
    Org.objects.filter(pk=world.orgs[1].pk).update(name="=1+1", folded="=1+1")
    page = sue.get("/orgs/", {"q": HOSTILE[:20]})
    assert "<script>alert" not in page.content.decode()
    assert len(shown(page)) == 10
    assert "'=1+1" in sue.get("/orgs/?q=%3D1&as=csv").getvalue().decode()


def test_an_empty_list_says_what_to_do_and_empty_words_leave_the_address(
    world: World, sue: Client
) -> None:
    nobody = sue.get("/orgs/?q=nobody&type=sandbox").content.decode()
    assert "No org matches 2 filters" in nobody
    assert 'class="chip" href="/orgs/?type=sandbox"' in nobody

    tidied = sue.get("/orgs/?q=&type=sandbox&why=")
    assert tidied.status_code == 302
    assert tidied["Location"] == "/orgs/?type=sandbox"

    Installation.objects.all().delete()
    assert "No orgs yet" in sue.get("/orgs/").content.decode()


def test_several_pasted_ids_are_a_list(world: World, sue: Client) -> None:
    pasted = f"{key_of(3)[:15]}, {key_of(9).lower()}\n{key_of(12)}!AQsecret"
    answer = sue.get("/orgs/", {"q": pasted})
    assert "secret" not in answer["Location"]
    assert numbers(shown(sue.get(answer["Location"]))) == [3, 9, 12]


def test_an_orgs_view_is_saved_changed_shared_and_deleted(world: World, sign_in: Browser) -> None:
    sue, pia = sign_in("sue"), sign_in("pia")
    form = sue.get("/views/new/?page=orgs&query=type%3Dsandbox%26page%3D2").content.decode()
    assert 'name="query" value="type=sandbox"' in form
    given = {"page": "orgs", "query": "type=sandbox&page=2", "name": "My sandboxes"}
    answer = sue.post("/views/new/", given)
    view = SavedView.objects.get()
    assert answer["Location"] == f"/orgs/?type=sandbox&view={view.pk}"
    assert sue.post("/views/new/", given).status_code == 422  # the name is in use

    mine = f"/orgs/?type=sandbox&view={view.pk}"
    shown_as_saved = sue.get(mine).content.decode()
    assert f'<a href="{html.escape(mine)}" aria-current="true">' in shown_as_saved
    assert "Modified:" not in shown_as_saved
    assert "My sandboxes" not in pia.get("/orgs/").content.decode()
    assert pia.get(f"/views/{view.pk}/").status_code == 404

    modified = sue.get(f"{mine}&q=orion").content.decode()
    for words in ("Modified:", ">Save</button>", "Save as…", f'href="{html.escape(mine)}">Reset'):
        assert words in modified
    sue.post(f"/views/{view.pk}/update/", {"query": "type=sandbox&q=orion"})
    sue.post(f"/views/{view.pk}/", {"name": "Orion's", "shared": "on"})
    view.refresh_from_db()
    assert (view.name, view.query, view.shared) == ("Orion's", "q=orion&type=sandbox", True)

    offered = html.unescape(pia.get("/orgs/").content.decode())
    assert "Orion's" in offered
    assert "by <bdi>Sue Support</bdi>" in offered
    assert pia.post(f"/views/{view.pk}/update/", {"query": ""}).status_code == 403
    assert pia.post(f"/views/{view.pk}/delete/").status_code == 403
    assert sue.post(f"/views/{view.pk}/delete/").status_code == 303
    assert not SavedView.objects.exists()
    told = Event.objects.filter(action__in=("save_view", "delete_view"))
    assert [event.action for event in told.order_by("sequence")] == ["save_view", "delete_view"]
