"""The calendar's pages: a list by three clocks, a picture beside it, and what people may do."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile

from rollouts.domain.freeze_rules import written
from rollouts.domain.freezes import Once, Yearly
from rollouts.domain.lifecycle import AttemptState
from rollouts.models import (
    Account,
    Attempt,
    Connection,
    FreezeOverride,
    FreezeRow,
    Licence,
    Maintenance,
    Org,
    WindowRule,
    ZoneWord,
)
from rollouts.pipeline import calendar, clock
from tests.views import world as worlds
from tests.views.conftest import NOW, Browser
from tests.views.world import HOSTILE, World

CHRISTMAS = Yearly((12, 24), (12, 26))
Read = Callable[[Any], str]


@pytest.fixture
def world(db: None, monkeypatch: pytest.MonkeyPatch) -> World:
    """A dozen orgs, and a calendar in which nobody has written yet."""
    monkeypatch.setattr(clock, "wall", lambda: NOW)
    made = worlds.make(12)
    FreezeRow.objects.all().delete()
    return made


def freeze(world: World, *, name: str = "Christmas", zone: str = "UTC") -> FreezeRow:
    return FreezeRow.objects.create(
        name=name, scope="all", rule=written(CHRISTMAS), zone=zone, by=world.people["pia"],
        since=NOW, reviewed_at=NOW, source="the calendar of saints",
    )  # fmt: skip


def typed(**changed: str) -> dict[str, str]:
    return {
        "name": "Stocktaking", "kind": "once", "start": "2026-12-05T00:00",
        "end": "2026-12-06T00:00", "zone": "Asia/Tokyo", "scope": "all", "reason": "they count",
    } | changed  # fmt: skip


def test_every_page_of_the_calendar_opens_when_nothing_is_known(
    sign_in: Browser, text: Read
) -> None:
    pages = ("", "freezes/", "freezes/new/", "maintenance/", "windows/", "zones/", "fiscal-years/")
    for page in pages:
        answer = sign_in("pia").get(f"/calendar/{page}")
        assert answer.status_code == 200
        assert "<h1>" in text(answer)


def test_a_freeze_is_listed_by_their_clocks_by_yours_and_in_utc(
    world: World, sign_in: Browser, text: Read
) -> None:
    freeze(world, zone="Europe/Berlin")

    page = text(sign_in("vic").get("/calendar/?from=2026-12-21&weeks=1&tz=Asia/Tokyo"))

    assert "Thu 24 Dec 00:00 to Sun 27 Dec 00:00 Berlin" in page
    assert "Thu 24 Dec 08:00 to Sun 27 Dec 08:00" in page
    assert "23 Dec 2026, 23:00 UTC" in page


def test_the_list_comes_before_the_picture_and_the_picture_is_silent(
    world: World, sign_in: Browser, text: Read
) -> None:
    freeze(world, zone="")

    page = text(sign_in("vic").get("/calendar/?from=2026-12-21&weeks=1"))

    assert page.index("When (their clocks)") < page.index('class="lanes" aria-hidden="true"')
    assert "each org&#x27;s own clock" in page
    assert page.count('class="lane-freeze"') >= 2, "every zone has its own Christmas"
    assert 'class="lane-open"' in page


def test_a_change_of_the_clocks_is_drawn(world: World, sign_in: Browser, text: Read) -> None:
    Org.objects.update(instance="DEU8")

    assert "lanes__change" in text(sign_in("vic").get("/calendar/?from=2027-03-22&weeks=1"))
    assert 'class="lanes__change"' not in text(
        sign_in("vic").get("/calendar/?from=2026-12-21&weeks=1")
    )


def test_a_batch_that_meets_a_freeze_is_a_conflict_in_words(
    world: World, sign_in: Browser, text: Read
) -> None:
    rollout = world.rollout()
    batch = world.batch(world.dispatching(rollout), 1, {AttemptState.SUBMITTED: 2})
    batch.start_at = datetime(2026, 12, 25, 1, tzinfo=UTC)
    batch.save(update_fields=["start_at"])
    assert Attempt.objects.filter(batch=batch).count() == 2
    freeze(world)

    page = text(sign_in("vic").get("/calendar/?from=2026-12-21&weeks=1"))

    assert "1 conflict" in page
    assert "“Christmas” closes 2 of 2 orgs then" in page


def test_nonsense_in_the_address_is_left_at_its_default(sign_in: Browser) -> None:
    for asked in ("from=soon", "from=9999-12-31", "weeks=99", "tz=Mars", "from=0001-01-01"):
        assert sign_in("vic").get(f"/calendar/?{asked}").status_code == 200


def test_a_window_that_cannot_be_read_is_said_and_nothing_else_breaks(
    world: World, sign_in: Browser, text: Read
) -> None:
    WindowRule.objects.create(scope="default", hours="at night", by=world.people["pia"], since=NOW)

    page = text(sign_in("vic").get("/calendar/"))

    assert "nothing starts until this is mended" in page
    assert "“at night” is no window" in page.replace("&quot;at night&quot;", "“at night”")


def test_a_freeze_that_cannot_be_read_is_said_on_the_calendar(
    world: World, sign_in: Browser, text: Read
) -> None:
    row = freeze(world)
    FreezeRow.objects.filter(pk=row.pk).update(rule={"kind": "sometimes"})

    assert "be read" in text(sign_in("vic").get("/calendar/"))
    assert "everything is closed" in text(sign_in("vic").get(f"/calendar/freezes/{row.pk}/"))


def test_a_planner_adds_a_freeze_in_a_zone(world: World, sign_in: Browser) -> None:
    answer = sign_in("pia").post("/calendar/freezes/new/", typed())

    assert answer.status_code == 303
    row = FreezeRow.objects.get()
    assert (row.name, row.zone, row.by) == ("Stocktaking", "Asia/Tokyo", world.people["pia"])
    assert row.rule == written(Once(datetime(2026, 12, 5), datetime(2026, 12, 6)))  # noqa: DTZ001


AGAIN: list[tuple[dict[str, str], dict[str, object]]] = [
    (
        {"kind": "weekly", "hours": "Mon 06:00-10:00"},
        {"kind": "weekly", "hours": "Mon 06:00-Mon 10:00"},
    ),
    (
        {"kind": "yearly", "first_day": "29 Feb"},
        {"kind": "yearly", "first": [2, 29], "last": [2, 29]},
    ),
    (
        {"kind": "fiscal", "period": "month", "before": "3", "after": "1"},
        {"kind": "fiscal", "period": "month", "before": 3, "after": 1, "year_starts": None},
    ),
    (
        {"kind": "fiscal", "period": "year", "before": "2", "year_starts": "4"},
        {"kind": "fiscal", "period": "year", "before": 2, "after": 0, "year_starts": 4},
    ),
]
MISTAKES = [
    ({"name": ""}, "Give it a name."),
    ({"reason": ""}, "Say why"),
    ({"start": "soon"}, "Give a day and an hour"),
    ({"end": "2026-12-04T00:00"}, "must end after it starts"),
    ({"zone": "EST"}, "Write a place"),
    ({"kind": "weekly", "hours": "at night"}, "is no window"),
    ({"kind": "yearly", "first_day": "31 April"}, "Write a day such as 24 December."),
    ({"kind": "fiscal", "before": "0", "after": "0"}, "1 to 20 working days"),
    ({"kind": "fiscal", "before": "many"}, "Type a whole number"),
    ({"scope": "org"}, "Say which"),
    ({"among": "DEU8"}, "leave this empty"),
    ({"scope": "org", "among": "00Dxx"}, "00Dxx"),
    ({"scope": "customer", "among": "Nobody Ltd"}, "No account “Nobody Ltd” is known here."),
    ({"scope": "package", "among": "xyz"}, "No package “xyz” is known here."),
    ({"scope": "region", "among": "DEU8"}, "is no region"),
    ({"scope": "instance", "among": "acme.my.salesforce.com"}, "is no instance"),
]


def test_a_freeze_may_come_again_and_again(sign_in: Browser) -> None:
    planner = sign_in("pia")
    for given, rule in AGAIN:
        assert planner.post("/calendar/freezes/new/", typed(**given)).status_code == 303
        assert FreezeRow.objects.latest("pk").rule == rule


def test_each_mistake_in_a_freeze_is_answered_beside_its_field(
    sign_in: Browser, text: Read
) -> None:
    planner = sign_in("pia")
    for given, says in MISTAKES:
        answer = planner.post("/calendar/freezes/new/", typed(**given))
        assert answer.status_code == 422, given
        assert says in text(answer), given
    assert not FreezeRow.objects.exists()


def test_a_freeze_names_orgs_instances_and_packages(world: World, sign_in: Browser) -> None:
    org = world.orgs[0]
    for scope, named, kept in (
        ("org", org.key[:15], org.key),
        ("instance", "*s", "*S"),
        ("region", "deu", "DEU"),
        ("package", world.package.namespace, world.package.sf_id),
    ):
        given = typed(scope=scope, among=f"{named}\n\n{named}")
        assert sign_in("pia").post("/calendar/freezes/new/", given).status_code == 303
        assert FreezeRow.objects.latest("pk").among == [kept]


def test_two_people_at_two_browsers_set_a_freeze_aside(
    world: World, sign_in: Browser, text: Read
) -> None:
    row = freeze(world)
    until = (NOW + timedelta(days=3)).replace(tzinfo=None).isoformat(timespec="minutes")
    wish = {"length": "until", "until": until, "reason": "a leak"}

    assert sign_in("ari").post(f"/calendar/freezes/{row.pk}/override/", wish).status_code == 303
    asked = FreezeOverride.objects.get()
    own = sign_in("ari").post(f"/calendar/overrides/{asked.pk}/confirm/")
    assert own.status_code == 422
    assert "somebody else confirms" in text(own)
    assert "Wait for a second person" in text(sign_in("ann").get("/calendar/"))

    assert sign_in("ann").post(f"/calendar/overrides/{asked.pk}/confirm/").status_code == 303
    page = text(sign_in("vic").get(f"/calendar/freezes/{row.pk}/"))
    assert "confirmed by <bdi>Ann Approver</bdi>" in page
    assert "set aside, confirmed" in page

    assert sign_in("pia").post(f"/calendar/overrides/{asked.pk}/take-back/").status_code == 303
    assert not FreezeOverride.objects.open().exists()


def test_a_wish_without_an_end_or_too_far_off_is_answered(
    world: World, sign_in: Browser, text: Read
) -> None:
    row = freeze(world)
    address = f"/calendar/freezes/{row.pk}/override/"
    for until, says in (("", "Give a day and an hour"), ("2030-01-01T00:00", "30 days")):
        answer = sign_in("pia").post(address, {"length": "until", "until": until, "reason": "x"})
        assert answer.status_code == 422
        assert says in text(answer)


def test_a_changed_freeze_keeps_the_old_one_until_another_person_agrees(
    world: World, sign_in: Browser, text: Read
) -> None:
    row = freeze(world)
    form = text(sign_in("pia").get(f"/calendar/freezes/{row.pk}/change/"))
    assert 'value="24 December"' in form

    given = typed(kind="yearly", first_day="24 December", name="Christmas eve")
    assert sign_in("pia").post(f"/calendar/freezes/{row.pk}/change/", given).status_code == 303

    assert FreezeRow.objects.in_force().count() == 2
    asked = FreezeOverride.objects.get()
    assert sign_in("ari").post(f"/calendar/overrides/{asked.pk}/confirm/").status_code == 303
    assert FreezeRow.objects.in_force().get().name == "Christmas eve"


def test_a_guessed_date_says_so_and_a_person_notes_having_checked_it(
    world: World, sign_in: Browser, text: Read
) -> None:
    calendar.install_built_in(NOW - timedelta(days=1))
    row = FreezeRow.objects.get(built_in="spring-27-2027-01-15")
    FreezeRow.objects.filter(pk=row.pk).update(reviewed_at=NOW - timedelta(days=100))

    page = text(sign_in("vic").get(f"/calendar/freezes/{row.pk}/"))
    assert "guessed" in page
    assert "Nobody has looked at its dates for 90 days." in page

    assert sign_in("pia").post(f"/calendar/freezes/{row.pk}/review/").status_code == 303
    page = text(sign_in("vic").get(f"/calendar/freezes/{row.pk}/"))
    assert "Nobody has looked" not in page


TABLE = b"instance,starts,ends,name\nDEU8,2026-12-05T01:00Z,2026-12-05T05:00Z,Power supply\n"


def test_maintenance_comes_out_of_a_file_or_the_file_says_what_is_wrong(
    world: World, sign_in: Browser, text: Read
) -> None:
    planner = sign_in("pia")
    bad = planner.post(
        "/calendar/maintenance/", {"file": SimpleUploadedFile("x.csv", b"<html>sign in")}
    )
    assert bad.status_code == 422
    assert "web page" in text(bad)

    good = planner.post("/calendar/maintenance/", {"file": SimpleUploadedFile("x.csv", TABLE)})
    assert good.status_code == 303
    assert "Power supply" in text(planner.get("/calendar/maintenance/"))
    assert "DEU8: Power supply" in text(planner.get("/calendar/?from=2026-11-30&weeks=1"))

    row = Maintenance.objects.get()
    one = f"/calendar/maintenance/{row.pk}/"
    assert planner.post(one, {"reason": "the wrong file"}).status_code == 303
    asked = FreezeOverride.objects.get()
    assert sign_in("ari").post(f"/calendar/overrides/{asked.pk}/confirm/").status_code == 303
    assert "no longer holds" in text(planner.get(one))


def test_a_viewer_may_look_and_change_nothing(world: World, sign_in: Browser) -> None:
    row = freeze(world)
    viewer = sign_in("vic")
    asked = calendar.ask_override(
        row, until=None, by=world.people["ari"], reason="x", now=NOW + timedelta(minutes=1)
    )
    for address, given in (
        ("/calendar/freezes/new/", typed()),
        (f"/calendar/freezes/{row.pk}/change/", typed()),
        (f"/calendar/freezes/{row.pk}/review/", {}),
        (f"/calendar/freezes/{row.pk}/override/", {"length": "ever", "reason": "x"}),
        (f"/calendar/overrides/{asked.pk}/confirm/", {}),
        (f"/calendar/overrides/{asked.pk}/take-back/", {}),
        ("/calendar/maintenance/", {"file": SimpleUploadedFile("x.csv", TABLE)}),
        ("/calendar/windows/", {"scope": "default", "hours": "any hour", "reason": "x"}),
        ("/calendar/zones/", {"scope": "org", "whose": world.orgs[0].key, "zone": "UTC",
                              "reason": "x"}),
    ):  # fmt: skip
        assert viewer.post(address, given).status_code == 403, address
    assert not WindowRule.objects.exists()
    assert not Maintenance.objects.exists()


def test_hours_and_zones_are_said_with_a_reason_and_kept(
    world: World, sign_in: Browser, text: Read
) -> None:
    planner, org = sign_in("pia"), world.orgs[0]
    said = {"scope": "region", "whose": "deu", "hours": "Sat 01:00-05:00", "reason": "asked"}
    assert planner.post("/calendar/windows/", said).status_code == 303
    assert "region DEU" in text(planner.get("/calendar/windows/"))
    assert planner.post("/calendar/windows/", said | {"hours": "at night"}).status_code == 422

    zone = {"scope": "org", "whose": org.key[:15], "zone": "Europe/Rome", "reason": "they said"}
    assert planner.post("/calendar/zones/", zone).status_code == 303
    assert ZoneWord.objects.get().org == org
    page = text(planner.get(f"/orgs/{org.key}/"))
    assert "Europe/Rome" in page
    assert "a person said so" in page


def test_an_org_says_when_it_is_open_next_and_how_that_is_known(
    world: World, sign_in: Browser, text: Read
) -> None:
    org = world.orgs[0]
    link = Connection.objects.create(
        name="License org", role="lmo", login_url="http://127.0.0.1:8998", simulated=True
    )
    acme = Account.objects.create(
        connection=link, sf_id=worlds.key_of(1, "001"), name=HOSTILE, country="Japan"
    )
    Licence.objects.create(
        connection=link, sf_id="a0A000000000001AAA", org_key=org.key, account=acme, modified=NOW,
        read_at=NOW,
    )  # fmt: skip
    WindowRule.objects.create(
        scope="customer", account=acme, hours="daily 01:00-05:00", by=world.people["pia"],
        since=NOW,
    )  # fmt: skip

    page = text(sign_in("sue").get(f"/orgs/{org.key}/"))

    assert "Asia/Tokyo" in page
    assert "by the address of its account" in page
    assert "daily 01:00-05:00" in page or "Mon 01:00-Mon 05:00" in page
    assert "21 Nov 2026, 16:00 UTC" in page, "01:00 in Tokyo"
    assert HOSTILE not in page


def test_a_customers_fiscal_year_is_said_by_name(world: World, sign_in: Browser) -> None:
    link = Connection.objects.create(
        name="License org", role="lmo", login_url="http://127.0.0.1:8998", simulated=True
    )
    acme = Account.objects.create(connection=link, sf_id=worlds.key_of(1, "001"), name="Acme")
    given = {"whose": "Acme", "month": "4", "reason": "their report"}

    assert sign_in("pia").post("/calendar/fiscal-years/", given).status_code == 303
    assert acme.fiscal_years.get().month == 4
    twice = Account.objects.create(connection=link, sf_id=worlds.key_of(2, "001"), name="Acme")
    assert sign_in("pia").post("/calendar/fiscal-years/", given).status_code == 422
    given["whose"] = twice.sf_id
    assert sign_in("pia").post("/calendar/fiscal-years/", given).status_code == 303
