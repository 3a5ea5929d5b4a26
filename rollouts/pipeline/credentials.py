"""Secrets of connections: storing, trying, rotating and forgetting them.

What replaces a working secret is tried at Salesforce first; the old one stays until the new one has
signed in. Nothing here returns or records a secret.
"""

from __future__ import annotations

import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime

from django.conf import settings
from django.db import transaction

from rollouts.domain.connecting import AuthKind, Mode, Secret
from rollouts.domain.permissions import Permission
from rollouts.models import Batch, Connection, Person
from rollouts.models.sealed import CantOpen, CantSeal, key_ring, version_of
from rollouts.pipeline import troubles
from rollouts.pipeline.connections import change, subject, turn_push_off
from rollouts.pipeline.transitions import Overtaken, Refusal, demand, record
from rollouts.salesforce import connect
from rollouts.salesforce.auth import ClientCredentials, Credentials, JwtBearer
from rollouts.salesforce.certificates import BadKey, KeyPair, certify, make_pair
from rollouts.salesforce.errors import SalesforceError

_COLUMNS = tuple(f"{secret.value}_sealed" for secret in Secret)


@contextmanager
def _sealing() -> Iterator[None]:
    try:
        yield
    except CantSeal as cant:
        raise Refusal(str(cant)) from None


def is_stored(link: Connection, secret: Secret, plain: str) -> bool:
    """Say whether exactly this is stored and in use, so that storing it again would change nothing.

    For commands that are run at each deployment.
    """
    if link.disconnected_at is not None or not link.has(secret):
        return False
    try:
        return secrets.compare_digest(link.secret(secret).encode(), plain.encode())
    except CantOpen:
        return False


def store_secret(link: Connection, secret: str, *, by: Person | None, now: datetime) -> None:
    """Store the client secret of a connection that has none yet, or whose old one is void."""
    if not secret.strip():
        raise Refusal("The client secret is empty.")
    with _sealing():
        link.seal(Secret.CLIENT_SECRET, secret.strip())
    _save(link, "store_secret", by, now, client_secret_sealed=link.client_secret_sealed)


def store_key(link: Connection, key: str, *, by: Person | None, now: datetime) -> None:
    """Store a private key made elsewhere, with a certificate for it.

    Raises:
        Refusal: it is no RSA key in PEM form without a password.
    """
    try:
        certificate = certify(key, _common_name(link), now)
    except BadKey as bad:
        raise Refusal(str(bad)) from None
    _store_pair(link, KeyPair(key, certificate), by=by, now=now)


def make_key(link: Connection, *, by: Person | None, now: datetime) -> None:
    """Make a key and certificate: the one in use when there is none yet, else the next one."""
    pair = make_pair(_common_name(link), now)
    if not link.has(Secret.PRIVATE_KEY):
        _store_pair(link, pair, by=by, now=now)
        return
    with _sealing():
        link.seal(Secret.NEXT_PRIVATE_KEY, pair.private_key)
    _keep_next(link, pair.certificate, by, now)


@transaction.atomic
def _keep_next(link: Connection, certificate: str, by: Person | None, now: datetime) -> None:
    """Store the next pair; what is in use stays as it is, and so does what was proven."""
    if by is not None:
        demand(by, Permission.CONNECT, now)
    Connection.objects.filter(pk=link.pk).update(
        next_private_key_sealed=link.next_private_key_sealed, next_certificate=certificate
    )
    record("make_next_key", subject(link), now=now, by=by)


def _store_pair(link: Connection, pair: KeyPair, *, by: Person | None, now: datetime) -> None:
    with _sealing():
        link.seal(Secret.PRIVATE_KEY, pair.private_key)
    _save(
        link,
        "store_key",
        by,
        now,
        private_key_sealed=link.private_key_sealed,
        certificate=pair.certificate,
        next_private_key_sealed="",
        next_certificate="",
    )


def switch_key(link: Connection, *, by: Person, now: datetime) -> None:
    """Sign in with the next key and, if Salesforce accepts it, use it from now on.

    Raises:
        Refusal: there is no next key, or Salesforce does not accept it; the old one stays.
    """
    demand(by, Permission.CONNECT, now)
    link.refresh_from_db()
    if not link.has(Secret.NEXT_PRIVATE_KEY):
        raise Refusal("There is no new certificate yet; make one first.")
    tried = link.next_private_key_sealed
    key = link.secret(Secret.NEXT_PRIVATE_KEY)
    _try(link, JwtBearer(link.client_id, link.username, key_text=key))
    if not Connection.objects.filter(pk=link.pk, next_private_key_sealed=tried).exists():
        raise Overtaken("Somebody made another certificate a moment ago. Look again.")
    with _sealing():
        link.seal(Secret.PRIVATE_KEY, key)
    _save(
        link,
        "switch_key",
        by,
        now,
        private_key_sealed=link.private_key_sealed,
        certificate=link.next_certificate,
        next_private_key_sealed="",
        next_certificate="",
    )


