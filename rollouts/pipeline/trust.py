"""Asking Salesforce Trust for maintenance, now and then, if the installation wants it.

It only enriches: when Trust does not answer, what it told before stays, and pages say how old
that is. It is off as long as no address is set.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator
from datetime import datetime, timedelta

from django.conf import settings
from django.db import transaction

from rollouts.models import MaintenanceSource, Org, TrustRead
from rollouts.pipeline import clock
from rollouts.pipeline.calendar_import import Planned
from rollouts.pipeline.maintenance import Taken, store
from rollouts.salesforce.connect import build_transport
from rollouts.salesforce.errors import SalesforceError
from rollouts.salesforce.transport import Transport
from rollouts.salesforce.trust import TrustList, read_trust

log = logging.getLogger(__name__)
# Real seconds between two readings; maintenance is announced days ahead.
EVERY = 3600.0
BACK = timedelta(days=7)


def read_if_due(transport: Transport | None = None) -> bool:
    """Read Trust if it is on and an hour has passed since the last try. Says whether it asked."""
    origin = settings.SALESFORCE["trust_url"]
    now = clock.now()
    last = TrustRead.objects.first()
    if not origin or (last and now - last.tried_at < clock.wire(EVERY)):
        return False
    read_now(origin, transport or build_transport(), now)
    return True


def read_now(origin: str, transport: Transport, now: datetime) -> Taken | None:
    """Read Trust and store what concerns our orgs; None and all as it was if there is no answer."""
    try:
        found = read_trust(transport, origin, now - BACK)
    except SalesforceError as problem:
        log.warning("Salesforce Trust: %s", problem)
        _note(now, problem=str(problem)[:400])
        return None
    return _take(found, now)


@transaction.atomic
def _take(found: TrustList, now: datetime) -> Taken:
    ours = set(Org.objects.exclude(instance="").values_list("instance", flat=True).distinct())
    planned = list(_planned(found, ours))
    taken = store(
        MaintenanceSource.TRUST,
        planned,
        now=now,
        # An entry that can't be read must not end the row that it made when it could.
        complete=not found.unreadable,
    )
    wrong = f"{found.unreadable} of its entries could not be read" if found.unreadable else ""
    _note(now, read_at=now, problem=wrong, listed=len(planned))
    return taken


def _planned(found: TrustList, ours: set[str]) -> Iterator[Planned]:
    for one in found.announced:
        if one.ends_at <= one.starts_at:
            continue
        for instance in one.instances:
            if instance in ours:
                yield Planned(instance, one.starts_at, one.ends_at, one.name, one.key, one.canceled)


def _note(now: datetime, **values: object) -> None:
    TrustRead.objects.update_or_create(pk=1, defaults={"tried_at": now, **values})
