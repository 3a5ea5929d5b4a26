"""Both answers of each question that no public source answers.

Those about push requests as a whole are in test_push_life.py too; here each switch is turned.
"""

# ruff: noqa: S608 - these are SOQL texts, and each must arrive as it is written

from __future__ import annotations

from dataclasses import fields
from pathlib import Path

import pytest

from rollouts.simulator import Pace, Unknowns
from rollouts.simulator.ids import long_id

from .caller import StoppedClock, job, wait_for
from .conftest import Build

EITHER = pytest.mark.parametrize("switched", [False, True])


def test_each_switch_is_tried_both_ways_somewhere() -> None:
    here = Path(__file__).parent
    told = "".join(path.read_text() for path in here.glob("test_*.py"))
    untried = [one.name for one in fields(Unknowns) if f"{one.name}=" not in told]
    assert untried == []


@EITHER
def test_may_a_finished_request_start_anew(
    build: Build, clock: StoppedClock, *, switched: bool
) -> None:
    org = build(unknowns=Unknowns(reopens_finished=switched))
    keys = org.orgs(2)
    org.simulator.script(keys[:1], "fail", times=1)
    request_id = org.push(keys)
    wait_for(org, clock, request_id, "Failed")
    reply = org.set_status(request_id, "Pending")
    if not switched:
        assert reply.error == (400, "INVALID_STATUS")
        return
    assert reply.status == 204
    wait_for(org, clock, request_id, "Succeeded")
    starts = [one.org for one in org.simulator.effects() if one.kind == "job_started"]
    # The failed org is pushed a second time, the other is not.
    assert sorted(map(str, starts)) == sorted([*keys, keys[0]])


@EITHER
def test_may_a_pending_request_be_created_again(
    build: Build, clock: StoppedClock, *, switched: bool
) -> None:
    org = build(unknowns=Unknowns(pending_returns_to_created=switched))
    request_id = org.push(org.orgs(2))
    reply = org.set_status(request_id, "Created")
    if not switched:
        assert reply.error == (400, "INVALID_STATUS")
        return
    assert reply.status == 204
    clock.pass_(hours=3)
    assert org.status(request_id) == "Created"
    assert org.job_counts(request_id) == {"Created": 2}
    assert org.simulator.truth()["requests"][request_id]["jobs"] == {"Created": 2}


@EITHER
def test_what_becomes_of_a_request_with_mixed_results(
    build: Build, clock: StoppedClock, *, switched: bool
) -> None:
    org = build(unknowns=Unknowns(mixed_request_succeeds=switched))
    keys = org.orgs(2)
    org.simulator.script(keys[:1], "fail")
    wait_for(org, clock, org.push(keys), "Succeeded" if switched else "Failed")
    org.simulator.script("all", "fail")
    wait_for(org, clock, org.push(org.orgs(2)), "Failed")


@EITHER
def test_can_a_request_without_jobs_be_armed(build: Build, *, switched: bool) -> None:
    org = build(unknowns=Unknowns(empty_request_refused=switched))
    request_id = org.request()
    reply = org.set_status(request_id, "Pending")
    assert reply.status == (400 if switched else 204)
    assert org.status(request_id) == ("Created" if switched else "Pending")


@EITHER
def test_how_a_request_without_jobs_ends(
    build: Build, clock: StoppedClock, *, switched: bool
) -> None:
    org = build(unknowns=Unknowns(empty_request_fails=switched))
    request_id = org.request()
    org.set_status(request_id, "Pending")
    wait_for(org, clock, request_id, "Failed" if switched else "Succeeded")


@EITHER
def test_is_a_start_in_the_past_taken(build: Build, clock: StoppedClock, *, switched: bool) -> None:
    org = build(unknowns=Unknowns(past_start_refused=switched))
    body = {"PackageVersionId": org.version("4.2.2"), "ScheduledStartTime": clock.iso(minutes=-1)}
    reply = org.post("sobjects/PackagePushRequest", body)
    assert reply.status == (400 if switched else 201)
    body["ScheduledStartTime"] = clock.iso()
    assert org.post("sobjects/PackagePushRequest", body).status == 201


@EITHER
def test_are_org_keys_of_18_characters_taken(build: Build, *, switched: bool) -> None:
    org = build(unknowns=Unknowns(long_org_keys_refused=switched))
    key = org.orgs(1)[0]
    request_id = org.request()
    result = org.add(request_id, [long_id(key)])[0]
    if switched:
        assert result["errors"][0]["statusCode"] == "MALFORMED_ID"
        assert org.add(request_id, [key])[0]["success"]
    kept = org.column(
        "SELECT SubscriberOrganizationKey FROM PackagePushJob"
        f" WHERE PackagePushRequestId = '{request_id}'"
    )
    assert kept == [key]


def test_open_requests_may_be_limited(build: Build) -> None:
    org = build(unknowns=Unknowns(max_open_requests=2))
    first, _ = org.request(), org.request()
    body = {"PackageVersionId": org.version("4.2.2")}
    assert org.post("sobjects/PackagePushRequest", body).error == (400, "LIMIT_EXCEEDED")
    org.set_status(first, "Canceled")
    assert org.post("sobjects/PackagePushRequest", body).status == 201


@EITHER
def test_when_is_an_excluded_org_turned_away(
    build: Build, clock: StoppedClock, *, switched: bool
) -> None:
    org = build(unknowns=Unknowns(excluded_org_fails_at_run=switched))
    key, other = org.orgs(2)
    org.simulator.switch(excluded_orgs=[key])
    request_id = org.request()
    results = org.add(request_id, [key, other])
    assert [one["success"] for one in results] == [switched, True]
    if not switched:
        assert results[0]["errors"][0]["statusCode"] == "INVALID_OPERATION"
        return
    org.set_status(request_id, "Pending")
    wait_for(org, clock, request_id, "Failed")
    titles = org.column(
        "SELECT ErrorTitle FROM PackagePushError"
        f" WHERE PackagePushJob.PackagePushRequestId = '{request_id}'"
    )
    assert titles == ["Push Upgrade Excluded"]


