"""A simulated org behind every gateway of the product itself, in process.

Unlike `world.World`, which brings a gateway of its own, this one goes through `connect`: rows,
sealed secrets and settings decide how it signs in.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any
from unittest.mock import patch

from django.conf import settings
from django.test import override_settings

from rollouts.domain.connecting import AuthKind, OrgRole
from rollouts.models import Connection
from rollouts.pipeline import clock, connections, credentials
from rollouts.pipeline.connections import Described
from rollouts.salesforce import connect
from rollouts.simulator import Options, Simulator
from rollouts.simulator.faces import faces

from .in_process import InProcess

HOST = "127.0.0.1:8999"
URL = f"http://{HOST}"
USER = Options().username


def wall() -> datetime:
    return datetime.now(UTC)  # noqa: TID251 - the drift to the machine's clock is measured


@contextmanager
def simulated_org(
    options: Options | None = None, *, orgs: int = 40, ahead: timedelta = timedelta()
) -> Iterator[Simulator]:
    """Answer every call of every gateway by one simulated org, whose clock may be off.

    A test changes settings before it enters this, not inside.
    """
    sim = Simulator(
        orgs=orgs,
        clock=lambda: wall() + ahead,
        wall=lambda: wall() + ahead,
        options=options or Options(),
    )
    connect.forget_gateways()
    with (
        patch.object(connect, "Wire", lambda: InProcess(sim)),
        override_settings(
            DEV_ALLOWED_HOSTS=[HOST], SALESFORCE={**settings.SALESFORCE, "login_url": ""}
        ),
    ):
        yield sim
    connect.forget_gateways()
    sim.close()


def change(sim: Simulator, **options: Any) -> None:
    """Change how the simulated org behaves from now on, by fields of its options.

    Not by its own switches, which have none for the app's id and secret.
    """
    sim.options = replace(sim.options, **options)
    sim._faces = faces(sim.options)


def described(**changes: Any) -> Described:
    """Describe a connection by client credentials to the simulated org."""
    values: dict[str, Any] = {
        "name": "Harbor org",
        "role": OrgRole.DEVHUB,
        "auth": AuthKind.CLIENT_CREDENTIALS,
        "login_url": URL,
        "client_id": Options().client_id,
    }
    return Described(**{**values, **changes})


def connected(secret: str = Options().client_secret, **changes: Any) -> Connection:
    """Store a connection to the simulated org with its secret, as a command would."""
    link = connections.make(described(**changes), by=None, now=clock.now())
    if link.auth == AuthKind.CLIENT_CREDENTIALS.value:
        credentials.store_secret(link, secret, by=None, now=clock.now())
    elif link.auth == AuthKind.JWT.value:
        credentials.make_key(link, by=None, now=clock.now())
    link.refresh_from_db()
    return link
