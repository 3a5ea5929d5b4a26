"""Reading packages, versions and subscribers into our tables, by generation.

A sync reads everything first and writes in one transaction: a failed one has changed nothing.
Orgs that a full read no longer lists are retired, unless suspiciously many would be.
"""

from __future__ import annotations

import unicodedata
from collections import Counter
from collections.abc import Callable
from datetime import datetime, timedelta
from functools import partial
from typing import TypeVar

from django.db import transaction

from rollouts.domain.lifecycle import AttemptState
from rollouts.models import (
    Attempt,
    Connection,
    Installation,
    Org,
    Package,
    PackageVersion,
    Since,
    SyncRun,
    VersionChange,
)
from rollouts.pipeline import clock
from rollouts.pipeline.leases import beat
from rollouts.pipeline.transitions import record
from rollouts.salesforce.errors import LoginLost, SalesforceError, TryAgain
from rollouts.salesforce.gateway import Gateway, SfPackage, SfSubscriber, SfVersion

T = TypeVar("T")

RETIRE_PERCENT, RETIRE_AT_LEAST = 2.0, 20
# A sync is a chain of a dozen reads and comes every quarter of an hour. Without a second try one
# hiccup in it would leave every org on the pages a quarter of an hour older.
READS = 3
_NO_CALLS_LEFT = "REQUEST_LIMIT_EXCEEDED"
_ORG_FIELDS = ["name", "folded", "is_production", "status", "instance", "parent_key"]
_PUSHED = [AttemptState.IN_PROGRESS.value, AttemptState.SUCCEEDED.value, AttemptState.STUCK.value]


def fold(name: str) -> str:
    """Return the form that names are searched by: no accents, no width, no case, ß as ss."""
    plain = unicodedata.normalize("NFKD", name.casefold())
    return "".join(char for char in plain if not unicodedata.combining(char))[:512]


def sync(link: Connection, gateway: Gateway, *, full: bool = True) -> list[SyncRun]:
    """Read a whole connection: who we are, its packages, versions and subscribers.

    Raises SalesforceError when the first calls fail; a package whose subscribers can't be read
    gets a failed run and keeps its old data.
    """
    _sync_catalog(link, gateway)
    runs = [sync_package(package, gateway, full=full) for package in link.packages.all()]
    note_budget(link, gateway)
    if all(run.ok for run in runs):
        beat("sync", clock.now(), f"{sum(run.listed for run in runs)} installations")
    return runs


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
    identity = _read(gateway.identity)
    read_at = clock.now()
    packages = _read(gateway.packages)
    versions = {package.id: _read(partial(gateway.versions, package.id)) for package in packages}
    with transaction.atomic():
        if not link.org_id:
            Connection.objects.filter(pk=link.pk, org_id="").update(
                org_id=identity.org_id, org_name=identity.org_name
            )
            link.org_id = identity.org_id
        for package in packages:
            row = _store_package(link, package)
            for version in versions[package.id]:
                _store_version(row, version, read_at)


def _store_package(link: Connection, package: SfPackage) -> Package:
    row, _ = Package.objects.update_or_create(
        sf_id=package.id,
        defaults={
            "connection": link,
            "name": package.name,
            "namespace": package.namespace,
            "generation": package.generation,
        },
    )
    return row


def _store_version(package: Package, version: SfVersion, read_at: datetime) -> None:
    PackageVersion.objects.update_or_create(
        sf_id=version.id,
        defaults={
            "package": package,
            "name": version.name,
            "major": version.major,
            "minor": version.minor,
            "patch": version.patch,
            "build": version.build,
            "released": version.released,
            "deprecated": version.deprecated,
            "seen_at": read_at,
        },
    )


def sync_package(package: Package, gateway: Gateway, *, full: bool = True) -> SyncRun:
    """Read one package's subscribers, then store them in one transaction."""
    read_at = clock.now()
    run = SyncRun.objects.create(package=package, full=full, read_at=read_at)
    since = None if full or package.changed_until is None else package.changed_until
    try:
        rows = _read(lambda: _subscribers(package, gateway, since))
    except SalesforceError as error:
        SyncRun.objects.filter(pk=run.pk).update(problem=str(error), ended_at=clock.now())
        run.refresh_from_db()
        return run
    with transaction.atomic():
        problem = _store(package, rows, run, complete=since is None)
        if problem:
            transaction.set_rollback(True)
    if problem:
        SyncRun.objects.filter(pk=run.pk).update(problem=problem, ended_at=clock.now())
        record("sync_refused", f"package {package.name}", now=clock.now(), reason=problem)
    run.refresh_from_db()
    return run


def _subscribers(package: Package, gateway: Gateway, since: datetime | None) -> list[SfSubscriber]:
    return [row for page in gateway.subscribers(package.sf_id, since=since) for row in page]


