from __future__ import annotations

from io import StringIO
from typing import Any

import pytest
from django.core.management import CommandError, call_command

from rollouts.domain.permissions import Role
from rollouts.models import Connection, Event, Person
from rollouts.pipeline import clock, connections
from rollouts.pipeline.people import add_person
from rollouts.pipeline.transitions import Refusal

pytestmark = pytest.mark.django_db
LOGIN = {"name": "Packaging org", "login_url": "http://127.0.0.1:1"}


def test_a_person_is_made_with_roles_in_force_at_once_and_it_is_in_the_history() -> None:
    now = clock.now()
    person = add_person(
        "Pat@Example.com ", name="Pat", roles=[Role.PLANNER], password="long enough", now=now
    )
    assert person.email == "pat@example.com"
    assert person.roles_at(now) == {Role.PLANNER}
    assert Event.objects.get().detail == {"roles": ["planner"]}


def test_one_human_is_one_account() -> None:
    add_person("pat@example.com", name="Pat", roles=[], password="x", now=clock.now())
    with pytest.raises(Refusal, match="has an account already"):
        add_person("PAT@example.com", name="P", roles=[], password="x", now=clock.now())


@pytest.mark.parametrize(
    ("email", "password", "says"),
    [
        ("not-an-address", "correct horse battery staple", "valid email"),
        ("pat@example.com", "short", "too short"),
    ],
)
def test_bad_input_makes_nobody(
    email: str, password: str, says: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sys.stdin", StringIO(password + "\n"))
    with pytest.raises(CommandError, match=says):
        call_command("add_person", email, name="Pat", role=["planner"])
    assert not Person.objects.exists()


def test_the_connection_of_the_settings_is_made_once(settings: Any) -> None:
    settings.SALESFORCE = {**settings.SALESFORCE, **LOGIN}
    assert connections.from_settings() == connections.from_settings()
    assert Connection.objects.get().simulated


def test_a_simulated_org_may_come_back_at_another_port(settings: Any) -> None:
    settings.SALESFORCE = {**settings.SALESFORCE, **LOGIN}
    connections.from_settings()
    settings.SALESFORCE = {**settings.SALESFORCE, "login_url": "http://127.0.0.1:2"}
    assert connections.from_settings().login_url == "http://127.0.0.1:2"


def test_a_real_connection_never_changes_its_address_silently(settings: Any) -> None:
    settings.SIMULATION = False
    settings.SALESFORCE = {**settings.SALESFORCE, **LOGIN}
    connections.from_settings()
    settings.SALESFORCE = {**settings.SALESFORCE, "login_url": "https://test.salesforce.com"}
    with pytest.raises(connections.NotConfigured, match="PUSHBOARD_SF_NAME"):
        connections.from_settings()


def test_without_settings_it_says_what_to_set(settings: Any) -> None:
    settings.SALESFORCE = {**settings.SALESFORCE, "login_url": ""}
    with pytest.raises(connections.NotConfigured, match="PUSHBOARD_SF_LOGIN_URL"):
        connections.from_settings()
