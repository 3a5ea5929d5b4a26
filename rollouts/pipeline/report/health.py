"""Is Pushboard itself well: who beats, how old the data is, what that means for pushes."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime

from rollouts.models import Connection, Heartbeat, Package, SyncRun
from rollouts.pipeline import clock
from rollouts.pipeline.holds import WATCHER_SILENT

LATE, SILENT = 30.0, 120.0


@dataclass(frozen=True, slots=True)
class Health:
    """``tone`` is ok, need or fail; ages are real seconds; None means never."""

    words: str
    tone: str
    sync_as_of: dict[str, datetime | None] = field(default_factory=dict)
    beats: dict[str, float | None] = field(default_factory=dict)
    connections: list[Connection] = field(default_factory=list)


def health(now: datetime) -> Health:
    """Read heartbeats, syncs and connections: three queries and one per package."""
    rows = {row.part: row.beat_at for row in Heartbeat.objects.all()}
    beats = {part: _age(rows.get(part), now) for part in ("tick", "watcher", "sync")}
    links = list(Connection.objects.ready().order_by("pk"))
    synced = {
        package.name: SyncRun.objects.filter(package=package, ok=True)
        .order_by("-read_at")
        .values_list("read_at", flat=True)
        .first()
        for package in Package.objects.all()
    }
    words, tone = _judge(beats, links)
    return Health(words, tone, synced, beats, links)


def _age(at: datetime | None, now: datetime) -> float | None:
    return None if at is None else max(0.0, clock.pace().real_seconds(now - at))


def _judge(beats: dict[str, float | None], links: list[Connection]) -> tuple[str, str]:
    broken = [link for link in links if link.failure and _newer(link.failed_at, link.answered_at)]
    if broken:
        since = broken[0].answered_at
        when = f" since {since:%d %b %H:%M:%S} UTC" if since else ""
        return f"Salesforce has not answered{when}; pushes it already has may still run", "fail"
    tick, watcher = beats["tick"], beats["watcher"]
    if tick is None or tick > SILENT:
        return "The worker is silent: nothing new will start. Pause, halt and stop work", "fail"
    if watcher is None or watcher > WATCHER_SILENT:
        return "The watcher is silent: nothing will be armed until it works again", "need"
    if tick > LATE:
        return "The worker is late", "need"
    return "All systems ok", "ok"


def _newer(one: datetime | None, other: datetime | None) -> bool:
    return one is not None and (other is None or one > other)