@EITHER
def test_when_is_a_blocking_org_turned_away(
    build: Build, clock: StoppedClock, *, switched: bool
) -> None:
    org = build(unknowns=Unknowns(blocked_org_refused_at_create=switched))
    key = org.orgs(1)[0]
    org.simulator.change_org(key, blocked=True)
    request_id = org.request()
    assert org.add(request_id, [key])[0]["success"] is not switched
    if not switched:
        org.set_status(request_id, "Pending")
        wait_for(org, clock, request_id, "Failed")


@EITHER
def test_do_patches_need_the_same_minor_version(build: Build, *, switched: bool) -> None:
    org = build(orgs=300, unknowns=Unknowns(patch_needs_same_minor=switched))
    same, other = org.orgs(1, version="4.2.1")[0], org.orgs(1, version="4.1.0")[0]
    results = org.add(org.request("4.2.2"), [same, other])
    assert [one["success"] for one in results] == [True, not switched]
    assert org.add(org.request("4.3.0"), [other])[0]["success"]


@EITHER
def test_when_does_the_subscriber_show_the_new_version(
    build: Build, clock: StoppedClock, *, switched: bool
) -> None:
    org = build(unknowns=Unknowns(subscriber_lag=3_600 if switched else 0))
    key = org.orgs(1)[0]
    wait_for(org, clock, org.push([key]), "Succeeded")
    asked = (
        f"SELECT MetadataPackageVersionId FROM PackageSubscriber WHERE OrgKey = '{key}'"
        f" AND MetadataPackageId = '{org.simulator.catalog()['Harbor']['id']}'"
    )
    old, new = org.version("4.2.1"), org.version("4.2.2")
    assert org.column(asked) == [old if switched else new]
    clock.pass_(hours=1, minutes=1)
    assert org.column(asked) == [new]


@EITHER
def test_does_an_org_stay_listed_without_the_package(build: Build, *, switched: bool) -> None:
    org = build(unknowns=Unknowns(uninstalled_stay_listed=switched))
    key = org.orgs(1)[0]
    org.simulator.change_org(key, uninstalled=True)
    rows = org.column(
        f"SELECT InstalledStatus FROM PackageSubscriber WHERE OrgKey = '{key}'"
        f" AND MetadataPackageId = '{org.simulator.catalog()['Harbor']['id']}'"
    )
    assert rows == (["u"] if switched else [])
    refused = org.add(org.request(), [key])[0]
    assert refused["errors"][0]["statusCode"] == "INVALID_OPERATION"


@EITHER
def test_are_jobs_canceled_with_their_request_or_later(
    build: Build, clock: StoppedClock, *, switched: bool
) -> None:
    org = build(unknowns=Unknowns(cancel_cascades_after=120 if switched else 0))
    request_id = org.push(org.orgs(2))
    org.set_status(request_id, "Canceled")
    assert org.job_counts(request_id) == {"Pending" if switched else "Canceled": 2}
    clock.pass_(minutes=3)
    assert org.job_counts(request_id) == {"Canceled": 2}
    clock.pass_(hours=3)
    assert not [one for one in org.simulator.effects() if one.kind == "job_started"]


@EITHER
def test_what_does_a_user_without_the_permission_see(build: Build, *, switched: bool) -> None:
    org = build(unknowns=Unknowns(missing_permission_shows_objects=switched))
    org.simulator.switch(push_permission=False)
    body = {"PackageVersionId": org.version("4.2.2")}
    wrote, asked = (
        org.post("sobjects/PackagePushRequest", body),
        org.ask("SELECT Id FROM PackageSubscriber LIMIT 1"),
    )
    if switched:
        assert wrote.error == (400, "INSUFFICIENT_ACCESS_OR_READONLY")
        assert asked.status == 200
    else:
        assert wrote.error == (404, "NOT_FOUND")
        assert asked.error == (400, "INVALID_TYPE")


@EITHER
def test_may_an_org_be_in_two_open_requests(build: Build, *, switched: bool) -> None:
    org = build(unknowns=Unknowns(org_in_one_open_request_only=switched))
    key = org.orgs(1)[0]
    assert org.add(org.request(), [key])[0]["success"]
    assert org.add(org.request(), [key])[0]["success"] is not switched


@EITHER
def test_may_an_org_be_added_twice_or_late(build: Build, *, switched: bool) -> None:
    org = build(unknowns=Unknowns(duplicate_jobs=switched, jobs_after_pending=switched))
    key, other = org.orgs(2)
    request_id = org.request(start="2027-01-01T00:00:00Z")
    assert [one["success"] for one in org.add(request_id, [key, key])] == [True, switched]
    org.set_status(request_id, "Pending")
    records = [job(request_id, other)]
    late = org.post("composite/sobjects", {"records": records}).ok()[0]
    assert late["success"] is switched


@EITHER
def test_a_lagging_licence_names_what_the_switch_leaves(build: Build, *, switched: bool) -> None:
    org = build(unknowns=Unknowns(old_licence_names=switched), lma=True, pace=Pace())
    fields_here = org.get("sobjects/sfLma__License__c/describe").ok()["fields"]
    names = {one["name"] for one in fields_here}
    assert ("sfLma__License_Status__c" in names) is not switched
