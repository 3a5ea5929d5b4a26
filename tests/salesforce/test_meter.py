"""What answers tell in passing."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from rollouts.salesforce.gateway import Budget
from rollouts.salesforce.meter import Meter, budget_in, drift_in

NOW = datetime(2026, 11, 16, 1, 0, tzinfo=UTC)
SECOND = timedelta(seconds=1)


@pytest.mark.parametrize(
    ("header", "budget"),
    [
        ("api-usage=18/5000", Budget(18, 5000)),
        ("api-usage=25/5000; per-app-api-usage=17/250(appName=x)", Budget(25, 5000)),
        ("per-app-api-usage=17/250(appName=x); api-usage=25/5000", Budget(25, 5000)),
        ("per-app-api-usage=17/250(appName=x)", None),
        ("api-usage=" + "9" * 5000 + "/1", None),
        ("", None),
        ("nonsense", None),
    ],
)
def test_the_budget_is_the_orgs_not_the_apps(header: str, budget: Budget | None) -> None:
    assert budget_in(header) == budget


def test_what_is_left_of_a_budget() -> None:
    assert Budget(18, 5000).left == 4982


@pytest.mark.parametrize(
    ("header", "drift"),
    [
        ("Mon, 16 Nov 2026 01:00:00 GMT", timedelta()),
        # Whole seconds: an answer written at 00:59:59.9 says 00:59:59.
        ("Mon, 16 Nov 2026 00:59:59 GMT", timedelta()),
        ("Mon, 16 Nov 2026 00:59:49 GMT", -10 * SECOND),
        ("Mon, 16 Nov 2026 01:00:12 GMT", 10 * SECOND),
    ],
)
def test_drift_is_the_least_that_explains_the_answer(header: str, drift: timedelta) -> None:
    assert drift_in(header, NOW, NOW + 2 * SECOND) == drift


def test_a_fast_clock_is_no_drift() -> None:
    # At 120 simulated seconds to one, 50 ms on the wire are 6 s of business time.
    assert drift_in("Mon, 16 Nov 2026 01:00:03 GMT", NOW, NOW + 6 * SECOND) == timedelta()


@pytest.mark.parametrize("header", ["", "soon", "Mon, 99 Nov 2026 01:00:00 GMT", "0" * 99])
def test_an_unreadable_date_tells_nothing(header: str) -> None:
    assert drift_in(header, NOW, NOW) is None


def test_a_date_without_a_zone_is_taken_as_utc() -> None:
    assert drift_in("Mon, 16 Nov 2026 01:00:00 -0000", NOW, NOW) == timedelta()


def test_an_answer_that_tells_nothing_leaves_the_last_figures() -> None:
    meter = Meter()
    meter.answered({"Sforce-Limit-Info": "api-usage=1/9"}, NOW, NOW)
    meter.answered({}, NOW, NOW)
    assert meter.budget == Budget(1, 9)
