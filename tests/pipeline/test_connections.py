"""Making connections, binding them to their orgs, and letting them push or not."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
from django.db import connection as database

from rollouts.domain.connecting import OrgRole, Writes
from rollouts.domain.permissions import Role
from rollouts.models import Connection, Event, Person
from rollouts.models import connection as rows
from rollouts.pipeline import clock, connections, proof
from rollouts.pipeline.people import add_person
from rollouts.pipeline.transitions import Forbidden, Overtaken, Refusal
from rollouts.salesforce.connect import gateway_for
from rollouts.salesforce.errors import LoginLost, WritesRefused
from rollouts.simulator import Options, Simulator
from rollouts.simulator import Role as SimulatedRole
from tests.support.org import URL, connected, described, simulated_org

pytestmark = pytest.mark.django_db


@pytest.fixture
def org() -> Iterator[Simulator]:
    with simulated_org() as sim:
        yield sim


def person(role: Role) -> Person:
    return add_person(
        f"{role.value}@example.test", name=role.value, roles=[role], password="x", now=clock.now()
    )


@pytest.fixture
def ada(db: None) -> Person:
    return person(Role.ADMIN)


def test_a_new_connection_only_observes_and_its_making_is_history(ada: Person) -> None:
    with simulated_org():
        link = connections.make(described(), by=ada, now=clock.now())

    assert (link.mode, link.org_id, link.writes()) == ("observe", "", Writes.NONE)
    line = Event.objects.get(action="add_connection")
    assert (line.person, line.detail["login_url"]) == (ada, URL)


def test_only_an_admin_makes_one() -> None:
    with simulated_org(), pytest.raises(Forbidden):
        connections.make(described(), by=person(Role.PLANNER), now=clock.now())
    assert not Connection.objects.exists()


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"login_url": "https://evil.example"}, "was not asked"),
        ({"login_url": "https://example.my.salesforce.com"}, "this machine only"),
        ({"name": " "}, "Give the connection a name"),
    ],
)
def test_what_can_t_be_is_not_stored(change: dict[str, Any], says: str, org: Simulator) -> None:
    with pytest.raises(Refusal, match=says):
        connections.make(described(**change), by=None, now=clock.now())
    assert not Connection.objects.exists()


def test_in_production_only_salesforce_s_own_addresses_are_stored(settings: Any) -> None:
    settings.SIMULATION = False
    for wrong in ("http://127.0.0.1:8999", "http://login.salesforce.com", "https://a.example.com"):
        with pytest.raises(Refusal):
            connections.make(described(login_url=wrong), by=None, now=clock.now())
    good = described(login_url="https://Example.my.salesforce.com/")
    link = connections.make(good, by=None, now=clock.now())
    assert link.login_url == "https://example.my.salesforce.com"


def test_two_connections_have_two_names_and_two_gateways(org: Simulator) -> None:
    first, second = connected(), connected(name="Another", role=OrgRole.LMO)
    with pytest.raises(Refusal, match="already"):
        connected()
    assert gateway_for(first) is not gateway_for(second)


def test_the_first_sign_in_binds_it_to_its_org_for_ever(org: Simulator) -> None:
    link = connected()
    proof.prove(link)

    assert link.org_id.startswith("00D")
    assert Event.objects.get(action="bind_connection").after == link.org_id
    Connection.objects.filter(pk=link.pk).update(org_id="00D000000000001EAA")
    link.refresh_from_db()
    with pytest.raises(LoginLost, match="00D000000000001EAA"):
        gateway_for(link).packages()


def test_one_org_is_read_by_one_connection_of_a_kind(org: Simulator) -> None:
    proof.prove(connected())
    twin = connected(name="Twin", role=OrgRole.PACKAGING)
    checks = {check.key: check for check in proof.prove(twin)}

    assert "“Harbor org” reads already" in checks["org"].says
    assert twin.org_id == ""


def test_two_that_are_bound_to_one_org_at_the_same_moment_are_told_apart(
    org: Simulator, monkeypatch: pytest.MonkeyPatch
) -> None:
    proof.prove(connected())
    twin, found = connected(name="Twin"), connections._other_of
    looks: list[Connection | None] = []

    def too_early(link: Connection, org_id: str) -> Connection | None:
        looks.append(found(link, org_id) if looks else None)
        return looks[-1]

    monkeypatch.setattr(connections, "_other_of", too_early)
    checks = {check.key: check for check in proof.prove(twin)}

    assert "reads already" in checks["org"].says
    assert Connection.objects.get(pk=twin.pk).org_id == ""


def test_the_same_org_may_be_dev_hub_and_license_org(org: Simulator) -> None:
    proof.prove(connected())
    licences = connected(name="Licences", role=OrgRole.LMO)
    proof.prove(licences)

    assert licences.org_id != ""


def test_push_mode_is_turned_on_by_an_admin_who_types_the_org_s_name(
    org: Simulator, ada: Person
) -> None:
    link = connected()
    proof.prove(link)
    now = clock.now()

    with pytest.raises(Refusal, match="exactly as it stands"):
        connections.turn_push_on(link, typed="something else", by=ada, now=now)
    with pytest.raises(Forbidden):
        connections.turn_push_on(
            link, typed=link.org_name, by=person(Role.APPROVER), now=now + timedelta(seconds=1)
        )
    assert link.writes() is Writes.NONE

    connections.turn_push_on(link, typed=f" {link.org_name}  ", by=ada, now=now)

    assert link.writes() is Writes.ALL
    line = Event.objects.get(action="turn_push_on")
    assert (line.person, line.before, line.after) == (ada, "observe", "push")
    with pytest.raises(Overtaken):
        connections.turn_push_on(link, typed=link.org_name, by=ada, now=now)


def test_turning_it_off_takes_one_click_of_whoever_may_stop(org: Simulator, ada: Person) -> None:
    link = connected()
    proof.prove(link)
    connections.turn_push_on(link, typed=link.org_name, by=ada, now=clock.now())
    gateway = gateway_for(Connection.objects.get(pk=link.pk))
    before = gateway.writes_allowed

    with pytest.raises(Forbidden):
        connections.turn_push_off(link, by=person(Role.VIEWER), now=clock.now())
    connections.turn_push_off(link, by=person(Role.PLANNER), now=clock.now())

    # The gateway that another part of this process holds notices at its next write.
    assert (before, gateway.writes_allowed) == (True, False)
    with pytest.raises(WritesRefused):
        gateway.arm("0DV000000000001")
    assert link.writes() is Writes.CANCELS
    assert Event.objects.filter(action="turn_push_off").exists()


def test_a_real_org_is_not_pushed_from_on_sqlite(
    org: Simulator, ada: Person, monkeypatch: pytest.MonkeyPatch
) -> None:
    link = connected()
    proof.prove(link)
    connections.turn_push_on(link, typed=link.org_name, by=ada, now=clock.now())
    monkeypatch.setattr(rows, "may_push_on_this_database", lambda: False)
    monkeypatch.setattr(connections, "may_push_on_this_database", lambda: False)

    assert link.writes() is Writes.CANCELS
    with pytest.raises(Refusal, match="SQLite"):
        connections.turn_push_on(link, typed=link.org_name, by=ada, now=clock.now())


def test_which_databases_a_real_org_may_be_pushed_from(settings: Any) -> None:
    assert rows.may_push_on_this_database()
    settings.SIMULATION = False
    assert rows.may_push_on_this_database() is (database.vendor == "postgresql")


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"role": OrgRole.LMO.value}, "License org"),
        ({"org_id": ""}, "never signed in"),
        ({"disconnected_at": "2026-11-23T00:00:00Z"}, "disconnected"),
    ],
)
def test_why_push_mode_can_t_be_turned_on(change: dict[str, Any], says: str) -> None:
    link = Connection(name="x", login_url="x", **{"org_id": "00D000000000001EAA", **change})

    assert says in connections.push_refusal(link)


def test_a_packaging_org_is_one_too() -> None:
    with simulated_org(Options(role=SimulatedRole.PACKAGING)):
        checks = proof.prove(connected(role=OrgRole.PACKAGING))

    assert proof.all_good(checks)
