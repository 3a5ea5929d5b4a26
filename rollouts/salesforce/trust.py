"""Salesforce's public calendar of maintenance: ``GET /v1/maintenances`` of its status site.

No org is asked, nobody signs in and nothing is sent but a page's number and a day. The form of the
answer (name, instanceKeys, plannedStartTime, plannedEndTime, status, message.eventStatus) is as
public programs that read it have it; Salesforce documents it at status.salesforce.com.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import requests

from rollouts.salesforce.errors import TryAgain
from rollouts.salesforce.hosts import HostRefused
from rollouts.salesforce.transport import Transport

OFFICIAL = "https://api.status.salesforce.com"
PAGE, MOST_PAGES = 1000, 20
_OK = 200
_CANCELED = frozenset({"canceled", "cancelled"})


@dataclass(frozen=True, slots=True)
class Announced:
    """One maintenance as Trust lists it; times in UTC, ``key`` is its id there."""

    key: str
    name: str
    instances: tuple[str, ...]
    starts_at: datetime
    ends_at: datetime
    canceled: bool


@dataclass(frozen=True, slots=True)
class TrustList:
    """A whole answer: what could be read, and how many entries could not."""

    announced: tuple[Announced, ...]
    unreadable: int


def read_trust(transport: Transport, origin: str, since: datetime) -> TrustList:
    """Read every maintenance that starts after a moment, page by page.

    Raises TryAgain when there is no whole answer of the known form; nothing is half read.
    """
    if transport.hosts.simulated is None and origin != OFFICIAL:
        raise HostRefused(origin, f"Trust is asked at {OFFICIAL} and nowhere else.")
    transport.speak_tls(origin)
    rows = [row for page in _pages(transport, origin, since) for row in page]
    read = [_announced(row) for row in rows]
    found = tuple(one for one in read if one is not None)
    if rows and not found:
        raise TryAgain("none of what Salesforce Trust lists could be read")
    return TrustList(found, len(rows) - len(found))


def _pages(transport: Transport, origin: str, since: datetime) -> Iterator[list[Any]]:
    for number in range(MOST_PAGES):
        page = _page(transport, origin, since, number * PAGE)
        yield page
        if len(page) < PAGE:
            return
    raise TryAgain(f"Salesforce Trust lists more than {MOST_PAGES * PAGE} entries")


def _page(transport: Transport, origin: str, since: datetime, offset: int) -> list[Any]:
    asked = {
        "limit": str(PAGE),
        "offset": str(offset),
        "startTime": since.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
    }
    try:
        answer = transport.session().get(f"{origin}/v1/maintenances", params=asked)
        if answer.status_code != _OK:
            raise TryAgain(f"Salesforce Trust answered with status {answer.status_code}")
        listed = answer.json()
    except (requests.RequestException, ValueError) as problem:
        raise TryAgain(f"Salesforce Trust gave no answer ({type(problem).__name__})") from problem
    if not isinstance(listed, list):
        raise TryAgain("Salesforce Trust answered with something that is no list")
    return listed


def _announced(row: Any) -> Announced | None:
    """Read one entry; None for one that has no id, times or instances."""
    try:
        instances = tuple(sorted({str(one).upper() for one in row["instanceKeys"]}))
        message = row.get("message") or {}
        states = {str(row.get("status")).lower(), str(message.get("eventStatus")).lower()}
        return Announced(
            key=str(row["id"])[:120],
            name=" ".join(str(row["name"]).split())[:200] or "maintenance",
            instances=instances,
            starts_at=_moment(row["plannedStartTime"]),
            ends_at=_moment(row["plannedEndTime"]),
            canceled=bool(states & _CANCELED),
        )
    except (AttributeError, KeyError, TypeError, ValueError):
        return None


def _moment(text: object) -> datetime:
    moment = datetime.fromisoformat(str(text))
    if moment.tzinfo is None:
        raise ValueError("a time without a zone")
    return moment.astimezone(UTC)