def rotate_secret(link: Connection, secret: str, *, by: Person, now: datetime) -> None:
    """Sign in with a new client secret and, if Salesforce accepts it, use it from now on.

    Raises:
        Refusal: Salesforce does not accept it; the old one stays.
    """
    demand(by, Permission.CONNECT, now)
    if not secret.strip():
        raise Refusal("The client secret is empty.")
    if link.auth == AuthKind.CLIENT_CREDENTIALS.value:
        _try(link, ClientCredentials(link.client_id, secret.strip()))
    store_secret(link, secret, by=by, now=now)


def keep_consent(link: Connection, refresh_token: str, *, by: Person | None, now: datetime) -> None:
    """Store the refresh token of a person's consent."""
    with _sealing():
        link.seal(Secret.REFRESH_TOKEN, refresh_token)
    _save(link, "sign_in_connection", by, now, refresh_token_sealed=link.refresh_token_sealed)


def _try(link: Connection, credentials: Credentials) -> None:
    gateway = connect.build_gateway(
        link.login_url, name=link.name, connection=link, credentials=credentials
    )
    gateway.login.bind(link.org_id)
    try:
        gateway.login.access()
    except SalesforceError as error:
        raise Refusal(
            f"{troubles.worded(link, error)} What was in use before stays in use."
        ) from None


@transaction.atomic
def _save(
    link: Connection, action: str, by: Person | None, now: datetime, **values: object
) -> None:
    """Store sealed values; a disconnected connection is one again from then on."""
    if by is not None:
        demand(by, Permission.CONNECT, now)
    change(link, **values, disconnected_at=None, failure="", proof=[], proved_at=None)
    record(
        action,
        subject(link),
        now=now,
        by=by,
        reason="" if by else "by a command on the machine",
        detail={"auth": link.auth},
    )


def disconnect(link: Connection, *, typed: str, by: Person, now: datetime, reason: str = "") -> str:
    """End the access at Salesforce and forget every secret; what was read stays.

    Returns what a person must know of it, or "".

    Raises:
        Forbidden: not an admin. Refusal: a batch of it is open, or another name was typed.
    """
    demand(by, Permission.CONNECT, now)
    if " ".join(typed.split()) != link.confirm_name:
        raise Refusal(f"Type the org's name exactly as it stands here: {link.confirm_name}")
    _refuse_while_open(link)
    if link.pushes:
        turn_push_off(link, by=by, now=now, reason="disconnecting it")
        # From here on nothing new is begun; what was begun since the first look is seen by this.
        _refuse_while_open(link)
    said = _revoke(link)
    _forget(link, by, now, " ".join([*reason.split(), *said.split()]))
    return said


def _refuse_while_open(link: Connection) -> None:
    count = Batch.objects.open().filter(connection=link).count()
    if count:
        raise Refusal(
            f"{count} batches of it are still open, and without it nobody could call them back. "
            "Halt or abort their rollouts first, and wait until they have ended."
        )


def _revoke(link: Connection) -> str:
    """Ask Salesforce to end the access; only what a person consented to, or a live session."""
    try:
        connect.gateway_for(link).login.revoke()
    except SalesforceError as error:
        return (
            f"Salesforce was not told: {error} Revoke it there by hand (Setup, Connected Apps "
            "OAuth Usage)."
        )
    if link.auth == AuthKind.SETTINGS.value:
        return "Its secret stays in the settings of this installation; remove it there."
    return ""


@transaction.atomic
def _forget(link: Connection, by: Person, now: datetime, why: str) -> None:
    was = link.mode
    change(
        link,
        **dict.fromkeys(_COLUMNS, ""),
        certificate="",
        next_certificate="",
        mode=Mode.OBSERVE.value,
        disconnected_at=now,
        failure="",
        proof=[],
        proved_at=None,
    )
    record("disconnect", subject(link), now=now, by=by, before=was, after="", reason=why)


def reseal(*, only_count: bool = False) -> dict[str, int]:
    """Encrypt every stored secret with the newest key; each row in a transaction of its own.

    Returns how many were ``resealed``, are ``current`` and are ``left`` on an older key.

    Raises:
        CantOpen: an older key is missing; rows before it are done, and it may be run again.
        CantSeal: there is no key at all.
    """
    ring, resealed = key_ring(), 0
    if not only_count:
        for pk in Connection.objects.values_list("pk", flat=True):
            resealed += _reseal_row(pk, ring.newest)
    versions = [version_of(text) for text in _stored()]
    left = sum(version != ring.newest for version in versions)
    return {"resealed": resealed, "current": len(versions) - left, "left": left}


@transaction.atomic
def _reseal_row(pk: int, newest: int) -> int:
    link = Connection.objects.select_for_update().get(pk=pk)
    changed = []
    for secret in Secret:
        column = f"{secret.value}_sealed"
        sealed = getattr(link, column)
        if sealed and version_of(sealed) != newest:
            link.seal(secret, link.secret(secret))
            changed.append(column)
    if changed:
        link.save(update_fields=changed)
    return len(changed)


def _stored() -> list[str]:
    rows = Connection.objects.values_list(*_COLUMNS)
    return [text for row in rows for text in row if text]


def _common_name(link: Connection) -> str:
    host = settings.BASE_URL.rpartition("/")[2].partition(":")[0] or "pushboard"
    return f"Pushboard {link.pk} at {host}"
