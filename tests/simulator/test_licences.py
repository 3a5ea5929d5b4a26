"""The License Management org: licences, accounts, and how they lag behind what orgs have."""

# ruff: noqa: S608 - these are SOQL texts, and each must arrive as it is written

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from rollouts.simulator import Options, Pace, Role, Simulator
from rollouts.simulator.names import AWKWARD

from .caller import Caller, StoppedClock, wait_for
from .conftest import Build

JOIN = (
    "SELECT Id, Name, sfLma__Subscriber_Org_ID__c, sfLma__Package__r.sfLma__Package_ID__c,"
    " sfLma__Package_Version__r.sfLma__Version_ID__c, sfLma__License_Status__c,"
    " sfLma__Account__r.Name, sfLma__Account__r.BillingCountryCode,"
    " sfLma__Account__r.Time_Zone__c, sfLma__Lead__r.Company, sfLma__Install_Date__c,"
    " sfLma__Licensed_Seats__c FROM sfLma__License__c"
)


def key_of(row: dict[str, Any]) -> tuple[str, str]:
    return row["sfLma__Subscriber_Org_ID__c"], row["sfLma__Package__r"]["sfLma__Package_ID__c"]


def version_of(row: dict[str, Any]) -> str:
    return str(row["sfLma__Package_Version__r"]["sfLma__Version_ID__c"])


def face(org: Caller) -> Caller:
    """A client of the License org of the same world."""
    return Caller(org.simulator.face(Role.LMO))


def newest(lmo: Caller) -> dict[tuple[str, str], str]:
    """Version id by org and package, of the newest licence of each."""
    return {key_of(row): version_of(row) for row in lmo.rows(JOIN + " ORDER BY Name")}


def installed(org: Caller) -> dict[tuple[str, str], str]:
    rows = org.rows(
        "SELECT OrgKey, MetadataPackageId, MetadataPackageVersionId FROM PackageSubscriber"
    )
    return {
        (row["OrgKey"], row["MetadataPackageId"]): row["MetadataPackageVersionId"] for row in rows
    }


def test_every_installation_has_its_licence_at_first(build: Build) -> None:
    org = build(orgs=400)
    licensed, here = newest(face(org)), installed(org)
    assert {pair: licensed[pair] for pair in here} == here
    # And some orgs have one that nobody lists any more.
    assert 0 < len(licensed) - len(here) < 10


def test_two_processes_with_one_seed_play_one_world(clock: StoppedClock, build: Build) -> None:
    dev_hub = build(orgs=300, seed=11)
    packaging = build(orgs=300, seed=11, role=Role.PACKAGING)
    lmo = build(orgs=300, seed=11, role=Role.LMO)
    licensed = newest(lmo)
    assert licensed == newest(face(dev_hub)) == newest(face(packaging))
    for here in (installed(dev_hub), installed(packaging)):
        assert {pair: licensed[pair] for pair in here} == here
    assert len(installed(packaging)) < len(installed(dev_hub))


def test_the_licence_follows_a_push_later(build: Build, clock: StoppedClock) -> None:
    org = build(pace=Pace(licence_lag=(1_800, 1_800)))
    lmo = face(org)
    key = org.orgs(1)[0]
    pair = (key, org.simulator.catalog()["Harbor"]["id"])
    request_id = org.push([key])
    wait_for(org, clock, request_id, "Succeeded")
    assert newest(lmo)[pair] == org.version("4.2.1")

    clock.pass_(minutes=31)
    assert newest(lmo)[pair] == org.version("4.2.2")
    changed = [one for one in org.simulator.effects() if one.kind == "licence_changed"]
    assert [(one.org, one.version_id) for one in changed] == [(key, org.version("4.2.2"))]
    row = lmo.rows(
        f"{JOIN} WHERE sfLma__Subscriber_Org_ID__c = '{key}'"
        " AND sfLma__Package__r.Name = 'Harbor' ORDER BY Name DESC"
    )[0]
    history = lmo.rows(
        "SELECT Field, OldValue, NewValue, CreatedDate FROM sfLma__License__History"
        f" WHERE ParentId = '{row['Id']}'"
    )
    assert [one["Field"] for one in history] == ["sfLma__Package_Version__c"]
    since = clock.iso(minutes=-5)
    assert lmo.rows(f"{JOIN} WHERE SystemModstamp > {since}") == [row]


def test_an_uninstalled_package_leaves_its_licence(build: Build, clock: StoppedClock) -> None:
    org = build()
    key = org.orgs(1)[0]
    org.simulator.change_org(key, uninstalled=True)
    clock.pass_(hours=2)
    rows = face(org).rows(
        f"{JOIN} WHERE sfLma__Subscriber_Org_ID__c = '{key}'"
        " AND sfLma__Package__r.Name = 'Harbor' ORDER BY Name DESC"
    )
    assert rows[0]["sfLma__License_Status__c"] == "Uninstalled"


def test_accounts_are_as_odd_as_the_customers(build: Build) -> None:
    lmo = face(build(orgs=2_000))
    rows = lmo.rows(JOIN)
    accounts = [row["sfLma__Account__r"] for row in rows if row["sfLma__Account__r"]]
    names = {account["Name"] for account in accounts}
    assert len(names & set(AWKWARD)) > len(AWKWARD) * 0.6
    assert len(accounts) < len(rows)
    assert any(row["sfLma__Lead__r"] for row in rows)
    codes = Counter(account["BillingCountryCode"] for account in accounts)
    assert codes["US"] > 100
    assert codes[None] > 10
    zones = Counter(account["Time_Zone__c"] for account in accounts)
    assert zones["Europe/Berlin"] > 20
    assert zones[None] > 100
    assert set(zones) & {"EST", "GMT+1", "tbd", "Europe/Berln", " "}
    shared = Counter(key_of(row) for row in rows)
    assert 5 < sum(count > 1 for count in shared.values()) < 150
    assert any(len(name) > 80 for name in names)


