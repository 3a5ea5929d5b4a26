"""Starts: every org in one batch or named, and nothing may begin outside anybody's hours."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from zoneinfo import available_timezones

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rollouts.domain.spans import Span, Spans, span_at, union, without
from rollouts.domain.starts import JITTER, ROOM, Pace, PlannedStart, group_starts, next_start
from rollouts.domain.windows import parse

NOW = datetime(2026, 11, 23, 12, 0, tzinfo=UTC)
FORTNIGHT = timedelta(days=14)
MINUTE = timedelta(minutes=1)
USUAL = Pace(sizes=(10, 20, 40), latest=timedelta(hours=4))
ZONES = sorted(available_timezones())
Orgs = Sequence[tuple[str, Spans]]


def hours(text: str, *zones: str, since: datetime = NOW, span: timedelta = FORTNIGHT) -> Spans:
    return parse(text).spans(zones, Span(since, since + span))


def grouped(
    orgs: Orgs, pace: Pace = USUAL, since: datetime = NOW, seed: str = "s"
) -> tuple[tuple[PlannedStart[str], ...], dict[str, str]]:
    return group_starts(orgs, pace, not_before=since, horizon=since + FORTNIGHT, seed=seed)


def fleet(count: int, spans: Spans, name: str = "org") -> list[tuple[str, Spans]]:
    return [(f"{name}{n:03}", spans) for n in range(count)]


some_hours = st.lists(
    st.tuples(st.integers(0, 20_000), st.integers(1, 600)), min_size=0, max_size=8
).map(lambda rows: union(Span(NOW + s * MINUTE, NOW + (s + n) * MINUTE) for s, n in rows))


@st.composite
def fleets(draw: st.DrawFn) -> list[tuple[str, Spans]]:
    kinds = draw(st.lists(some_hours, min_size=1, max_size=5))
    order = draw(st.lists(st.integers(0, len(kinds) - 1), max_size=60))
    return [(f"org{place:02}", kinds[kind]) for place, kind in enumerate(order)]


paces = st.builds(
    Pace,
    sizes=st.lists(st.integers(1, 9), min_size=1, max_size=3).map(tuple),
    latest=st.integers(5, 300).map(lambda minutes: minutes * MINUTE),
    apart=st.integers(1, 120).map(lambda minutes: minutes * MINUTE),
    a_day=st.integers(0, 20),
)


@settings(max_examples=120)
@given(orgs=fleets(), pace=paces)
def test_every_org_is_in_one_batch_or_named_with_a_reason(
    orgs: list[tuple[str, Spans]], pace: Pace
) -> None:
    starts, unplaced = grouped(orgs, pace)

    placed = [org for batch in starts for org in batch.orgs]
    assert sorted([*placed, *unplaced]) == [org for org, _ in orgs]
    assert all(unplaced.values())


@settings(max_examples=120)
@given(orgs=fleets(), pace=paces)
def test_nothing_may_start_outside_an_opening_of_any_org_of_the_batch(
    orgs: list[tuple[str, Spans]], pace: Pace
) -> None:
    spans = dict(orgs)

    starts, _ = grouped(orgs, pace)

    for batch in starts:
        assert NOW <= batch.start <= batch.not_after < NOW + FORTNIGHT
        assert batch.not_after - batch.start <= pace.latest
        until_the_end = batch.closes >= NOW + FORTNIGHT
        assert until_the_end or batch.not_after - batch.start >= min(ROOM, pace.latest)
        for org in batch.orgs:
            opening = span_at(spans[org], batch.start)
            assert opening is not None
            assert batch.not_after in opening


@settings(max_examples=60)
@given(orgs=fleets(), pace=paces)
def test_same_input_same_starts_and_the_ramp_the_pace_and_the_order_are_kept(
    orgs: list[tuple[str, Spans]], pace: Pace
) -> None:
    starts, unplaced = grouped(orgs, pace)

    assert grouped(list(orgs), pace) == (starts, unplaced)
    for step, batch in enumerate(starts):
        assert 1 <= len(batch.orgs) <= pace.sizes[min(step, len(pace.sizes) - 1)]
        assert list(batch.orgs) == sorted(batch.orgs)
        day = [b for b in starts if timedelta() <= batch.start - b.start < timedelta(days=1)]
        assert not pace.a_day or sum(len(b.orgs) for b in day) <= pace.a_day
    assert all(b.start - a.start >= pace.apart for a, b in pairwise(starts))


def test_an_org_that_is_open_now_starts_now_without_a_wait() -> None:
    starts, unplaced = grouped(fleet(3, hours("any hour", "UTC")))

    assert [(batch.start, len(batch.orgs)) for batch in starts] == [(NOW, 3)]
    assert starts[0].not_after == NOW + timedelta(hours=4)
    assert unplaced == {}


def test_two_sides_of_the_earth_start_in_their_own_nights() -> None:
    nights = "daily 01:00-05:00"
    sydney, los_angeles = hours(nights, "Australia/Sydney"), hours(nights, "America/Los_Angeles")
    orgs = [*fleet(2, los_angeles, "la"), *fleet(2, sydney, "syd")]

    starts, _ = grouped(orgs, since=NOW + timedelta(hours=2))

    assert [batch.orgs for batch in starts] == [("syd000", "syd001"), ("la000", "la001")]
    opens = [datetime(2026, 11, 23, 14, tzinfo=UTC), datetime(2026, 11, 24, 9, tzinfo=UTC)]
    for batch, opening in zip(starts, opens, strict=True):
        assert opening <= batch.start <= opening + JITTER
        assert batch.not_after < opening + timedelta(hours=4)


def test_neighbours_share_a_batch_and_the_first_to_close_ends_it() -> None:
    nights = "daily 01:00-05:00"
    orgs = [*fleet(2, hours(nights, "Europe/Berlin"), "b"), *fleet(2, hours(nights, "UTC"), "u")]
    at = datetime(2026, 11, 24, 1, 10, tzinfo=UTC)

    starts, _ = grouped(orgs, since=at)

    assert [batch.orgs for batch in starts] == [("b000", "b001", "u000", "u001")]
    assert starts[0].start == at
    assert starts[0].not_after == datetime(2026, 11, 24, 3, 59, 59, tzinfo=UTC)


def test_the_end_of_an_opening_is_too_late_to_start() -> None:
    nights = hours("daily 01:00-05:00", "UTC")
    late = datetime(2026, 11, 24, 4, 31, tzinfo=UTC)

    starts, _ = grouped(fleet(1, nights), since=late)

    assert starts[0].start.day == 25


def test_the_end_of_the_plan_is_no_closing_and_little_time_before_it_is_enough() -> None:
    late = NOW + FORTNIGHT - 2 * MINUTE

    found = next_start(
        fleet(1, hours("any hour", "UTC")), 1, USUAL,
        not_before=late, horizon=NOW + FORTNIGHT, seed="s",
    )  # fmt: skip

    assert found is not None
    assert (found.start, found.closes) == (late, NOW + FORTNIGHT)
    assert found.not_after < NOW + FORTNIGHT


def test_a_freeze_that_begins_at_night_ends_the_batch_before_it() -> None:
    freeze = Span(datetime(2026, 11, 24, 3, tzinfo=UTC), datetime(2026, 11, 26, tzinfo=UTC))
    nights = without(hours("daily 01:00-05:00", "UTC"), (freeze,))

    starts, _ = grouped(fleet(1, nights))

    assert starts[0].not_after == datetime(2026, 11, 24, 2, 59, 59, tzinfo=UTC)


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("Mon 02:00-02:20", "leaves 30 minutes"),
        ("Mon 02:00-02:30", "leaves 30 minutes"),
    ],
)
def test_who_fits_nowhere_is_named(text: str, why: str) -> None:
    orgs = [("never", ()), ("short", hours(text, "UTC")), ("fits", hours("any hour", "UTC"))]

    starts, unplaced = grouped(orgs)

    assert [batch.orgs for batch in starts] == [("fits",)]
    assert unplaced["never"] == "none of its hours is open in this time"
    assert why in unplaced["short"]


def test_who_is_left_because_the_hours_are_taken_is_told_so() -> None:
    one_night = (Span(NOW, NOW + timedelta(hours=2)),)

    starts, unplaced = grouped(fleet(5, one_night), Pace(sizes=(2,), latest=timedelta(hours=4)))

    assert [len(batch.orgs) for batch in starts] == [2, 2]
    assert unplaced == {"org004": "the batches before it take all of its open hours in this time"}


def test_a_night_in_which_the_clock_leaps_is_an_hour_shorter_and_still_kept() -> None:
    eve = datetime(2027, 3, 27, 12, tzinfo=UTC)
    spans = hours("daily 01:30-03:30", "Europe/Berlin", since=eve, span=timedelta(days=1))
    assert spans[0].length == timedelta(hours=1)

    found = next_start(
        fleet(1, spans), 10, USUAL, not_before=eve, horizon=eve + FORTNIGHT, seed="s"
    )

    assert found is not None
    assert datetime(2027, 3, 28, 0, 30, tzinfo=UTC) <= found.start
    assert found.not_after < datetime(2027, 3, 28, 1, 30, tzinfo=UTC)


def test_nobody_starts_on_the_minute_at_which_all_open_but_spread_by_the_seed() -> None:
    nights = hours("daily 01:00-05:00", "Asia/Kathmandu")
    opening = datetime(2026, 11, 23, 19, 15, tzinfo=UTC)

    waits = {grouped(fleet(1, nights), seed=f"wave {n}")[0][0].start - opening for n in range(60)}

    assert len(waits) > 10
    assert timedelta() <= min(waits)
    assert max(waits) <= JITTER


@settings(max_examples=60)
@given(zone=st.sampled_from(ZONES), day=st.integers(0, 3650))
def test_in_every_zone_a_whole_batch_lies_in_the_night_of_its_orgs(zone: str, day: int) -> None:
    since = datetime(2026, 1, 1, 12, tzinfo=UTC) + timedelta(days=day)
    window = parse("Fri 22:00-Sun 18:00, Mon-Thu 23:30-05:00")
    spans = window.spans([zone], Span(since, since + FORTNIGHT))

    starts, unplaced = grouped(fleet(1, spans), since=since)

    assert unplaced == {}
    assert window.is_open(starts[0].start, [zone])
    assert window.is_open(starts[0].not_after, [zone])
