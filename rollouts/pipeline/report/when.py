"""The times of a frozen list, for the people who say yes to them."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from datetime import datetime

from django.db.models import Count

from rollouts.domain.org_time import ZoneSource
from rollouts.domain.schedule import in_utc
from rollouts.domain.spans import Span
from rollouts.domain.windows import BadWindow
from rollouts.models import FrozenList
from rollouts.pipeline import deadlines, timing
from rollouts.pipeline.keeping import times_of

SHOWN = 12


@dataclass(frozen=True, slots=True)
class WindowLine:
    """One window and how many orgs of the list have it, in how many different zones."""

    window: str
    orgs: int
    zones: int


@dataclass(frozen=True, slots=True)
class Times:
    """Windows as frozen, how surely the zones are known, and the starts as they would be now.

    ``unplaced`` maps why orgs fit nowhere before the end date to how many; ``lapses`` is until
    when the first batch must be armed if somebody approved now.
    """

    windows: tuple[WindowLine, ...]
    more_windows: int
    guessed: int
    by_instance: int
    first: datetime | None = None
    last: datetime | None = None
    unplaced: tuple[tuple[str, int], ...] = ()
    lapses: datetime | None = None


def times(frozen: FrozenList, now: datetime, *, waits: bool) -> Times | None:
    """Read the times of a list; None for one from before windows were kept.

    Starts are worked out only for one that still ``waits`` for its first.
    """
    rows = (
        frozen.orgs.exclude(window=None).order_by().values("window").annotate(
            n=Count("pk"), zones=Count("zones", distinct=True)
        )
    )  # fmt: skip
    lines = sorted(
        (WindowLine(row["window"] or "", row["n"], row["zones"]) for row in rows),
        key=lambda line: (-line.orgs, line.window),
    )
    if not lines:
        return None
    sources = Counter(dict(frozen.orgs.order_by().values_list("zone_source").annotate(Count("pk"))))
    known = Times(
        windows=tuple(lines[:SHOWN]),
        more_windows=max(0, len(lines) - SHOWN),
        guessed=sources[ZoneSource.GUESS.value],
        by_instance=sources[ZoneSource.INSTANCE.value],
    )
    return _with_starts(known, frozen, now) if waits else known


def _with_starts(known: Times, frozen: FrozenList, now: datetime) -> Times:
    first = in_utc(timing.earliest_start(frozen, frozen.wave.rollout.policy, now))
    end = in_utc(frozen.end_by)
    if first >= end:
        return known
    orgs = list(frozen.orgs.order_by("place").values_list("org_id", flat=True))
    try:
        today = times_of(orgs, frozen.wave.rollout.when, now)
    except BadWindow:
        return known
    starts, unplaced = deadlines.planned_starts(
        frozen.wave, orgs, today, frozen.batches, Span(first, end), now
    )
    return Times(
        windows=known.windows,
        more_windows=known.more_windows,
        guessed=known.guessed,
        by_instance=known.by_instance,
        first=min((batch.start for batch in starts), default=None),
        last=max((batch.start for batch in starts), default=None),
        unplaced=tuple(Counter(unplaced.values()).most_common()),
        lapses=deadlines.lapses_at(frozen, now),
    )
