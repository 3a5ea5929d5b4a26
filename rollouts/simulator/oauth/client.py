"""Which app asks, and for whom: the checks that all flows share."""

from __future__ import annotations

import base64
import binascii
import hmac
from collections.abc import Mapping
from typing import Final
from urllib.parse import unquote_plus

from rollouts.simulator.messages import Request
from rollouts.simulator.store import Work

from .errors import OAuthError

LOGIN_HOSTS: Final = ("login.salesforce.com", "test.salesforce.com")


def check_client(
    work: Work, request: Request, form: Mapping[str, str], *, secret_needed: bool = True
) -> None:
    """The app's id and secret, from the form or the Basic header. Raises OAuthError."""
    client_id, secret = form.get("client_id", ""), form.get("client_secret", "")
    kind, _, value = request.header("Authorization").partition(" ")
    if kind.lower() == "basic":
        try:
            both = base64.b64decode(value, validate=True).decode()
        except (binascii.Error, UnicodeDecodeError):
            raise OAuthError("invalid_client", "invalid client credentials") from None
        client_id, _, secret = (unquote_plus(part) for part in both.partition(":"))
    check_client_id(work, client_id)
    if not secret and not secret_needed:
        return
    if not hmac.compare_digest(secret.encode(), work.options.client_secret.encode()):
        raise OAuthError("invalid_client", "invalid client credentials")


def check_client_id(work: Work, client_id: object) -> None:
    """The app is known. Raises OAuthError."""
    if client_id != work.options.client_id:
        raise OAuthError("invalid_client_id", "client identifier invalid")


def check_user(work: Work) -> None:
    """The user may sign in now, from here. Raises OAuthError."""
    options = work.options
    if not options.org_open:
        raise OAuthError("inactive_org", "organization is locked, closed, or suspended")
    if not options.user_active:
        raise OAuthError("inactive_user", "user is inactive")
    if not options.ip_allowed:
        raise OAuthError("invalid_grant", "ip restricted")
