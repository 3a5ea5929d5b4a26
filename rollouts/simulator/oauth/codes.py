"""Authorization codes: good once, for a while, for one address and one verifier (RFC 7636)."""

from __future__ import annotations

import base64
import hashlib
import hmac
import re
import secrets
from typing import Final

from rollouts.simulator.store import Work
from rollouts.simulator.times import SECOND
from rollouts.simulator.world import org_id

from .errors import OAuthError

_VERIFIER: Final = re.compile(r"[A-Za-z0-9._~-]{43,128}", re.ASCII)
CHALLENGE: Final = re.compile(r"[A-Za-z0-9_-]{43}", re.ASCII)


def issue_code(work: Work, redirect_uri: str, scope: str, challenge: str) -> str:
    """A code for the callback; an empty challenge means that none was sent."""
    code = f"aPrx{secrets.token_urlsafe(48)}"
    ends = work.wall + work.options.code_seconds * SECOND
    work.db.execute(
        "INSERT INTO code VALUES (?,?,?,?,?,?,0)",
        (code, org_id(work), redirect_uri, scope, challenge, ends),
    )
    return code


def redeem(work: Work, code: str, redirect_uri: str, verifier: str) -> str:
    """The scope the code stands for; the code is spent from now on. Raises OAuthError."""
    row = work.db.execute(
        "SELECT redirect_uri, scope, challenge, ends, spent FROM code WHERE value = ? AND org = ?",
        (code, org_id(work)),
    ).fetchone()
    if row is None:
        raise OAuthError("invalid_grant", "invalid authorization code")
    bound_to, scope, challenge, ends, spent = row
    if spent or ends <= work.wall:
        raise OAuthError("invalid_grant", "expired authorization code")
    if redirect_uri != bound_to:
        raise OAuthError("redirect_uri_mismatch", "redirect_uri must match configuration")
    if challenge:
        _check_verifier(challenge, verifier)
    work.db.execute("UPDATE code SET spent = 1 WHERE value = ?", (code,))
    return str(scope)


def _check_verifier(challenge: str, verifier: str) -> None:
    # Two different errors, as the help page has them.
    if not verifier:
        raise OAuthError("invalid_grant", "code verifier required")
    digest = hashlib.sha256(verifier.encode()).digest()
    found = base64.urlsafe_b64encode(digest).rstrip(b"=").decode()
    if not _VERIFIER.fullmatch(verifier) or not hmac.compare_digest(found, challenge):
        raise OAuthError("invalid_request", "invalid code verifier")
