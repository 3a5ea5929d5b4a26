"""A seeded sample of the battery: what is told to be open is open by the clocks on the wall."""

from __future__ import annotations

from datetime import date, datetime

import pytest

from rollouts.domain.freezes import FiscalEnd, Once, Period, Yearly
from rollouts.domain.spans import Spans
from tests.batteries.planning import starts, times


def test_no_open_moment_lies_outside_its_window_or_inside_a_freeze() -> None:
    tally = times.run(zones=24, years=1, samples=20, seed=20261123)

    assert tally.wrong == []
    assert tally.zones == 24
    assert tally.spans > 500
    assert tally.moments > 2_000


def test_no_batch_may_start_when_one_of_its_orgs_is_closed() -> None:
    tally = starts.run(zones=24, years=1, fortnights=2, seed=20261123)

    assert tally.wrong == []
    assert tally.placed > 20
    assert tally.unplaced > 0
    assert tally.moments > 200


def test_the_second_reading_would_notice_a_freeze_that_is_left_out(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def nothing_closed(_closed: object) -> Spans:
        return ()

    monkeypatch.setattr(times, "together", nothing_closed)

    assert times.run(zones=4, years=1, samples=20, seed=1).wrong


@pytest.mark.parametrize(
    ("rule", "day", "closed"),
    [
        (FiscalEnd(Period.MONTH, 1, 0, 1), date(2027, 1, 29), True),
        (FiscalEnd(Period.MONTH, 1, 0, 1), date(2027, 1, 31), True),
        (FiscalEnd(Period.MONTH, 1, 0, 1), date(2027, 1, 28), False),
        (FiscalEnd(Period.QUARTER, 0, 2, 2), date(2027, 2, 2), True),
        (FiscalEnd(Period.QUARTER, 0, 2, 2), date(2027, 2, 3), False),
        (FiscalEnd(Period.YEAR, 3, 0, 4), date(2027, 3, 29), True),
        (FiscalEnd(Period.YEAR, 3, 0, 4), date(2027, 3, 28), False),
        (Yearly((12, 31), (1, 1)), date(2027, 1, 1), True),
        (Yearly((12, 31), (1, 1)), date(2027, 1, 2), False),
        (Yearly((2, 29), (2, 29)), date(2027, 2, 28), True),
        (Once(datetime(2027, 1, 1), datetime(2027, 1, 2)), date(2027, 1, 2), False),  # noqa: DTZ001
    ],
)
def test_the_second_reading_is_right_itself(
    rule: FiscalEnd | Yearly | Once, day: date, closed: bool
) -> None:
    assert times.freeze_holds(rule, datetime(day.year, day.month, day.day), 1) is closed  # noqa: DTZ001
