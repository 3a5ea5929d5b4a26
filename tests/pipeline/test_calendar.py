"""To close is one person's act; to open again takes two; nothing is forgotten."""

from __future__ import annotations

from datetime import date, timedelta
from typing import Any

import pytest
from django.apps import apps
from django.db.models.signals import post_migrate

from rollouts.domain.freezes import FiscalEnd, Period, Scope, Yearly, together
from rollouts.domain.release_calendar import BUILT_IN
from rollouts.domain.spans import Span
from rollouts.models import Event, FiscalYear, FreezeOverride, FreezeRow, Package, WindowRule
from rollouts.pipeline import calendar, hours
from rollouts.pipeline.calendar import FreezeSpec
from rollouts.pipeline.freezes import closed_for
from rollouts.pipeline.transitions import Forbidden, Overtaken, Refusal
from rollouts.pipeline.zones import org_times
from tests.support.calendars import CHRISTMAS, DECEMBER, NOW, Fleet

pytestmark = pytest.mark.django_db
LATER = NOW + timedelta(days=1)
IN_A_WEEK = NOW + timedelta(days=7)


@pytest.fixture
def fleet() -> Fleet:
    return Fleet()


def acts() -> list[str]:
    return list(Event.objects.order_by("sequence").values_list("action", flat=True))


def test_one_planner_closes_christmas_and_the_history_tells_why(fleet: Fleet) -> None:
    org = fleet.org("DEU8")

    row = calendar.add_freeze(
        FreezeSpec("  Christmas \n peace ", CHRISTMAS), by=fleet.pia, reason="shops", now=NOW
    )

    assert row.name == "Christmas peace"
    assert [one.freeze_id for one in fleet.closed(org)] == [f"freeze {row.pk}"]
    event = Event.objects.get(action="add_freeze")
    assert (event.person, event.reason, event.detail["scope"]) == (fleet.pia, "shops", "all")


@pytest.mark.parametrize(
    ("spec", "reason", "says"),
    [
        (FreezeSpec("Christmas", CHRISTMAS), " ", "Say why"),
        (FreezeSpec("  ", CHRISTMAS), "shops", "name"),
        (FreezeSpec("Christmas", CHRISTMAS, zone="Mars/Olympus"), "shops", "Mars/Olympus"),
        (FreezeSpec("Christmas", CHRISTMAS, Scope.ORG), "shops", "for whom"),
        (FreezeSpec("Christmas", CHRISTMAS, Scope.ALL, ("00D",)), "shops", "for whom"),
    ],
)
def test_a_freeze_without_sense_is_refused_and_nothing_is_kept(
    fleet: Fleet, spec: FreezeSpec, reason: str, says: str
) -> None:
    with pytest.raises(Refusal, match=says):
        calendar.add_freeze(spec, by=fleet.pia, reason=reason, now=NOW)
    assert not FreezeRow.objects.exists()
    assert acts() == []


def test_a_viewer_changes_nothing_in_the_calendar(fleet: Fleet) -> None:
    row = fleet.freeze()
    spec = FreezeSpec("Christmas", CHRISTMAS)
    with pytest.raises(Forbidden):
        calendar.add_freeze(spec, by=fleet.vic, reason="x", now=NOW)
    with pytest.raises(Forbidden):
        calendar.ask_override(row, until=IN_A_WEEK, by=fleet.vic, reason="x", now=NOW)
    with pytest.raises(Forbidden):
        calendar.review_freeze(row, by=fleet.vic, now=NOW)
    with pytest.raises(Forbidden):
        hours.set_window("", "any hour", by=fleet.vic, reason="x", now=NOW)
    assert acts() == []


def test_two_people_set_a_freeze_aside_until_a_moment(fleet: Fleet) -> None:
    org, row = fleet.org("DEU8"), fleet.freeze(Yearly((11, 20), (11, 30)))
    november = Span(NOW.replace(day=1), NOW.replace(day=30))

    def still_closed() -> Span:
        return together(closed_for([org.pk], fleet.package, november, LATER)[org.pk])[-1]

    asked = calendar.ask_override(row, until=IN_A_WEEK, by=fleet.pia, reason="a leak", now=NOW)
    assert still_closed().start < NOW, "one person's wish opens nothing"

    calendar.confirm_override(asked, by=fleet.ari, now=LATER)
    assert still_closed().start == IN_A_WEEK
    assert together(closed_for([org.pk], fleet.package, november, LATER)[org.pk])[0].end == LATER

    calendar.take_back(asked, by=fleet.pia, now=LATER)
    assert still_closed().start < NOW
    assert acts() == ["ask_override", "override_freeze", "take_back_override"]


