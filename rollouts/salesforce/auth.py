"""Logging in as a machine: client credentials or a signed assertion (JWT bearer).

Both are Salesforce's OAuth 2.0 flows at ``/services/oauth2/token``; neither has a refresh token, so
a new token is asked for when the old one ends. Tokens stay in memory.
"""

from __future__ import annotations

import re
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol
from urllib.parse import urlsplit

import requests

from rollouts.domain.ids import ORG, BadId, long_id
from rollouts.salesforce.errors import LoginLost, SalesforceError, TryAgain
from rollouts.salesforce.transport import Transport

_PATH = "/services/oauth2/token"
_REVOKE_PATH = "/services/oauth2/revoke"
_JWT_BEARER = "urn:ietf:params:oauth:grant-type:jwt-bearer"
# Salesforce refuses assertions that are valid for longer than a few minutes.
_ASSERTION_SECONDS = 180
# What Salesforce answers when it has judged the credentials; anything else is a passing trouble.
_REFUSING = frozenset({400, 401, 403})
_TOKEN = re.compile(r"[!-~]+")
_IDENTITY = re.compile(r"/id/(00D[A-Za-z0-9]{12,15})/(005[A-Za-z0-9]{12,15})/?")
# Real seconds in which a refused login is not tried again: Salesforce locks users that keep trying.
REFUSAL_RESTS = 30.0

_ADVICE = {
    "invalid_client": "check the client id and secret",
    "invalid_client_id": "check the client id",
    "invalid_grant": "check that the user is active and allowed to use the connected app",
    "unsupported_grant_type": "switch this login flow on in the connected app",
    "inactive_user": "the user is not active; check it in Setup",
    "inactive_org": "the org is not active",
}


@dataclass(frozen=True, slots=True)
class Access:
    """A token, the instance it is for, and who it belongs to (org id with 18 characters)."""

    token: str = field(repr=False)
    instance: str
    org_id: str
    user_id: str


class Credentials(Protocol):
    """What a login shows to Salesforce."""

    def form(self, audience: str) -> dict[str, str]:
        """Return the fields of the login form; ``audience`` is the login address."""

    def granted(self, told: Mapping[str, object]) -> None:
        """Take note of a granted login's answer: a refresh token may have been replaced."""


@dataclass(frozen=True, slots=True)
class ClientCredentials:
    """Log in as the run-as user of a connected app, by its secret."""

    client_id: str
    client_secret: str = field(repr=False)

    def form(self, audience: str) -> dict[str, str]:  # noqa: ARG002
        """Return the form of OAuth 2.0's client credentials grant."""
        return {
            "grant_type": "client_credentials",
            "client_id": self.client_id,
            "client_secret": self.client_secret,
        }

    def granted(self, told: Mapping[str, object]) -> None:
        """Nothing follows from it."""


@dataclass(frozen=True, slots=True)
class RefreshToken:
    """Log in by the refresh token of a person's consent (web-server flow).

    Salesforce may replace the token at each use, so it is read anew each time (``stored``) and a
    new one is kept before it is used (``keep``).
    """

    client_id: str
    stored: Callable[[], str] = field(repr=False)
    keep: Callable[[str], None] = field(repr=False)
    client_secret: str = field(default="", repr=False)

    def form(self, audience: str) -> dict[str, str]:  # noqa: ARG002
        """Return the form of OAuth 2.0's refresh.

        Raises:
            LoginLost: nobody has signed in yet.
        """
        token = self.stored()
        if not token:
            raise LoginLost("Nobody has signed in at Salesforce yet.", code="NOT_SIGNED_IN")
        form = {
            "grant_type": "refresh_token",
            "client_id": self.client_id,
            "refresh_token": token,
        }
        return form | ({"client_secret": self.client_secret} if self.client_secret else {})

    def granted(self, told: Mapping[str, object]) -> None:
        """Keep the token that replaces the one just used, if there is one."""
        token = told.get("refresh_token")
        if isinstance(token, str) and _TOKEN.fullmatch(token):
            self.keep(token)


