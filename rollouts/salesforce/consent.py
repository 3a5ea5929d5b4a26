"""The web-server flow: a person signs in at Salesforce and lets Pushboard act for that user.

OAuth 2.0 authorization code with PKCE (RFC 7636, S256), always, also for apps with a secret. The
login address is the connection's own, which is on the list of hosts; nothing of the answer decides
whom the code is sent to.
"""

from __future__ import annotations

import base64
import hashlib
import re
import secrets
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from urllib.parse import urlencode

_AUTHORIZE_PATH = "/services/oauth2/authorize"
# Data, who it is, and a token that outlives the session; nothing of the web interface.
SCOPE = "api id refresh_token"
_CODE = re.compile(r"[!-~]{1,2000}")


@dataclass(frozen=True, slots=True)
class Challenge:
    """What one sign-in is bound to: ``state`` to the session, ``verifier`` to its code."""

    state: str
    verifier: str = field(repr=False)


def new_challenge() -> Challenge:
    """Make a state and a verifier of 256 bits each."""
    return Challenge(secrets.token_urlsafe(32), secrets.token_urlsafe(32))


def authorize_url(origin: str, client_id: str, redirect_uri: str, challenge: Challenge) -> str:
    """Return the address at Salesforce at which the person signs in."""
    digest = hashlib.sha256(challenge.verifier.encode()).digest()
    asked = {
        "response_type": "code",
        "client_id": client_id,
        "redirect_uri": redirect_uri,
        "scope": SCOPE,
        "state": challenge.state,
        "code_challenge": base64.urlsafe_b64encode(digest).decode().rstrip("="),
        "code_challenge_method": "S256",
        # Not whoever happens to be signed in there: the integration user is meant.
        "prompt": "login",
    }
    return f"{origin}{_AUTHORIZE_PATH}?{urlencode(asked)}"


@dataclass(frozen=True, slots=True)
class AuthorizationCode:
    """Credentials that are good once: the code of one sign-in with its verifier."""

    client_id: str
    code: str = field(repr=False)
    verifier: str = field(repr=False)
    redirect_uri: str
    got: Callable[[str], None] = field(repr=False)
    client_secret: str = field(default="", repr=False)

    def form(self, audience: str) -> dict[str, str]:  # noqa: ARG002
        """Return the form that exchanges the code."""
        form = {
            "grant_type": "authorization_code",
            "client_id": self.client_id,
            "code": self.code,
            "redirect_uri": self.redirect_uri,
            "code_verifier": self.verifier,
        }
        return form | ({"client_secret": self.client_secret} if self.client_secret else {})

    def granted(self, told: Mapping[str, object]) -> None:
        """Hand the refresh token over, if there is one."""
        token = told.get("refresh_token")
        if isinstance(token, str) and token:
            self.got(token)


def well_formed(code: str) -> bool:
    """Say whether a text can be a code at all."""
    return bool(_CODE.fullmatch(code))