def test_nobody_confirms_their_own_wish(fleet: Fleet) -> None:
    row = fleet.freeze()
    asked = calendar.ask_override(row, until=IN_A_WEEK, by=fleet.ari, reason="a leak", now=NOW)

    with pytest.raises(Refusal, match="somebody else"):
        calendar.confirm_override(asked, by=fleet.ari, now=NOW)
    with pytest.raises(Forbidden):
        calendar.confirm_override(asked, by=fleet.pia, now=NOW)
    assert not FreezeOverride.objects.in_force(NOW).exists()


def test_an_override_is_for_a_time_that_is_not_over_and_not_far(fleet: Fleet) -> None:
    row = fleet.freeze()
    for until in (NOW, NOW - timedelta(hours=1), NOW + timedelta(days=31)):
        with pytest.raises(Refusal, match="within the next 30 days"):
            calendar.ask_override(row, until=until, by=fleet.pia, reason="a leak", now=NOW)
    with pytest.raises(Refusal, match="safe"):
        calendar.ask_override(row, until=IN_A_WEEK, by=fleet.pia, reason="  ", now=NOW)

    asked = calendar.ask_override(row, until=LATER, by=fleet.pia, reason="a leak", now=NOW)
    with pytest.raises(Refusal, match="over"):
        calendar.confirm_override(asked, by=fleet.ari, now=LATER)


def test_an_override_for_one_package_leaves_the_others_closed(fleet: Fleet) -> None:
    org, row = fleet.org("DEU8"), fleet.freeze()
    other = Package.objects.create(
        connection=fleet.link, sf_id="033000000000002AAA", name="Pier", namespace="pir"
    )
    asked = calendar.ask_override(
        row, until=NOW + timedelta(days=30), by=fleet.pia, reason="a leak", now=NOW,
        package=fleet.package,
    )  # fmt: skip
    christmas_eve = NOW.replace(month=12, day=24)
    FreezeOverride.objects.filter(pk=asked.pk).update(until=christmas_eve + timedelta(days=9))
    calendar.confirm_override(asked, by=fleet.ari, now=NOW)

    assert fleet.closed(org) == ()
    assert len(fleet.closed(org, other)) == 1


def test_a_freeze_ends_for_good_by_two_people_and_is_kept(fleet: Fleet) -> None:
    org, row = fleet.org("DEU8"), fleet.freeze()
    asked = calendar.ask_override(row, until=None, by=fleet.pia, reason="not ours", now=NOW)
    calendar.confirm_override(asked, by=fleet.ari, now=LATER)

    row.refresh_from_db()
    assert (row.ended_at, row.ended_by) == (LATER, fleet.ari)
    assert fleet.closed(org) == ()
    with pytest.raises(Overtaken):
        calendar.ask_override(row, until=None, by=fleet.pia, reason="again", now=LATER)
    with pytest.raises(Refusal, match="for good"):
        calendar.take_back(FreezeOverride.objects.get(), by=fleet.pia, now=LATER)


def test_a_changed_freeze_holds_beside_the_old_one_until_both_people_agree(fleet: Fleet) -> None:
    org, old = fleet.org("DEU8"), fleet.freeze()
    shorter = FreezeSpec("Christmas eve", Yearly((12, 24), (12, 24)), zone="UTC")

    new = calendar.add_freeze(shorter, by=fleet.pia, reason="shorter", now=NOW, replaces=old)
    assert together(fleet.closed(org))[0].length == timedelta(days=3)

    calendar.confirm_override(FreezeOverride.objects.get(), by=fleet.ari, now=NOW)
    assert together(fleet.closed(org))[0].length == timedelta(days=1)
    assert new.replaces == old


def test_what_comes_along_comes_once_and_stays_as_people_left_it(fleet: Fleet) -> None:
    assert calendar.install_built_in(NOW) == len(BUILT_IN)
    assert calendar.install_built_in(NOW) == 0

    row = FreezeRow.objects.get(built_in="christmas")
    asked = calendar.ask_override(row, until=None, by=fleet.pia, reason="we do", now=NOW)
    calendar.confirm_override(asked, by=fleet.ari, now=NOW)
    assert calendar.install_built_in(LATER) == 0
    assert not FreezeRow.objects.in_force().filter(built_in="christmas").exists()


