"""From a connection's row and the settings to its gateway."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Protocol

from django.conf import settings
from requests.adapters import BaseAdapter

from rollouts.domain.times import Pace
from rollouts.salesforce.auth import ClientCredentials, Credentials, JwtBearer, Login
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


_gateways: dict[tuple[object, ...], SalesforceGateway] = {}
_lock = threading.Lock()


def gateway_for(connection: Connected) -> SalesforceGateway:
    """Return the gateway of a connection, one for each process; nothing is sent yet.

    Raises:
        HostRefused: its login address is not on the list.
        LoginLost: the settings hold no credentials.
    """
    url = connection.login_url or settings.SALESFORCE["login_url"]
    # The process is part of the key: after a fork two processes would share one socket.
    key = (os.getpid(), connection.pk, url)
    with _lock:
        gateway = _gateways.get(key)
        if gateway is None:
            gateway = build_gateway(url, name=connection.name)
            if connection.pk is not None:
                _gateways[key] = gateway
    gateway.login.bind(connection.org_id)
    return gateway


def forget_gateways() -> None:
    """Drop every gateway of this process; the next call logs in again with today's settings."""
    with _lock:
        _gateways.clear()


def build_gateway(
    login_url: str, *, name: str, carrier: Callable[[], BaseAdapter] = Wire
) -> SalesforceGateway:
    """Build a gateway from the settings; ``carrier`` replaces the network in tests.

    Raises:
        HostRefused: the login address is not on the list.
        LoginLost: the settings hold no credentials.
    """
    options = settings.SALESFORCE
    pace = Pace(**settings.CLOCK)
    transport = Transport(
        Hosts.simulation(settings.DEV_ALLOWED_HOSTS) if settings.SIMULATION else Hosts(),
        timeout=options["timeout"],
        # The drift of this machine's clock is what is being measured, so it is asked here.
        now=lambda: pace.business(datetime.now(UTC)),  # noqa: TID251
        ca_bundle=options["ca_bundle"],
        carrier=carrier,
    )
    return SalesforceGateway(
        transport,
        Login(transport, login_url, _credentials(options, name), name=name),
        api_version=options["api_version"],
        # This version pushes to the simulated org only: a real connection observes.
        writes_allowed=bool(settings.SIMULATION),
        name=name,
    )


def _credentials(options: dict[str, Any], name: str) -> Credentials:
    jwt = options["auth"] == "jwt"
    needed = ("client_id", "username", "key_file") if jwt else ("client_id", "client_secret")
    missing = [f"PUSHBOARD_SF_{part.upper()}" for part in needed if not options[part]]
    if missing:
        raise LoginLost(f"{name} can't log in: {', '.join(missing)} not set.", code="NO_LOGIN")
    if jwt:
        return JwtBearer(options["client_id"], options["username"], Path(options["key_file"]))
    return ClientCredentials(options["client_id"], options["client_secret"])
