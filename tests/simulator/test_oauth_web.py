"""The web-server flow with PKCE: a consent page, a code that is good once, tokens that renew."""

from __future__ import annotations

from datetime import timedelta
from html import unescape

import pytest

from .caller import Caller, StoppedClock
from .conftest import Build
from .signing_in import CALLBACK, decide, exchange, form, landed, look, may_call, refresh


def errors(said: dict[str, str]) -> tuple[str, str]:
    return said["error"], said["error_description"]


def oauth_error(reply: object) -> tuple[int, str, str]:
    body = reply.json()  # type: ignore[attr-defined]
    return reply.status, body["error"], body["error_description"]  # type: ignore[attr-defined]


def test_the_user_sees_who_asks_for_what(org: Caller) -> None:
    page = look(org, state='"><script>alert(1)</script>')
    assert page.status == 200
    for words in ("pushboard-demo", "releases@harborline.example", "not Salesforce", "Deny"):
        assert words in page.text
    assert "Manage its data by the APIs" in page.text
    assert "<script" not in page.text
    assert '"><script>alert(1)</script>' in unescape(page.text)
    assert "default-src 'none'" in page.headers["Content-Security-Policy"]


def test_consent_brings_a_code_and_the_code_brings_tokens(org: Caller) -> None:
    said = decide(org)
    assert set(said) == {"code", "state"}
    assert said["state"] == "of the browser"

    tokens = exchange(org, said["code"]).ok()
    assert tokens["scope"] == "api id refresh_token"
    assert tokens["instance_url"] == "http://simulated.example:8081"
    assert tokens["token_type"] == "Bearer"
    assert {"access_token", "refresh_token", "id", "issued_at", "signature"} <= set(tokens)
    assert may_call(org, tokens["access_token"])

    renewed = refresh(org, tokens["refresh_token"]).ok()
    assert may_call(org, renewed["access_token"])
    assert "refresh_token" not in renewed  # the old one stays good
    assert refresh(org, tokens["refresh_token"]).status == 200


def test_without_the_scope_there_is_no_refresh_token(org: Caller) -> None:
    tokens = exchange(org, decide(org, scope="api")["code"]).ok()
    assert "refresh_token" not in tokens


def test_who_says_no_gives_nothing(org: Caller) -> None:
    said = decide(org, "deny")
    assert errors(said) == ("access_denied", "end-user denied authorization")
    assert said["state"] == "of the browser"
    assert "code" not in said
    # A form without an answer is no consent either.
    assert decide(org, "")["error"] == "access_denied"


@pytest.mark.parametrize(
    ("change", "error"),
    [
        ({"response_type": "token"}, "unsupported_response_type"),
        ({"code_challenge": None}, "invalid_request"),
        ({"code_challenge": "too short"}, "invalid_request"),
        ({"code_challenge_method": "plain"}, "invalid_request"),
        ({"scope": "api everything"}, "invalid_scope"),
        ({"scope": ""}, "invalid_scope"),
    ],
)
def test_a_wrong_request_is_told_to_the_callback(
    org: Caller, change: dict[str, str | None], error: str
) -> None:
    said = landed(look(org, **change))
    assert said["error"] == error
    assert said["state"] == "of the browser"
    assert decide(org, "allow", **change)["error"] == error


@pytest.mark.parametrize(
    ("change", "error"),
    [
        ({"client_id": "somebody"}, "invalid_client_id"),
        ({"redirect_uri": None}, "redirect_uri_missing"),
        ({"redirect_uri": "https://elsewhere.example/callback"}, "redirect_uri_mismatch"),
        ({"redirect_uri": "javascript:alert(1)"}, "redirect_uri_mismatch"),
        ({"redirect_uri": "http://127.0.0.1:9/x#part"}, "redirect_uri_mismatch"),
    ],
)
def test_an_app_that_is_not_known_gets_nobody_back(
    org: Caller, change: dict[str, str | None], error: str
) -> None:
    page = look(org, **change)
    assert (page.status, error in page.text) == (400, True)
    assert "Location" not in page.headers


def test_registered_callbacks_must_match_to_the_letter(build: Build) -> None:
    org = build(callback_urls=("https://pushboard.example/callback", CALLBACK))
    assert look(org).status == 200
    assert look(org, redirect_uri=CALLBACK + "/").status == 400
    assert look(org, redirect_uri="http://localhost:9/callback").status == 400


@pytest.mark.parametrize(
    ("switch", "error"),
    [
        ({"user_active": False}, ("inactive_user", "user is inactive")),
        ({"ip_allowed": False}, ("invalid_grant", "ip restricted")),
        (
            {"user_approved": False},
            ("OAUTH_APP_ACCESS_DENIED", "user is not admin approved to access this app"),
        ),
        (
            {"org_open": False},
            ("inactive_org", "organization is locked, closed, or suspended"),
        ),
    ],
)
def test_who_may_not_sign_in_is_told_why(
    org: Caller, switch: dict[str, bool], error: tuple[str, str]
) -> None:
    org.simulator.switch(**switch)
    assert errors(landed(look(org))) == error
    assert errors(decide(org)) == error


def test_a_code_is_good_once(org: Caller) -> None:
    code = decide(org)["code"]
    assert exchange(org, code).status == 200
    again = exchange(org, code)
    assert oauth_error(again) == (400, "invalid_grant", "expired authorization code")


