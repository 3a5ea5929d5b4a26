"""Reading one org now, because somebody is on the phone with it."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from concurrent.futures import TimeoutError as Waited
from datetime import datetime

from rollouts.domain.permissions import Permission
from rollouts.models import Connection, Installation, Org, Package, Person, SyncRun
from rollouts.pipeline import clock, subscribers
from rollouts.pipeline.transitions import Refusal, demand
from rollouts.salesforce.connect import gateway_for
from rollouts.salesforce.errors import SalesforceError
from rollouts.salesforce.gateway import Gateway, SfSubscriber

# Real seconds: a page waits no longer, and nobody asks about one org more often.
PATIENCE, APART = 5.0, 10.0


def refresh(org: Org, *, by: Person, now: datetime) -> str:
    """Read what an org has installed, store it, and say what was read: a call per package.

    Raises:
        Forbidden: the person may not sync. Refusal: Salesforce did not answer in time, or not so
            that it could be read; nothing was changed.
    """
    demand(by, Permission.SYNC, now)
    newest = org.installations.order_by("-read_at").values_list("read_at", flat=True).first()
    if newest is not None and clock.now() - newest < clock.wire(APART):
        return "It was read a moment ago; what stands here is that answer."
    told = [
        _read(org, package, gateway_for(link))
        for link in Connection.objects.sources().order_by("pk")
        for package in link.packages.order_by("name")
    ]
    return "Read just now: " + ("; ".join(told) or "no package is connected") + "."


def _read(org: Org, package: Package, gateway: Gateway) -> str:
    read_at = clock.now()
    rows = _asked(org, package, gateway)
    before = Installation.objects.filter(org=org, package=package).first()
    # Not a sync: its age is this org's alone, so no run is kept.
    run = SyncRun(pk=0, package=package, full=False, read_at=read_at)
    subscribers.store(package, rows, run, complete=False)
    if not any(row.installed for row in rows):
        subscribers.store_gone(package, org, read_at)
    after = Installation.objects.filter(org=org, package=package).select_related("version").first()
    if after is None or after.gone_at is not None:
        return f"{package.name} is not installed"
    if before is not None and before.version_id != after.version_id:
        return f"{package.name} {after.version.label}, which is new"
    return f"{package.name} {after.version.label}"


def _asked(org: Org, package: Package, gateway: Gateway) -> list[SfSubscriber]:
    pool = ThreadPoolExecutor(1, thread_name_prefix="refresh")
    try:
        return pool.submit(gateway.installed, package.sf_id, [org.key]).result(PATIENCE)
    except Waited:
        raise Refusal(
            f"Salesforce has not answered in {PATIENCE:g} seconds; what stands here is what was "
            "known before."
        ) from None
    except SalesforceError as error:
        raise Refusal(f"Salesforce could not be read, so nothing was changed: {error}") from None
    finally:
        # A call that is still on its way only reads.
        pool.shutdown(wait=False)
