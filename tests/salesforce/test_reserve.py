"""The day's last API calls are for stopping."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from rollouts.salesforce.auth import ClientCredentials, Login
from rollouts.salesforce.client import BUDGET_RESERVED, CALLS_RESERVE
from rollouts.salesforce.errors import TryAgain
from rollouts.salesforce.hosts import Hosts
from rollouts.salesforce.live import SalesforceGateway
from rollouts.salesforce.transport import Transport
from tests.salesforce.given import BULK, REQUEST, VERSION, bulk
from tests.salesforce.scripted import NOW, ORG, ORIGIN, ScriptedOrg, page, problem

MOST = 1_000
WRITES: dict[str, Callable[[SalesforceGateway], object]] = {
    "create_request": lambda gateway: gateway.create_request(VERSION, NOW),
    "add_jobs": lambda gateway: gateway.add_jobs(REQUEST, [ORG]),
    "arm": lambda gateway: gateway.arm(REQUEST),
    "bulk_open": lambda gateway: gateway.bulk_open(),
    "bulk_upload": lambda gateway: gateway.bulk_upload(BULK, REQUEST, [ORG]),
    "bulk_close": lambda gateway: gateway.bulk_close(BULK),
}


class Scarce:
    """A gateway to an org that has ``left`` calls left, and the seconds that passed."""

    def __init__(self, *script: Any, left: int) -> None:
        self.org = ScriptedOrg(script=[page(), *script])
        self.now = 0.0
        transport = Transport(
            Hosts(),
            timeout=2,
            now=lambda: NOW,
            carrier=lambda: self.org,
            monotonic=lambda: self.now,
        )
        login = Login(transport, ORIGIN, ClientCredentials("id", "secret"), name="Test org")
        self.gateway = SalesforceGateway(
            transport, login, api_version="67.0", writes_allowed=True, name="Test org"
        )
        self.left(left)
        self.gateway.packages()

    def left(self, calls: int) -> None:
        """Let every answer from now on tell this."""
        self.org.headers["Sforce-Limit-Info"] = f"api-usage={MOST - calls}/{MOST}"

    def said(self) -> list[tuple[str, str]]:
        """What was asked beyond the first read."""
        return [(call.method, call.path.rpartition("/v67.0/")[2]) for call in self.org.calls[1:]]


@pytest.mark.parametrize("write", WRITES)
def test_what_pushes_is_not_sent_below_the_reserve(write: str) -> None:
    scarce = Scarce(left=CALLS_RESERVE - 1)
    with pytest.raises(TryAgain, match="kept for canceling") as again:
        WRITES[write](scarce.gateway)
    assert again.value.code == BUDGET_RESERVED
    assert scarce.said() == []


def test_what_stops_is_sent_with_the_last_call() -> None:
    scarce = Scarce((204, ""), (200, bulk("Aborted")), left=1)
    scarce.gateway.cancel(REQUEST)
    scarce.gateway.bulk_abort(BULK)
    assert [method for method, _ in scarce.said()] == ["PATCH", "PATCH"]


def test_reads_go_on_below_the_reserve() -> None:
    scarce = Scarce(page(), left=1)
    assert scarce.gateway.request(REQUEST) is None


def test_the_reserve_itself_is_enough() -> None:
    scarce = Scarce((204, ""), left=CALLS_RESERVE)
    scarce.gateway.arm(REQUEST)
    assert [method for method, _ in scarce.said()] == ["PATCH"]


def test_a_low_figure_is_asked_again_before_it_is_believed_for_long() -> None:
    scarce = Scarce((200, {}), (204, ""), left=0)
    scarce.now += 61
    scarce.left(500)
    scarce.gateway.arm(REQUEST)
    (asked, path), (armed, _) = scarce.said()
    assert (asked, path.strip("/"), armed) == ("GET", "limits", "PATCH")


def test_a_figure_that_is_still_low_costs_one_call_a_minute() -> None:
    scarce = Scarce((200, {}), left=0)
    scarce.now += 61
    for _ in range(3):
        with pytest.raises(TryAgain):
            scarce.gateway.arm(REQUEST)
    assert [method for method, _ in scarce.said()] == ["GET"]


def test_a_user_who_may_not_read_allowances_still_learns_them_from_the_header() -> None:
    scarce = Scarce(problem(403, "INSUFFICIENT_ACCESS"), (204, ""), left=0)
    scarce.now += 61
    scarce.left(500)
    scarce.gateway.arm(REQUEST)
    assert [method for method, _ in scarce.said()] == ["GET", "PATCH"]


def test_before_the_first_answer_nothing_is_held_back() -> None:
    org = ScriptedOrg(script=[(204, "")])
    transport = Transport(Hosts(), timeout=2, now=lambda: NOW, carrier=lambda: org)
    login = Login(transport, ORIGIN, ClientCredentials("id", "secret"), name="Test org")
    gateway = SalesforceGateway(
        transport, login, api_version="67.0", writes_allowed=True, name="Test org"
    )
    gateway.arm(REQUEST)
    assert len(org.calls) == 1