@dataclass(frozen=True, slots=True)
class JwtBearer:
    """Log in as a named user, by an assertion signed with a private key (RS256, PEM).

    The key is the text given or, without one, the content of the file.
    """

    client_id: str
    username: str
    key_file: Path | None = None
    key_text: str = field(default="", repr=False)

    def form(self, audience: str) -> dict[str, str]:
        """Return the form of OAuth 2.0's JWT bearer grant.

        Raises:
            LoginLost: the key can't be read or is no RSA key.
        """
        import jwt  # slow, and most processes never log in this way

        claims = {
            "iss": self.client_id,
            "sub": self.username,
            "aud": audience,
            # How long a login may take is time on the wire, also where business time runs fast.
            "exp": int(time.time()) + _ASSERTION_SECONDS,
        }
        try:
            # Read at each login, so that a new key needs no restart.
            key = self.key_file.read_text(encoding="ascii") if self.key_file else self.key_text
            assertion = jwt.encode(claims, key, algorithm="RS256")
        except (OSError, ValueError, TypeError, jwt.PyJWTError):
            raise LoginLost(
                f"The private key in {self.key_file} can't be used; PUSHBOARD_SF_KEY_FILE must "
                "name a readable RSA key in PEM form."
                if self.key_file
                else "The stored private key can't be used; make or enter a new one.",
                code="BAD_KEY",
            ) from None
        return {"grant_type": _JWT_BEARER, "assertion": assertion}

    def granted(self, told: Mapping[str, object]) -> None:
        """Nothing follows from it."""


