"""Access and refresh tokens: issued, renewed, revoked, and asked for at each call.

Tokens of one sign-in form a family. A revoked refresh token takes its family with it; so does one
that was already exchanged for a newer one, because somebody else may have it (our reading of
refresh token rotation; the help page does not say how far the revocation reaches).
"""

from __future__ import annotations

import secrets
from dataclasses import dataclass

from rollouts.simulator.messages import Request
from rollouts.simulator.refusals import no_session
from rollouts.simulator.store import Work
from rollouts.simulator.times import SECOND
from rollouts.simulator.world import org_id

from .errors import OAuthError


@dataclass(frozen=True, slots=True)
class Grant:
    """What a sign-in grants: the scopes, and the family its tokens belong to."""

    scope: str
    family: str

    @classmethod
    def new(cls, scope: str) -> Grant:
        """A sign-in of its own."""
        return cls(scope, secrets.token_hex(8))


@dataclass(frozen=True, slots=True)
class Known:
    """A token that is good now. Times are wall milliseconds; no end means until revoked."""

    kind: str
    scope: str
    issued: int
    ends: int | None


def issue_access(work: Work, grant: Grant) -> str:
    """A new access token."""
    value = f"{org_id(work)[:15]}!AQ{secrets.token_urlsafe(48).replace('-', '.')}"
    _keep(work, value, "access", grant, work.wall + work.options.token_seconds * SECOND)
    return value


def issue_refresh(work: Work, grant: Grant) -> str:
    """A new refresh token."""
    value = f"5Aep861{secrets.token_urlsafe(48)}"
    seconds = work.options.refresh_token_seconds
    _keep(work, value, "refresh", grant, None if seconds is None else work.wall + seconds * SECOND)
    return value


def renew(work: Work, refresh_token: str) -> tuple[Grant, str | None]:
    """What a refresh token stands for, and its successor if tokens rotate. Raises OAuthError."""
    row = work.db.execute(
        "SELECT scope, family, spent, ends FROM token"
        " WHERE value = ? AND kind = 'refresh' AND org = ?",
        (refresh_token, org_id(work)),
    ).fetchone()
    if row is None or (row[3] is not None and row[3] <= work.wall):
        raise expired_token()
    grant = Grant(str(row[0]), str(row[1]))
    if row[2]:
        # Its right owner has a newer one: whoever shows this one may have stolen it.
        work.db.execute("DELETE FROM token WHERE family = ?", (grant.family,))
        raise ReplayedToken
    if not work.options.rotate_refresh_tokens:
        return grant, None
    work.db.execute("UPDATE token SET spent = 1 WHERE value = ?", (refresh_token,))
    return grant, issue_refresh(work, grant)


def expired_token() -> OAuthError:
    """The refresh token is unknown, expired or revoked; which of these is not told."""
    return OAuthError("invalid_grant", "expired access/refresh token")


class ReplayedToken(OAuthError):
    """A spent refresh token came again; what was revoked because of it stays revoked."""

    def __init__(self) -> None:
        super().__init__("invalid_grant", "expired access/refresh token")


def known(work: Work, value: str) -> Known | None:
    """The token, if it is good now in this org."""
    row = work.db.execute(
        "SELECT kind, scope, issued, ends FROM token WHERE value = ? AND org = ? AND NOT spent",
        (value, org_id(work)),
    ).fetchone()
    if row is None or (row[3] is not None and row[3] <= work.wall):
        return None
    return Known(*row)


def forget(work: Work, value: str) -> bool:
    """Revoke a token; says whether there was one. A refresh token takes its family with it."""
    row = work.db.execute("SELECT kind, family FROM token WHERE value = ?", (value,)).fetchone()
    if row is None:
        return False
    if row[0] == "refresh":
        work.db.execute("DELETE FROM token WHERE family = ?", (row[1],))
    else:
        work.db.execute("DELETE FROM token WHERE value = ?", (value,))
    return True


def authenticate(work: Work, request: Request) -> None:
    """Raise Refusal unless the request bears a live access token of a user who may call."""
    kind, _, value = request.header("Authorization").partition(" ")
    if kind not in ("Bearer", "OAuth") or not value:
        raise no_session()
    found = known(work, value.strip())
    if found is None or found.kind != "access" or not work.options.user_active:
        raise no_session()


def revoke_all(work: Work) -> int:
    """End every access token; says how many there were. Refresh tokens stay good."""
    return work.db.execute("DELETE FROM token WHERE kind = 'access'").rowcount


def revoke_refresh_tokens(work: Work) -> int:
    """Take the app's access away as an admin would; says how many sign-ins lost theirs."""
    found = work.db.execute("DELETE FROM token WHERE kind = 'refresh'").rowcount
    revoke_all(work)
    return found


def _keep(work: Work, value: str, kind: str, grant: Grant, ends: int | None) -> None:
    work.db.execute("DELETE FROM token WHERE kind = 'access' AND ends <= ?", (work.wall,))
    work.db.execute(
        "INSERT INTO token VALUES (?,?,?,?,?,?,?,0)",
        (value, org_id(work), kind, grant.scope, grant.family, work.wall, ends),
    )
