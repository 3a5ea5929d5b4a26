"""Requests of our packages that no batch is bound to: orphans, strangers, and the forgotten.

An orphan bears the version and start second of a batch whose create was lost; it is cancelled. One
with this installation's mark that no batch accounts for was made by us and forgotten: the database
was put back. Everything else is somebody else's: it is shown, and waves that share an org wait.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable
from datetime import datetime, timedelta

from rollouts.domain.lifecycle import BATCH_ENDS
from rollouts.models import Batch, Connection, Event, Package, Stranger
from rollouts.pipeline import clock, memory, selftest, timing
from rollouts.pipeline.transitions import record
from rollouts.salesforce.errors import SalesforceError
from rollouts.salesforce.gateway import SF_ENDS, Gateway, SfRequest

log = logging.getLogger(__name__)
# Real seconds between two whole looks; after twice that nothing is armed before the next one.
EVERY = 3600.0
# How far a look reaches back before the last one, in business time.
OVERLAP = timedelta(days=1)
_ENDS = {state.value for state in BATCH_ENDS}
_swept_here: set[tuple[str, int]] = set()


def due(link: Connection, now: datetime) -> bool:
    """Say whether a whole look is due: hourly, and once in the life of each process."""
    here = (str(memory.deployment().installation), link.pk)
    return (
        here not in _swept_here
        or link.swept_at is None
        or (now - link.swept_at > clock.wire(EVERY))
    )


def sweep(link: Connection, gateway: Gateway) -> int:
    """Look at every request since the last look; returns how many are nobody's we know.

    Raises SalesforceError when it could not be read whole; then the old time stands.
    """
    read_at = clock.now()
    since = (link.swept_at or read_at) - OVERLAP
    strangers = sum(
        meet(package, request, gateway, read_at)
        for package in link.packages.order_by("pk")
        for request in everything(package, gateway, since)
    )
    follow(link, gateway, read_at)
    Connection.objects.filter(pk=link.pk).update(swept_at=read_at)
    _swept_here.add((str(memory.deployment().installation), link.pk))
    return strangers


def everything(package: Package, gateway: Gateway, since: datetime) -> list[SfRequest]:
    """Read all requests of a package that are open or were to start since then."""
    found = {request.id: request for request in gateway.requests_since(package.sf_id, since)}
    found |= {request.id: request for request in gateway.open_requests(package.sf_id)}
    return list(found.values())


def meet(package: Package, request: SfRequest, gateway: Gateway, now: datetime) -> bool:
    """Judge one request; returns whether it is a stranger. Batches' own are none."""
    if Batch.objects.filter(sf_id=request.id).exists() or selftest.is_ours(request):
        return False
    link = package.connection
    ours = Batch.objects.filter(
        connection=link, start_at=request.start, list__to_version__sf_id=request.version_id
    ).first()
    if ours is not None:
        looking = ours.sf_id is None and ours.state not in _ENDS
        late = ours.created_sent_at and now < ours.created_sent_at + timing.late_call()
        if looking or late or request.status in SF_ENDS:
            return False
        # We add orgs to bound requests only: one that has some is not this batch's after all.
        if not gateway.jobs([request.id]):
            _cancel_orphan(ours, request, gateway, now)
            return False
    forgotten = ours is None and memory.is_marked(request.start, link)
    if request.status in SF_ENDS and not forgotten:
        return False
    _store(link, request, gateway, now, is_ours=forgotten)
    if forgotten:
        memory.remember_restored(
            f"Salesforce has push request {request.id} with this installation's mark, and the "
            "database knows nothing of it"
        )
    return True


def _cancel_orphan(batch: Batch, request: SfRequest, gateway: Gateway, now: datetime) -> None:
    if not Event.objects.filter(action="orphan_request", subject=request.id).exists():
        record(
            "orphan_request",
            request.id,
            now=now,
            rollout=batch.wave.rollout,
            wave=batch.wave,
            reason=f"it bears the start of batch {batch.number}, which does not need it: cancelled",
        )
    try:
        gateway.cancel(request.id)
    except SalesforceError as error:
        log.warning("the orphan %s could not be cancelled yet: %s", request.id, error)


def _store(
    link: Connection, request: SfRequest, gateway: Gateway, now: datetime, *, is_ours: bool
) -> None:
    values = {
        "status": request.status.value,
        "seen_at": now,
        "ended_at": now if request.status in SF_ENDS else None,
    }
    if Stranger.objects.filter(sf_id=request.id).update(**values):
        return
    Stranger.objects.create(
        connection=link,
        sf_id=request.id,
        version_sf_id=request.version_id,
        start_at=request.start,
        orgs=sorted({job.org for job in gateway.jobs([request.id])}),
        is_ours=is_ours,
        first_seen_at=now,
        **values,
    )
    record(
        "foreign_request",
        request.id,
        now=now,
        reason="this installation made it and the database has forgotten it"
        if is_ours
        else f"a push request that Pushboard did not make is {request.status.value}",
    )


def follow(link: Connection, gateway: Gateway, now: datetime) -> None:
    """Read the known strangers again: their orgs may have changed, and they end."""
    rows = {row.sf_id: row for row in link.strangers.open().order_by("pk")}
    if not rows:
        return
    seen = {request.id: request for request in gateway.requests(list(rows))}
    orgs: dict[str, set[str]] = {}
    for job in gateway.jobs(list(rows)):
        orgs.setdefault(job.request_id, set()).add(job.org)
    for sf_id, row in rows.items():
        request = seen.get(sf_id)
        ended = request is None or request.status in SF_ENDS
        Stranger.objects.filter(pk=row.pk).update(
            status=request.status.value if request else "gone",
            orgs=sorted(orgs.get(sf_id, set())),
            seen_at=now,
            ended_at=now if ended else None,
        )


def in_the_way(link: Connection, orgs: Iterable[str]) -> list[tuple[str, int]]:
    """List open strangers as (request id, how many of these orgs it holds), those with any."""
    wanted = set(orgs)
    rows = link.strangers.open().order_by("pk")
    shared = [(row.sf_id, len(wanted.intersection(row.orgs))) for row in rows]
    return [(sf_id, count) for sf_id, count in shared if count]
