"""Salesforce Trust: read whole or not at all, for our instances only, and with its age."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import requests
from django.test import override_settings
from requests.adapters import BaseAdapter

from rollouts.models import Event, Maintenance, Org, TrustRead
from rollouts.pipeline import trust
from rollouts.pipeline.maintenance import Taken
from rollouts.salesforce.errors import TryAgain
from rollouts.salesforce.hosts import HostRefused, Hosts
from rollouts.salesforce.transport import Transport
from rollouts.salesforce.trust import OFFICIAL, PAGE, read_trust
from tests.support.calendars import NOW, Fleet
from tests.support.in_process import InProcess
from tests.support.world import HOST, World

ORIGIN = f"http://{HOST}"


def entry(**changed: Any) -> dict[str, Any]:
    return {
        "id": 636660, "name": "DEU8 site switch", "status": "Confirmed",
        "message": {"maintenanceType": "scheduled", "eventStatus": "confirmed"},
        "instanceKeys": ["DEU8", "DEU9"], "plannedStartTime": "2026-12-05T01:00:00.000Z",
        "plannedEndTime": "2026-12-05T05:00:00.000Z",
    } | changed  # fmt: skip


class Site(BaseAdapter):
    """A status site that answers what a story says."""

    def __init__(self) -> None:
        super().__init__()
        self.answers: list[Any] = []
        self.asked: list[str] = []

    def send(self, request: requests.PreparedRequest, **_: Any) -> requests.Response:  # type: ignore[override]
        self.asked.append(request.url or "")
        said = self.answers.pop(0) if self.answers else []
        if isinstance(said, Exception):
            raise said
        answer = requests.Response()
        answer.status_code, body = said if isinstance(said, tuple) else (200, json.dumps(said))
        answer._content = body.encode()
        answer.request, answer.url = request, request.url or ""
        return answer

    def close(self) -> None:
        pass

    def transport(self, hosts: Hosts | None = None) -> Transport:
        allowed = hosts or Hosts.simulation([HOST])
        return Transport(allowed, timeout=5, now=lambda: NOW, carrier=lambda: self)


@pytest.fixture
def site() -> Site:
    return Site()


def test_an_entry_is_read_with_every_instance_and_its_hours(site: Site) -> None:
    site.answers = [[entry(), entry(id=2, status="Canceled")]]

    found = read_trust(site.transport(), ORIGIN, NOW)

    one, canceled = found.announced
    assert (one.key, one.instances) == ("636660", ("DEU8", "DEU9"))
    assert one.starts_at == datetime(2026, 12, 5, 1, tzinfo=UTC)
    assert (one.canceled, canceled.canceled) == (False, True)
    assert "startTime=2026-11-21T12%3A00%3A00Z" in site.asked[0]


def test_every_page_is_read(site: Site) -> None:
    site.answers = [[entry(id=number) for number in range(PAGE)], [entry(id=PAGE)]]

    assert len(read_trust(site.transport(), ORIGIN, NOW).announced) == PAGE + 1
    assert "offset=1000" in site.asked[1]


@pytest.mark.parametrize(
    "answer",
    [
        requests.ConnectTimeout("late"),
        requests.ConnectionError("broke off"),
        (503, "down"),
        (302, ""),
        (200, "<html>sign in</html>"),
        (200, '{"error": "x"}'),
        (200, "[1, 2, 3]"),
        (200, '[{"id": 1, "name": "no times", "instanceKeys": ["DEU8"]}]'),
    ],
)
def test_what_is_no_answer_is_told_and_never_half_read(site: Site, answer: Any) -> None:
    site.answers = [answer]

    with pytest.raises(TryAgain, match="Salesforce Trust"):
        read_trust(site.transport(), ORIGIN, NOW)


def test_only_salesforces_own_site_is_asked(site: Site) -> None:
    for origin in ("https://status.example.com", "https://evil.my.salesforce.com"):
        with pytest.raises(HostRefused):
            read_trust(site.transport(Hosts()), origin, NOW)
    with pytest.raises(HostRefused):
        read_trust(site.transport(), OFFICIAL, NOW)
    assert site.asked == []

    site.answers = [[entry()]]
    assert read_trust(site.transport(Hosts()), OFFICIAL, NOW).announced
    assert site.asked[0].startswith(f"{OFFICIAL}/v1/maintenances?")


@pytest.mark.django_db
def test_only_our_instances_are_kept_and_what_trust_drops_ends(site: Site) -> None:
    fleet = Fleet()
    fleet.org("DEU8")
    site.answers = [[entry(), entry(id=2, instanceKeys=["USA2"])], [], [entry(id=3)]]

    assert trust.read_now(ORIGIN, site.transport(), NOW) == Taken(new=1)
    assert [row.instance for row in Maintenance.objects.in_force()] == ["DEU8"]
    assert trust.read_now(ORIGIN, site.transport(), NOW) == Taken(ended=1)
    assert not Maintenance.objects.in_force().exists()
    assert Event.objects.filter(action="read_maintenance").count() == 2


@pytest.mark.django_db
def test_no_answer_keeps_what_was_known_and_says_how_old_it_is(site: Site) -> None:
    fleet = Fleet()
    fleet.org("DEU8")
    site.answers = [[entry()], (503, "down")]
    later = NOW + timedelta(hours=2)

    trust.read_now(ORIGIN, site.transport(), NOW)
    assert trust.read_now(ORIGIN, site.transport(), later) is None

    assert Maintenance.objects.in_force().count() == 1
    last = TrustRead.objects.get()
    assert (last.read_at, last.tried_at) == (NOW, later)
    assert "503" in last.problem


@pytest.mark.django_db
def test_one_entry_that_cannot_be_read_ends_nothing_that_it_told_before(site: Site) -> None:
    fleet = Fleet()
    fleet.org("DEU8")
    site.answers = [[entry(), entry(id=2)], [entry(id=2), entry(plannedEndTime="soon")]]

    trust.read_now(ORIGIN, site.transport(), NOW)
    trust.read_now(ORIGIN, site.transport(), NOW)

    assert Maintenance.objects.in_force().count() == 2
    assert TrustRead.objects.get().problem == "1 of its entries could not be read"


def test_the_simulated_salesforce_announces_work_on_instances_of_its_orgs(
    world: World,
) -> None:
    transport = Transport(
        Hosts.simulation([HOST]), timeout=5, now=world.clock,
        carrier=lambda: InProcess(world.sim),
    )  # fmt: skip
    with override_settings(SALESFORCE={"trust_url": ORIGIN}):
        assert trust.read_if_due(transport)
        assert not trust.read_if_due(transport), "once an hour is enough"

    rows = list(Maintenance.objects.in_force())
    assert len(rows) == 3
    assert {row.instance for row in rows} <= set(Org.objects.values_list("instance", flat=True))
    assert all(row.starts_at > world.clock() + timedelta(days=20) for row in rows)
    assert TrustRead.objects.get().listed == 3


def test_trust_is_asked_only_where_an_address_is_set(world: World, site: Site) -> None:
    assert not trust.read_if_due(site.transport())
    assert site.asked == []
