"""The authorize address: a page that asks the user, and the way back to the app.

Nobody signs in here; the page says which invented user is asking. Errors about the app itself are
shown on the spot, for the address to return to can't be trusted then. All others go back to it.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Mapping
from dataclasses import dataclass
from html import escape
from typing import Final
from urllib.parse import urlencode, urlsplit

from rollouts.simulator.html import document, html_response
from rollouts.simulator.messages import Request, Response
from rollouts.simulator.store import Work
from rollouts.simulator.world import org_id

from .client import check_client_id, check_user
from .codes import CHALLENGE, issue_code
from .errors import OAuthError, posted_form

SCOPES: Final = {
    "api": "Manage its data by the APIs",
    "full": "Do all that you may do",
    "id": "See who you are",
    "openid": "See who you are",
    "profile": "See who you are",
    "email": "See who you are",
    "web": "Open its pages in a browser",
    "refresh_token": "Do so at any time, until you revoke it",
    "offline_access": "Do so at any time, until you revoke it",
}
_USUAL_SCOPES: Final = "api id refresh_token"
_CARRIED: Final = (
    "response_type",
    "client_id",
    "redirect_uri",
    "scope",
    "state",
    "code_challenge",
    "code_challenge_method",
)


@dataclass(frozen=True, slots=True)
class _Asked:
    """A request for consent whose client and way back are right."""

    redirect_uri: str
    state: str | None

    def back(self, **found: str) -> Response:
        """A redirect to the app with an answer."""
        if self.state is not None:
            found["state"] = self.state
        sign = "&" if urlsplit(self.redirect_uri).query else "?"
        location = f"{self.redirect_uri}{sign}{urlencode(found)}"
        return Response(302, {"Location": location, "Cache-Control": "no-store"})


def authorize(work: Work, request: Request) -> Response:
    """GET shows the consent page, POST takes the user's answer."""
    try:
        given = dict(request.query if request.method == "GET" else posted_form(request))
        asked = _asked(work, given)
    except OAuthError as error:
        return _told(error)
    try:
        scope = _scope(work, given)
        _check_decision(work, given if request.method == "POST" else {"decision": "allow"})
    except OAuthError as error:
        return asked.back(error=error.error, error_description=error.description)
    if request.method == "GET":
        return _page(work, request, given, scope)
    return asked.back(
        code=issue_code(work, asked.redirect_uri, scope, given.get("code_challenge", ""))
    )


def _asked(work: Work, given: Mapping[str, str]) -> _Asked:
    check_client_id(work, given.get("client_id"))
    redirect_uri = given.get("redirect_uri", "")
    if not redirect_uri:
        raise OAuthError("redirect_uri_missing", "redirect_uri not provided")
    if not _registered(work, redirect_uri):
        raise OAuthError("redirect_uri_mismatch", "redirect_uri must match configuration")
    return _Asked(redirect_uri, given.get("state"))


def _registered(work: Work, redirect_uri: str) -> bool:
    if work.options.callback_urls:
        return redirect_uri in work.options.callback_urls
    # Nothing is registered: any address on this machine will do, since its port changes.
    try:
        parts = urlsplit(redirect_uri)
        host = parts.hostname or ""
        here = host == "localhost" or ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
    return here and parts.scheme in ("http", "https") and not parts.fragment


def _scope(work: Work, given: Mapping[str, str]) -> str:
    """The scopes asked for, once all else about the request is right. Raises OAuthError."""
    if given.get("response_type") != "code":
        raise OAuthError("unsupported_response_type", "response type not supported")
    challenge = given.get("code_challenge", "")
    if not challenge and work.options.pkce_required:
        raise OAuthError("invalid_request", "missing required code challenge")
    method = given.get("code_challenge_method", "S256")
    if challenge and (method != "S256" or not CHALLENGE.fullmatch(challenge)):
        raise OAuthError("invalid_request", "invalid code challenge")
    scopes = given.get("scope", _USUAL_SCOPES).split()
    if not scopes or not set(scopes) <= set(SCOPES):
        raise OAuthError("invalid_scope", "the requested scope is invalid, unknown, or malformed")
    return " ".join(dict.fromkeys(scopes))


def _check_decision(work: Work, given: Mapping[str, str]) -> None:
    check_user(work)
    if not work.options.user_approved:
        raise OAuthError("OAUTH_APP_ACCESS_DENIED", "user is not admin approved to access this app")
    if given.get("decision") != "allow":
        raise OAuthError("access_denied", "end-user denied authorization")


def _told(error: OAuthError) -> Response:
    said = f"error={escape(error.error)}&amp;error_description={escape(error.description)}"
    body = document("Sign-in can't go on", f"<h1>Sign-in can't go on</h1><p>{said}</p>")
    return html_response(400, body)


def _page(work: Work, request: Request, given: Mapping[str, str], scope: str) -> Response:
    rights = dict.fromkeys(SCOPES[name] for name in scope.split())
    fields = "".join(
        f'<input type="hidden" name="{name}" value="{escape(given[name])}">'
        for name in _CARRIED
        if name in given
    )
    content = (
        "<h1>Allow access?</h1>"
        "<p>This is the simulated Salesforce, not Salesforce. Nobody has to sign in.</p>"
        f"<p>The app <strong>{escape(work.options.client_id)}</strong> asks"
        f" <strong>{escape(work.options.username)}</strong> of the org"
        f" <strong>{escape(org_id(work))}</strong> to let it:</p>"
        f"<ul>{''.join(f'<li>{escape(right)}</li>' for right in rights)}</ul>"
        f'<form method="post" action="{escape(request.path)}">{fields}<p>'
        '<button type="submit" name="decision" value="allow">Allow</button> '
        '<button type="submit" name="decision" value="deny">Deny</button></p></form>'
    )
    return html_response(200, document("Allow access?", content))