class Login:
    """Holds the token of one connection. Safe between threads: one of them logs in, all use it.

    Args:
        transport: carries the login.
        url: the login address.
        credentials: what to show.
        name: the connection's name, for sentences.
        org_id: the org that this connection must be, or "" as long as it is not known.
    """

    def __init__(
        self,
        transport: Transport,
        url: str,
        credentials: Credentials,
        *,
        name: str,
        org_id: str = "",
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._transport = transport
        self._origin = transport.hosts.login(url)
        transport.speak_tls(self._origin)
        self._credentials = credentials
        self._name = name
        self._org_id = org_id
        self._monotonic = monotonic
        self._lock = threading.Lock()
        self._access: Access | None = None
        self._refused: LoginLost | None = None
        self._refused_until = 0.0

    def bind(self, org_id: str) -> None:
        """Say which org this connection must be; a login to another one is refused from now on."""
        self._org_id = org_id

    def access(self) -> Access:
        """Return the token in use, logging in first if there is none.

        Raises:
            LoginLost: a person must look. TryAgain: Salesforce could not be asked.
            HostRefused: Salesforce named an instance that is not on the list.
        """
        return self._expect(self._access or self._renew(None))

    def renew(self, stale: Access) -> Access:
        """Return a token newer than ``stale``: another thread's, or that of one new login."""
        return self._expect(self._renew(stale))

    def give_up(self, stale: Access) -> LoginLost:
        """Take note that a brand-new token was refused too; return what to raise."""
        lost = LoginLost(
            f"{self._name}: Salesforce gave a new session and then refused it. Check the "
            "connected app's policies (IP ranges, session security) and the user.",
            code="INVALID_SESSION_ID",
        )
        with self._lock:
            if self._access is stale:
                self._access = None
                self._rest(lost)
        return lost

    def revoke(self) -> None:
        """End what was granted: the refresh token with its sessions, else the session in use.

        Raises:
            SalesforceError: Salesforce could not be told, or did not accept it.
        """
        with self._lock:
            access, self._access = self._access, None
        stored = getattr(self._credentials, "stored", None)
        token = (stored() if stored else "") or (access.token if access else "")
        if not token:
            return
        answer = self._post(_REVOKE_PATH, {"token": token})
        # A token that is not known any more is answered with 400, and is what was wanted.
        if answer.status_code not in {requests.codes.ok, requests.codes.bad_request}:
            raise TryAgain(
                f"{self._name}: Salesforce answered HTTP {answer.status_code} to the revocation.",
                code=f"HTTP_{answer.status_code}",
            )

    def _renew(self, stale: Access | None) -> Access:
        with self._lock:
            if self._access is not None and self._access is not stale:
                return self._access
            if self._refused is not None and self._monotonic() < self._refused_until:
                raise LoginLost(
                    str(self._refused), code=self._refused.code, told=self._refused.told
                )
            self._access = None
            try:
                self._access = self._log_in()
            except LoginLost as lost:
                self._rest(lost)
                raise
            self._refused = None
            return self._access

    def _rest(self, lost: LoginLost) -> None:
        self._refused = lost
        self._refused_until = self._monotonic() + REFUSAL_RESTS

    def _expect(self, access: Access) -> Access:
        if self._org_id and access.org_id != self._org_id:
            raise LoginLost(
                f"{self._name}: these credentials now lead to the org {access.org_id}, but this "
                f"connection is {self._org_id}. Nothing is read or written until a person looks.",
                code="ORG_CHANGED",
            )
        return access

    def _post(self, path: str, form: dict[str, str]) -> requests.Response:
        try:
            return self._transport.session().post(self._origin + path, data=form)
        except requests.exceptions.SSLError:
            raise TryAgain(
                f"{self._name}: {self._origin} shows a certificate that is not trusted here.",
                code="TLS_REFUSED",
            ) from None
        except requests.Timeout:
            raise TryAgain(
                f"{self._name}: Salesforce did not answer the login in time.", code="NO_ANSWER"
            ) from None
        except requests.RequestException:
            raise TryAgain(
                f"{self._name}: {self._origin} can't be reached; check the network.",
                code="NO_CONNECTION",
            ) from None

    def _log_in(self) -> Access:
        answer = self._post(_PATH, self._credentials.form(self._origin))
        try:
            body: object = answer.json()
        except ValueError:
            body = None
        told = body if isinstance(body, dict) else {}
        if answer.status_code == requests.codes.ok:
            # Before anything else: a replaced refresh token that is not kept is lost.
            self._credentials.granted(told)
            return self._read(told)
        raise self._refusal(answer.status_code, told)

    def _refusal(self, status: int, told: dict[str, object]) -> SalesforceError:
        code = told.get("error")
        if status not in _REFUSING or not isinstance(code, str):
            return TryAgain(
                f"{self._name}: Salesforce could not log in just now (HTTP {status}).",
                code="LOGIN_UNAVAILABLE",
            )
        description = " ".join(str(told.get("error_description") or "no reason given").split())
        advice = _ADVICE.get(code, "check the connected app and its user")
        return LoginLost(
            f"{self._name}: Salesforce refused the login ({code[:60]}: {description[:200]}); "
            f"{advice}.",
            code=code[:60],
            told=description[:200],
        )

    def _read(self, told: dict[str, object]) -> Access:
        token, instance, identity = (
            told.get(key) for key in ("access_token", "instance_url", "id")
        )
        path = urlsplit(identity).path if isinstance(identity, str) else ""
        who = _IDENTITY.fullmatch(path)
        unreadable = TryAgain(
            f"{self._name}: Salesforce's answer to the login can't be read.",
            code="UNREADABLE_ANSWER",
        )
        if not isinstance(token, str) or not _TOKEN.fullmatch(token) or who is None:
            raise unreadable
        if not isinstance(instance, str):
            raise unreadable
        try:
            org, user = long_id(who[1], prefix=ORG), long_id(who[2])
        except BadId:
            raise unreadable from None
        return Access(token, self._transport.hosts.instance(instance), org, user)
