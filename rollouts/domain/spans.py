"""Stretches of time, as sorted tuples of half-open spans, and the sums that windows need.

A span holds its start and not its end; the spans of one tuple are sorted and never touch. Moments
are in UTC only: Python subtracts two moments of one local zone by their wall clocks, and then an
hour is lost or won where the clock changes.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta


@dataclass(frozen=True, slots=True, order=True)
class Span:
    """From ``start`` until just before ``end``.

    Raises ValueError for one that ends before it starts or is not in UTC.
    """

    start: datetime
    end: datetime

    def __post_init__(self) -> None:
        if self.start.tzinfo is not UTC or self.end.tzinfo is not UTC:
            raise ValueError(f"a span is in UTC: {self.start} to {self.end}")
        if self.end <= self.start:
            raise ValueError(f"a span must end after it starts: {self.start} to {self.end}")

    def __contains__(self, moment: datetime) -> bool:
        return self.start <= moment < self.end

    @property
    def length(self) -> timedelta:
        """How long it is."""
        return self.end - self.start


Spans = tuple[Span, ...]


def union(spans: Iterable[Span]) -> Spans:
    """Return the moments that lie in any of these spans; touching spans become one."""
    merged: list[Span] = []
    for span in sorted(spans):
        if merged and span.start <= merged[-1].end:
            if span.end > merged[-1].end:
                merged[-1] = Span(merged[-1].start, span.end)
        else:
            merged.append(span)
    return tuple(merged)


def overlap(ones: Spans, others: Spans) -> Spans:
    """Return the moments that lie in both; each side must be sorted and without overlaps."""
    shared: list[Span] = []
    one = other = 0
    while one < len(ones) and other < len(others):
        start = max(ones[one].start, others[other].start)
        end = min(ones[one].end, others[other].end)
        if start < end:
            shared.append(Span(start, end))
        if ones[one].end <= others[other].end:
            one += 1
        else:
            other += 1
    return tuple(shared)


def without(spans: Spans, taken: Spans) -> Spans:
    """Return the moments of ``spans`` that ``taken`` does not hold; both sorted, no overlaps."""
    left: list[Span] = []
    first = 0
    for span in spans:
        start = span.start
        while first < len(taken) and taken[first].end <= start:
            first += 1
        at = first
        while at < len(taken) and taken[at].start < span.end:
            if taken[at].start > start:
                left.append(Span(start, taken[at].start))
            start = max(start, taken[at].end)
            at += 1
        if start < span.end:
            left.append(Span(start, span.end))
    return tuple(left)


def span_at(spans: Spans, moment: datetime) -> Span | None:
    """Return the span that holds this moment, or None."""
    return next((span for span in spans if moment in span), None)


def first_fit(spans: Spans, not_before: datetime, at_least: timedelta) -> Span | None:
    """Return the first stretch from ``not_before`` on that is at least so long, or None."""
    for span in spans:
        start = max(span.start, not_before)
        if span.end - start >= at_least and start < span.end:
            return Span(start, span.end)
    return None
