"""What a connection asks to prove itself, and what the self-test asks of the platform.

Apart from `live`, since nothing of this is needed to push.
"""

from __future__ import annotations

from datetime import datetime

from rollouts.domain.ids import ORG, REQUEST, SHORT, long_id
from rollouts.salesforce import soql
from rollouts.salesforce.client import Client
from rollouts.salesforce.errors import Refused
from rollouts.salesforce.gateway import Budget
from rollouts.salesforce.outcomes import Kind, of_nonsense
from rollouts.salesforce.soql import Query, Thing, at_least, equals
from rollouts.salesforce.values import Shown

_REQUEST_PATH = "sobjects/PackagePushRequest/"


class Probe(Client):
    """Reads about the org and its user, and the self-test's questions. Safe between threads."""

    def objects(self) -> dict[str, Shown]:
        """Read which objects the user sees (one call, ``/sobjects``, some hundred kB)."""
        what = "read the org's objects"
        told = self._ask(Kind.READ, what, lambda sf: sf.describe())
        found = told.get("sobjects") if isinstance(told, dict) else None
        if not isinstance(found, list):
            raise of_nonsense(Kind.READ, what)
        return {
            one["name"]: Shown(one.get("queryable") is True, one.get("createable") is True)
            for one in found
            if isinstance(one, dict) and isinstance(one.get("name"), str)
        }

    def daily_calls(self) -> Budget | None:
        """Read the API calls used and allowed in 24 hours (one call, ``/limits``)."""
        what = "read the org's limits"
        told = self._ask(Kind.READ, what, lambda sf: sf.limits())
        if not isinstance(told, dict):
            raise of_nonsense(Kind.READ, what)
        daily = told.get("DailyApiRequests")
        if not isinstance(daily, dict):
            return None
        most, left = daily.get("Max"), daily.get("Remaining")
        if not isinstance(most, int) or not isinstance(left, int):
            return None
        return Budget(most - left, most)

    def created_fields(self, request_id: str, since: datetime) -> tuple[bool, bool]:
        """Say whether CreatedDate and CreatedById of a request are (readable, filterable)."""
        wanted = equals("Id", soql.sf_id(request_id, REQUEST))
        query = Query(Thing.REQUEST, ("Id", "CreatedDate", "CreatedById"), (wanted,))
        readable = self._answers(query)
        by_date = Query(Thing.REQUEST, ("Id",), (wanted, at_least("CreatedDate", since)))
        return readable, readable and self._answers(by_date)

    def _answers(self, query: Query) -> bool:
        try:
            return bool(self._all("read who created a push request", query))
        except Refused:
            return False

    def move_start(self, request_id: str, start: datetime) -> None:
        """Ask for another start time of a request."""
        path = _REQUEST_PATH + long_id(request_id, prefix=REQUEST)
        body = {"ScheduledStartTime": soql.moment(start)}
        self._write(
            "move the push request's start",
            lambda sf: sf.restful(path, method="PATCH", json=body),
        )

    def add_one_job(self, request_id: str, org: str) -> None:
        """Add one org to a request by itself, so that a refusal brings Salesforce's own code."""
        body = {
            "PackagePushRequestId": long_id(request_id, prefix=REQUEST),
            "SubscriberOrganizationKey": long_id(org, prefix=ORG)[:SHORT],
        }
        self._write(
            "add an org to the push request",
            lambda sf: sf.restful("sobjects/PackagePushJob/", method="POST", json=body),
        )
