"""The flows without a browser, and who the caller is."""

from __future__ import annotations

import base64
from typing import Any

import pytest

from .caller import Caller, Reply, StoppedClock
from .conftest import Build
from .signing_in import CLIENT, NOW, assertion, form, may_call, public_pem

JWT = "urn:ietf:params:oauth:grant-type:jwt-bearer"


def bearer(org: Caller, text: str) -> Reply:
    return form(org, "token", {"grant_type": JWT, "assertion": text})


def error(reply: Reply) -> tuple[str, str]:
    body = reply.json()
    return body["error"], body["error_description"]


@pytest.fixture
def trusted(build: Build) -> Caller:
    return build(jwt_public_key=public_pem(), wall=StoppedClock())


def test_an_assertion_opens_without_a_refresh_token(trusted: Caller) -> None:
    tokens = bearer(trusted, assertion(aud="http://simulated.example:8081")).ok()
    assert may_call(trusted, tokens["access_token"])
    assert "refresh_token" not in tokens


@pytest.mark.parametrize(
    ("claims", "said"),
    [
        ({"aud": "https://elsewhere.example"}, "Audience validation failed"),
        ({"exp": NOW - 1}, "expired authorization code"),
        ({"exp": NOW + 3_600}, "expired authorization code"),
        ({"sub": "nobody@harborline.example"}, "user hasn't approved this consumer"),
        ({"alg": "none"}, "invalid assertion"),
        ({"exp": "soon"}, "invalid assertion"),
    ],
)
def test_an_assertion_must_be_right_in_every_part(
    trusted: Caller, claims: dict[str, Any], said: str
) -> None:
    assert error(bearer(trusted, assertion(**claims))) == ("invalid_grant", said)


@pytest.mark.parametrize("text", ["", "no.assertion", "W10.W10.W10"])
def test_nonsense_is_no_assertion(trusted: Caller, text: str) -> None:
    assert error(bearer(trusted, text)) == ("invalid_grant", "invalid assertion")


def test_a_foreign_signature_does_not_count(trusted: Caller) -> None:
    forged = assertion()[:-8] + "AAAAAAAA"
    assert error(bearer(trusted, forged)) == ("invalid_grant", "invalid assertion signature")


def test_an_assertion_of_another_app_is_not_known(trusted: Caller) -> None:
    said = error(bearer(trusted, assertion(iss="somebody")))
    assert said == ("invalid_client_id", "client identifier invalid")


def test_a_certificate_can_be_given_later(build: Build) -> None:
    org = build(wall=StoppedClock())
    assert error(bearer(org, assertion()))[1] == "invalid assertion signature"
    assert org.post("/simulator/switches", {"jwt_public_key": public_pem().decode()}).status == 200
    assert bearer(org, assertion()).status == 200
    refused = org.post("/simulator/switches", {"jwt_public_key": "no key"})
    assert refused.error == (400, "INVALID_INPUT")


@pytest.mark.parametrize(
    ("switch", "client_credentials", "jwt"),
    [
        ({"user_active": False}, ("inactive_user", "user is inactive"), None),
        ({"ip_allowed": False}, ("invalid_grant", "ip restricted"), None),
        (
            {"org_open": False},
            ("inactive_org", "organization is locked, closed, or suspended"),
            None,
        ),
        ({"run_as_user": False}, ("invalid_grant", "no client credentials user enabled"), ()),
        ({"user_approved": False}, (), ("invalid_grant", "user hasn't approved this consumer")),
    ],
)
def test_a_user_who_may_not_sign_in_is_told_why(
    trusted: Caller,
    switch: dict[str, bool],
    client_credentials: tuple[str, ...],
    jwt: tuple[str, ...] | None,
) -> None:
    trusted.simulator.switch(**switch)
    for reply, expected in (
        (trusted.sign_in(), client_credentials),
        (bearer(trusted, assertion()), client_credentials if jwt is None else jwt),
    ):
        if expected:
            assert error(reply) == expected
        else:
            assert reply.status == 200


def test_an_inactive_user_loses_the_session_too(org: Caller) -> None:
    org.simulator.switch(user_active=False)
    assert org.get("limits").error == (401, "INVALID_SESSION_ID")
    org.simulator.switch(user_active=True)
    assert org.get("limits").status == 200


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"client_id": "somebody"}, (400, "invalid_client_id")),
        ({"client_secret": "guessed"}, (401, "invalid_client")),
        ({"grant_type": "password"}, (400, "unsupported_grant_type")),
        ({"grant_type": ""}, (400, "unsupported_grant_type")),
    ],
)
def test_a_wrong_client_is_refused(
    org: Caller, changes: dict[str, str], said: tuple[int, str]
) -> None:
    reply = org.sign_in(**changes)
    assert (reply.status, reply.json()["error"]) == said


def test_credentials_may_come_as_basic_header(org: Caller) -> None:
    packed = base64.b64encode(":".join(CLIENT.values()).encode()).decode()
    reply = org.send(
        "POST",
        "/services/oauth2/token",
        raw=b"grant_type=client_credentials",
        headers={
            "Content-Type": "application/x-www-form-urlencoded",
            "Authorization": f"Basic {packed}",
        },
    )
    assert reply.status == 200


def test_client_credentials_need_the_orgs_own_host(org: Caller) -> None:
    body = b"grant_type=client_credentials&client_id=pushboard-demo&client_secret=simulated-secret"
    headers = {
        "Content-Type": "application/x-www-form-urlencoded",
        "Authorization": "",
        "Host": "login.salesforce.com",
    }
    reply = org.send("POST", "/services/oauth2/token", raw=body, headers=headers)
    assert error(reply) == ("invalid_grant", "request not supported on this domain")


def test_the_token_endpoint_takes_posted_forms_only(org: Caller) -> None:
    assert error(org.get("/services/oauth2/token")) == ("invalid_request", "must use HTTP POST")
    reply = org.send("POST", "/services/oauth2/token", {"grant_type": "client_credentials"})
    assert reply.json()["error"] == "unsupported_grant_type"


def test_the_caller_can_ask_who_it_is(org: Caller) -> None:
    told = org.sign_in().json()["id"].removeprefix("http://simulated.example:8081")
    who = org.get(told).ok()
    info = org.get("/services/oauth2/userinfo").ok()
    assert who["username"] == info["preferred_username"] == "releases@harborline.example"
    assert (who["organization_id"], who["user_id"]) == (info["organization_id"], info["user_id"])
    assert org.get("/id/00D000000000001AAA/005000000000001AAA").error == (403, "FORBIDDEN")
    assert org.send("GET", told, headers={"Authorization": ""}).status == 401


def test_the_answer_may_name_another_instance(build: Build) -> None:
    # What a client must not believe without looking.
    org = build(instance_url="https://na1.salesforce.com.evil.example")
    assert org.sign_in().ok()["instance_url"] == "https://na1.salesforce.com.evil.example"
