"""Where an org's clocks are, by the surest that is known, and when that lets it be upgraded."""

from __future__ import annotations

from datetime import UTC, datetime
from zoneinfo import available_timezones

import pytest

from rollouts.domain import states
from rollouts.domain.org_time import OrgTime, ZoneSource, open_spans, zones_for
from rollouts.domain.places import (
    ANYWHERE,
    country_of,
    zone_in,
    zones_of_country,
    zones_of_instance,
)
from rollouts.domain.spans import Span
from rollouts.domain.windows import parse


def utc(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


def test_a_persons_word_goes_before_all_that_records_say() -> None:
    told = {"crm": "Asia/Tokyo", "country": "DE", "instance": "USA12"}

    assert zones_for(person="Pacific/Chatham", **told) == (
        ("Pacific/Chatham",),
        ZoneSource.PERSON,
    )
    assert zones_for(**told) == (("Asia/Tokyo",), ZoneSource.CRM)


def test_each_lesser_source_speaks_where_the_better_ones_are_silent() -> None:
    assert zones_for(crm="tbd", country="Sweden", instance="USA12") == (
        ("Europe/Stockholm",),
        ZoneSource.ADDRESS,
    )
    assert zones_for(country="Atlantis", instance="JPN4S") == (
        ("Asia/Tokyo",),
        ZoneSource.INSTANCE,
    )
    assert zones_for(instance="CS18") == (ANYWHERE, ZoneSource.GUESS)


@pytest.mark.parametrize(
    ("text", "zone"),
    [
        ("Europe/Berlin", "Europe/Berlin"),
        ("  Asia/Kolkata ", "Asia/Kolkata"),
        ("(GMT+01:00) Central European Time (Europe/Berlin)", "Europe/Berlin"),
        ("America/Argentina/Buenos_Aires", "America/Argentina/Buenos_Aires"),
        ("UTC", "UTC"),
        ("EST", ""),
        ("GMT+1", ""),
        ("Etc/GMT+5", ""),
        ("Pacific Standard Time", ""),
        ("Europe/Berln", ""),
        ("../../etc/passwd", ""),
        (" ", ""),
    ],
)
def test_only_a_true_name_of_a_zone_is_taken_from_the_crm(text: str, zone: str) -> None:
    assert zone_in(text) == zone


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("DE", "DE"),
        ("de", "DE"),
        ("DEU", "DE"),
        ("Deutschland", "DE"),
        ("U.S.A.", "US"),
        ("United States", "US"),
        ("England", "GB"),
        ("日本", "JP"),
        ("  South   Korea ", "KR"),
        ("Côte d'Ivoire", "CI"),
        ("Czech Republic", "CZ"),
        ("nowhere", ""),
        ("", ""),
    ],
)
def test_a_country_is_known_as_people_write_it(text: str, code: str) -> None:
    assert country_of(text) == code


def test_every_country_has_zones_and_every_one_of_them_exists() -> None:
    known = available_timezones()
    for code in ("US", "CA", "BR", "AU", "MX", "AR", "CN", "DE", "IN", "NP", "NZ", "ZA"):
        assert zones_of_country(code)
        assert set(zones_of_country(code)) <= known
    for instance in ("NA14", "EU9", "AP4", "USA242", "DEU8S", "AUS5"):
        assert zones_of_instance(instance)
        assert set(zones_of_instance(instance)) <= known
    assert set(ANYWHERE) <= known


def test_a_wide_country_is_open_only_when_all_of_it_is() -> None:
    zones, source = zones_for(country="USA")
    night = parse("Mon-Thu 01:00-05:00")
    time = OrgTime(zones, source, night, "the default")

    spans = open_spans(time, (), Span(utc("2026-11-24"), utc("2026-11-25")))

    assert [(span.start, span.end) for span in spans] == [
        (utc("2026-11-24T09:00"), utc("2026-11-24T10:00"))
    ]


def test_what_is_closed_is_taken_out_of_the_window() -> None:
    time = OrgTime(("Europe/Berlin",), ZoneSource.CRM, parse("daily 01:00-05:00"), "the default")
    closed = (Span(utc("2026-11-24T01:00"), utc("2026-11-24T02:00")),)

    spans = open_spans(time, closed, Span(utc("2026-11-24"), utc("2026-11-25")))

    assert [f"{span.start:%H:%M}-{span.end:%H:%M}" for span in spans] == [
        "00:00-01:00",
        "02:00-04:00",
    ]


@pytest.mark.parametrize(
    ("country", "state", "zones"),
    [
        ("US", "CA", ("America/Los_Angeles",)),
        ("U.S.A.", "california", ("America/Los_Angeles",)),
        ("US", "HI", ("Pacific/Honolulu",)),
        ("US", "Tenn.", zones_of_country("US")),
        ("US", "TN", ("America/New_York", "America/Chicago")),
        ("CA", "BC", ("America/Vancouver", "America/Edmonton", "America/Fort_Nelson")),
        ("Australia", "W.A.", ("Australia/Perth",)),
        ("BR", "SP", ("America/Sao_Paulo",)),
        ("DE", "CA", ("Europe/Berlin",)),
        ("", "CA", ANYWHERE),
    ],
)
def test_a_state_narrows_a_wide_country_down(
    country: str, state: str, zones: tuple[str, ...]
) -> None:
    assert zones_for(country=country, state=state)[0] == zones


def test_every_state_lies_in_zones_that_exist() -> None:
    known = available_timezones()

    assert len(states._ZONES) > 180
    assert {zone for zones in states._ZONES.values() for zone in zones} <= known
    assert all(len(zones) <= 3 for zones in states._ZONES.values())
