"""From each org's open hours to batches that start together, each with its latest start.

Salesforce may start a request at any moment from its planned start to its latest one, so the whole
of that time lies in one opening of every org of the batch. Same input, same plan: the only chance
in it is a hash of the seed and the opening.
"""

from __future__ import annotations

import hashlib
from collections.abc import Hashable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from heapq import merge
from itertools import islice
from typing import Generic, TypeVar

from rollouts.domain.spans import Span, Spans, overlap

# What must be left of an opening after a start: a request a little late would be recalled.
ROOM = timedelta(minutes=30)
# Starts are spread over this much after an opening, so that not all the world starts on the hour.
JITTER = timedelta(minutes=20)
# A batch is prepared, armed, run and read back before the next one of its wave is cut.
APART = timedelta(hours=1)
SECOND = timedelta(seconds=1)
DAY = timedelta(days=1)

Key = TypeVar("Key", bound=Hashable)


@dataclass(frozen=True, slots=True)
class PlannedStart(Generic[Key]):
    """One batch: its start and its latest start, both inside an opening of each of its orgs.

    ``closes`` is when the first of these openings ends.
    """

    start: datetime
    not_after: datetime
    closes: datetime
    orgs: tuple[Key, ...]

    def shifted(self, start: datetime, latest: timedelta) -> PlannedStart[Key]:
        """Return it with a start that was moved on a little; it may come too late for it."""
        return replace(self, start=start, not_after=min(start + latest, self.closes - SECOND))


@dataclass(frozen=True, slots=True)
class Pace:
    """How fast batches follow one another.

    ``sizes`` are orgs per batch in order, the last one repeats; ``latest`` is how long after its
    start a request may still start; ``a_day`` is how many orgs may start within 24 hours, 0 for
    as many as fit.
    """

    sizes: Sequence[int]
    latest: timedelta
    apart: timedelta = APART
    a_day: int = 0

    @property
    def room(self) -> timedelta:
        """What must be left of an opening after a start."""
        return min(ROOM, self.latest)


@dataclass(slots=True)
class _Group(Generic[Key]):
    """Orgs with the same openings, in push order; ``left`` is the first one not yet placed."""

    spans: Spans
    places: list[tuple[int, Key]] = field(default_factory=list)
    left: int = 0

    def waiting(self) -> Iterator[tuple[int, _Group[Key], Key]]:
        """Yield the orgs left, lazily: a batch takes only the first of many."""
        for number in range(self.left, len(self.places)):
            place, key = self.places[number]
            yield place, self, key


def next_start(
    orgs: Iterable[tuple[Key, Spans]],
    size: int,
    pace: Pace,
    *,
    not_before: datetime,
    horizon: datetime,
    seed: str,
) -> PlannedStart[Key] | None:
    """Return the batch that can start first, of at most ``size`` orgs in their order, or None."""
    return _next(_grouped(orgs), size, pace, Span(not_before, horizon), seed)


def group_starts(
    orgs: Sequence[tuple[Key, Spans]],
    pace: Pace,
    *,
    not_before: datetime,
    horizon: datetime,
    seed: str,
) -> tuple[tuple[PlannedStart[Key], ...], dict[Key, str]]:
    """Place every org in one batch, or say why it fits none; orgs come in push order.

    The batch that can start first is next; orgs that share its start keep their order. Nothing
    starts before ``not_before``, and no latest start is at the horizon or after it. Quick where
    orgs share their tuple of spans.
    """
    groups = _grouped(orgs)
    starts: list[PlannedStart[Key]] = []
    at = not_before
    while any(group.left < len(group.places) for group in groups) and at < horizon:
        size = pace.sizes[min(len(starts), len(pace.sizes) - 1)]
        if pace.a_day:
            size = min(size, pace.a_day)
            at = max(at, _day_has_room(starts, size, pace.a_day, at))
        if at >= horizon:
            break
        batch = _next(groups, size, pace, Span(at, horizon), seed)
        if batch is None:
            break
        starts.append(batch)
        at = batch.start + pace.apart
    unplaced = {
        key: _why_not(group.spans, pace, Span(not_before, horizon))
        for group in groups
        for _, _, key in group.waiting()
    }
    return tuple(starts), unplaced


