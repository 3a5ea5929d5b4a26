"""Logging in: one login for each session, clear sentences, and no secret in any of them."""

from __future__ import annotations

import threading
import time
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs

import jwt
import pytest
import requests
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

from rollouts.salesforce.auth import REFUSAL_RESTS, ClientCredentials, JwtBearer, Login
from rollouts.salesforce.errors import LoginLost, SalesforceError, TryAgain
from rollouts.salesforce.hosts import HostRefused, Hosts
from rollouts.salesforce.transport import Transport
from tests.salesforce.scripted import NOW, ORG, ORIGIN, USER, ScriptedOrg, token


class Clock:
    """A monotonic clock that stands still until it is moved."""

    now = 1000.0

    def __call__(self) -> float:
        return self.now


def login_to(org: ScriptedOrg, *, org_id: str = "", clock: Clock | None = None) -> Login:
    transport = Transport(Hosts(), timeout=2, now=lambda: NOW, carrier=lambda: org)
    return Login(
        transport,
        ORIGIN,
        ClientCredentials("the-id", "the-secret"),
        name="Test org",
        org_id=org_id,
        monotonic=clock or Clock(),
    )


def test_client_credentials_are_posted_as_a_form() -> None:
    org = ScriptedOrg()
    access = login_to(org).access()
    (call,) = org.token_calls
    assert (call.method, call.path) == ("POST", "/services/oauth2/token")
    assert parse_qs(call.body) == {
        "grant_type": ["client_credentials"],
        "client_id": ["the-id"],
        "client_secret": ["the-secret"],
    }
    assert (access.org_id, access.user_id, access.instance) == (ORG, USER, ORIGIN)


def test_a_token_is_asked_for_once() -> None:
    org = ScriptedOrg()
    login = login_to(org)
    assert login.access() is login.access()
    assert len(org.token_calls) == 1


def test_an_assertion_is_signed_for_the_login_address(tmp_path: Path) -> None:
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    path = tmp_path / "pushboard.test.pem"
    path.write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
    )
    form = JwtBearer("the-id", "bot@example.com", path).form(ORIGIN)
    assert form["grant_type"] == "urn:ietf:params:oauth:grant-type:jwt-bearer"
    claims = jwt.decode(
        form["assertion"],
        key.public_key(),
        algorithms=["RS256"],
        audience=ORIGIN,
    )
    assert claims["iss"] == "the-id"
    assert claims["sub"] == "bot@example.com"
    assert 170 <= claims["exp"] - time.time() <= 180


@pytest.mark.parametrize("content", [None, "not a key", "\u00e9"])
def test_a_key_that_can_not_be_used_is_said_so(tmp_path: Path, content: str | None) -> None:
    path = tmp_path / "pushboard.test.pem"
    if content is not None:
        path.write_text(content, encoding="utf-8")
    with pytest.raises(LoginLost, match="PUSHBOARD_SF_KEY_FILE"):
        JwtBearer("the-id", "bot@example.com", path).form(ORIGIN)


@pytest.mark.parametrize(
    ("answer", "outcome", "sentence"),
    [
        (
            (400, {"error": "invalid_client", "error_description": "invalid client credentials"}),
            LoginLost,
            (
                "Test org: Salesforce refused the login (invalid_client: invalid client "
                "credentials); check the client id and secret."
            ),
        ),
        (
            (400, {"error": "invalid_grant", "error_description": "expired access/refresh token"}),
            LoginLost,
            (
                "Test org: Salesforce refused the login (invalid_grant: expired access/refresh "
                "token); check that the user is active and allowed to use the connected app."
            ),
        ),
        (
            (400, {"error": "something_new"}),
            LoginLost,
            (
                "Test org: Salesforce refused the login (something_new: no reason given); check "
                "the connected app and its user."
            ),
        ),
        (
            requests.ConnectionError("http://secret"),
            TryAgain,
            f"Test org: {ORIGIN} can't be reached; check the network.",
        ),
        (
            requests.ReadTimeout("slow"),
            TryAgain,
            "Test org: Salesforce did not answer the login in time.",
        ),
        (
            (503, "<html>"),
            TryAgain,
            "Test org: Salesforce could not log in just now (HTTP 503).",
        ),
        (
            (429, {"error": "rate limit"}),
            TryAgain,
            "Test org: Salesforce could not log in just now (HTTP 429).",
        ),
        (
            (302, ""),
            TryAgain,
            "Test org: Salesforce could not log in just now (HTTP 302).",
        ),
    ],
)
def test_a_failed_login_says_why(
    answer: Any, outcome: type[SalesforceError], sentence: str
) -> None:
    with pytest.raises(outcome) as failed:
        login_to(ScriptedOrg(logins=[answer])).access()
    assert type(failed.value) is outcome
    assert str(failed.value) == sentence
    assert "the-secret" not in str(failed.value)
    assert failed.value.__cause__ is None


