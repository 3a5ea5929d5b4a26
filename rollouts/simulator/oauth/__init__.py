"""Signing in: the token endpoint with its flows, the consent page, and who the caller is.

Codes and tokens live in wall time, because the clients that guard them do too. Sources: the OAuth
pages of Salesforce Help (flows, errors, PKCE) and RFC 6749, 7009, 7523, 7636, 7662.
"""

from __future__ import annotations

from .consent import authorize
from .endpoint import introspect, revoke, token
from .tokens import authenticate, revoke_all, revoke_refresh_tokens
from .who import identity, userinfo

__all__ = [
    "authenticate",
    "authorize",
    "identity",
    "introspect",
    "revoke",
    "revoke_all",
    "revoke_refresh_tokens",
    "token",
    "userinfo",
]
