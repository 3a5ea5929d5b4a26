"""Freezes: who is closed, when, by whose clocks, and because of what."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from rollouts.domain.freeze_rules import read, said, written
from rollouts.domain.freezes import (
    BadFreeze,
    FiscalEnd,
    Freeze,
    Once,
    Period,
    Rule,
    Scope,
    Subject,
    Weekly,
    Yearly,
    closed_spans,
    closing,
    together,
)
from rollouts.domain.spans import Span
from rollouts.domain.windows import parse

BERLIN = Subject(
    org="00D000000000001EAA", customer="001A", region="DEU", package="033A", instance="DEU8",
    zones=("Europe/Berlin",),
)  # fmt: skip
CHRISTMAS = Yearly((12, 24), (12, 26))


def utc(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


def naive(text: str) -> datetime:
    return datetime.fromisoformat(text)


def for_all(rule: Rule, zone: str = "") -> Freeze:
    return Freeze("freeze 1", "Quiet days", Scope.ALL, frozenset(), rule, zone)


def closed(freeze: Freeze, first: str, last: str, subject: Subject = BERLIN) -> list[str]:
    spans = together(closed_spans([freeze], subject, Span(utc(first), utc(last))))
    return [f"{span.start:%m-%d %H:%M} to {span.end:%m-%d %H:%M}" for span in spans]


def test_christmas_is_closed_by_each_customers_own_clocks() -> None:
    year = "2026-12-01", "2026-12-31"
    honolulu = Subject("", "", "USA", "033A", "USA2", ("Pacific/Honolulu",))

    assert closed(for_all(CHRISTMAS), *year) == ["12-23 23:00 to 12-26 23:00"]
    assert closed(for_all(CHRISTMAS), *year, honolulu) == ["12-24 10:00 to 12-27 10:00"]
    assert closed(for_all(CHRISTMAS, "UTC"), *year, honolulu) == ["12-24 00:00 to 12-27 00:00"]


def test_an_org_that_may_be_in_two_zones_is_closed_while_either_is() -> None:
    coasts = Subject("", "", "USA", "033A", "USA2", ("America/New_York", "America/Los_Angeles"))

    assert closed(for_all(CHRISTMAS), "2026-12-01", "2026-12-31", coasts) == [
        "12-24 05:00 to 12-27 08:00"
    ]


def test_new_year_reaches_over_the_turn_of_the_year() -> None:
    freeze = for_all(Yearly((12, 31), (1, 1)), "UTC")

    assert closed(freeze, "2026-12-01", "2027-02-01") == ["12-31 00:00 to 01-02 00:00"]
    assert closed(freeze, "2027-01-01", "2027-02-01") == ["01-01 00:00 to 01-02 00:00"]


def test_the_last_of_february_is_the_29th_where_there_is_one() -> None:
    freeze = for_all(Yearly((2, 29), (2, 29)), "UTC")

    assert closed(freeze, "2027-02-01", "2027-04-01") == ["02-28 00:00 to 03-01 00:00"]
    assert closed(freeze, "2028-02-01", "2028-04-01") == ["02-29 00:00 to 03-01 00:00"]


def test_once_is_once_and_lasts_an_hour_longer_where_the_clock_goes_back() -> None:
    freeze = for_all(Once(naive("2026-10-25T01:00"), naive("2026-10-25T04:00")))

    assert closed(freeze, "2026-10-01", "2027-11-30") == ["10-24 23:00 to 10-25 03:00"]


def test_the_same_hours_every_week() -> None:
    freeze = for_all(Weekly(parse("Mon 06:00-10:00")), "Europe/Berlin")

    assert closed(freeze, "2026-11-22", "2026-12-01") == [
        "11-23 05:00 to 11-23 09:00",
        "11-30 05:00 to 11-30 09:00",
    ]


def test_a_quarter_ends_with_working_days_and_the_weekend_between_them() -> None:
    """31 January 2027 is a Sunday; a year from February ends its fourth quarter there."""
    three = for_all(FiscalEnd(Period.QUARTER, before=3, after=1, year_starts=2), "UTC")

    assert closed(three, "2027-01-15", "2027-02-15") == ["01-27 00:00 to 02-02 00:00"]


def test_each_customer_has_a_fiscal_year_of_its_own() -> None:
    freeze = for_all(FiscalEnd(Period.YEAR, before=2, after=0), "UTC")
    in_april = Subject("", "001J", "JPN", "033A", "JPN1", ("Asia/Tokyo",), fiscal_start=4)
    year = "2026-11-01", "2027-10-31"

    assert closed(freeze, *year) == ["12-30 00:00 to 01-01 00:00"]
    assert closed(freeze, *year, in_april) == ["03-30 00:00 to 04-01 00:00"]


def test_months_end_twelve_times_a_year() -> None:
    freeze = for_all(FiscalEnd(Period.MONTH, before=1, after=0, year_starts=1), "UTC")

    found = closed(freeze, "2026-01-01", "2027-01-01")

    assert len(found) == 12
    assert found[1] == "02-27 00:00 to 03-01 00:00"


@pytest.mark.parametrize(
    ("scope", "among", "concerned"),
    [
        (Scope.ALL, set(), True),
        (Scope.PACKAGE, {"033A"}, True),
        (Scope.PACKAGE, {"033B"}, False),
        (Scope.REGION, {"DEU", "FRA"}, True),
        (Scope.REGION, {"USA"}, False),
        (Scope.INSTANCE, {"DEU8"}, True),
        (Scope.INSTANCE, {"DEU8S"}, False),
        (Scope.CUSTOMER, {"001A"}, True),
        (Scope.CUSTOMER, {"001B"}, False),
        (Scope.ORG, {"00D000000000001EAA"}, True),
        (Scope.ORG, {"00D000000000002EAA"}, False),
    ],
)
def test_a_freeze_is_for_those_it_names(scope: Scope, among: set[str], concerned: bool) -> None:
    freeze = Freeze("freeze 1", "Quiet", scope, frozenset(among), CHRISTMAS)

    assert freeze.concerns(BERLIN) is concerned


def test_an_org_whose_place_is_unknown_is_in_every_place() -> None:
    nowhere = Subject("", "", "", "033A", "", ("UTC",))

    assert Freeze("1", "a", Scope.REGION, frozenset({"USA"}), CHRISTMAS).concerns(nowhere)
    assert Freeze("1", "a", Scope.INSTANCE, frozenset({"NA1"}), CHRISTMAS).concerns(nowhere)


def test_all_freezes_hold_together_and_each_is_named() -> None:
    freezes = [
        Freeze("freeze 1", "Christmas", Scope.ALL, frozenset(), CHRISTMAS, "UTC"),
        Freeze(
            "freeze 2", "Move of the data centre", Scope.ORG, frozenset({BERLIN.org}),
            Once(naive("2026-12-26T12:00"), naive("2026-12-28T12:00")), "UTC",
        ),
        Freeze("freeze 3", "Not this one", Scope.REGION, frozenset({"USA"}), CHRISTMAS, "UTC"),
    ]  # fmt: skip

    found = closed_spans(freezes, BERLIN, Span(utc("2026-12-01"), utc("2026-12-31")))

    assert [(one.freeze_id, one.because) for one in found] == [
        ("freeze 1", "Christmas"),
        ("freeze 2", "Move of the data centre"),
    ]
    assert together(found) == (Span(utc("2026-12-24"), utc("2026-12-28T12:00")),)
    at_noon = closing(found, utc("2026-12-26T13:00"))
    assert at_noon is not None
    assert at_noon.freeze_id == "freeze 2"
    assert closing(found, utc("2026-12-28T12:00")) is None


RULES = [
    (Once(naive("2026-12-26T12:00"), naive("2026-12-28T12:00")),
     "26 Dec 2026 12:00 to 28 Dec 2026 12:00"),
    (Weekly(parse("Mon 06:00-10:00")), "every week Mon 06:00-Mon 10:00"),
    (CHRISTMAS, "every year 24 December to 26 December"),
    (Yearly((1, 6), (1, 6)), "every year on 6 January"),
    (FiscalEnd(Period.QUARTER, 3, 1),
     ("the last 3 working days of every fiscal quarter and the first working day of the next "
     "(each customer's fiscal year)")),
    (FiscalEnd(Period.YEAR, 0, 2, 4),
     "the first 2 working days after every fiscal year (fiscal year from April)"),
]  # fmt: skip


@pytest.mark.parametrize(("rule", "sentence"), RULES)
def test_a_rule_is_kept_as_it_was_and_said_in_a_sentence(rule: Rule, sentence: str) -> None:
    assert read(written(rule)) == rule
    assert said(rule) == sentence


@pytest.mark.parametrize(
    "stored",
    [
        None,
        [],
        {},
        {"kind": "sometimes"},
        {"kind": "once", "start": "2026-12-26T12:00", "end": "2026-12-26T12:00"},
        {"kind": "once", "start": "2026-12-26T12:00+01:00", "end": "2026-12-27T12:00+01:00"},
        {"kind": "weekly", "hours": "at night"},
        {"kind": "yearly", "first": [13, 1], "last": [1, 1]},
        {"kind": "yearly", "first": [2, 30], "last": [3, 1]},
        {"kind": "yearly", "first": "x", "last": [3, 1]},
        {"kind": "fiscal", "period": "week", "before": 1, "after": 0, "year_starts": None},
        {"kind": "fiscal", "period": "year", "before": 0, "after": 0, "year_starts": None},
        {"kind": "fiscal", "period": "year", "before": 21, "after": 0, "year_starts": None},
        {"kind": "fiscal", "period": "year", "before": 1, "after": 0, "year_starts": 13},
    ],
)
def test_a_rule_that_cannot_be_is_refused_and_never_half_read(stored: object) -> None:
    with pytest.raises(BadFreeze):
        read(stored)


def test_a_freeze_for_nobody_in_particular_must_say_that_it_is_for_all() -> None:
    with pytest.raises(BadFreeze, match="not both"):
        Freeze("1", "a", Scope.CUSTOMER, frozenset(), CHRISTMAS)
    with pytest.raises(BadFreeze, match="zone"):
        closed_spans(
            [for_all(CHRISTMAS)],
            Subject("", "", "", "", "", ()),
            Span(utc("2026-12-01"), utc("2026-12-31")),
        )
