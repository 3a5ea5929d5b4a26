"""Hands that are tied: the only writes of the self-test, whatever mode the connection is in.

They make requests that start a month ahead or later, touch no request but those, add no org but the
one that was named, and cancel.
"""

from __future__ import annotations

from datetime import datetime, timedelta

from rollouts.domain.ids import long_id
from rollouts.salesforce.errors import Refused
from rollouts.salesforce.live import SalesforceGateway

AHEAD = timedelta(days=30)


class TooNear(Refused):
    """The self-test asked for something that its hands are tied against; nothing was sent."""


class TiedHands:
    """A gateway that only reads, and writes only what the self-test may.

    Args:
        gateway: one of its own, with every write allowed; nobody else holds it.
        now: business time at the beginning.
        org: the org that may be added to a request, or "" for none.
        request_ids: requests of earlier self-tests, which may be canceled.
    """

    def __init__(
        self,
        gateway: SalesforceGateway,
        now: datetime,
        *,
        org: str = "",
        request_ids: frozenset[str] = frozenset(),
    ) -> None:
        self.reads = gateway
        self._gateway = gateway
        self._now = now
        self._org = long_id(org) if org else ""
        self._made = set(request_ids)

    def create(self, version_id: str, start: datetime) -> str:
        """Create an empty request that starts a month ahead or later; return its id."""
        self._far(start)
        request_id = self._gateway.create_request(version_id, start)
        self._made.add(request_id)
        return request_id

    def add(self, request_id: str, org: str) -> None:
        """Add the named org to a request made here."""
        self._ours(request_id)
        if not self._org or long_id(org) != self._org:
            raise TooNear("The self-test adds no org but the one that was named.", code="TIED")
        self._gateway.add_one_job(request_id, org)

    def arm(self, request_id: str) -> None:
        """Set a request made here to Pending; its start is a month away."""
        self._ours(request_id)
        self._gateway.arm(request_id)

    def move_start(self, request_id: str, start: datetime) -> None:
        """Move the start of a request made here, never nearer than a month."""
        self._ours(request_id)
        self._far(start)
        self._gateway.move_start(request_id, start)

    def cancel(self, request_id: str) -> None:
        """Cancel a request made here."""
        self._ours(request_id)
        self._gateway.cancel(request_id)

    def _far(self, start: datetime) -> None:
        if start < self._now + AHEAD:
            raise TooNear("The self-test makes nothing that starts within 30 days.", code="TIED")

    def _ours(self, request_id: str) -> None:
        if long_id(request_id) not in self._made:
            raise TooNear("The self-test touches no request but its own.", code="TIED")
