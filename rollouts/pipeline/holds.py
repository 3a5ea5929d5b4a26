"""Everything that keeps a rollout from starting anything new just now, each with what lifts it."""

from __future__ import annotations

from datetime import datetime, timedelta

from django.conf import settings
from django.db.models import Q

from rollouts.domain.lifecycle import WAVE_ENDS, RolloutState, TargetState
from rollouts.models import Connection, Heartbeat, Hold, HoldKind, Package, Rollout, SyncRun
from rollouts.pipeline import clock, dependencies, letting, memory, sweep

# Real seconds. The watcher looks every few ticks; a sync comes every quarter of an hour.
WATCHER_SILENT = 60.0
SYNC_OLD = timedelta(hours=24)


def calls_reserve() -> int:
    """Return how many calls are kept back, so that all that is armed can be canceled and read."""
    return int(settings.SALESFORCE["calls_reserve"])


def set_by_people(rollout: Rollout) -> list[str]:
    """List the holds that a person set on this rollout or on all."""
    over_all = Q(rollout=None, kind=HoldKind.STOP_EVERYTHING)
    rows = Hold.objects.in_force().filter(over_all | Q(rollout=rollout)).select_related("by")
    return [
        f"everything is stopped by {hold.by}; an approver confirms lifting it"
        for hold in rows
        if hold.rollout_id is None
    ] + [
        f"paused by {hold.by}; a planner or an approver lifts it"
        for hold in rows
        if hold.rollout_id is not None
    ]


def watcher_part(link: Connection) -> str:
    """Name the heartbeat of the watcher's rounds over one connection."""
    return f"watcher {link.pk}"


def watcher_seen(link: Connection, now: datetime) -> bool:
    """Say whether the watcher has made a whole round over this very connection lately."""
    row = Heartbeat.objects.filter(part=watcher_part(link)).first()
    return row is not None and now - row.beat_at <= clock.wire(WATCHER_SILENT)


def on_rollout(rollout: Rollout, now: datetime) -> list[str]:
    """List every hold on a rollout, in words; empty means that new work may start."""
    reasons = set_by_people(rollout)
    if memory.restored():
        reasons.append(
            "the database was put back to an older state; "
            "“manage.py reconcile --after-restore” matches it with Salesforce and lifts this"
        )
    package = rollout.to_version.package
    if not watcher_seen(package.connection, now):
        reasons.append("the watcher is silent; it lifts itself when the watcher works again")
    older = rollout.supersedes
    if older is not None and older.state != RolloutState.ABORTED.value:
        reasons.append(
            f"{older.slug}, which it takes over, is {older.state} and may still start something; "
            "it lifts itself when that one is aborted"
        )
    reasons += _unknown_requests(rollout, package.connection, now)
    latest = SyncRun.objects.filter(package=package, ok=True).order_by("-read_at").first()
    if latest is None or now - latest.read_at > max(SYNC_OLD, clock.wire(3600)):
        reasons.append("org data is too old; the next good sync lifts it")
    reasons += on_connection(package.connection)
    reasons += on_package(package)
    reasons += dependencies.holds_on(rollout)
    if _few_calls_left(package.connection):
        reasons.append("the day's API calls are nearly used up; it lifts itself as they return")
    return reasons


def on_connection(link: Connection) -> list[str]:
    """List what keeps anything from being pushed through this connection."""
    if link.disconnected_at is not None:
        return [f"“{link.name}” was disconnected; an admin connects it again"]
    if not link.pushes:
        return [f"“{link.name}” only observes; an admin turns push mode on"]
    return []


def on_package(package: Package) -> list[str]:
    """List what a suspicious reading of the package's subscribers keeps from starting."""
    run = letting.refused(package)
    if run is None:
        return []
    what = f"a full reading of {package.name} would have retired {run.would_retire} orgs"
    return [f"{what}; an approver lets it through, or the next full reading lifts it"]


def _unknown_requests(rollout: Rollout, link: Connection, now: datetime) -> list[str]:
    """Hold while nobody has looked for unknown requests, and while one shares an org."""
    if link.swept_at is None or now - link.swept_at > clock.wire(2 * sweep.EVERY):
        return [
            "nobody has looked for unknown push requests lately; the watcher's next look lifts it"
        ]
    if not link.strangers.open().exists():
        return []
    wave = rollout.waves.exclude(state__in=[state.value for state in WAVE_ENDS]).first()
    if wave is None:
        return []
    going = (TargetState.PLANNED.value, TargetState.IN_FLIGHT.value)
    orgs = wave.targets.filter(state__in=going).values_list("org__key", flat=True)
    return [
        f"{sf_id}, a push request of somebody else, holds {count} orgs of wave {wave.number}; "
        "it lifts itself when that has ended"
        for sf_id, count in sweep.in_the_way(link, orgs)
    ]


def _few_calls_left(link: Connection) -> bool:
    if link.calls_used is None or link.calls_limit is None:
        return False
    return link.calls_limit - link.calls_used < calls_reserve()


def calls_left(link: Connection) -> int:
    """Return the API calls left as last read; unknown counts as plenty only before any call."""
    if link.calls_used is None or link.calls_limit is None:
        return calls_reserve()
    return link.calls_limit - link.calls_used