def test_a_real_installation_gets_them_with_its_tables_and_a_simulation_does_not(
    fleet: Fleet, settings: Any
) -> None:
    config = apps.get_app_config("rollouts")
    post_migrate.send(sender=config, app_config=config)
    assert not FreezeRow.objects.exists()

    settings.SIMULATION = False
    post_migrate.send(sender=config, app_config=config)
    assert FreezeRow.objects.in_force().count() == len(BUILT_IN)
    assert Event.objects.filter(action="add_freeze", person=None).count() == len(BUILT_IN)


def test_release_weekends_say_their_source_and_which_are_guessed(fleet: Fleet) -> None:
    calendar.install_built_in(NOW)
    weekends = FreezeRow.objects.filter(name__startswith="Salesforce")

    assert weekends.count() == 12
    assert all(row.source and row.reviewed_at for row in weekends)
    assert [row.name for row in weekends.filter(guessed=False)] == [
        "Salesforce Spring '27, last group of production"
    ]
    for row in weekends:
        first = date.fromisoformat(row.rule["start"][:10])
        assert first.strftime("%a") == "Fri", row.name


def test_a_preview_of_sandboxes_leaves_production_open(fleet: Fleet) -> None:
    calendar.install_built_in(NOW)
    preview = Span(NOW.replace(year=2027, month=1, day=8), NOW.replace(year=2027, month=1, day=10))
    places = [fleet.org(name) for name in ("DEU8", "DEU8S", "CS12", "")]

    closed = closed_for([org.pk for org in places], fleet.package, preview, NOW)

    assert [len(closed[org.pk]) for org in places] == [0, 1, 1, 1]


def test_a_word_on_a_zone_replaces_the_one_before_and_keeps_it(fleet: Fleet) -> None:
    org = fleet.org("DEU8")
    hours.set_zone(org, "Europe/Paris", by=fleet.pia, reason="they moved", now=NOW)
    hours.set_zone(org, "Europe/Rome", by=fleet.pia, reason="again", now=LATER)

    assert org_times([org.pk], LATER)[org.pk].zones == ("Europe/Rome",)
    old, new = org.zone_words.order_by("since")
    assert (old.zone, old.ended_at, old.ended_by) == ("Europe/Paris", LATER, fleet.pia)
    assert new.ended_at is None
    with pytest.raises(Refusal, match="noted already"):
        hours.set_zone(org, "Europe/Rome", by=fleet.pia, reason="same", now=LATER)
    with pytest.raises(Refusal, match="Europe/Berlin"):
        hours.set_zone(org, "EST", by=fleet.pia, reason="typed", now=LATER)

    hours.set_zone(org, "", by=fleet.pia, reason="a mistake", now=LATER)
    assert org_times([org.pk], LATER)[org.pk].zones == ("Europe/Berlin",)


def test_hours_are_kept_as_typed_and_refused_with_what_would_be_right(fleet: Fleet) -> None:
    org, acme = fleet.org("DEU8"), fleet.account("Acme")
    for subject in ("", "deu", acme, org):
        hours.set_window(subject, "Sat  01:00-05:00", by=fleet.pia, reason="asked", now=NOW)
    with pytest.raises(Refusal, match="Fri 22:00-Sun 18:00"):
        hours.set_window(org, "at night", by=fleet.pia, reason="asked", now=NOW)

    rules = {rule.scope: rule for rule in WindowRule.objects.in_force()}
    assert {rule.hours for rule in rules.values()} == {"Sat 01:00-05:00"}
    assert rules["region"].region == "DEU"

    hours.set_window("", "", by=fleet.pia, reason="back to the usual", now=LATER)
    assert WindowRule.objects.in_force().count() == 3
    assert Event.objects.filter(action="set_window").count() == 5


def test_a_fiscal_year_is_noted_with_who_said_so(fleet: Fleet) -> None:
    acme = fleet.account("Acme")
    org = fleet.org("DEU8", acme)
    fleet.freeze(FiscalEnd(Period.YEAR, 2, 0))
    assert len(closed_for([org.pk], fleet.package, DECEMBER, NOW)[org.pk]) == 1

    hours.set_fiscal_year(acme, 4, by=fleet.pia, reason="their report", now=NOW)
    assert closed_for([org.pk], fleet.package, DECEMBER, NOW)[org.pk] == ()

    hours.set_fiscal_year(acme, None, by=fleet.pia, reason="wrong report", now=LATER)
    assert len(closed_for([org.pk], fleet.package, DECEMBER, NOW)[org.pk]) == 1
    assert FiscalYear.objects.get().ended_by == fleet.pia
    with pytest.raises(Refusal, match="1 to 12"):
        hours.set_fiscal_year(acme, 13, by=fleet.pia, reason="x", now=LATER)
