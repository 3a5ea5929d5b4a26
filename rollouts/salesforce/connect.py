"""From a connection's row and the settings to its gateway."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Protocol

from django.conf import settings
from requests.adapters import BaseAdapter

from rollouts.domain.connecting import AuthKind, Secret, Writes
from rollouts.domain.times import Pace
from rollouts.salesforce.auth import (
    ClientCredentials,
    Credentials,
    JwtBearer,
    Login,
    RefreshToken,
)
from rollouts.salesforce.errors import LoginLost
from rollouts.salesforce.hosts import Hosts
from rollouts.salesforce.live import SalesforceGateway
from rollouts.salesforce.transport import Transport, Wire


class Connected(Protocol):
    """What a gateway needs of a connection's row."""

    @property
    def pk(self) -> Any:
        """Its key."""

    @property
    def name(self) -> str:
        """Its name, for sentences."""

    @property
    def login_url(self) -> str:
        """Where it logs in; "" for the address in the settings."""

    @property
    def org_id(self) -> str:
        """The org it must be, or "" as long as nobody knows."""

    @property
    def auth(self) -> str:
        """How it signs in, a word of `AuthKind`."""

    @property
    def client_id(self) -> str:
        """The app's consumer key."""

    @property
    def username(self) -> str:
        """The integration user, for JWT."""

    @property
    def revision(self) -> int:
        """Raised whenever one of the above changes."""

    @property
    def disconnected_at(self) -> datetime | None:
        """When somebody disconnected it, or None."""

    def secret(self, secret: Secret) -> str:
        """Read a secret as it is stored now; raises RuntimeError when its key is missing."""

    def keep_refresh_token(self, plain: str) -> None:
        """Store a refresh token that replaces the one in use."""

    def writes(self) -> Writes:
        """Read what may be written at this moment."""


# Of each connection of each process: what it was built from, and the gateway.
_gateways: dict[tuple[int, object], tuple[tuple[object, ...], SalesforceGateway]] = {}
_lock = threading.Lock()


def gateway_for(connection: Connected) -> SalesforceGateway:
    """Return the gateway of a connection, one for each process; nothing is sent yet.

    It is built anew when the row says that something of it was changed, so a rotated secret needs
    no restart. Whether it may write is read from the row before each write.

    Raises:
        HostRefused: its login address is not on the list.
        LoginLost: there are no credentials that can be read, or it was disconnected.
    """
    if connection.disconnected_at is not None:
        raise LoginLost(f"{connection.name} was disconnected.", code="DISCONNECTED")
    url = connection.login_url or settings.SALESFORCE["login_url"]
    made_of = (url, connection.auth, connection.revision)
    # The process is part of the key: after a fork two processes would share one socket.
    key = (os.getpid(), connection.pk)
    with _lock:
        kept = _gateways.get(key) if connection.pk is not None else None
        if kept is None or kept[0] != made_of:
            kept = (made_of, build_gateway(url, name=connection.name, connection=connection))
            if connection.pk is not None:
                _gateways[key] = kept
    gateway = kept[1]
    gateway.login.bind(connection.org_id)
    return gateway


def forget_gateway(connection: Connected) -> None:
    """Drop the gateway of a connection in this process: the next call signs in at once.

    For a person who has mended something and asks again: a refused sign-in rests otherwise.
    """
    with _lock:
        _gateways.pop((os.getpid(), connection.pk), None)


def forget_gateways() -> None:
    """Drop every gateway of this process; the next call logs in again."""
    with _lock:
        _gateways.clear()


def hosts_allowed() -> Hosts:
    """Return the list of hosts in force: Salesforce's or, in simulation mode, the named ones."""
    return Hosts.simulation(settings.DEV_ALLOWED_HOSTS) if settings.SIMULATION else Hosts()


@dataclass(frozen=True, slots=True)
class Stage:
    """What a rehearsal's process has in place of the network and of this machine's clock."""

    carrier: Callable[[], BaseAdapter]
    now: Callable[[], datetime]


_stage: list[Stage] = []


def play_on(stage: Stage) -> None:
    """Let every gateway built from now on in this process ask a stage instead of the network.

    Raises RuntimeError outside simulation mode.
    """
    if not settings.SIMULATION:
        raise RuntimeError("only a simulation may have a stage")
    _stage[:] = [stage]
    forget_gateways()


