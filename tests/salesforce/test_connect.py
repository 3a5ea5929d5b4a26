"""From settings and a connection's row to a gateway."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from rollouts.domain.connecting import Secret, Writes
from rollouts.salesforce.auth import ClientCredentials, JwtBearer, RefreshToken
from rollouts.salesforce.connect import build_gateway, forget_gateways, gateway_for
from rollouts.salesforce.errors import LoginLost, WritesRefused
from rollouts.salesforce.hosts import HostRefused
from rollouts.simulator import Simulator
from tests.support.in_process import InProcess

HOST = "127.0.0.1:8999"
NOW = datetime(2026, 11, 17, 9, 0, tzinfo=UTC)


@dataclass
class Row:
    """A connection's row, as far as the gateway looks at it."""

    pk: int | None = 1
    name: str = "Packaging org"
    login_url: str = ""
    org_id: str = ""
    auth: str = "settings"
    client_id: str = ""
    username: str = ""
    revision: int = 1
    disconnected_at: datetime | None = None
    allowed: Writes = Writes.ALL
    secrets: dict[str, str] = field(default_factory=dict)

    def secret(self, secret: Secret) -> str:
        if self.secrets.get(secret) == "sealed":
            raise RuntimeError("its key is missing")
        return self.secrets.get(secret, "")

    def keep_refresh_token(self, plain: str) -> None:
        self.secrets[Secret.REFRESH_TOKEN] = plain

    def writes(self) -> Writes:
        return self.allowed


@pytest.fixture(autouse=True)
def installation(settings: Any) -> Iterator[Any]:
    settings.SIMULATION = True
    settings.DEV_ALLOWED_HOSTS = [HOST]
    settings.SALESFORCE = {
        "login_url": f"http://{HOST}",
        "auth": "client-credentials",
        "client_id": "pushboard-demo",
        "client_secret": "simulated-secret",
        "username": "",
        "key_file": "",
        "api_version": "67.0",
        "name": "Packaging org",
        "timeout": 10.0,
        "ca_bundle": "",
        "calls_reserve": 50,
    }
    yield settings
    forget_gateways()


def test_a_connection_has_one_gateway() -> None:
    assert gateway_for(Row()) is gateway_for(Row())
    assert gateway_for(Row(pk=2)) is not gateway_for(Row())


def test_a_new_login_address_is_a_new_gateway() -> None:
    first = gateway_for(Row())
    assert gateway_for(Row(login_url=f"http://{HOST}/")) is not first


def test_a_row_that_is_not_saved_yet_is_not_kept() -> None:
    assert gateway_for(Row(pk=None)) is not gateway_for(Row(pk=None))


def test_a_forked_process_has_its_own(monkeypatch: pytest.MonkeyPatch) -> None:
    first = gateway_for(Row())
    monkeypatch.setattr(os, "getpid", lambda: -1)
    assert gateway_for(Row()) is not first


def test_changed_credentials_are_a_new_gateway_and_nothing_else_is() -> None:
    first = gateway_for(Row())
    assert gateway_for(Row(revision=2)) is not first
    assert gateway_for(Row(revision=2, org_id="00D000000000001EAA")) is gateway_for(Row(revision=2))


def test_whether_it_may_push_is_asked_of_the_row_before_each_write() -> None:
    row = Row()
    gateway = gateway_for(row)
    before = gateway.writes_allowed
    row.allowed = Writes.NONE
    assert (before, gateway.writes_allowed) == (True, False)
    for write in (gateway.arm, gateway.cancel):
        with pytest.raises(WritesRefused):
            write("0DV000000000001")
    assert gateway.calls == 0


def test_after_push_mode_was_turned_off_cancels_still_go_out() -> None:
    sim = Simulator(orgs=10, clock=lambda: NOW)
    row = Row()
    gateway = build_gateway(
        f"http://{HOST}", name="Org", connection=row, carrier=lambda: InProcess(sim)
    )
    request = gateway.create_request(sim.version_id("Harbor", "4.2.2"), NOW + timedelta(days=1))
    row.allowed = Writes.CANCELS
    with pytest.raises(WritesRefused):
        gateway.arm(request)
    gateway.cancel(request)
    assert "request_canceled" in {effect.kind for effect in sim.effects()}
    sim.close()