def test_a_code_is_good_for_a_while(build: Build) -> None:
    wall = StoppedClock()
    org = build(wall=wall, code_seconds=60)
    code, other = decide(org)["code"], decide(org)["code"]
    wall.now += timedelta(seconds=59)
    assert exchange(org, code).status == 200
    wall.now += timedelta(seconds=1)
    assert exchange(org, other).json()["error_description"] == "expired authorization code"


@pytest.mark.parametrize(
    ("change", "answer"),
    [
        ({"code_verifier": None}, (400, "invalid_grant", "code verifier required")),
        ({"code_verifier": "w" * 43}, (400, "invalid_request", "invalid code verifier")),
        (
            {"redirect_uri": "http://localhost:8000/other"},
            (400, "redirect_uri_mismatch", "redirect_uri must match configuration"),
        ),
        ({"client_id": "somebody"}, (400, "invalid_client_id", "client identifier invalid")),
        ({"client_secret": "guessed"}, (401, "invalid_client", "invalid client credentials")),
        ({"client_secret": None}, (401, "invalid_client", "invalid client credentials")),
        ({"code": "aPrxGuessed"}, (400, "invalid_grant", "invalid authorization code")),
        ({"code": None}, (400, "invalid_request", "missing required parameter: code")),
    ],
)
def test_a_code_opens_only_to_who_asked_for_it(
    org: Caller, change: dict[str, str | None], answer: tuple[int, str, str]
) -> None:
    code = decide(org)["code"]
    wrong = {"code": code, **change}
    assert oauth_error(exchange(org, wrong.pop("code") or "", **wrong)) == answer
    # A refused try does not spend it.
    assert exchange(org, code).status == 200


def test_a_public_client_needs_no_secret_but_never_a_wrong_one(build: Build) -> None:
    org = build(secret_needed=False)
    assert exchange(org, decide(org)["code"], client_secret=None).status == 200
    assert exchange(org, decide(org)["code"], client_secret="guessed").status == 401


def test_an_org_may_do_without_a_challenge(build: Build) -> None:
    org = build(pkce_required=False)
    code = decide(org, code_challenge=None, code_challenge_method=None)["code"]
    assert exchange(org, code, code_verifier=None).status == 200
    # But who sends one is held to it.
    assert exchange(org, decide(org)["code"], code_verifier=None).status == 400


def test_rotated_refresh_tokens_are_good_once_and_a_replay_ends_all(build: Build) -> None:
    org = build(rotate_refresh_tokens=True)
    first = exchange(org, decide(org)["code"]).ok()
    second = refresh(org, first["refresh_token"]).ok()
    assert second["refresh_token"] != first["refresh_token"]
    assert may_call(org, second["access_token"])

    replay = refresh(org, first["refresh_token"])
    assert oauth_error(replay) == (400, "invalid_grant", "expired access/refresh token")
    assert refresh(org, second["refresh_token"]).status == 400
    assert not may_call(org, second["access_token"])


def test_a_refresh_token_may_end_by_itself(build: Build) -> None:
    wall = StoppedClock()
    org = build(wall=wall, refresh_token_seconds=3600)
    token = exchange(org, decide(org)["code"]).ok()["refresh_token"]
    assert refresh(org, token).status == 200
    wall.now += timedelta(hours=1)
    assert oauth_error(refresh(org, token))[1:] == ("invalid_grant", "expired access/refresh token")


def test_a_revoked_token_takes_its_sessions_with_it(org: Caller) -> None:
    tokens = exchange(org, decide(org)["code"]).ok()
    other = exchange(org, decide(org)["code"]).ok()
    revoked = form(org, "revoke", {"token": tokens["refresh_token"]})
    assert (revoked.status, revoked.text) == (200, "")
    assert not may_call(org, tokens["access_token"])
    assert refresh(org, tokens["refresh_token"]).status == 400
    assert may_call(org, other["access_token"])

    assert org.get(f"/services/oauth2/revoke?token={other['access_token']}").status == 200
    assert not may_call(org, other["access_token"])
    assert refresh(org, other["refresh_token"]).status == 200
    assert oauth_error(form(org, "revoke", {"token": "nothing"}))[1] == "invalid_token"


def test_an_admin_can_take_the_access_away(org: Caller) -> None:
    tokens = exchange(org, decide(org)["code"]).ok()
    org.simulator.expire_sessions()
    assert not may_call(org, tokens["access_token"])
    renewed = refresh(org, tokens["refresh_token"]).ok()

    assert org.post("/simulator/sessions/revoke", {}).ok() == {"revoked": 1}
    assert not may_call(org, renewed["access_token"])
    assert refresh(org, tokens["refresh_token"]).status == 400


def test_a_token_tells_what_it_is(org: Caller) -> None:
    tokens = exchange(org, decide(org)["code"]).ok()

    def said(token: str) -> dict[str, object]:
        fields = {"token": token, "client_id": "pushboard-demo"}
        return dict(form(org, "introspect", {**fields, "client_secret": "simulated-secret"}).ok())

    access = said(tokens["access_token"])
    assert access["active"] is True
    assert (access["scope"], access["token_type"]) == ("api id refresh_token", "access_token")
    assert access["sub"] == tokens["id"]
    assert said(tokens["refresh_token"])["token_type"] == "refresh_token"
    assert said("made up") == {"active": False}
    refused = form(org, "introspect", {"token": "x", "client_id": "pushboard-demo"})
    assert refused.status == 401
