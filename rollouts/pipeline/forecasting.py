"""The rows that a forecast is made from: past pushes of a package, and when orgs are open."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from django.conf import settings

from rollouts.domain.business_days import region, zones_of
from rollouts.domain.forecast import Forecast, Group, Past, Step, forecast
from rollouts.domain.freezes import ClosedSpan
from rollouts.domain.lifecycle import AttemptState, BatchState
from rollouts.domain.org_time import OrgTime, ZoneSource, open_spans
from rollouts.domain.policy import Policy, WaveKind
from rollouts.domain.spans import Span, Spans, union
from rollouts.domain.starts import ROOM
from rollouts.models import Attempt, Batch, Package
from rollouts.pipeline import clock
from rollouts.pipeline.freezes import closed_for
from rollouts.pipeline.zones import org_times

# So far a plan is looked at; no ladder of twelve waves with a week's bake takes longer.
AHEAD = timedelta(days=180)
BATCHES_LOOKED_AT = 200
_FAILED = (AttemptState.FAILED.value, AttemptState.UNCONFIRMED.value)
_WENT = (AttemptState.SUCCEEDED.value, AttemptState.CONFIRMED.value)


@dataclass(frozen=True, slots=True)
class Part:
    """One wave of a plan, drawn up or stored: its orgs by row, with their instances."""

    number: int
    name: str
    kind: WaveKind
    bake: int
    orgs: Mapping[int, str]
    not_before: datetime | None = None


@dataclass(frozen=True, slots=True)
class Outlook:
    """A forecast with what was learnt on the way: freezes in the way, and guessed zones."""

    forecast: Forecast
    past: Past
    frozen: tuple[tuple[str, int], ...]
    guessed: int


def past_of(package: Package) -> Past:
    """Return what this package's pushes to customers came to, each org by its last word."""
    last: dict[tuple[int, int], str] = {}
    rows = Attempt.objects.filter(
        batch__wave__rollout__to_version__package=package,
        org__is_own=False,
        state__in=(*_FAILED, *_WENT),
    )
    for org, version, state in rows.order_by("pk").values_list("org_id", "version_id", "state"):
        last[org, version] = state
    settled = (
        Batch.objects.filter(
            wave__rollout__to_version__package=package, state=BatchState.SETTLED.value
        )
        .exclude(settled_at=None)
        .exclude(start_at=None)
        .order_by("-settled_at")
        .values_list("start_at", "settled_at")[:BATCHES_LOOKED_AT]
    )
    return Past(
        finished=len(last),
        failed=sum(state in _FAILED for state in last.values()),
        settled=tuple(
            max(0.0, (ended - began).total_seconds()) for began, ended in settled if began and ended
        ),
    )


def look_ahead(
    package: Package,
    parts: Sequence[Part],
    policy: Policy,
    begin: datetime,
    now: datetime,
    *,
    past: Past | None = None,
    times: Mapping[int, OrgTime] | None = None,
) -> Outlook:
    """Forecast a plan from ``begin`` on. ``times`` stands in for the stored times of the orgs.

    Raises BadWindow when a stored window can't be read: then nobody knows when orgs are open.
    """
    known = past if past is not None else past_of(package)
    orgs = [pk for part in parts for pk in part.orgs]
    begin = begin.astimezone(UTC)
    within = Span(begin, begin + AHEAD)
    found = times if times is not None else org_times(orgs, now)
    closed = closed_for(orgs, package, within, now)
    opened = _Opened(within)
    steps = [_step(part, found, closed, opened) for part in parts]
    poll = max(1.0, clock.wire(float(settings.TICK_SECONDS)).total_seconds())
    told = forecast(steps, policy, known, begin, poll=poll)
    return Outlook(
        forecast=told,
        past=known,
        frozen=_frozen(orgs, closed, Span(begin, max(told.finish[1].astimezone(UTC), within.start
                                                     + timedelta(hours=1)))),
        guessed=sum(found[pk].source is ZoneSource.GUESS for pk in orgs if pk in found),
    )  # fmt: skip


class _Opened:
    """When orgs are open, computed once for all that share their hours and freezes."""

    def __init__(self, within: Span) -> None:
        self.within = within
        self.known: dict[tuple[OrgTime, int], Spans] = {}

    def __call__(self, time: OrgTime, closed: tuple[ClosedSpan, ...]) -> Spans:
        key = time, id(closed)
        if key not in self.known:
            taken = union(one.span for one in closed)
            # The engine starts nothing so near to the end of an opening.
            self.known[key] = tuple(
                Span(span.start, span.end - ROOM)
                for span in open_spans(time, taken, self.within)
                if span.length > ROOM
            )
        return self.known[key]


def _step(
    part: Part,
    times: Mapping[int, OrgTime],
    closed: Mapping[int, tuple[ClosedSpan, ...]],
    opened: _Opened,
) -> Step:
    groups: Counter[Spans] = Counter()
    alike: Counter[tuple[int, int]] = Counter()
    example: dict[tuple[int, int], int] = {}
    for pk in part.orgs:
        # An org whose time nobody can tell is never open: unknown means hold.
        which = (id(times.get(pk)), id(closed.get(pk)))
        alike[which] += 1
        example.setdefault(which, pk)
    for which, count in alike.items():
        pk = example[which]
        there = pk in times and pk in closed
        groups[opened(times[pk], closed[pk]) if there else ()] += count
    return Step(
        number=part.number,
        name=part.name,
        kind=part.kind,
        groups=tuple(Group(count, spans) for spans, count in groups.items()),
        bake=part.bake,
        zones=zones_of({region(name) for name in part.orgs.values()}),
        not_before=part.not_before,
    )


def _frozen(
    orgs: Iterable[int], closed: Mapping[int, Collection[ClosedSpan]], during: Span
) -> tuple[tuple[str, int], ...]:
    """Name what closes something of a span, with how many orgs; the widest first."""
    named: dict[int, list[str]] = {}
    found: Counter[str] = Counter()
    for pk in orgs:
        stops = closed.get(pk, ())
        if id(stops) not in named:
            named[id(stops)] = sorted(
                {
                    one.because
                    for one in stops
                    if one.span.start < during.end and one.span.end > during.start
                }
            )
        found.update(named[id(stops)])
    return tuple(found.most_common())
