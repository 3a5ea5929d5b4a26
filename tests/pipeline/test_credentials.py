"""Secrets of connections: stored sealed, tried before they replace a working one, forgotten."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest
from django.core.management import CommandError, call_command

from rollouts.domain.connecting import AuthKind, Secret, Writes
from rollouts.domain.permissions import Role
from rollouts.models import Connection, Event, Person
from rollouts.models.sealed import version_of
from rollouts.pipeline import clock, connections, credentials, proof
from rollouts.pipeline.people import add_person
from rollouts.pipeline.transitions import Forbidden, Refusal
from rollouts.salesforce.certificates import about
from rollouts.salesforce.connect import gateway_for
from rollouts.salesforce.errors import LoginLost
from rollouts.simulator import Options, Simulator
from tests.support.org import USER, change, connected, described, simulated_org

pytestmark = pytest.mark.django_db
SECRET = Options().client_secret
JWT: dict[str, Any] = {"auth": AuthKind.JWT, "username": USER}


@pytest.fixture
def org() -> Iterator[Simulator]:
    with simulated_org() as sim:
        yield sim


@pytest.fixture
def ada(db: None) -> Person:
    return add_person(
        "ada@example.test", name="Ada", roles=[Role.ADMIN], password="x", now=clock.now()
    )


def accept(sim: Simulator, certificate: str) -> None:
    """Upload a certificate to the app, in place of the one before."""
    change(sim, jwt_public_key=certificate.encode())


def test_no_secret_stands_in_the_database_or_the_history_in_the_clear(org: Simulator) -> None:
    connected()

    everything = str([*Connection.objects.values(), *Event.objects.values()])
    assert SECRET not in everything


def test_a_rotated_secret_counts_in_every_process_without_a_restart(
    org: Simulator, ada: Person
) -> None:
    link = connected("the old one")
    held = gateway_for(link)
    with pytest.raises(LoginLost):
        held.packages()

    credentials.rotate_secret(link, SECRET, by=ada, now=clock.now())

    assert gateway_for(Connection.objects.get(pk=link.pk)).packages()


def test_a_secret_that_salesforce_refuses_replaces_nothing(org: Simulator, ada: Person) -> None:
    link = connected()

    with pytest.raises(Refusal, match=r"client secret.*stays in use"):
        credentials.rotate_secret(link, "a wrong one", by=ada, now=clock.now())

    assert Connection.objects.get(pk=link.pk).secret(Secret.CLIENT_SECRET) == SECRET
    assert not Event.objects.filter(action="store_secret", person=ada).exists()


def test_only_an_admin_rotates(org: Simulator) -> None:
    link = connected()
    pat = add_person("p@x.test", name="P", roles=[Role.PLANNER], password="x", now=clock.now())

    with pytest.raises(Forbidden):
        credentials.rotate_secret(link, SECRET, by=pat, now=clock.now())


def test_a_certificate_is_made_uploaded_and_used(org: Simulator) -> None:
    link = connected(**JWT)
    assert "BEGIN CERTIFICATE" in link.certificate
    assert "PRIVATE" not in link.certificate + str(Event.objects.values())
    assert (about(link.certificate).ends_at - clock.now()).days > 700

    accept(org, link.certificate)

    assert proof.all_good(proof.prove(link))


def test_a_new_certificate_takes_over_only_when_salesforce_has_it(
    org: Simulator, ada: Person
) -> None:
    link = connected(**JWT)
    accept(org, link.certificate)
    proven = proof.prove(link)
    credentials.make_key(link, by=ada, now=clock.now())
    link.refresh_from_db()
    assert link.next_certificate not in ("", link.certificate)
    assert proof.stored(link) == proven

    with pytest.raises(Refusal, match="another certificate"):
        credentials.switch_key(link, by=ada, now=clock.now())
    assert gateway_for(Connection.objects.get(pk=link.pk)).packages()

    accept(org, link.next_certificate)
    credentials.switch_key(link, by=ada, now=clock.now())

    link.refresh_from_db()
    assert (link.next_certificate, link.has(Secret.NEXT_PRIVATE_KEY)) == ("", False)
    assert gateway_for(link).packages()


def test_without_a_new_certificate_there_is_nothing_to_switch_to(
    org: Simulator, ada: Person
) -> None:
    with pytest.raises(Refusal, match="make one first"):
        credentials.switch_key(connected(**JWT), by=ada, now=clock.now())


@pytest.mark.parametrize("key", ["", "no key", "-----BEGIN PRIVATE KEY-----\nAAAA\n"])
def test_a_text_that_is_no_key_is_not_stored(key: str, org: Simulator) -> None:
    link = connected(**JWT)
    with pytest.raises(Refusal, match="no private key"):
        credentials.store_key(link, key, by=None, now=clock.now())


def test_disconnecting_forgets_every_secret_and_keeps_what_was_read(
    org: Simulator, ada: Person
) -> None:
    link = connected()
    proof.prove(link)

    with pytest.raises(Refusal, match="exactly as it stands"):
        credentials.disconnect(link, typed="no", by=ada, now=clock.now())
    credentials.disconnect(link, typed=link.org_name, by=ada, now=clock.now())

    link.refresh_from_db()
    assert not any(link.has(secret) for secret in Secret)
    assert link.writes() is Writes.NONE
    assert link.org_id
    assert not Connection.objects.live().exists()
    assert Event.objects.filter(action="disconnect", person=ada).exists()
    with pytest.raises(LoginLost, match="disconnected"):
        gateway_for(link)


def test_disconnecting_turns_push_mode_off_before_anything_else(
    org: Simulator, ada: Person
) -> None:
    link = connected()
    proof.prove(link)
    connections.turn_push_on(link, typed=link.org_name, by=ada, now=clock.now())
    link.refresh_from_db()

    credentials.disconnect(link, typed=link.org_name, by=ada, now=clock.now())

    actions = list(Event.objects.order_by("sequence").values_list("action", flat=True))
    assert actions[-2:] == ["turn_push_off", "disconnect"]


def test_new_credentials_connect_it_again_to_the_same_org(org: Simulator, ada: Person) -> None:
    link = connected()
    proof.prove(link)
    credentials.disconnect(link, typed=link.org_name, by=ada, now=clock.now())

    link.refresh_from_db()
    credentials.rotate_secret(link, SECRET, by=ada, now=clock.now())

    assert proof.all_good(proof.prove(Connection.objects.get(pk=link.pk)))


def test_keys_are_rotated_and_it_is_proven_that_none_is_left(
    org: Simulator, settings: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    old = settings.ENCRYPTION_KEYS
    first, second = connected(), connected(name="Two", **JWT)
    settings.ENCRYPTION_KEYS = {**old, 2: b"n" * 32}

    with pytest.raises(CommandError, match="older key"):
        call_command("rotate_keys", check=True, json=True)
    call_command("rotate_keys", json=True)

    lines = capsys.readouterr().out.splitlines()
    assert [json.loads(line)["left"] for line in lines] == [2, 0]
    assert Event.objects.get(action="rotate_keys").detail["resealed"] == 2
    settings.ENCRYPTION_KEYS = {2: b"n" * 32}
    first.refresh_from_db()
    assert version_of(first.client_secret_sealed) == 2
    assert first.secret(Secret.CLIENT_SECRET) == SECRET
    assert "PRIVATE KEY" in Connection.objects.get(pk=second.pk).secret(Secret.PRIVATE_KEY)


def test_a_missing_key_is_said_and_nothing_is_lost(org: Simulator, settings: Any) -> None:
    link = connected()
    settings.ENCRYPTION_KEYS = {2: b"n" * 32}

    with pytest.raises(CommandError, match="key 1"):
        call_command("rotate_keys")
    with pytest.raises(LoginLost, match="key 1"):
        gateway_for(link)
    settings.ENCRYPTION_KEYS = {}
    with pytest.raises(Refusal, match="PUSHBOARD_ENCRYPTION_KEYS"):
        credentials.store_secret(link, "x", by=None, now=clock.now())


def test_the_connection_of_the_settings_keeps_its_secrets_there(settings: Any) -> None:
    settings.SALESFORCE = {**settings.SALESFORCE, "login_url": "http://127.0.0.1:8999"}
    link = connections.from_settings()

    assert (link.auth, link.mode) == ("settings", "push")
    with simulated_org(), pytest.raises(Refusal, match="from the settings"):
        connections.describe_again(described(name=link.name), by=None, now=clock.now())
