"""Reading packages, versions and subscribers into our tables, by generation.

A sync reads everything first and writes in one transaction: a failed one has changed nothing.
Usually it asks for what has changed since the last one; once a night, and whenever the last full
reading did not succeed, it reads everything, since only that shows which orgs have left.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from functools import partial
from typing import TypeVar

from rollouts.models import Connection, Package, SyncRun
from rollouts.pipeline import clock, connections, exclusions, letting
from rollouts.pipeline.catalog import store_catalog
from rollouts.pipeline.heap import without_collecting
from rollouts.pipeline.leases import beat
from rollouts.pipeline.subscribers import Tally, TooManyGone, fold, store
from rollouts.pipeline.transitions import Refusal, record
from rollouts.salesforce.errors import LoginLost, SalesforceError, TryAgain
from rollouts.salesforce.gateway import Gateway, SfSubscriber

T = TypeVar("T")

# A sync is a chain of a dozen reads and comes every quarter of an hour. Without a second try one
# hiccup in it would leave every org on the pages a quarter of an hour older.
READS = 3
# The hour of the night, UTC, after which everything is read once.
NIGHT = 2
# A refused or failed full reading is tried again after this long; changes are read meanwhile.
FULL_AGAIN = timedelta(hours=1)
_NO_CALLS_LEFT = "REQUEST_LIMIT_EXCEEDED"

__all__ = ["fold", "note_budget", "note_failure", "prune", "sync", "sync_package"]


def sync(link: Connection, gateway: Gateway, *, full: bool | None = True) -> list[SyncRun]:
    """Read a whole connection: who we are, its packages, versions and subscribers.

    ``full`` None lets each package decide whether its nightly full reading is due. Raises
    SalesforceError when the first calls fail; a package whose subscribers can't be read gets a
    failed run and keeps its old data.
    """
    _sync_catalog(link, gateway)
    runs = [
        sync_package(
            package, gateway, full=full_is_due(package, clock.now()) if full is None else full
        )
        for package in link.packages.order_by("pk")
    ]
    note_budget(link, gateway)
    if all(run.ok for run in runs):
        note = f"{sum(run.listed for run in runs)} installations"
        beat("sync", clock.now(), note)
        beat(f"sync {link.pk}", clock.now(), note)
    return runs


def full_is_due(package: Package, now: datetime) -> bool:
    """Say whether a package's subscribers are to be read whole, and not only what has changed."""
    good = package.syncs.filter(full=True, ok=True).order_by("-read_at").first()
    if good is None or package.changed_until is None:
        return True
    tried = package.syncs.filter(full=True).order_by("-read_at").first()
    if tried is not None and not tried.ok:
        return letting.waiting(tried) is None or now - tried.read_at >= FULL_AGAIN
    night = now.replace(hour=NIGHT, minute=0, second=0, microsecond=0)
    night -= timedelta(days=1) if night > now else timedelta()
    return good.read_at < night


def _read(ask: Callable[[], T]) -> T:
    """Ask again when Salesforce stumbles; reads have no effect, so nothing is done twice.

    Raises SalesforceError when it goes on stumbling; at once without a login or calls left.
    """
    for _ in range(READS - 1):
        try:
            return ask()
        except LoginLost:
            raise
        except TryAgain as trouble:
            if trouble.code == _NO_CALLS_LEFT:
                raise
    return ask()


def note_budget(link: Connection, gateway: Gateway) -> None:
    """Store when Salesforce last answered and what is left of the day's calls."""
    budget = gateway.budget()
    values: dict[str, object] = {"answered_at": clock.now(), "failure": ""}
    if budget is not None:
        values |= {"calls_used": budget.used, "calls_limit": budget.limit}
    Connection.objects.filter(pk=link.pk).update(**values)


def note_failure(link: Connection, error: SalesforceError) -> None:
    """Store what went wrong with a connection, for the pages to say."""
    Connection.objects.filter(pk=link.pk).update(failed_at=clock.now(), failure=str(error))


def _sync_catalog(link: Connection, gateway: Gateway) -> None:
    if not link.org_id:
        # Asked once: from then on every login is held against it.
        identity = _read(gateway.identity)
        try:
            connections.pin(link, identity, clock.now())
        except Refusal as refusal:
            raise LoginLost(str(refusal), code="ORG_TAKEN") from None
    read_at = clock.now()
    packages, versions = _read(gateway.catalog)
    store_catalog(link, packages, versions, read_at)


def sync_package(package: Package, gateway: Gateway, *, full: bool = True) -> SyncRun:
    """Read one package's subscribers, then store them in one transaction."""
    read_at = clock.now()
    since = None if full else package.changed_until
    complete = since is None
    run = SyncRun.objects.create(package=package, full=complete, read_at=read_at)
    try:
        with without_collecting():
            rows = _read(partial(_subscribers, package, gateway, since))
            leave = letting.use(run) if complete else None
            let_through = leave.orgs if leave else 0
            tally = store(package, rows, run, complete=complete, let_through=let_through)
    except SalesforceError as error:
        return _ended(run, problem=str(error))
    except TooManyGone as many:
        return _refused(package, run, many)
    exclusions.take_over(clock.now())
    latest = max((row.modified for row in rows), default=None)
    if latest and (package.changed_until is None or latest > package.changed_until):
        Package.objects.filter(pk=package.pk).update(changed_until=latest)
    return _ended(run, problem=_note(tally), ok=True, listed=tally.listed, new=tally.new,
                  changed=tally.changed, retired=tally.retired)  # fmt: skip


def _subscribers(package: Package, gateway: Gateway, since: datetime | None) -> list[SfSubscriber]:
    return [row for page in gateway.subscribers(package.sf_id, since=since) for row in page]


def _note(tally: Tally) -> str:
    if not tally.strange:
        return ""
    return f"{tally.strange} orgs have a version that Salesforce does not list; they stay as known"


def _ended(run: SyncRun, **values: object) -> SyncRun:
    SyncRun.objects.filter(pk=run.pk).update(ended_at=clock.now(), **values)
    run.refresh_from_db()
    return run


def _refused(package: Package, run: SyncRun, many: TooManyGone) -> SyncRun:
    problem = (
        f"this sync would retire {len(many.keys)} of {many.known} orgs; nothing was changed. "
        "Look at Salesforce first: an answer like this is more often wrong than right."
    )
    before = package.syncs.filter(full=True, pk__lt=run.pk).order_by("-pk").first()
    if before is None or before.would_retire != len(many.keys):
        # The same refusal hour after hour is one line of history.
        record("sync_refused", f"package {package.name}", now=clock.now(), reason=problem)
    return _ended(run, problem=problem, would_retire=len(many.keys),
                  missing=sorted(many.keys)[:letting.SHOWN])  # fmt: skip


def prune(now: datetime) -> None:
    """Drop the tale of quiet syncs after a day; changes are kept for ever as history."""
    SyncRun.objects.filter(
        read_at__lt=now - timedelta(days=2), new=0, changed=0, retired=0, would_retire=None
    ).delete()
