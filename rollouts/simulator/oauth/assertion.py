"""The JWT bearer flow: an assertion signed by the client, without any secret on the wire.

Source: Salesforce Help, "OAuth 2.0 JWT Bearer Flow"; RFC 7523. `exp` may lie a few minutes ahead.
"""

from __future__ import annotations

import base64
import json
from typing import Final

from rollouts.simulator.messages import Request
from rollouts.simulator.store import Work
from rollouts.simulator.times import SECOND

from .client import LOGIN_HOSTS, check_client_id, check_user
from .errors import OAuthError

_LATEST_EXPIRY: Final = 5 * 60 + 30  # seconds ahead that an assertion may expire, with some skew


def check_assertion(work: Work, request: Request, assertion: str) -> None:
    """Raise OAuthError unless the assertion speaks for the user."""
    parts = assertion.split(".")
    try:
        header, claims, signature = (_decoded(part) for part in parts)
        stated = json.loads(header)
        claimed = json.loads(claims)
        expires = int(claimed["exp"])  # simple-salesforce sends it as a string
    except (ValueError, KeyError, TypeError):
        raise OAuthError("invalid_grant", "invalid assertion") from None
    if (
        not isinstance(stated, dict)
        or not isinstance(claimed, dict)
        or stated.get("alg") != "RS256"
    ):
        raise OAuthError("invalid_grant", "invalid assertion")
    check_client_id(work, claimed.get("iss"))
    if not _signed_by_client(work, ".".join(parts[:2]).encode(), signature):
        raise OAuthError("invalid_grant", "invalid assertion signature")
    audiences = {request.base_url, *(f"https://{host}" for host in LOGIN_HOSTS)}
    audiences.add(f"https://{request.header('Host')}")
    if claimed.get("aud") not in audiences:
        raise OAuthError("invalid_grant", "Audience validation failed")
    now = work.wall // SECOND
    if not now <= expires <= now + _LATEST_EXPIRY:
        raise OAuthError("invalid_grant", "expired authorization code")
    if claimed.get("sub") != work.options.username or not work.options.user_approved:
        raise OAuthError("invalid_grant", "user hasn't approved this consumer")
    check_user(work)


def _signed_by_client(work: Work, signed: bytes, signature: bytes) -> bool:
    key = work.options.jwt_public_key
    if key is None:
        return False
    # Imported here, so that a simulator without JWT starts without it.
    from rollouts.simulator.signature import rs256_holds

    return rs256_holds(key, signed, signature)


def _decoded(part: str) -> bytes:
    return base64.b64decode(part + "=" * (-len(part) % 4), altchars=b"-_", validate=True)
