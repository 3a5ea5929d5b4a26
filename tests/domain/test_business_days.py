from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from rollouts.domain.business_days import business_day_over, region, zones_of
from rollouts.domain.capacity import orgs_a_day


@pytest.mark.parametrize(
    ("instance", "letters"),
    [
        ("USA242", "USA"),
        ("DEU8S", "DEU"),
        ("AUS5", "AUS"),
        ("AUS5S", "AUS"),
        ("CS18", "CS"),
        ("", ""),
    ],
)
def test_an_instance_tells_its_region_by_its_letters(instance: str, letters: str) -> None:
    assert region(instance) == letters


@pytest.mark.parametrize(
    ("begun", "over"),
    [
        # Tuesday noon in Berlin: Wednesday has the first whole working day.
        (datetime(2026, 11, 17, 11, tzinfo=UTC), datetime(2026, 11, 18, 16, tzinfo=UTC)),
        # Before nine of a Tuesday: that very day.
        (datetime(2026, 11, 17, 7, tzinfo=UTC), datetime(2026, 11, 17, 16, tzinfo=UTC)),
        # Friday evening: Monday, whatever the calendar of the bake says.
        (datetime(2026, 11, 20, 18, tzinfo=UTC), datetime(2026, 11, 23, 16, tzinfo=UTC)),
        # Over the end of summer time the day still ends at five by the clock on the wall.
        (datetime(2026, 10, 24, 9, tzinfo=UTC), datetime(2026, 10, 26, 16, tzinfo=UTC)),
    ],
)
def test_a_whole_working_day_passes_where_the_org_is(begun: datetime, over: datetime) -> None:
    assert business_day_over(begun, zones_of(["DEU"])) == over


def test_an_org_that_could_be_anywhere_waits_for_the_day_everywhere() -> None:
    begun = datetime(2026, 11, 17, 11, tzinfo=UTC)
    somewhere = [
        business_day_over(begun, zones_of([name])) for name in ("USA", "JPN", "AUS", "BRA")
    ]
    assert business_day_over(begun, zones_of(["CS"])) >= max(somewhere)
    assert business_day_over(begun, zones_of(["CS"])) - begun < timedelta(days=2)


def test_without_any_org_nothing_is_waited_for() -> None:
    begun = datetime(2026, 11, 17, 11, tzinfo=UTC)
    assert business_day_over(begun, zones_of([])) == begun


def test_support_is_asked_for_little_until_there_is_evidence() -> None:
    assert orgs_a_day(100, 0, 0) == 100
    assert 400 < orgs_a_day(100, 0, 25) < 600
    assert orgs_a_day(100, 10, 100) < orgs_a_day(100, 3, 100) < orgs_a_day(100, 0, 100)
    assert orgs_a_day(100, 0, 100_000) == 10_000
    assert orgs_a_day(1, 50, 50) == 1
