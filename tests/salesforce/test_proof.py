"""What a connection proves: objects, versions, and what older versions can't tell."""

from __future__ import annotations

from typing import Any

import pytest

from rollouts.salesforce.auth import ClientCredentials, Login
from rollouts.salesforce.errors import TryAgain
from rollouts.salesforce.hosts import Hosts
from rollouts.salesforce.live import SalesforceGateway
from rollouts.salesforce.soql import BadQuery
from rollouts.salesforce.transport import Transport
from rollouts.salesforce.values import Shown
from tests.salesforce.given import PACKAGE, status_picklist, subscriber
from tests.salesforce.scripted import NOW, ORG, ORIGIN, ScriptedOrg, gateway_to, page

OPT_OUT = {"CustomUpgradeType", "HasRestrictionEnabled", "IsCustomUpgradeAllowed"}


def seen(name: str, *, createable: bool = False) -> dict[str, Any]:
    return {"name": name, "queryable": True, "createable": createable, "updateable": createable}


def at_version(org: ScriptedOrg, version: str) -> SalesforceGateway:
    transport = Transport(Hosts(), timeout=2, now=lambda: NOW, carrier=lambda: org)
    login = Login(transport, ORIGIN, ClientCredentials("id", "secret"), name="Test org")
    return SalesforceGateway(
        transport, login, api_version=version, writes_allowed=True, name="Test org"
    )


def test_what_an_org_shows_to_this_user() -> None:
    objects = [seen("PackagePushRequest", createable=True), seen("PackageSubscriber")]
    versions = [{"version": "67.0"}, {"version": "9.0"}, {"version": "66.0"}]
    org = ScriptedOrg(script=[(200, {"sobjects": objects}), status_picklist(), (200, versions)])
    found = gateway_to(org).capabilities()
    assert found.api_version == "67.0"
    assert found.api_versions == ("9.0", "66.0", "67.0")
    assert found.objects["PackageSubscriber"] == Shown(readable=True, creatable=False)
    assert (found.sees("PackageSubscriber"), found.creates("PackageSubscriber")) == (True, False)
    assert found.creates("PackagePushRequest")
    assert not found.sees("sfLma__License__c")
    assert not found.creates("sfLma__License__c")
    assert "Pending" in found.statuses
    assert [call.path for call in org.calls] == [
        "/services/data/v67.0/sobjects",
        "/services/data/v67.0/sobjects/PackagePushRequest/describe",
        "/services/data",
    ]


def test_an_org_that_does_not_show_push_requests_is_not_asked_about_them() -> None:
    org = ScriptedOrg(script=[(200, {"sobjects": [seen("Account")]}), (200, [])])
    found = gateway_to(org).capabilities()
    assert (found.statuses, found.api_versions) == ((), ())


@pytest.mark.parametrize("answer", [{}, {"sobjects": "Account"}, []])
def test_a_list_of_objects_that_cant_be_read(answer: Any) -> None:
    with pytest.raises(TryAgain):
        gateway_to(ScriptedOrg(script=[(200, answer)])).capabilities()


@pytest.mark.parametrize("answer", ["no JSON", {"version": "67.0"}, ["67.0"]])
def test_a_list_of_versions_that_cant_be_read(answer: Any) -> None:
    org = ScriptedOrg(script=[(200, {"sobjects": []}), (200, answer)])
    with pytest.raises(TryAgain):
        gateway_to(org).capabilities()


@pytest.mark.parametrize(("version", "known"), [("67.0", True), ("60.0", True), ("59.0", False)])
def test_who_blocks_pushes_is_asked_where_the_version_knows_it(
    version: str, *, known: bool
) -> None:
    row = subscriber(IsCustomUpgradeAllowed=True, HasRestrictionEnabled=True)
    if not known:
        row = {name: value for name, value in row.items() if name not in OPT_OUT}
    org = ScriptedOrg(script=[page(row), page(row)])
    gateway = at_version(org, version)
    ((first,),) = list(gateway.subscribers(PACKAGE))
    (second,) = gateway.installed(PACKAGE, [ORG])
    assert first == second
    assert (first.blocking_known, first.blocked, first.may_block) == (known, known, known)
    for call in org.calls:
        assert {name for name in OPT_OUT if name in call.soql} == (OPT_OUT if known else set())


@pytest.mark.parametrize("version", ["50.0", "67.5", "newest", ""])
def test_a_version_that_nothing_can_be_followed_with(version: str) -> None:
    with pytest.raises(BadQuery):
        at_version(ScriptedOrg(), version)