def build_transport(carrier: Callable[[], BaseAdapter] | None = None) -> Transport:
    """Build what carries requests, by the settings; ``carrier`` replaces the network in tests."""
    options = settings.SALESFORCE
    if _stage and carrier is None:
        return Transport(
            hosts_allowed(),
            timeout=options["timeout"],
            now=_stage[0].now,
            ca_bundle=options["ca_bundle"],
            carrier=_stage[0].carrier,
        )
    pace = Pace(**settings.CLOCK)
    return Transport(
        hosts_allowed(),
        timeout=options["timeout"],
        # The drift of this machine's clock is what is being measured, so it is asked here.
        now=lambda: pace.business(datetime.now(UTC)),  # noqa: TID251
        ca_bundle=options["ca_bundle"],
        carrier=carrier or Wire,
    )


def build_gateway(
    login_url: str,
    *,
    name: str,
    connection: Connected | None = None,
    credentials: Credentials | None = None,
    writes: Callable[[], Writes] | None = None,
    carrier: Callable[[], BaseAdapter] | None = None,
) -> SalesforceGateway:
    """Build a gateway of its own, which no other caller shares.

    Args:
        login_url: where it logs in.
        name: for sentences.
        connection: the row whose credentials and mode count; None for those of the settings.
        credentials: used in place of the row's, to try them before they are stored.
        writes: asked in place of the row, by the self-test only.
        carrier: replaces the network in tests.

    Raises:
        HostRefused: the login address is not on the list.
        LoginLost: there are no credentials.
    """
    transport = build_transport(carrier)
    if writes is None:
        writes = connection.writes if connection else None
    return SalesforceGateway(
        transport,
        Login(
            transport, login_url, credentials or credentials_of(connection, name=name), name=name
        ),
        api_version=settings.SALESFORCE["api_version"],
        reserve=settings.SALESFORCE["calls_reserve"],
        # Without a row there is nobody who could have turned push mode on.
        writes_allowed=bool(settings.SIMULATION),
        name=name,
        writes=writes,
    )


def credentials_of(connection: Connected | None, *, name: str) -> Credentials:
    """Return what a connection shows at its login.

    Raises:
        LoginLost: something that this way of signing in needs is not there, or does not open.
    """
    if connection is None or connection.auth == AuthKind.SETTINGS.value:
        return _of_settings(settings.SALESFORCE, name)
    match AuthKind(connection.auth):
        case AuthKind.JWT:
            key = unsealed(connection, Secret.PRIVATE_KEY)
            _demand(name, {"private key": key, "user name": connection.username})
            return JwtBearer(connection.client_id, connection.username, key_text=key)
        case AuthKind.CLIENT_CREDENTIALS:
            secret = unsealed(connection, Secret.CLIENT_SECRET)
            _demand(name, {"client secret": secret})
            return ClientCredentials(connection.client_id, secret)
        case _:
            return RefreshToken(
                connection.client_id,
                stored=lambda: unsealed(connection, Secret.REFRESH_TOKEN),
                keep=connection.keep_refresh_token,
                client_secret=unsealed(connection, Secret.CLIENT_SECRET),
            )


def unsealed(connection: Connected, secret: Secret) -> str:
    """Read a stored secret; raises LoginLost, which the callers expect, when it can't be opened."""
    try:
        return connection.secret(secret)
    except RuntimeError as closed:
        raise LoginLost(str(closed), code="SEALED") from None


def _demand(name: str, needed: dict[str, str]) -> None:
    missing = [what for what, value in needed.items() if not value]
    if missing:
        raise LoginLost(f"{name} can't log in: it has no {missing[0]}.", code="NO_LOGIN")


def _of_settings(options: dict[str, Any], name: str) -> Credentials:
    jwt = options["auth"] == "jwt"
    needed = ("client_id", "username", "key_file") if jwt else ("client_id", "client_secret")
    missing = [f"PUSHBOARD_SF_{part.upper()}" for part in needed if not options[part]]
    if missing:
        raise LoginLost(f"{name} can't log in: {', '.join(missing)} not set.", code="NO_LOGIN")
    if jwt:
        return JwtBearer(options["client_id"], options["username"], Path(options["key_file"]))
    return ClientCredentials(options["client_id"], options["client_secret"])
