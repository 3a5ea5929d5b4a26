"""Windows: open by the wall clocks of an org's zone, through every change of the clock."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from itertools import pairwise
from zoneinfo import available_timezones

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rollouts.domain.spans import Span
from rollouts.domain.walls import UnknownZone, wall
from rollouts.domain.windows import DAY, WEEK, BadWindow, Opening, Window, parse

NIGHTS = parse("Fri 22:00-Sun 18:00, Mon-Thu 01:00-05:00")
ZONES = sorted(available_timezones())


def utc(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


def said(window: Window, zones: list[str], first: str, last: str) -> list[str]:
    spans = window.spans(zones, Span(utc(first), utc(last)))
    return [f"{span.start:%d %H:%M}-{span.end:%d %H:%M}" for span in spans]


def shown_open(window: Window, moment: datetime, zone: str) -> bool:
    """Say by the clock on the wall alone whether a moment is open: the definition."""
    clock = wall(moment, zone)
    minute = clock.weekday() * DAY + clock.hour * 60 + clock.minute
    return any(
        opening.opens <= at < opening.closes
        for opening in window.openings
        for at in (minute, minute + WEEK)
    )


def test_each_customer_is_open_by_night_of_their_own_zone() -> None:
    nights = parse("daily 01:00-05:00")
    day = "2026-11-24", "2026-11-25"

    assert said(nights, ["Europe/Berlin"], *day) == ["24 00:00-24 04:00"]
    assert said(nights, ["America/New_York"], *day) == ["24 06:00-24 10:00"]
    assert said(nights, ["Asia/Kolkata"], *day) == ["24 19:30-24 23:30"]
    assert said(nights, ["Asia/Kathmandu"], *day) == ["24 19:15-24 23:15"]


def test_a_guess_of_two_zones_is_open_only_where_both_are() -> None:
    coasts = ["America/New_York", "America/Los_Angeles"]

    assert said(parse("daily 01:00-05:00"), coasts, "2026-11-24", "2026-11-25") == [
        "24 09:00-24 10:00"
    ]


def test_hours_that_the_clock_skips_in_spring_are_not_there() -> None:
    berlin = ["Europe/Berlin"]

    assert said(parse("daily 01:00-05:00"), berlin, "2026-03-28T20:00", "2026-03-29T20:00") == [
        "29 00:00-29 03:00"
    ]
    assert said(parse("daily 02:00-02:45"), berlin, "2026-03-28T12:00", "2026-03-29T12:00") == []


def test_hours_that_the_clock_shows_twice_in_autumn_are_there_twice() -> None:
    berlin = ["Europe/Berlin"]

    assert said(parse("daily 02:15-02:45"), berlin, "2026-10-24T12:00", "2026-10-25T12:00") == [
        "25 00:15-25 00:45",
        "25 01:15-25 01:45",
    ]


def test_a_night_that_began_before_the_first_day_looked_at_is_still_open() -> None:
    window = parse("Sun 20:00-Mon 04:00")

    assert said(window, ["UTC"], "2026-11-23", "2026-11-24") == ["23 00:00-23 04:00"]
    assert window.is_open(utc("2026-11-23T03:59"), ["UTC"])
    assert not window.is_open(utc("2026-11-23T04:00"), ["UTC"])


def test_any_hour_is_never_closed() -> None:
    month = Span(utc("2026-10-20"), utc("2026-11-20"))

    assert parse("any hour").always
    assert not NIGHTS.always
    for zone in ("Europe/Berlin", "Australia/Lord_Howe", "Africa/Casablanca"):
        assert parse("any hour").spans([zone], month) == (month,)


@pytest.mark.parametrize(
    ("text", "plain"),
    [
        ("fri 22:00 - sun 18:00", "Fri 22:00-Sun 18:00"),
        ("Sat-Mon 1:00-5:00", "Mon 01:00-Mon 05:00, Sat 01:00-Sat 05:00, Sun 01:00-Sun 05:00"),
        ("Sat 22:00-02:00", "Sat 22:00-Sun 02:00"),
        ("Sat 00:00-24:00", "Sat 00:00-Sun 00:00"),
        ("any hour", "any hour"),
    ],
)
def test_hours_are_written_as_people_write_them(text: str, plain: str) -> None:
    assert str(parse(text)) == plain
    assert parse(str(parse(text))) == parse(text)


@pytest.mark.parametrize(
    "text",
    [
        "",
        " , ",
        "at night",
        "Fri 22-Sun 18",
        "Fry 01:00-02:00",
        "daily 25:00-26:00",
        "daily 24:00-02:00",
        "Mon 01:75-02:00",
    ],
)
def test_hours_that_cannot_be_are_refused_with_what_would_be_right(text: str) -> None:
    with pytest.raises(BadWindow, match=r"\d\d:\d\d"):
        parse(text)


def test_a_zone_that_does_not_exist_is_refused_by_name() -> None:
    with pytest.raises(UnknownZone, match="Mars/Olympus"):
        NIGHTS.spans(["Mars/Olympus"], Span(utc("2026-11-23"), utc("2026-11-24")))


openings = st.builds(
    lambda opens, length: Opening(opens, opens + length),
    st.integers(0, WEEK - 1),
    st.integers(1, WEEK),
)
windows = st.builds(Window, st.lists(openings, min_size=1, max_size=4).map(tuple))


@given(
    window=windows,
    zone=st.sampled_from(ZONES),
    start=st.datetimes(datetime(2026, 1, 1), datetime(2035, 12, 1)),  # noqa: DTZ001
    hours=st.integers(1, 400),
)
def test_what_is_said_to_be_open_is_open_by_the_clock_on_the_wall(
    window: Window, zone: str, start: datetime, hours: int
) -> None:
    """Both ways, at the edges of every span and all through it."""
    start = start.replace(second=0, microsecond=0, tzinfo=UTC)
    within = Span(start, start + timedelta(hours=hours))

    spans = window.spans([zone], within)

    minute = timedelta(minutes=1)
    for span in spans:
        assert within.start <= span.start < span.end <= within.end
        assert shown_open(window, span.start, zone)
        assert shown_open(window, span.end - minute, zone)
        if span.end < within.end:
            assert not shown_open(window, span.end, zone)
    for one, following in pairwise(spans):
        assert one.end < following.start
    for step in range(0, hours * 60, 47):
        moment = start + step * minute
        inside = any(moment in span for span in spans)
        assert inside == shown_open(window, moment, zone)
