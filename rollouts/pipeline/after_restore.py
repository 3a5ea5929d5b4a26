"""Matching a database that was put back with Salesforce, which has forgotten nothing.

Every request with this installation's mark or nonce is accounted for: what is still open and
unknown is cancelled and read back. What people decided meanwhile is lost, halts and withdrawn
approvals among it, so that all approvals are void and every open batch is called back.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from django.db.models import F

from rollouts.models import Batch, Connection, Package, Rollout, Stranger
from rollouts.pipeline import clock, halting, memory, selftest, sweep
from rollouts.pipeline.transitions import record, writing
from rollouts.salesforce.connect import gateway_for
from rollouts.salesforce.errors import Refused, SalesforceError
from rollouts.salesforce.gateway import SF_ENDS, Gateway, SfRequest, SfStatus

_REASON = "the database was put back to an older state; nothing it says of approvals still counts"


@dataclass(slots=True)
class Matched:
    """What came of it. ``left`` are requests that Salesforce still works on, with the reason."""

    known: int = 0
    ended: int = 0
    cancelled: int = 0
    strangers: int = 0
    left: list[str] = field(default_factory=list)

    @property
    def sentence(self) -> str:
        """One line for the history and the terminal."""
        return (
            f"{self.known} requests at Salesforce are known here, {self.ended} forgotten ones have "
            f"ended, {self.cancelled} were cancelled, {self.strangers} are not ours, "
            f"{len(self.left)} are left"
        )


def noticed() -> bool:
    """Say whether the database was put back, as its note, its marks or an earlier tick tell.

    Raises SalesforceError when Salesforce could not be read.
    """
    memory.look_back()
    if not memory.restored():
        for link in Connection.objects.ready().order_by("pk"):
            sweep.sweep(link, gateway_for(link))
    return memory.restored()


def match() -> Matched:
    """Match every request of every package; lifts the read-only state when none is left.

    May be run again and again. Raises SalesforceError when Salesforce could not be read whole.
    """
    _void_everything()
    found = Matched()
    for link in Connection.objects.ready().order_by("pk"):
        gateway = gateway_for(link)
        since = memory.deployment().created_at - sweep.OVERLAP
        for package in link.packages.order_by("pk"):
            for request in sweep.everything(package, gateway, since):
                _match_one(package, request, gateway, found)
        sweep.follow(link, gateway, clock.now())
        Connection.objects.filter(pk=link.pk).update(swept_at=clock.now())
    if not found.left:
        memory.matched(found.sentence)
    return found


@writing()
def _void_everything() -> None:
    now = clock.now()
    for rollout in Rollout.objects.running().order_by("pk"):
        Rollout.objects.filter(pk=rollout.pk).update(epoch=F("epoch") + 1)
        halting.void_and_recall(rollout, reason=_REASON, now=now)


def _match_one(package: Package, request: SfRequest, gateway: Gateway, found: Matched) -> None:
    link = package.connection
    nonce = Batch.objects.filter(
        connection=link, start_at=request.start, list__to_version__sf_id=request.version_id
    )
    if Batch.objects.filter(sf_id=request.id).exists() or selftest.is_ours(request):
        found.known += 1
    elif not nonce.exists() and not memory.is_marked(request.start, link):
        found.strangers += sweep.meet(package, request, gateway, clock.now())
    elif request.status in SF_ENDS:
        found.ended += 1
    else:
        _cancel(request, gateway, found)


def _cancel(request: SfRequest, gateway: Gateway, found: Matched) -> None:
    """Cancel a forgotten request, intent first, and believe only what is read back."""
    now = clock.now()
    record("cancel_forgotten", request.id, now=now, before=request.status.value, reason=_REASON)
    try:
        gateway.cancel(request.id)
    except Refused:
        # It had started; the read below says so.
        pass
    except SalesforceError as error:
        found.left.append(f"{request.id}: {error}")
        return
    seen = gateway.request(request.id)
    if seen is None or seen.status is SfStatus.CANCELED:
        found.cancelled += 1
        Stranger.objects.filter(sf_id=request.id).update(
            status=seen.status.value if seen else "gone", ended_at=now, seen_at=now
        )
    elif seen.status in SF_ENDS:
        found.ended += 1
    else:
        found.left.append(f"{request.id} is {seen.status.value}; Salesforce finishes it first")
