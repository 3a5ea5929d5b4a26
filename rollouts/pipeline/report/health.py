"""Is Pushboard itself well: who beats, how old the data is, what that means for pushes."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime

from django.db.models import OuterRef, Subquery

from rollouts.models import Connection, Heartbeat, Package, SyncRun
from rollouts.pipeline import clock
from rollouts.pipeline.holds import WATCHER_SILENT

LATE, SILENT = 30.0, 120.0


@dataclass(frozen=True, slots=True)
class Health:
    """``tone`` is ok, need or fail; ages are real seconds; None means never.

    ``by_link`` holds the ages of each connection's own parts: part, then connection's name.
    """

    words: str
    tone: str
    sync_as_of: dict[str, datetime | None] = field(default_factory=dict)
    beats: dict[str, float | None] = field(default_factory=dict)
    connections: list[Connection] = field(default_factory=list)
    by_link: dict[str, dict[str, float | None]] = field(default_factory=dict)


def health(now: datetime) -> Health:
    """Read heartbeats, syncs and connections: three queries."""
    rows = {row.part: row.beat_at for row in Heartbeat.objects.all()}
    beats = {part: _age(rows.get(part), now) for part in ("tick", "sync")}
    links = list(Connection.objects.ready().order_by("pk"))
    newest = SyncRun.objects.filter(package=OuterRef("pk"), ok=True).order_by("-read_at")
    packages = Package.objects.annotate(synced=Subquery(newest.values("read_at")[:1]))
    synced = dict(packages.values_list("name", "synced"))
    by_link = {
        part: {link.name: _age(rows.get(f"{part} {link.pk}"), now) for link in links}
        for part in ("watcher", "sync")
    }
    # The oldest speaks: what one connection lacks the others can't make good.
    ages = list(by_link["watcher"].values()) or [_age(rows.get("watcher"), now)]
    beats["watcher"] = None if None in ages else max(age for age in ages if age is not None)
    unwatched = [
        name for name, age in by_link["watcher"].items() if age is None or age > WATCHER_SILENT
    ]
    words, tone = _judge(beats, links, unwatched)
    return Health(words, tone, synced, beats, links, by_link)


def _age(at: datetime | None, now: datetime) -> float | None:
    return None if at is None else max(0.0, clock.pace().real_seconds(now - at))


def _judge(
    beats: dict[str, float | None], links: list[Connection], unwatched: list[str]
) -> tuple[str, str]:
    broken = [link for link in links if link.failure and _newer(link.failed_at, link.answered_at)]
    if broken:
        since = broken[0].answered_at
        when = f" since {since:%d %b %H:%M:%S} UTC" if since else ""
        return f"Salesforce has not answered{when}; pushes it already has may still run", "fail"
    tick, watcher = beats["tick"], beats["watcher"]
    if tick is None or tick > SILENT:
        return "The worker is silent: nothing new will start. Pause, halt and stop work", "fail"
    if watcher is None or watcher > WATCHER_SILENT:
        where = f" on {', '.join(unwatched)}" if len(links) > 1 and unwatched else ""
        return f"The watcher is silent{where}: nothing will be armed until it works again", "need"
    if tick > LATE:
        return "The worker is late", "need"
    return "All systems ok", "ok"


def _newer(one: datetime | None, other: datetime | None) -> bool:
    return one is not None and (other is None or one > other)
