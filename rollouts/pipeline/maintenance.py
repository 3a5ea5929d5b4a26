"""Salesforce's maintenance as we know it: stored with its source and its age, never overwritten."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from rollouts.domain.permissions import Permission
from rollouts.models import Maintenance, MaintenanceSource, Person
from rollouts.pipeline import calendar_import
from rollouts.pipeline.calendar_import import BadFile, Planned
from rollouts.pipeline.transitions import Refusal, demand, record, writing

_NAMED_IN_HISTORY = 50


@dataclass(frozen=True, slots=True)
class Taken:
    """What came of a source: so many are new, moved, canceled, or as they were."""

    new: int = 0
    moved: int = 0
    ended: int = 0
    same: int = 0

    @property
    def sentence(self) -> str:
        """Say it in words."""
        parts = [f"{self.new} new", f"{self.moved} changed", f"{self.ended} canceled"]
        return f"{', '.join(parts)}, {self.same} as before."


def import_file(data: bytes, *, by: Person, now: datetime) -> Taken:
    """Take the maintenance out of an uploaded file; all of it or, with a Refusal, nothing."""
    demand(by, Permission.KEEP_CALENDAR, now)
    try:
        source, planned = calendar_import.read(data, now)
    except BadFile as bad:
        raise BadUpload(bad.problems) from bad
    return store(source, planned, now=now, by=by)


class BadUpload(Refusal):
    """A file was refused; ``problems`` has a sentence for each thing that is wrong with it."""

    def __init__(self, problems: tuple[str, ...]) -> None:
        super().__init__("Nothing was taken from the file.")
        self.problems = problems


@writing()
def store(
    source: MaintenanceSource,
    planned: Iterable[Planned],
    *,
    now: datetime,
    by: Person | None = None,
    complete: bool = False,
) -> Taken:
    """Store what a source lists; what has changed ends the older row and makes a new one.

    With ``complete`` the source lists everything: what it lists no more and is not over, ends.
    """
    known = {
        (row.instance, row.source_key): row
        for row in Maintenance.objects.in_force().filter(source=source.value)
    }
    new: list[Maintenance] = []
    moved: list[int] = []
    ended: list[int] = []
    added = same = 0
    listed = set()
    for one in planned:
        listed.add((one.instance, one.key))
        row = known.get((one.instance, one.key))
        if row is not None and not one.canceled and _as_before(row, one):
            same += 1
            continue
        if row is not None:
            (ended if one.canceled else moved).append(row.pk)
        if not one.canceled and one.ends_at > now:
            new.append(_row(source, one, now, by))
            added += row is None
    if complete:
        ended += [row.pk for key, row in known.items() if key not in listed and row.ends_at > now]
    Maintenance.objects.filter(pk__in=[*moved, *ended]).update(ended_at=now, ended_by=by)
    Maintenance.objects.filter(source=source.value, ended_at=None).filter(
        pk__in=[row.pk for key, row in known.items() if key in listed]
    ).update(read_at=now)
    Maintenance.objects.bulk_create(new, batch_size=500)
    taken = Taken(added, len(moved), len(ended), same)
    if new or moved or ended:
        record(
            "read_maintenance",
            f"maintenance from {source.label}",
            now=now,
            by=by,
            reason=taken.sentence,
            detail={
                "new": [_told(row) for row in new[:_NAMED_IN_HISTORY]],
                "ended": [*moved, *ended][:_NAMED_IN_HISTORY],
            },
        )
    return taken


def _row(source: MaintenanceSource, one: Planned, now: datetime, by: Person | None) -> Maintenance:
    return Maintenance(
        instance=one.instance, name=one.name, starts_at=one.starts_at, ends_at=one.ends_at,
        source=source.value, source_key=one.key, read_at=now, by=by,
    )  # fmt: skip


def _as_before(row: Maintenance, one: Planned) -> bool:
    stored = (row.name, row.starts_at, row.ends_at)
    return stored == (one.name, one.starts_at, one.ends_at)


def _told(row: Maintenance) -> str:
    return f"{row.instance} {row.starts_at:%Y-%m-%d %H:%M} to {row.ends_at:%Y-%m-%d %H:%M}"
