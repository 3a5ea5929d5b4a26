"""Spans: what lies in both, in either, in one without the other, minute by minute."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rollouts.domain.spans import Span, Spans, first_fit, overlap, span_at, union, without

ZERO = datetime(2026, 11, 23, tzinfo=UTC)
MINUTE = timedelta(minutes=1)
LONGEST = 60


def span(start: int, end: int) -> Span:
    return Span(ZERO + start * MINUTE, ZERO + end * MINUTE)


def minutes(spans: Spans) -> set[int]:
    return {at for at in range(2 * LONGEST) if any(ZERO + at * MINUTE in one for one in spans)}


some = st.lists(
    st.builds(
        lambda start, length: span(start, start + length),
        st.integers(0, LONGEST),
        st.integers(1, LONGEST // 2),
    ),
    max_size=6,
).map(union)


@given(one=some, other=some)
def test_the_sums_of_spans_are_the_sums_of_their_minutes(one: Spans, other: Spans) -> None:
    assert minutes(union((*one, *other))) == minutes(one) | minutes(other)
    assert minutes(overlap(one, other)) == minutes(one) & minutes(other)
    assert minutes(without(one, other)) == minutes(one) - minutes(other)
    for spans in (union((*one, *other)), overlap(one, other), without(one, other)):
        assert all(left.end <= right.start for left, right in pairwise(spans))


@given(spans=some, start=st.integers(0, 2 * LONGEST), need=st.integers(1, LONGEST))
def test_the_first_fit_is_long_enough_and_nothing_earlier_is(
    spans: Spans, start: int, need: int
) -> None:
    held = minutes(spans)
    fits = [at for at in range(start, 2 * LONGEST) if all(at + m in held for m in range(need))]

    found = first_fit(spans, ZERO + start * MINUTE, need * MINUTE)

    assert (found.start if found else None) == (ZERO + fits[0] * MINUTE if fits else None)
    if found:
        assert found.length >= need * MINUTE


def test_a_span_holds_its_start_and_not_its_end() -> None:
    spans = (span(0, 10), span(20, 30))

    assert span_at(spans, ZERO) == span(0, 10)
    assert span_at(spans, ZERO + 10 * MINUTE) is None
    assert span_at(spans, ZERO + 29 * MINUTE) == span(20, 30)


def test_a_span_is_never_empty_and_never_in_local_time() -> None:
    with pytest.raises(ValueError, match="end after it starts"):
        span(10, 10)
    with pytest.raises(ValueError, match="in UTC"):
        Span(datetime(2026, 11, 23), datetime(2026, 11, 24))  # noqa: DTZ001 - that is the point
