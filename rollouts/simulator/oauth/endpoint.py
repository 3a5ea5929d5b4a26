"""The token endpoint with its four flows, and the two that ask about and end tokens."""

from __future__ import annotations

import base64
import hmac
from collections.abc import Callable, Mapping
from typing import Final

from rollouts.simulator.messages import Request, Response, empty_response, json_response
from rollouts.simulator.store import Work
from rollouts.simulator.times import SECOND

from .assertion import check_assertion
from .client import LOGIN_HOSTS, check_client, check_user
from .codes import redeem
from .errors import OAuthError, needed, posted_form
from .tokens import Grant, ReplayedToken, forget, issue_access, issue_refresh, known, renew
from .who import identity_url

Granted = tuple[Grant, str | None]  # the second is a refresh token, if there is a new one


def token(work: Work, request: Request) -> Response:
    """POST /services/oauth2/token."""
    return _refusable(_token, work, request)


def revoke(work: Work, request: Request) -> Response:
    """POST /services/oauth2/revoke, or GET with the token in the query; 200 without a body."""
    return _refusable(_revoke, work, request)


def introspect(work: Work, request: Request) -> Response:
    """POST /services/oauth2/introspect (RFC 7662)."""
    return _refusable(_introspect, work, request)


def _refusable(
    answer: Callable[[Work, Request], Response], work: Work, request: Request
) -> Response:
    """The answer, or the error in its place; a refused call leaves nothing behind."""
    work.db.execute("SAVEPOINT sign_in")
    try:
        return answer(work, request)
    except OAuthError as error:
        if not isinstance(error, ReplayedToken):
            work.db.execute("ROLLBACK TO sign_in")
        return error.response()
    finally:
        work.db.execute("RELEASE sign_in")


def _token(work: Work, request: Request) -> Response:
    form = posted_form(request)
    flow = _FLOWS.get(form.get("grant_type", ""))
    if flow is None:
        raise OAuthError("unsupported_grant_type", "grant type not supported")
    return _answer(work, request, *flow(work, request, form))


def _revoke(work: Work, request: Request) -> Response:
    given = request.query if request.method == "GET" else posted_form(request)
    if not forget(work, needed(given, "token")):
        raise OAuthError("invalid_token", "invalid token")
    return empty_response(200)


def _introspect(work: Work, request: Request) -> Response:
    form = posted_form(request)
    check_client(work, request, form)
    found = known(work, needed(form, "token"))
    if found is None:
        return json_response(200, {"active": False})
    answer: dict[str, object] = {
        "active": True,
        "scope": found.scope,
        "client_id": work.options.client_id,
        "username": work.options.username,
        "sub": identity_url(work, request.base_url),
        "token_type": f"{found.kind}_token",
        "iat": found.issued // SECOND,
        "nbf": found.issued // SECOND,
    }
    if found.ends is not None:
        answer["exp"] = found.ends // SECOND
    return json_response(200, answer)


# --- the flows ------------------------------------------------------------------------------


def _client_credentials(work: Work, request: Request, form: Mapping[str, str]) -> Granted:
    if request.header("Host") in LOGIN_HOSTS:
        raise OAuthError("invalid_grant", "request not supported on this domain")
    check_client(work, request, form)
    if not work.options.run_as_user:
        raise OAuthError("invalid_grant", "no client credentials user enabled")
    check_user(work)
    return Grant.new("api"), None


def _jwt_bearer(work: Work, request: Request, form: Mapping[str, str]) -> Granted:
    check_assertion(work, request, form.get("assertion", ""))
    return Grant.new("api id web"), None


def _authorization_code(work: Work, request: Request, form: Mapping[str, str]) -> Granted:
    code = needed(form, "code")
    check_client(work, request, form, secret_needed=work.options.secret_needed)
    scope = redeem(work, code, form.get("redirect_uri", ""), form.get("code_verifier", ""))
    check_user(work)
    grant = Grant.new(scope)
    wants_refresh = {"refresh_token", "offline_access"} & set(scope.split())
    return grant, issue_refresh(work, grant) if wants_refresh else None


def _refresh_token(work: Work, request: Request, form: Mapping[str, str]) -> Granted:
    refresh_token = needed(form, "refresh_token")
    check_client(work, request, form, secret_needed=work.options.secret_needed)
    check_user(work)
    if not work.options.user_approved:
        raise OAuthError("invalid_grant", "user hasn't approved this consumer")
    return renew(work, refresh_token)


_FLOWS: Final[dict[str, Callable[[Work, Request, Mapping[str, str]], Granted]]] = {
    "client_credentials": _client_credentials,
    "urn:ietf:params:oauth:grant-type:jwt-bearer": _jwt_bearer,
    "authorization_code": _authorization_code,
    "refresh_token": _refresh_token,
}


def _answer(work: Work, request: Request, grant: Grant, refresh_token: str | None) -> Response:
    base = request.base_url
    who = identity_url(work, base)
    issued = str(work.now)
    signature = hmac.digest(work.options.client_secret.encode(), (who + issued).encode(), "sha256")
    answer = {
        "access_token": issue_access(work, grant),
        "signature": base64.b64encode(signature).decode(),
        "scope": grant.scope,
        "instance_url": work.options.instance_url or base,
        "id": who,
        "token_type": "Bearer",
        "issued_at": issued,
    }
    if refresh_token is not None:
        answer["refresh_token"] = refresh_token
    return json_response(200, answer)
