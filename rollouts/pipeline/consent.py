"""Signing a connection in by a person's consent at Salesforce (web-server flow).

What was begun is kept in the person's own session and taken out of it before the answer is looked
at, so an answer counts once, in the browser that asked, for the connection that it was asked for.
"""

from __future__ import annotations

import secrets
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from rollouts.domain.connecting import AuthKind, Secret
from rollouts.domain.permissions import Permission
from rollouts.models import Connection, Person
from rollouts.pipeline import clock, connections, credentials, troubles
from rollouts.pipeline.transitions import Refusal, demand
from rollouts.salesforce import connect
from rollouts.salesforce.consent import (
    AuthorizationCode,
    Challenge,
    authorize_url,
    new_challenge,
    well_formed,
)
from rollouts.salesforce.errors import LoginLost, SalesforceError

# Real seconds in which a person must have come back from Salesforce.
LONGEST_SECONDS = 900.0


@dataclass(frozen=True, slots=True)
class Begun:
    """A sign-in that a person was sent away for. `kept` and `of` bring it through a session."""

    connection_id: int
    person_id: int
    origin: str
    redirect_uri: str
    challenge: Challenge
    at: datetime

    def kept(self) -> dict[str, Any]:
        """Return it as the session stores it, on the server."""
        return {
            "connection": self.connection_id,
            "person": self.person_id,
            "origin": self.origin,
            "redirect_uri": self.redirect_uri,
            "state": self.challenge.state,
            "verifier": self.challenge.verifier,
            "at": self.at.isoformat(),
        }

    @classmethod
    def of(cls, kept: dict[str, Any]) -> Begun:
        """Return what was stored."""
        return cls(
            kept["connection"],
            kept["person"],
            kept["origin"],
            kept["redirect_uri"],
            Challenge(kept["state"], kept["verifier"]),
            datetime.fromisoformat(kept["at"]),
        )


def begin(link: Connection, redirect_uri: str, *, by: Person, now: datetime) -> tuple[Begun, str]:
    """Return what to remember, and the address at Salesforce to send the person to.

    Raises:
        Forbidden: not an admin. Refusal: it signs in another way, or its address is not allowed.
    """
    demand(by, Permission.CONNECT, now)
    if link.auth != AuthKind.WEB_SERVER.value:
        raise Refusal(f"“{link.name}” signs in by {link.auth_words}; nobody has to consent.")
    origin = connections.login_address(link.login_url)
    challenge = new_challenge()
    url = authorize_url(origin, link.client_id, redirect_uri, challenge)
    return Begun(link.pk, by.pk, origin, redirect_uri, challenge, now), url


def finish(begun: Begun | None, answer: dict[str, str], *, by: Person, now: datetime) -> Connection:
    """Exchange the code that a person came back with, and store the refresh token.

    Args:
        begun: what the session held, already taken out of it; None when it held nothing.
        answer: the query of the address that Salesforce sent the person to.
        by: who came back.
        now: business time.

    Raises:
        Forbidden: not an admin. Refusal: it is not the answer to what was begun, Salesforce or
            the person said no, or the sign-in leads to another org.
    """
    demand(by, Permission.CONNECT, now)
    link = _asked_for(begun, answer, by, now)
    assert begun is not None  # noqa: S101 - _asked_for has refused it
    error = answer.get("error", "")
    if error == "access_denied":
        raise Refusal("Access was denied at Salesforce. Nothing was changed.")
    if error:
        words = " ".join(answer.get("error_description", error).split())[:200]
        lost = LoginLost(f"Salesforce says: {words}.", code=error[:60], told=words)
        raise Refusal(f"{troubles.worded(link, lost)} Nothing was changed.")
    code = answer.get("code", "")
    if not well_formed(code):
        raise Refusal("Salesforce's answer holds no code. Begin the sign-in again.")
    credentials.keep_consent(link, _exchanged(link, begun, code), by=by, now=now)
    return link


def _asked_for(
    begun: Begun | None, answer: dict[str, str], by: Person, now: datetime
) -> Connection:
    stale = Refusal(
        "This sign-in was not begun in this browser, or is over. Begin it again on the "
        "connection's page; nothing was changed."
    )
    if begun is None or begun.person_id != by.pk:
        raise stale
    if not secrets.compare_digest(answer.get("state", "").encode(), begun.challenge.state.encode()):
        raise stale
    if now - begun.at > max(timedelta(), clock.wire(LONGEST_SECONDS)):
        raise stale
    link = Connection.objects.filter(pk=begun.connection_id, auth=AuthKind.WEB_SERVER.value).first()
    # The code goes to the address at which it was asked for, or nowhere.
    if link is None or connections.login_address(link.login_url) != begun.origin:
        raise stale
    return link


def _exchanged(link: Connection, begun: Begun, code: str) -> str:
    got: list[str] = []
    try:
        credentials_once = AuthorizationCode(
            client_id=link.client_id,
            code=code,
            verifier=begun.challenge.verifier,
            redirect_uri=begun.redirect_uri,
            got=got.append,
            client_secret=connect.unsealed(link, Secret.CLIENT_SECRET),
        )
        gateway = connect.build_gateway(
            begun.origin, name=link.name, connection=link, credentials=credentials_once
        )
        gateway.login.bind(link.org_id)
        gateway.login.access()
    except SalesforceError as error:
        raise Refusal(f"{troubles.worded(link, error)} Nothing was changed.") from None
    if not got:
        raise Refusal(
            "Salesforce gave no refresh token, so the access would end with this session. Add the "
            "scope “Perform requests at any time” (refresh_token) to the app, then sign in again."
        )
    return got[-1]
