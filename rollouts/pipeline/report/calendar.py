"""The calendar of a few weeks: what is closed, where customers live, what starts, what collides."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

from rollouts.domain.freezes import BadFreeze, Freeze, Once, spans_of
from rollouts.domain.places import ANYWHERE, zones_of_instance
from rollouts.domain.spans import Span, Spans, union
from rollouts.domain.walls import wall
from rollouts.domain.windows import Window
from rollouts.models import Attempt, Batch, FiscalYear, FreezeRow, Maintenance, Org
from rollouts.pipeline.calendar import sentence
from rollouts.pipeline.freezes import closed_for, freeze_of
from rollouts.pipeline.zones import whereabouts

LANES = 12
BATCHES = 60
ROWS = 300
REVIEW_AFTER = timedelta(days=90)


@dataclass(frozen=True, slots=True)
class Lane:
    """A zone that customers live in, how many orgs, and the window that most of them have."""

    zone: str
    orgs: int
    open: Spans

    @property
    def label(self) -> str:
        """Name the place, as people do."""
        return self.zone.rsplit("/", 1)[-1].replace("_", " ")


@dataclass(frozen=True, slots=True)
class Entry:
    """One line of the calendar. ``zones`` are those whose clocks it follows, the first one told.

    ``by_zone`` tells its hours in each lane's zone where they differ; ``conflict`` is a sentence.
    """

    kind: str
    span: Span
    title: str
    detail: str
    who: str
    zones: tuple[str, ...]
    url_of: tuple[str, tuple[object, ...]]
    guessed: bool = False
    stale: bool = False
    conflict: str = ""
    own_clocks: bool = False
    by_zone: Mapping[str, Spans] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Calendar:
    """A stretch of the calendar, its lines in order of time."""

    within: Span
    lanes: tuple[Lane, ...]
    more_lanes: int
    entries: tuple[Entry, ...]
    more_entries: int
    unreadable: tuple[str, ...]


def calendar(within: Span, now: datetime) -> Calendar:
    """Return what a stretch of time holds. A dozen queries and a look at every org."""
    lanes = _lanes(within, now)
    shown = tuple(lane.zone for lane in lanes[:LANES]) or ANYWHERE
    freezes, unreadable = _freezes(within, shown, now)
    entries = [*freezes, *_maintenance(within), *_batches(within, now)]
    entries.sort(key=lambda one: (one.span.start, one.span.end, one.title))
    return Calendar(
        within=within,
        lanes=lanes[:LANES],
        more_lanes=max(0, len(lanes) - LANES),
        entries=tuple(entries[:ROWS]),
        more_entries=max(0, len(entries) - ROWS),
        unreadable=unreadable,
    )


def _lanes(within: Span, now: datetime) -> tuple[Lane, ...]:
    """Count orgs by the first zone that they may be in, from east to west."""
    windows: dict[str, Counter[Window]] = defaultdict(Counter)
    active = Org.objects.exclude(status="Inactive").values_list("pk", flat=True)
    for place in whereabouts(active, now).values():
        windows[place.time.zones[0]][place.time.window] += 1
    most = sorted(windows, key=lambda name: (-windows[name].total(), name))
    shown, others = most[:LANES], most[LANES:]
    return tuple(
        Lane(
            name,
            windows[name].total(),
            windows[name].most_common(1)[0][0].spans((name,), within),
        )
        for name in [*sorted(shown, key=lambda one: _offset(one, within.start)), *others]
    )


def _offset(zone: str, at: datetime) -> tuple[float, str]:
    return -(wall(at, zone) - at.replace(tzinfo=None)).total_seconds(), zone


def _freezes(
    within: Span, zones: Sequence[str], now: datetime
) -> tuple[list[Entry], tuple[str, ...]]:
    entries: list[Entry] = []
    unreadable = []
    months = {1, *FiscalYear.objects.in_force().values_list("month", flat=True)}
    for row in FreezeRow.objects.in_force().select_related("by"):
        try:
            freeze = freeze_of(row)
        except BadFreeze as bad:
            unreadable.append(str(bad))
            continue
        by_zone = {
            name: union(
                span for month in months for span in spans_of(freeze, (name,), month, within)
            )
            for name in zones
        }
        stretches = union(span for spans in by_zone.values() for span in spans)
        entries += [_of_freeze(row, freeze, span, by_zone, now) for span in stretches]
    return entries, tuple(unreadable)


def _of_freeze(
    row: FreezeRow, freeze: Freeze, span: Span, by_zone: Mapping[str, Spans], now: datetime
) -> Entry:
    within = {
        name: tuple(one for one in spans if span.start <= one.start and one.end <= span.end)
        for name, spans in by_zone.items()
    }
    first = next((name for name, spans in within.items() if spans), "UTC")
    release = row.name.startswith("Salesforce ") and isinstance(freeze.rule, Once)
    return Entry(
        kind="release" if release else "freeze",
        span=span,
        title=row.name,
        detail=sentence(row, freeze.rule),
        who=f"{row.by}" if row.by else "came along",
        zones=(row.zone or first,),
        url_of=("freeze", (row.pk,)),
        guessed=row.guessed,
        stale=row.reviewed_at is None or now - row.reviewed_at > REVIEW_AFTER,
        own_clocks=not row.zone,
        by_zone=within,
    )


def _maintenance(within: Span) -> Iterable[Entry]:
    rows = Maintenance.objects.in_force().filter(starts_at__lt=within.end, ends_at__gt=within.start)
    for row in rows.select_related("by").order_by("starts_at")[:ROWS]:
        yield Entry(
            kind="maintenance",
            span=Span(row.starts_at.astimezone(UTC), row.ends_at.astimezone(UTC)),
            title=f"{row.instance}: {row.name}",
            detail=f"Salesforce works on {row.instance}; source: {row.get_source_display()}",
            who=f"{row.by}" if row.by else "Salesforce Trust",
            zones=zones_of_instance(row.instance) or ("UTC",),
            url_of=("maintenance-one", (row.pk,)),
        )


def _batches(within: Span, now: datetime) -> list[Entry]:
    rows = list(
        Batch.objects.open()
        .filter(start_at__gte=within.start, start_at__lt=within.end)
        .select_related("wave__rollout__to_version__package")
        .order_by("start_at")[:BATCHES]
    )
    orgs: dict[int, list[int]] = defaultdict(list)
    pairs = Attempt.objects.filter(batch__in=rows).values_list("batch", "target__org")
    for batch, org in pairs:
        orgs[batch].append(org)
    entries = []
    packages = {row.wave.rollout.to_version.package for row in rows}
    for package in packages:
        mine = [row for row in rows if row.wave.rollout.to_version.package == package]
        of_all = {org for row in mine for org in orgs[row.pk]}
        closed = closed_for(of_all, package, within, now)
        places = whereabouts(of_all, now)
        for row in mine:
            if row.start_at is None:
                continue
            start = row.start_at.astimezone(UTC)
            end = max((row.not_after or start).astimezone(UTC), start + timedelta(minutes=1))
            hit: Counter[str] = Counter()
            for org in orgs[row.pk]:
                hit.update({one.because for one in closed.get(org, ()) if start in one.span})
            lived = Counter(places[org].time.zones[0] for org in orgs[row.pk] if org in places)
            rollout = row.wave.rollout
            entries.append(
                Entry(
                    kind="batch",
                    span=Span(start, end),
                    title=f"{rollout.slug}, wave {row.wave.number}, batch {row.number}",
                    detail=f"{row.size} orgs, {row.state}; starts between these times",
                    who=str(rollout.author),
                    zones=tuple(name for name, _ in lived.most_common()) or ("UTC",),
                    url_of=("batch", (rollout.slug, row.pk)),
                    conflict="; ".join(
                        f"“{why}” closes {count} of {row.size} orgs then"
                        for why, count in hit.most_common(3)
                    ),
                )
            )
    return entries