def _store(package: Package, rows: list[SfSubscriber], run: SyncRun, *, complete: bool) -> str:
    rows = [row for row in rows if row.package_id == package.sf_id]
    versions = {v.sf_id: v for v in package.versions.all()}
    strange = {row.version_id for row in rows} - set(versions)
    rows = [row for row in rows if row.version_id in versions]
    new_orgs = _store_orgs(rows, run.read_at)
    known = {
        i.org.key: i
        for i in Installation.objects.filter(package=package).select_related("org", "version")
    }
    tally = _store_installations(package, rows, versions, known, run)
    if complete:
        listed = {row.org for row in rows if row.installed}
        gone = [i for key, i in known.items() if key not in listed and not i.gone_at]
        gone = [i for i in gone if i.read_at <= run.read_at]
        limit = max(RETIRE_AT_LEAST, RETIRE_PERCENT / 100 * len(known))
        if len(gone) > limit:
            return (
                f"this sync would retire {len(gone)} of {len(known)} orgs; nothing was changed. "
                "Look at Salesforce first: an answer like this is more often wrong than right."
            )
        tally["retired"] = _retire(gone, run.read_at)
    latest = max((row.modified for row in rows), default=None)
    if latest and (package.changed_until is None or latest > package.changed_until):
        Package.objects.filter(pk=package.pk).update(changed_until=latest)
    note = f"{len(strange)} versions are unknown to the catalog" if strange else ""
    SyncRun.objects.filter(pk=run.pk).update(
        ok=True,
        ended_at=clock.now(),
        listed=len(rows),
        new=tally["new"] or new_orgs,
        changed=tally["changed"],
        retired=tally["retired"],
        problem=note,
    )
    return ""


def _store_orgs(rows: list[SfSubscriber], read_at: datetime) -> int:
    known = {org.key: org for org in Org.objects.filter(key__in=[row.org for row in rows])}
    fresh, stale = [], []
    for row in rows:
        values = {
            "name": row.org_name[:255],
            "folded": fold(row.org_name),
            "is_production": row.is_production,
            "status": row.status,
            "instance": row.instance,
            "parent_key": row.parent,
        }
        org = known.get(row.org)
        if org is None:
            fresh.append(
                Org(
                    key=row.org,
                    first_seen_at=read_at,
                    seen_at=read_at,
                    **values,
                )
            )
            continue
        if any(getattr(org, name) != value for name, value in values.items()):
            for name, value in values.items():
                setattr(org, name, value)
            stale.append(org)
    Org.objects.bulk_create(fresh, batch_size=500)
    if stale:
        Org.objects.bulk_update(stale, _ORG_FIELDS, batch_size=100)
    Org.objects.filter(key__in=[row.org for row in rows]).update(seen_at=read_at)
    return len(fresh)


def _store_installations(
    package: Package,
    rows: list[SfSubscriber],
    versions: dict[str, PackageVersion],
    known: dict[str, Installation],
    run: SyncRun,
) -> Counter[str]:
    tally: Counter[str] = Counter()
    orgs = dict(Org.objects.filter(key__in=[row.org for row in rows]).values_list("key", "pk"))
    fresh, moved, same = [], [], []
    for row in rows:
        if not row.installed:
            continue
        version = versions[row.version_id]
        old = known.get(row.org)
        if old is None:
            fresh.append(
                Installation(
                    org_id=orgs[row.org],
                    package=package,
                    version=version,
                    blocked=row.blocked,
                    read_at=run.read_at,
                    since_before=run.read_at,
                    since_proof=Since.FIRST_SEEN,
                    generation=run.pk,
                )
            )
        elif old.read_at > run.read_at:
            # Read again since this sync began, to prove a push: that word is newer.
            continue
        elif old.version_id != version.pk or old.gone_at or old.blocked != row.blocked:
            moved.append((old, version, row.blocked))
        else:
            same.append(old.pk)
    Installation.objects.bulk_create(fresh, batch_size=500)
    for old, version, blocked in moved:
        tally["changed"] += _store_change(old, version, run.read_at, blocked=blocked)
    for start in range(0, len(same), 900):
        Installation.objects.filter(pk__in=same[start : start + 900]).update(
            read_at=run.read_at, generation=run.pk
        )
    VersionChange.objects.bulk_create(
        [
            VersionChange(
                installation=row, to_version=row.version, before=run.read_at, proof=Since.FIRST_SEEN
            )
            for row in fresh
        ],
        batch_size=500,
    )
    tally["new"] = len(fresh)
    return tally


def _store_change(
    old: Installation, version: PackageVersion, read_at: datetime, *, blocked: bool
) -> bool:
    """Take a changed row over; a changed version becomes history, with its proof."""
    changed = old.version_id != version.pk or old.gone_at is not None
    push = None
    if changed:
        push = Attempt.objects.filter(org_id=old.org_id, version=version, state__in=_PUSHED).first()
        VersionChange.objects.create(
            installation=old,
            from_version=None if old.gone_at else old.version,
            to_version=version,
            after=old.read_at,
            before=read_at,
            proof=Since.PUSH if push else Since.SEEN,
            attempt=push,
        )
        old.since_after, old.since_before = old.read_at, read_at
        old.since_proof = Since.PUSH if push else Since.SEEN
    old.version, old.blocked, old.read_at, old.gone_at = version, blocked, read_at, None
    old.save()
    return changed


def _retire(gone: list[Installation], read_at: datetime) -> int:
    for row in gone:
        VersionChange.objects.create(
            installation=row,
            from_version=row.version,
            to_version=None,
            after=row.read_at,
            before=read_at,
            proof=Since.SEEN,
        )
        Installation.objects.filter(pk=row.pk).update(gone_at=read_at, read_at=read_at)
    return len(gone)


def prune(now: datetime) -> None:
    """Drop the tale of quiet syncs after a day; changes are kept for ever as history."""
    SyncRun.objects.filter(
        read_at__lt=now - timedelta(days=2), new=0, changed=0, retired=0
    ).delete()
