"""What comes of a call that goes wrong: for reads, for writes, and how often it is sent."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import requests

from rollouts.domain.ids import long_id
from rollouts.salesforce.errors import (
    LoginLost,
    Refused,
    SalesforceError,
    TryAgain,
    Unknown,
    WritesRefused,
)
from rollouts.salesforce.live import SalesforceGateway
from tests.salesforce.scripted import NOW, ORG, ScriptedOrg, gateway_to, page, problem

PACKAGE = long_id("033000000000001")
VERSION = long_id("04t000000000001")
REQUEST = long_id("0DV000000000001")

READS: dict[str, Callable[[SalesforceGateway], object]] = {
    "packages": lambda it: it.packages(),
    "versions": lambda it: it.versions(PACKAGE),
    "subscribers": lambda it: list(it.subscribers(PACKAGE)),
    "installed": lambda it: it.installed(PACKAGE, [ORG]),
    "request": lambda it: it.request(REQUEST),
    "requests": lambda it: it.requests([REQUEST]),
    "requests_starting": lambda it: it.requests_starting(VERSION, NOW),
    "open_requests": lambda it: it.open_requests(PACKAGE),
    "job_counts": lambda it: it.job_counts([REQUEST]),
    "jobs": lambda it: it.jobs([REQUEST]),
    "open_jobs_of": lambda it: it.open_jobs_of(PACKAGE, [ORG]),
    "errors": lambda it: it.errors([REQUEST]),
}
WRITES: dict[str, Callable[[SalesforceGateway], object]] = {
    "create_request": lambda it: it.create_request(VERSION, NOW),
    "add_jobs": lambda it: it.add_jobs(REQUEST, [ORG]),
    "arm": lambda it: it.arm(REQUEST),
    "cancel": lambda it: it.cancel(REQUEST),
}
CALLS = READS | WRITES

PASSING = "Something bad has happened. Please verify your input and try again."
# What Salesforce or the network does -> (outcome of a read, outcome of a write).
FAULTS: dict[str, tuple[Any, type[SalesforceError], type[SalesforceError]]] = {
    "never connected": (requests.ConnectTimeout(), TryAgain, TryAgain),
    "no answer in time": (requests.ReadTimeout(), TryAgain, Unknown),
    "cut after sending": (requests.ConnectionError("reset"), TryAgain, Unknown),
    "cut within the answer": (requests.exceptions.ChunkedEncodingError(), TryAgain, Unknown),
    "HTTP 500": (problem(500, "UNKNOWN_EXCEPTION"), TryAgain, Unknown),
    "HTTP 502 of a proxy": ((502, "<html>Bad gateway</html>"), TryAgain, Unknown),
    "HTTP 503": (problem(503, "SERVER_UNAVAILABLE"), TryAgain, Unknown),
    "HTTP 429": (problem(429, "TOO_MANY"), TryAgain, Unknown),
    "HTTP 408": (problem(408, "TIMEOUT"), TryAgain, Unknown),
    "a redirect": ((302, ""), TryAgain, Unknown),
    "a redirect that keeps the method": ((307, ""), TryAgain, Unknown),
    "HTTP 404 of a proxy": ((404, "<html>"), TryAgain, Unknown),
    "HTTP 400 without a code": ((400, {"message": "hm"}), TryAgain, Unknown),
    "the day's calls are used up": (problem(403, "REQUEST_LIMIT_EXCEEDED"), TryAgain, TryAgain),
    "a lock": (problem(400, "UNABLE_TO_LOCK_ROW"), TryAgain, TryAgain),
    "something bad": (problem(400, "UNKNOWN_EXCEPTION", PASSING), TryAgain, TryAgain),
    "Salesforce does not know": (problem(400, "UNKNOWN_EXCEPTION", "?"), TryAgain, Unknown),
    "an invalid field": (problem(400, "INVALID_FIELD"), Refused, Refused),
    "push is not enabled": (problem(400, "INVALID_TYPE"), Refused, Refused),
    "not allowed": (problem(403, "INSUFFICIENT_ACCESS"), Refused, Refused),
    "not there": (problem(404, "NOT_FOUND"), Refused, Refused),
    "a wrong method": (problem(405, "METHOD_NOT_ALLOWED"), Refused, Refused),
}


@pytest.mark.parametrize("fault", FAULTS)
@pytest.mark.parametrize("call", CALLS)
def test_each_fault_comes_to_its_outcome_and_is_sent_once(call: str, fault: str) -> None:
    answer, of_read, of_write = FAULTS[fault]
    org = ScriptedOrg(script=[answer])
    with pytest.raises(SalesforceError) as failed:
        CALLS[call](gateway_to(org))
    assert type(failed.value) is (of_read if call in READS else of_write)
    assert len(org.calls) == 1
    assert len(org.token_calls) == 1
    # The library's exceptions hold whole bodies and addresses; they don't travel on.
    assert failed.value.__cause__ is None


@pytest.mark.parametrize(
    "body", ["not json", "[]", "null", "5", '"text"', "{}", "[" * 100_000, '{"records": 5}']
)
@pytest.mark.parametrize("call", sorted(CALLS.keys() - {"arm", "cancel"}))
def test_success_that_can_not_be_read_is_no_success(call: str, body: str) -> None:
    org = ScriptedOrg(script=[(200, body)])
    with pytest.raises(TryAgain if call in READS else Unknown):
        CALLS[call](gateway_to(org))
    assert len(org.calls) == 1


@pytest.mark.parametrize("call", CALLS)
def test_an_expired_session_is_renewed_once_and_the_call_repeated_once(call: str) -> None:
    expired = problem(401, "INVALID_SESSION_ID", "Session expired or invalid")
    org = ScriptedOrg(script=[expired, problem(400, "INVALID_FIELD")])
    gateway = gateway_to(org)
    with pytest.raises(Refused):
        CALLS[call](gateway)
    first, second = org.calls
    assert (first.method, first.path, first.query, first.body) == (
        second.method,
        second.path,
        second.query,
        second.body,
    )
    assert first.headers["Authorization"] != second.headers["Authorization"]
    assert gateway.calls == 4  # two logins, and the call twice


@pytest.mark.parametrize("body", [[], {}, "<html>", None])
@pytest.mark.parametrize("call", CALLS)
def test_a_session_that_stays_refused_ends_after_two_calls(call: str, body: Any) -> None:
    org = ScriptedOrg(script=[(401, body), (401, body)])
    gateway = gateway_to(org)
    with pytest.raises(LoginLost):
        CALLS[call](gateway)
    assert len(org.calls) == 2
    assert len(org.token_calls) == 2
    # And the next calls don't start it all over at once.
    with pytest.raises(LoginLost):
        CALLS[call](gateway)
    assert gateway.calls == 4


@pytest.mark.parametrize("call", CALLS)
def test_a_login_that_fails_in_the_middle_leaves_the_call_unsent(call: str) -> None:
    org = ScriptedOrg(script=[(401, [])])
    gateway = gateway_to(org)
    gateway.login.access()
    org.logins = [(400, {"error": "invalid_grant"})]
    with pytest.raises(LoginLost, match="invalid_grant"):
        CALLS[call](gateway)
    assert len(org.calls) == 1


@pytest.mark.parametrize("call", WRITES)
def test_a_connection_that_observes_sends_no_write_and_not_even_a_login(call: str) -> None:
    org = ScriptedOrg()
    with pytest.raises(WritesRefused, match="only observes"):
        WRITES[call](gateway_to(org, writes_allowed=False))
    assert org.seen == []


@pytest.mark.parametrize("call", READS)
def test_a_connection_that_observes_reads(call: str) -> None:
    org = ScriptedOrg(script=[page()])
    READS[call](gateway_to(org, writes_allowed=False))
    assert {one.method for one in org.calls} == {"GET"}


def test_a_refusal_carries_salesforces_words() -> None:
    org = ScriptedOrg(script=[problem(400, "INVALID_STATUS", "can't cancel\n  this")])
    with pytest.raises(Refused) as refused:
        gateway_to(org).cancel(REQUEST)
    assert str(refused.value) == (
        "Could not cancel the push request: Salesforce says can't cancel this (INVALID_STATUS)"
    )
    assert refused.value.code == "INVALID_STATUS"


def test_an_unknown_outcome_says_so() -> None:
    org = ScriptedOrg(script=[requests.ReadTimeout()])
    with pytest.raises(Unknown) as unknown:
        gateway_to(org).arm(REQUEST)
    assert str(unknown.value) == (
        "Asked to arm the push request, but Salesforce did not answer. It may have taken effect."
    )


def test_a_long_message_is_cut() -> None:
    org = ScriptedOrg(script=[problem(400, "X", "word " * 1000)])
    with pytest.raises(Refused) as refused:
        gateway_to(org).arm(REQUEST)
    assert len(str(refused.value)) < 400


def test_an_instance_elsewhere_leaves_the_call_unsent() -> None:
    org = ScriptedOrg(
        logins=[
            (
                200,
                {
                    "access_token": "x",
                    "instance_url": "https://evil.example",
                    "id": f"https://login.salesforce.com/id/{ORG}/005000000000001",
                },
            )
        ]
    )
    with pytest.raises(Refused, match=r"evil\.example"):
        gateway_to(org).arm(REQUEST)
    assert org.calls == []
