"""What a planner says of times: stored and read back exactly, and nothing unknown is believed."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from rollouts.domain.schedule import ANY_HOUR, Schedule

NIGHTS = "Fri 22:00-Sun 18:00, Mon-Thu 01:00-05:00"


@pytest.mark.parametrize(
    "schedule",
    [
        Schedule(),
        Schedule(ANY_HOUR),
        Schedule(NIGHTS, {2: datetime(2027, 1, 5, 20, tzinfo=UTC)}),
    ],
)
def test_it_is_read_back_as_it_was_stored(schedule: Schedule) -> None:
    assert Schedule.from_json(schedule.as_json()) == schedule
    assert len(schedule.label) <= 40


def test_a_rollout_from_before_windows_may_start_at_any_hour() -> None:
    window = Schedule.from_json(None).instead()
    assert window is not None
    assert window.always
    assert Schedule().instead() is None


@pytest.mark.parametrize(
    "stored",
    [
        {},
        {"window": ""},
        {"window": 5, "earliest": {}},
        {"window": "", "earliest": []},
        {"window": "", "earliest": {}, "more": 1},
        {"window": "at night", "earliest": {}},
        {"window": "", "earliest": {"1": "soon"}},
    ],
)
def test_what_nobody_wrote_is_an_error(stored: dict[str, object]) -> None:
    with pytest.raises(ValueError, match=r"version|window|isoformat"):
        Schedule.from_json(stored)