def test_a_sandbox_belongs_to_its_parents_customer(build: Build) -> None:
    org = build(orgs=300)
    lmo = face(org)
    account = {
        row["sfLma__Subscriber_Org_ID__c"]: (row["sfLma__Account__r"] or {}).get("Name")
        for row in lmo.rows(JOIN)
    }
    pairs = org.rows("SELECT OrgKey, ParentOrg FROM PackageSubscriber WHERE ParentOrg != null")
    known = [row for row in pairs if row["ParentOrg"] in account]
    assert len(known) > 30
    assert all(account[row["OrgKey"]] == account[row["ParentOrg"]] for row in known)


def test_dates_are_asked_for_as_dates(org: Caller) -> None:
    lmo = face(org)
    days = lmo.column("SELECT sfLma__Install_Date__c FROM sfLma__License__c")
    later = lmo.column(
        "SELECT sfLma__Install_Date__c FROM sfLma__License__c"
        " WHERE sfLma__Install_Date__c >= 2025-06-01"
    )
    assert later == [day for day in days if day >= "2025-06-01"]
    assert 0 < len(later) < len(days)
    asked = "SELECT Id FROM sfLma__License__c WHERE sfLma__Install_Date__c"
    assert lmo.ask(f"{asked} > 2025-06-01T00:00:00Z").error == (400, "INVALID_FIELD")
    assert lmo.ask(f"{asked} > 2025-13-01").error == (400, "MALFORMED_QUERY")
    seats = lmo.column("SELECT sfLma__Seats__c FROM sfLma__License__c")
    assert any(isinstance(one, float) for one in seats)


def test_the_versions_carry_release_dates_and_numbers(org: Caller) -> None:
    rows = face(org).rows(
        "SELECT Name, sfLma__Version_Number__c, sfLma__Is_Beta__c, sfLma__Release_Date__c,"
        " sfLma__Package__r.Name FROM sfLma__Package_Version__c"
        " WHERE sfLma__Package__r.Name = 'Harbor' ORDER BY sfLma__Sequence__c"
    )
    assert [row["sfLma__Version_Number__c"] for row in rows][-2:] == ["4.4.0", "4.5.0"]
    assert [row["sfLma__Is_Beta__c"] for row in rows][-2:] == [False, True]
    days = [row["sfLma__Release_Date__c"] for row in rows]
    assert days == sorted(days)


def test_a_license_org_pushes_nothing(org: Caller) -> None:
    lmo = face(org)
    assert lmo.ask("SELECT Id FROM PackageSubscriber").error == (400, "INVALID_TYPE")
    assert lmo.get("sobjects/PackagePushRequest/describe").error == (404, "NOT_FOUND")
    assert lmo.ask("SELECT Id FROM ScratchOrgInfo").error == (400, "INVALID_TYPE")
    assert org.ask("SELECT Id FROM sfLma__License__c").error == (400, "INVALID_TYPE")
    kept = lmo.send("PATCH", "sobjects/sfLma__License__c/a0L000000000001", {})
    assert kept.error == (405, "METHOD_NOT_ALLOWED")


def test_the_app_may_live_in_the_vendors_own_org(build: Build) -> None:
    both = build(lma=True)
    assert both.rows(JOIN + " LIMIT 1")
    assert both.rows("SELECT Id FROM PackageSubscriber LIMIT 1")


def test_each_org_has_its_own_sign_in_and_allowance(build: Build) -> None:
    org = build(daily_calls=50)
    lmo = face(org)
    who = {
        caller.get("/services/oauth2/userinfo").ok()["preferred_username"] for caller in (org, lmo)
    }
    assert who == {"releases@harborline.example", "licences@harborline.example"}
    ids = [caller.column("SELECT Id FROM Organization") for caller in (org, lmo)]
    assert [len(one) for one in ids] == [1, 1]
    assert ids[0] != ids[1]
    assert lmo.get(f"sobjects/Organization/{ids[0][0]}").status == 404

    own, foreign = lmo.token, org.token
    lmo.token = foreign
    assert lmo.get("limits").error == (401, "INVALID_SESSION_ID")
    lmo.token = own
    for _ in range(60):
        org.get("limits")
    assert org.get("limits").status == 403
    assert lmo.get("limits").status == 200


def test_older_orgs_know_the_older_names_only(org: Caller) -> None:
    lmo = face(org)

    def fields() -> set[str]:
        described = lmo.get("sobjects/sfLma__License__c/describe").ok()
        return {field["name"] for field in described["fields"]}

    both = {"sfLma__Status__c", "sfLma__License_Status__c"}
    assert both <= fields()
    org.simulator.switch(old_licence_names=True)
    assert both & fields() == {"sfLma__Status__c"}
    assert lmo.ask(JOIN).error == (400, "INVALID_FIELD")


def test_there_is_no_third_org(org: Caller) -> None:
    with pytest.raises(ValueError, match="has no packaging"):
        org.simulator.face(Role.PACKAGING)


def test_a_late_call_lands_in_the_org_it_was_meant_for(tmp_path: Path, clock: StoppedClock) -> None:
    simulator = Simulator(tmp_path, orgs=20, clock=clock, options=Options())
    lmo = Caller(simulator.face(Role.LMO))
    simulator.plan_fault("late", match="query", seconds=60)
    assert lmo.ask("SELECT Id FROM sfLma__License__c").response.reset
    clock.pass_(minutes=2)
    assert simulator.effects()[-1].detail["status"] == 200
    simulator.close()