@pytest.mark.parametrize(
    "body",
    [
        "not json",
        "[]",
        {},
        token(1) | {"access_token": ""},
        token(1) | {"access_token": "two\nlines"},
        token(1) | {"access_token": 7},
        token(1) | {"id": "https://login.salesforce.com/id/00D/005"},
        token(1) | {"id": f"https://login.salesforce.com/id/{ORG[:-1]}B/{USER}"},
        token(1) | {"id": None},
        token(1) | {"instance_url": None},
    ],
)
def test_a_token_answer_that_can_not_be_read_is_not_used(body: Any) -> None:
    with pytest.raises(TryAgain, match="can't be read"):
        login_to(ScriptedOrg(logins=[(200, body)])).access()


@pytest.mark.parametrize(
    "instance",
    [
        "https://evil.example",
        "http://example.my.salesforce.com",
        "https://x@example.my.salesforce.com",
    ],
)
def test_a_token_for_an_instance_elsewhere_is_not_used(instance: str) -> None:
    org = ScriptedOrg(logins=[(200, token(1, instance=instance))])
    with pytest.raises(HostRefused):
        login_to(org).access()


def test_a_login_address_elsewhere_is_refused_when_built() -> None:
    transport = Transport(Hosts(), timeout=2, now=lambda: NOW)
    with pytest.raises(HostRefused):
        Login(transport, "https://evil.example", ClientCredentials("a", "b"), name="Test org")


def test_another_org_behind_the_same_credentials_stops_the_connection() -> None:
    login = login_to(ScriptedOrg(), org_id="00D000000000002EAA")
    with pytest.raises(LoginLost, match="now lead to the org 00D000000000001EAA"):
        login.access()


def test_a_connection_may_learn_its_org_later() -> None:
    org = ScriptedOrg()
    login = login_to(org)
    login.access()
    login.bind(ORG)
    login.access()
    login.bind("00D000000000002EAA")
    with pytest.raises(LoginLost):
        login.access()
    assert len(org.token_calls) == 1


def test_a_refused_login_rests_before_it_is_tried_again() -> None:
    refusal = (400, {"error": "invalid_grant"})
    org, clock = ScriptedOrg(logins=[refusal, refusal]), Clock()
    login = login_to(org, clock=clock)
    for _ in range(5):
        with pytest.raises(LoginLost, match="invalid_grant"):
            login.access()
    assert len(org.token_calls) == 1
    clock.now += REFUSAL_RESTS
    with pytest.raises(LoginLost):
        login.access()
    assert len(org.token_calls) == 2
    clock.now += REFUSAL_RESTS
    assert login.access().org_id == ORG


def test_a_network_that_is_down_is_tried_again_at_once() -> None:
    org = ScriptedOrg(logins=[requests.ConnectionError()])
    login = login_to(org)
    with pytest.raises(TryAgain):
        login.access()
    assert login.access().org_id == ORG


def test_threads_that_meet_an_expired_session_log_in_once() -> None:
    org = ScriptedOrg()
    login = login_to(org)
    stale = login.access()
    renewed = []
    threads = [threading.Thread(target=lambda: renewed.append(login.renew(stale))) for _ in "12345"]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(org.token_calls) == 2
    assert len({id(access) for access in renewed}) == 1


def test_secrets_do_not_show_in_what_is_printed(tmp_path: Path) -> None:
    access = login_to(ScriptedOrg()).access()
    assert "token" not in repr(access)
    assert "the-secret" not in repr(ClientCredentials("the-id", "the-secret"))
