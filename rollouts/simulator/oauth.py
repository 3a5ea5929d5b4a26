"""The token endpoint and who the caller is.

Access tokens live in wall time, because the clients that guard them do too.
"""

from __future__ import annotations

import base64
import binascii
import hmac
import json
import secrets
from collections.abc import Mapping
from urllib.parse import parse_qsl, unquote_plus

from .messages import Request, Response, json_response
from .refusals import no_session
from .store import Work
from .times import SECOND
from .world import org_id, user_id

_JWT_GRANT = "urn:ietf:params:oauth:grant-type:jwt-bearer"
_LOGIN_HOSTS = ("login.salesforce.com", "test.salesforce.com")
_LATEST_EXPIRY = 5 * 60 + 30  # seconds ahead that an assertion may expire, with some skew
_FORM = "application/x-www-form-urlencoded"


class OAuthError(Exception):
    """The token endpoint refuses; its errors are objects, unlike those of REST."""

    def __init__(self, error: str, description: str) -> None:
        super().__init__(description)
        self.error = error
        self.description = description

    def response(self) -> Response:
        """The answer with status 400, or 401 for an unknown client secret."""
        status = 401 if self.error == "invalid_client" else 400
        return json_response(status, {"error": self.error, "error_description": self.description})


def token(work: Work, request: Request) -> Response:
    """POST /services/oauth2/token."""
    if request.method != "POST":
        return OAuthError("invalid_request", "must use HTTP POST").response()
    try:
        return _granted(work, request, _form(request))
    except OAuthError as error:
        return error.response()


def authenticate(work: Work, request: Request) -> None:
    """Raise Refusal unless the request bears a live access token."""
    kind, _, value = request.header("Authorization").partition(" ")
    if kind not in ("Bearer", "OAuth") or not value:
        raise no_session()
    row = work.db.execute("SELECT ends FROM token WHERE value = ?", (value.strip(),)).fetchone()
    if row is None or row[0] <= work.wall:
        raise no_session()


def userinfo(work: Work, request: Request) -> Response:
    """GET /services/oauth2/userinfo."""
    base = request.base_url
    return json_response(
        200,
        {
            "sub": _identity(work, base),
            "user_id": user_id(work),
            "organization_id": org_id(work),
            "preferred_username": work.options.username,
            "nickname": "releases",
            "name": "Release Automation",
            "email": work.options.username,
            "email_verified": True,
            "zoneinfo": "America/Los_Angeles",
            "active": True,
            "urls": {"rest": f"{base}/services/data/v{{version}}/", "custom_domain": base},
        },
    )


def identity(work: Work, request: Request) -> Response:
    """GET /id/ORG/USER, the identity URL of the token answer."""
    base = request.base_url
    return json_response(
        200,
        {
            "id": _identity(work, base),
            "asserted_user": True,
            "user_id": user_id(work),
            "organization_id": org_id(work),
            "username": work.options.username,
            "display_name": "Release Automation",
            "active": True,
            "urls": {"rest": f"{base}/services/data/v{{version}}/", "custom_domain": base},
        },
    )


def revoke_all(work: Work) -> int:
    """End every access token; says how many there were."""
    return work.db.execute("DELETE FROM token").rowcount


def _form(request: Request) -> Mapping[str, str]:
    if request.header("Content-Type").partition(";")[0].strip().lower() != _FORM:
        raise OAuthError("unsupported_grant_type", "grant type not supported")
    try:
        return dict(parse_qsl(request.body.decode(), keep_blank_values=True))
    except UnicodeDecodeError:
        raise OAuthError("invalid_request", "the form is not UTF-8") from None


def _granted(work: Work, request: Request, form: Mapping[str, str]) -> Response:
    grant = form.get("grant_type", "")
    if grant == "client_credentials":
        _check_client(work, request, form)
        scope = "api"
    elif grant == _JWT_GRANT:
        _check_assertion(work, request, form.get("assertion", ""))
        scope = "api id web"
    else:
        raise OAuthError("unsupported_grant_type", "grant type not supported")
    work.db.execute("DELETE FROM token WHERE ends <= ?", (work.wall,))
    value = f"{org_id(work)[:15]}!AQ{secrets.token_urlsafe(48).replace('-', '.')}"
    ends = work.wall + work.options.token_seconds * SECOND
    work.db.execute("INSERT INTO token VALUES (?,?)", (value, ends))
    base = request.base_url
    identity_url = _identity(work, base)
    issued = str(work.now)
    signature = hmac.digest(
        work.options.client_secret.encode(), (identity_url + issued).encode(), "sha256"
    )
    return json_response(
        200,
        {
            "access_token": value,
            "signature": base64.b64encode(signature).decode(),
            "scope": scope,
            "instance_url": base,
            "id": identity_url,
            "token_type": "Bearer",
            "issued_at": issued,
        },
    )


def _identity(work: Work, base: str) -> str:
    return f"{base}/id/{org_id(work)}/{user_id(work)}"


def _check_client(work: Work, request: Request, form: Mapping[str, str]) -> None:
    if request.header("Host") in _LOGIN_HOSTS:
        raise OAuthError("invalid_grant", "request not supported on this domain")
    client_id, secret = form.get("client_id", ""), form.get("client_secret", "")
    kind, _, value = request.header("Authorization").partition(" ")
    if kind.lower() == "basic":
        try:
            both = base64.b64decode(value, validate=True).decode()
        except (binascii.Error, UnicodeDecodeError):
            raise OAuthError("invalid_client", "invalid client credentials") from None
        client_id, _, secret = (unquote_plus(part) for part in both.partition(":"))
    if client_id != work.options.client_id:
        raise OAuthError("invalid_client_id", "client identifier invalid")
    if not hmac.compare_digest(secret.encode(), work.options.client_secret.encode()):
        raise OAuthError("invalid_client", "invalid client credentials")


def _check_assertion(work: Work, request: Request, assertion: str) -> None:
    parts = assertion.split(".")
    try:
        header, claims, signature = (_decoded(part) for part in parts)
        stated = json.loads(header)
        claimed = json.loads(claims)
        expires = int(claimed["exp"])  # simple-salesforce sends it as a string
    except (ValueError, KeyError, TypeError):
        raise OAuthError("invalid_grant", "invalid assertion") from None
    if stated.get("alg") != "RS256":
        raise OAuthError("invalid_grant", "invalid assertion")
    signed = ".".join(parts[:2]).encode()
    if claimed.get("iss") != work.options.client_id:
        raise OAuthError("invalid_client_id", "client identifier invalid")
    if not _signed_by_client(work, signed, signature):
        raise OAuthError("invalid_grant", "invalid assertion signature")
    audiences = {request.base_url, *(f"https://{host}" for host in _LOGIN_HOSTS)}
    audiences.add(f"https://{request.header('Host')}")
    if claimed.get("aud") not in audiences:
        raise OAuthError("invalid_grant", "Audience validation failed")
    now = work.wall // SECOND
    if not now <= expires <= now + _LATEST_EXPIRY:
        raise OAuthError("invalid_grant", "expired authorization code")
    if claimed.get("sub") != work.options.username:
        raise OAuthError("invalid_grant", "user hasn't approved this consumer")


def _signed_by_client(work: Work, signed: bytes, signature: bytes) -> bool:
    key = work.options.jwt_public_key
    if key is None:
        return False
    # Imported here, so that a simulator without JWT starts without it.
    from .signature import rs256_holds

    return rs256_holds(key, signed, signature)


def _decoded(part: str) -> bytes:
    return base64.b64decode(part + "=" * (-len(part) % 4), altchars=b"-_", validate=True)
