"""What a list of orgs says of each: whose it is, its version, and why it has no newer one.

A page of it costs nine queries, however many rows it has; `lines` takes at most a few hundred.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from zoneinfo import ZoneInfo

from django.db.models import Count, Min, Q

from rollouts.domain.lifecycle import ROLLOUT_ENDS, TargetState
from rollouts.domain.org_time import ZoneSource
from rollouts.models import (
    Account,
    Attempt,
    Installation,
    Licence,
    Org,
    PackageVersion,
    Target,
    Wave,
)
from rollouts.models.orgs import InstallationQuerySet
from rollouts.pipeline import customers, exclusions, licences, lookup, marks, zones
from rollouts.pipeline.parts import parts
from rollouts.pipeline.report.orgs_wanted import Catalog

AT_ONCE = 400
_ENDS = [state.value for state in ROLLOUT_ENDS]
_UNDER_WAY = [TargetState.PLANNED.value, TargetState.IN_FLIGHT.value]


@dataclass(frozen=True, slots=True)
class Total:
    """How many rows and orgs a list has; ``oldest`` is the age of the oldest of its rows."""

    rows: int
    orgs: int
    oldest: datetime | None


@dataclass(frozen=True, slots=True)
class Line:
    """One package in one org.

    ``target`` is its place in the rollout that speaks of it, if one does. ``there`` is what the
    clocks show in the first of its ``zones``; of an org whose zone nobody knows there are none.
    """

    installation: Installation
    customer: Account | None
    is_newest: bool
    why: str
    target: Target | None
    licence: Licence | None
    said: marks.Said
    zones: tuple[str, ...]
    zone_source: ZoneSource
    there: datetime | None

    @property
    def org(self) -> Org:
        """Whose row it is."""
        return self.installation.org

    @property
    def version(self) -> PackageVersion:
        """What is installed, or was before it was uninstalled."""
        return self.installation.version

    @property
    def is_gone(self) -> bool:
        """Whether the package is no longer installed."""
        return self.installation.gone_at is not None

    def by_its_clocks(self, moment: datetime | None) -> datetime | None:
        """Return a moment in the org's first zone, or None where that is not known."""
        if moment is None or not self.zones:
            return None
        return moment.astimezone(ZoneInfo(self.zones[0]))


def total(rows: InstallationQuerySet) -> Total:
    """Count what is listed: one query."""
    found = rows.order_by().aggregate(
        rows=Count("pk"), orgs=Count("org", distinct=True), oldest=Min("read_at")
    )
    return Total(found["rows"], found["orgs"], found["oldest"])


def every(rows: InstallationQuerySet, there: Catalog, now: datetime) -> Iterator[Line]:
    """Yield the line of each row in its order, part by part: for tables of any length."""
    for part in parts(list(rows.values_list("pk", flat=True)), AT_ONCE):
        listed = Installation.objects.filter(pk__in=part).select_related("org")
        by_key = {row.pk: row for row in listed}
        yield from lines([by_key[pk] for pk in part if pk in by_key], there, now)


def lines(rows: Sequence[Installation], there: Catalog, now: datetime) -> list[Line]:
    """Return the line of each of these installations, which come with their orgs."""
    for row in rows:
        row.version = there.versions[row.version_id]
        row.package = there.packages[row.package_id]
    orgs = {row.org_id: row.org for row in rows}
    keys = {org.key for org in orgs.values()} | {org.parent_key for org in orgs.values()} - {""}
    rights = licences.rows_of(keys)
    whose = {pk: owned[0] for pk, owned in customers.owners_among(orgs.values(), rights).items()}
    accounts = {pk: whose[pk].pk if pk in whose else None for pk in orgs}
    said = marks.said_of(accounts)
    clocks = zones.zones_of({pk: (whose.get(pk), org.instance) for pk, org in orgs.items()})
    newest_rights = licences.newest(rights)
    places = _places(rows, there)
    around = lookup.Around(
        newest=there.newest,
        attempts={},
        last_of=_last_tries(places),
        targets=places,
        exclusions=exclusions.barred(orgs, now, accounts),
        licences=newest_rights,
    )
    return [
        _line(row, around, whose.get(row.org_id), said.get(row.org_id, marks.NOTHING),
              clocks[row.org_id], now)
        for row in rows
    ]  # fmt: skip


def _line(
    row: Installation,
    around: lookup.Around,
    account: Account | None,
    said: marks.Said,
    clocks: tuple[tuple[str, ...], ZoneSource],
    now: datetime,
) -> Line:
    newest = around.newest.get(row.package_id)
    names, source = clocks
    if source is ZoneSource.GUESS:
        names = ()
    is_newest = row.gone_at is None and (newest is None or row.version.number >= newest.number)
    speaking = around.targets.get((row.org_id, row.package_id), [])
    return Line(
        installation=row,
        customer=account,
        is_newest=is_newest,
        why=lookup.why_not_newest(row, newest, around),
        target=None if is_newest else _speaks(speaking, newest),
        licence=around.licences.get(row.org.key, {}).get(row.package.sf_id),
        said=said,
        zones=names,
        zone_source=source,
        there=now.astimezone(ZoneInfo(names[0])).replace(tzinfo=None) if names else None,
    )


def _speaks(targets: Sequence[Target], newest: PackageVersion | None) -> Target | None:
    """Return the place that `lookup` would speak of: one to the newest version, else any."""
    above = (t for t in targets if newest and t.rollout.to_version.number >= newest.number)
    return next(above, targets[0] if targets else None)


def _places(rows: Sequence[Installation], there: Catalog) -> dict[tuple[int, int], list[Target]]:
    """Return the orgs' places in rollouts that can speak of them, by org and package.

    Those are rollouts to the newest version or above, and older ones that still want the org; an
    org's long history is not read.
    """
    packages = {row.package_id for row in rows}
    above = [
        version.pk
        for version in there.versions.values()
        if version.package_id in packages
        and version.package_id in there.newest
        and version.number >= there.newest[version.package_id].number
    ]
    speaks = Q(rollout__to_version__in=above) | Q(state__in=_UNDER_WAY) & ~Q(
        rollout__state__in=_ENDS
    )
    targets = list(
        Target.objects.filter(speaks, org__in={row.org_id for row in rows}).order_by(
            "-rollout__created_at", "-pk"
        )
    )
    # Few waves and rollouts hold them all, and what a rollout keeps for itself is long.
    waves = Wave.objects.select_related("rollout").defer(*lookup.LONG)
    known = waves.in_bulk({target.wave_id for target in targets})
    found: dict[tuple[int, int], list[Target]] = {}
    for target in targets:
        target.wave = known[target.wave_id]
        target.rollout = target.wave.rollout
        target.rollout.to_version = there.versions[target.rollout.to_version_id]
        at = (target.org_id, target.rollout.to_version.package_id)
        found.setdefault(at, []).append(target)
    return found


def _last_tries(places: dict[tuple[int, int], list[Target]]) -> dict[int, Attempt]:
    """Return the last attempt at each place that failed: its reason is told."""
    failed = [
        target.pk
        for targets in places.values()
        for target in targets
        if target.state == TargetState.FAILED.value
    ]
    if not failed:
        return {}
    tries = Attempt.objects.filter(target__in=failed).order_by("number", "pk")
    return {attempt.target_id: attempt for attempt in tries}