def jitter(seed: str, opening: datetime, most: timedelta) -> timedelta:
    """Return the wait after an opening, in whole minutes from 0 to ``most``: always the same."""
    minutes = max(0, int(most.total_seconds() // 60))
    drawn = hashlib.sha256(f"{seed} {opening.isoformat()}".encode()).digest()
    return timedelta(minutes=int.from_bytes(drawn[:4], "big") % (minutes + 1))


def _grouped(orgs: Iterable[tuple[Key, Spans]]) -> list[_Group[Key]]:
    # Told apart by identity first: hashing the same long tuple for each org costs more than all.
    # The tuple is kept beside its identity, which else might be another one's later on.
    seen: dict[int, tuple[Spans, _Group[Key]]] = {}
    same: dict[Spans, _Group[Key]] = {}
    for place, (key, spans) in enumerate(orgs):
        if id(spans) not in seen:
            seen[id(spans)] = spans, same.setdefault(spans, _Group(spans))
        seen[id(spans)][1].places.append((place, key))
    return list(same.values())


def _next(
    groups: list[_Group[Key]], size: int, pace: Pace, within: Span, seed: str
) -> PlannedStart[Key] | None:
    fits = _fits(groups, pace, within.start, within.end)
    if not fits:
        return None
    first = min(fit.start for _, fit in fits)
    start = first
    if first > within.start:
        # They wait for an opening, and then not all start at its first minute.
        together = [fit.end - first - pace.room - SECOND for _, fit in fits if fit.start == first]
        start += jitter(seed, first, min(JITTER, *together))
        fits = _fits(groups, pace, start, within.end)
    open_then = [(group, fit) for group, fit in fits if fit.start == start]
    ends = {id(group): fit.end for group, fit in open_then}
    taken = list(islice(merge(*(group.waiting() for group, _ in open_then)), size))
    for _, group, _ in taken:
        group.left += 1
    end = min(ends[id(group)] for _, group, _ in taken)
    orgs = tuple(key for _, _, key in taken)
    return PlannedStart(start, min(start + pace.latest, end - SECOND), end, orgs)


def _fits(
    groups: list[_Group[Key]], pace: Pace, at: datetime, horizon: datetime
) -> list[tuple[_Group[Key], Span]]:
    """Return for each group with orgs left the first stretch from ``at`` on with enough room."""
    found = []
    for group in groups:
        if group.left == len(group.places):
            continue
        fit = _fit(group.spans, pace, at, horizon)
        if fit is not None:
            found.append((group, fit))
    return found


def _fit(spans: Spans, pace: Pace, at: datetime, horizon: datetime) -> Span | None:
    """Return the first stretch with enough room before it closes.

    What the horizon cuts off is no closing: there the plan ends, and a little time is enough.
    """
    for span in spans:
        start, end = max(span.start, at), min(span.end, horizon)
        need = 2 * SECOND if span.end >= horizon else pace.room + SECOND
        if end - start >= need:
            return Span(start, end)
    return None


def _day_has_room(starts: list[PlannedStart[Key]], size: int, a_day: int, at: datetime) -> datetime:
    """Return when so many more may start without more than ``a_day`` in any 24 hours."""
    lately = [(batch.start, len(batch.orgs)) for batch in starts if batch.start > at - DAY]
    while lately and sum(orgs for _, orgs in lately) + size > a_day:
        at = lately.pop(0)[0] + DAY
    return at


def _why_not(spans: Spans, pace: Pace, within: Span) -> str:
    if not overlap(spans, (within,)):
        return "none of its hours is open in this time"
    if _fit(spans, pace, within.start, within.end) is None:
        minutes = int(pace.room.total_seconds() // 60)
        return f"no opening of its hours in this time leaves {minutes} minutes for a start"
    return "the batches before it take all of its open hours in this time"
