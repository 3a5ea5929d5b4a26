"""What a plan is likely to come to, told with small figures that a person can check."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from rollouts.domain.forecast import Group, Past, Step, failures, forecast
from rollouts.domain.policy import Policy, WaveKind
from rollouts.domain.spans import Span, Spans

MONDAY = datetime(2026, 11, 23, 12, 0, tzinfo=UTC)
KNOWN = Past(finished=1000, failed=30, settled=(1200.0,) * 8 + (3600.0, 5400.0))
ALWAYS: Spans = (Span(MONDAY, MONDAY + timedelta(days=400)),)


def nights(hours: int = 4, count: int = 200) -> Spans:
    """From one in the morning (UTC) for so many hours, each night."""
    first = MONDAY.replace(hour=1) + timedelta(days=1)
    days = (first + timedelta(days=number) for number in range(count))
    return tuple(Span(day, day + timedelta(hours=hours)) for day in days)


def wave(number: int, kind: WaveKind, orgs: int, spans: Spans = ALWAYS, bake: int = 3600) -> Step:
    return Step(number, kind.value.title(), kind, (Group(orgs, spans),), bake)


def test_the_range_of_failures_holds_the_likely_count_and_narrows_with_evidence() -> None:
    little = failures(200, Past(finished=40, failed=1))
    much = failures(200, Past(finished=4000, failed=100))

    assert little.low <= little.likely <= little.high
    assert much.likely == 5
    assert much.high - much.low < little.high - little.low


def test_nine_of_ten_futures_fall_into_the_range() -> None:
    import random

    chance, past = random.Random(3), KNOWN
    a, b = past.beta()
    expected = failures(150, past)
    futures = [
        sum(chance.random() < rate for _ in range(150))
        for rate in (chance.betavariate(a, b) for _ in range(600))
    ]

    inside = sum(expected.low <= count <= expected.high for count in futures) / len(futures)
    assert 0.86 < inside <= 1.0


def test_without_a_past_two_to_five_of_a_hundred_are_assumed_and_said_so() -> None:
    nobody = Past(finished=3, failed=0)

    assert failures(1000, nobody).likely == 35
    assert failures(1000, nobody).low >= 15
    assert failures(1000, nobody).high <= 60
    assert "An assumption: 2 to 5 %" in nobody.rate_basis
    assert "only 3 orgs" in nobody.rate_basis


def test_nobody_fails_where_nobody_is_pushed() -> None:
    assert str(failures(0, KNOWN)) == "0 to 0"


def test_a_hundred_thousand_orgs_have_a_range_too() -> None:
    many = failures(100_000, KNOWN)

    assert 2_000 < many.low < many.likely < many.high < 4_500


def test_batches_wait_for_the_night_and_for_each_other() -> None:
    told = forecast(
        [wave(1, WaveKind.SANDBOX, 25, nights())], Policy(tickets_a_day=10_000), KNOWN, MONDAY,
        poll=60,
    )  # fmt: skip

    (first, ten), (second, fifteen) = told.waves[0].batches
    assert (ten, fifteen) == (10, 15)
    assert first == datetime(2026, 11, 24, 1, 0, tzinfo=UTC)
    # Twenty minutes to settle, as half of the past batches did, and the fuse of the next one.
    assert second - first == timedelta(minutes=35)


def test_the_late_end_counts_slow_batches_approvals_and_retries() -> None:
    plan = [wave(1, WaveKind.OWN, 8), wave(2, WaveKind.SANDBOX, 40)]

    early, late = forecast(plan, Policy(), KNOWN, MONDAY, poll=60).finish

    assert late - early > timedelta(days=2)


def test_what_does_not_fit_before_the_end_date_is_counted_with_its_nights() -> None:
    policy = replace(Policy(), tickets_a_day=100_000, end_by_after=2 * 86400)
    plan = [wave(1, WaveKind.PRODUCTION, 3412, nights(hours=1))]

    told = forecast(plan, policy, KNOWN, MONDAY, poll=60)

    assert told.unplaced == told.waves
    # Two nights of an hour hold two batches each: 10 and 20, then 40 and 80.
    assert told.waves[0].unplaced == 3412 - 150
    assert told.waves[0].nights == 2


def test_orgs_that_are_never_open_find_no_place() -> None:
    told = forecast([wave(1, WaveKind.SANDBOX, 7, ())], Policy(), KNOWN, MONDAY, poll=60)

    assert told.waves[0].unplaced == 7
    assert told.waves[0].first_start is None
    assert told.begins is None


def test_those_whose_night_ends_first_go_first() -> None:
    early, late = nights(hours=1), nights(hours=4)
    step = Step(1, "Sandboxes", WaveKind.SANDBOX, (Group(10, late), Group(10, early)))

    told = forecast([step], replace(Policy(), tickets_a_day=10_000), KNOWN, MONDAY, poll=60)

    assert told.waves[0].unplaced == 0
    assert [start.date().day for start, _ in told.waves[0].batches] == [24, 24]


def test_support_bears_only_so_many_orgs_a_day() -> None:
    plan = [wave(1, WaveKind.SANDBOX, 400)]

    quick = forecast(plan, replace(Policy(), tickets_a_day=10_000), KNOWN, MONDAY, poll=60)
    slow = forecast(plan, replace(Policy(), tickets_a_day=20), KNOWN, MONDAY, poll=60)

    assert slow.finish[0] - quick.finish[0] > timedelta(days=1)
    assert slow.tickets_a_day.high < quick.tickets_a_day.high


def test_a_canary_waits_for_a_business_day_over_the_weekend() -> None:
    friday = MONDAY + timedelta(days=4, hours=9)
    step = replace(wave(1, WaveKind.CANARY, 5, bake=86400), zones=(UTC,))

    told = forecast([step], Policy(), KNOWN, friday, poll=60)

    assert told.waves[0].passes == datetime(2026, 11, 30, 17, 0, tzinfo=UTC)


@pytest.mark.parametrize("past", [Past(), KNOWN])
def test_every_forecast_says_what_it_rests_on(past: Past) -> None:
    told = forecast([wave(1, WaveKind.OWN, 3)], Policy(), past, MONDAY, poll=60)

    assert len(told.assumptions) == 3
    assert ("assumption" in told.assumptions[0]) is (past.finished == 0)
    assert told.calls >= told.calls_a_day > 0


def test_a_wave_waits_for_the_day_that_its_planner_named() -> None:
    named = MONDAY + timedelta(days=9)
    step = replace(wave(1, WaveKind.SANDBOX, 5), not_before=named)

    told = forecast([step], Policy(), KNOWN, MONDAY, poll=60)

    assert told.begins == named