def test_a_disconnected_org_is_not_asked() -> None:
    with pytest.raises(LoginLost, match="disconnected"):
        gateway_for(Row(disconnected_at=NOW))


@pytest.mark.parametrize(
    ("auth", "secrets", "kind"),
    [
        ("jwt", {Secret.PRIVATE_KEY: "pem"}, JwtBearer),
        ("client-credentials", {Secret.CLIENT_SECRET: "s"}, ClientCredentials),
        ("web-server", {}, RefreshToken),
    ],
)
def test_a_row_signs_in_by_its_own_credentials(
    auth: str, secrets: dict[str, str], kind: type
) -> None:
    gateway = gateway_for(Row(auth=auth, username="bot", secrets=secrets))
    assert isinstance(gateway.login._credentials, kind)


@pytest.mark.parametrize(
    ("auth", "secrets", "says"),
    [
        ("jwt", {}, "has no private key"),
        ("client-credentials", {}, "has no client secret"),
        ("client-credentials", {Secret.CLIENT_SECRET: "sealed"}, "its key is missing"),
    ],
)
def test_a_row_without_what_it_needs_says_so(auth: str, secrets: dict[str, str], says: str) -> None:
    with pytest.raises(LoginLost, match=says):
        gateway_for(Row(auth=auth, username="bot", secrets=secrets))


def test_in_production_the_named_loopback_hosts_count_for_nothing(installation: Any) -> None:
    installation.SIMULATION = False
    with pytest.raises(HostRefused):
        gateway_for(Row())


def test_in_simulation_mode_a_real_org_is_not_asked() -> None:
    with pytest.raises(HostRefused):
        gateway_for(Row(login_url="https://login.salesforce.com"))


@pytest.mark.parametrize(
    ("auth", "missing"),
    [
        ("client-credentials", "PUSHBOARD_SF_CLIENT_ID, PUSHBOARD_SF_CLIENT_SECRET"),
        ("jwt", "PUSHBOARD_SF_CLIENT_ID, PUSHBOARD_SF_USERNAME, PUSHBOARD_SF_KEY_FILE"),
    ],
)
def test_missing_credentials_are_named(installation: Any, auth: str, missing: str) -> None:
    installation.SALESFORCE |= {"auth": auth, "client_id": "", "client_secret": ""}
    with pytest.raises(LoginLost, match=f"{missing} not set"):
        gateway_for(Row())


def test_a_named_key_is_used(installation: Any) -> None:
    installation.SALESFORCE |= {"auth": "jwt", "username": "bot", "key_file": "/nowhere.pem"}
    gateway = gateway_for(Row())
    assert isinstance(gateway.login._credentials, JwtBearer)
    with pytest.raises(LoginLost, match=r"/nowhere\.pem can't be used"):
        gateway.packages()


def test_the_org_must_be_the_one_the_connection_was_made_for(installation: Any) -> None:
    sim = Simulator(orgs=10, clock=lambda: NOW)
    gateway = build_gateway(f"http://{HOST}", name="Packaging org", carrier=lambda: InProcess(sim))
    org_id = gateway.identity().org_id
    gateway.login.bind(org_id)
    assert gateway.packages()
    gateway.login.bind("00D000000000001EAA")
    with pytest.raises(LoginLost, match=org_id):
        gateway.packages()


@pytest.mark.parametrize("late", [timedelta(), timedelta(minutes=10)])
def test_drift_is_measured_in_business_time(installation: Any, late: timedelta) -> None:
    wall = datetime.now(UTC)  # noqa: TID251
    installation.CLOCK = {"factor": 120.0, "anchor_wall": wall, "anchor_sim": NOW}

    def simulated() -> datetime:
        return NOW + (datetime.now(UTC) - wall) * 120 - late  # noqa: TID251

    sim = Simulator(orgs=10, clock=simulated)
    gateway = build_gateway(f"http://{HOST}", name="Org", carrier=lambda: InProcess(sim))
    gateway.packages()
    # What the call itself takes is 120 times as long in business time, and no drift.
    assert -late <= gateway.clock_drift() <= min(timedelta(), timedelta(minutes=5) - late)
    sim.close()
