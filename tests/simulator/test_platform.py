"""What the platform does to everybody: permissions, clocks, quotas, cursors, maintenance."""

# ruff: noqa: S608 - these are SOQL texts, and each must arrive as it is written

from __future__ import annotations

from email.utils import parsedate_to_datetime

import pytest

from .caller import Caller, StoppedClock, wait_for
from .conftest import Build

ALL = "SELECT Id, OrgKey FROM PackageSubscriber"


def test_a_package_without_a_review_is_not_pushed(org: Caller) -> None:
    org.simulator.switch(unreviewed_packages="Harbor")
    reply = org.post("sobjects/PackagePushRequest", {"PackageVersionId": org.version("4.2.2")})
    assert reply.message == "Specify a package that has passed the AppExchange security review."
    other = {"PackageVersionId": org.version("2.2.0", "Tracker")}
    assert org.post("sobjects/PackagePushRequest", other).status == 201


def test_a_user_may_lack_the_api_and_the_limits(org: Caller) -> None:
    org.simulator.switch(limits_readable=False)
    assert org.get("limits").error == (403, "INSUFFICIENT_ACCESS")
    assert org.ask(ALL).status == 200
    org.simulator.switch(api_allowed=False)
    assert org.ask(ALL).error == (403, "API_DISABLED_FOR_ORG")


def test_versions_are_answered_within_bounds(org: Caller) -> None:
    org.simulator.switch(oldest_api=50, newest_api=66)
    listed = [one["version"] for one in org.get("/services/data").ok()]
    assert (listed[0], listed[-1]) == ("50.0", "66.0")
    assert org.get("/services/data/v67.0/limits").error == (404, "NOT_FOUND")
    assert org.get("/services/data/v49.0/limits").error == (404, "NOT_FOUND")
    assert org.get("/services/data/v66.0/limits").status == 200
    assert org.get("/services/data/v30.0/limits").error == (410, "UNSUPPORTED_API_VERSION")


@pytest.mark.parametrize("offset", [900, -900])
def test_the_clock_may_be_off(org: Caller, clock: StoppedClock, offset: int) -> None:
    org.simulator.switch(clock_offset=offset)
    said = parsedate_to_datetime(org.get("limits").headers["Date"])
    assert (said - clock.now).total_seconds() == offset
    # Only the header is off; what happens, happens in true time.
    assert org.request(start=clock.iso()) in org.simulator.truth()["requests"]


def test_the_quota_runs_out_and_rolls(build: Build, clock: StoppedClock) -> None:
    org = build(daily_calls=5)
    seen = [org.get("limits").headers["Sforce-Limit-Info"] for _ in range(5)]
    assert seen == [f"api-usage={count}/5" for count in range(1, 6)]
    spent = org.get("limits")
    assert spent.error == (403, "REQUEST_LIMIT_EXCEEDED")
    assert spent.headers["Sforce-Limit-Info"] == "api-usage=5/5"
    clock.pass_(hours=23)
    assert org.get("limits").status == 403
    clock.pass_(hours=2)
    assert org.get("limits").headers["Sforce-Limit-Info"] == "api-usage=1/5"


def test_the_usage_is_told_on_every_answer(org: Caller) -> None:
    for reply in (
        org.sign_in(),
        org.get("/services/data"),
        org.get("nothing"),
        org.ask("nonsense"),
    ):
        assert reply.headers["Sforce-Limit-Info"].startswith("api-usage=")


def test_cursors_end(build: Build, clock: StoppedClock) -> None:
    org = build(orgs=300, cursor_seconds=600)
    small = {"Sforce-Query-Options": "batchSize=200"}
    more = org.ask(ALL, small).ok()["nextRecordsUrl"]
    clock.pass_(minutes=9)
    assert org.get(more).status == 200
    clock.pass_(minutes=1)
    assert org.get(more).error == (400, "INVALID_QUERY_LOCATOR")

    more = org.ask(ALL, small).ok()["nextRecordsUrl"]
    assert org.post("/simulator/cursors/expire", {}).ok() == {"expired": 2}
    assert org.get(more).error == (400, "INVALID_QUERY_LOCATOR")


def test_pages_may_be_shorter_than_asked(build: Build) -> None:
    org = build(orgs=3_000, short_pages=0.7)
    answer = org.ask(ALL).ok()
    sizes = [len(answer["records"])]
    keys = [row["Id"] for row in answer["records"]]
    while not answer["done"]:
        answer = org.get(answer["nextRecordsUrl"]).ok()
        sizes.append(len(answer["records"]))
        keys += [row["Id"] for row in answer["records"]]
    assert min(sizes[:-1]) < 2_000
    assert len(keys) == len(set(keys)) == answer["totalSize"]


def test_a_large_query_times_out_unless_it_names_an_instance(build: Build) -> None:
    org = build(orgs=300, query_timeout_rows=100)
    assert org.ask(ALL).error == (400, "QUERY_TIMEOUT")
    assert org.ask(f"{ALL} WHERE InstanceName LIKE '%'").status == 200
    assert org.ask(f"{ALL} LIMIT 100").status == 200
    assert org.ask("SELECT COUNT() FROM PackageSubscriber").status == 200


def test_a_query_by_keys_may_bring_orgs_nobody_asked_for(build: Build) -> None:
    org = build(extra_rows=True)
    keys = org.orgs(3)
    listed = ", ".join(f"'{key}'" for key in keys)
    package = org.simulator.catalog()["Harbor"]["id"]
    found = org.column(
        f"SELECT OrgKey FROM PackageSubscriber WHERE OrgKey IN ({listed})"
        f" AND MetadataPackageId = '{package}'"
    )
    assert set(keys) < set(found)
    assert len(found) == 5


def test_customizations_say_who_may_block(build: Build) -> None:
    org = build(orgs=2_000)
    rows = org.rows(
        "SELECT Id, CustomUpgradeType, ExpirationDays, HasRestrictionEnabled,"
        " IsCustomUpgradeAllowed, IsRestrictionOverridden, PushUpgradeBlockInitiatedDate"
        " FROM PushUpgradeCustomization WHERE HasRestrictionEnabled = true"
    )
    blocked = org.column("SELECT Id FROM PackageSubscriber WHERE HasRestrictionEnabled = true")
    assert len(rows) == len(blocked) > 5
    assert {row["CustomUpgradeType"] for row in rows} == {"BlockedBySubscriber"}
    created = org.post("sobjects/PushUpgradeCustomization", {"IsCustomUpgradeAllowed": True})
    assert created.error == (400, "INVALID_OPERATION")

    older = Caller(org.simulator, api="59.0")
    assert older.ask("SELECT Id FROM PushUpgradeCustomization").error == (400, "INVALID_TYPE")
    assert older.get("sobjects/PushUpgradeCustomization/describe").status == 404
    assert older.ask("SELECT HasRestrictionEnabled FROM PackageSubscriber").error == (
        400,
        "INVALID_FIELD",
    )


def test_a_block_can_be_overridden_and_can_expire(build: Build, clock: StoppedClock) -> None:
    org = build()
    first, second = org.orgs(2)
    for key in (first, second):
        org.simulator.change_org(key, blocked=True)
    rows = org.rows("SELECT Id FROM PushUpgradeCustomization ORDER BY Id DESC LIMIT 2")
    newest, older = (f"sobjects/PushUpgradeCustomization/{row['Id']}" for row in rows)
    assert org.send("PATCH", newest, {"ExpirationDays": 2}).status == 204
    assert org.send("PATCH", older, {"IsRestrictionOverridden": True}).status == 204
    assert org.send("PATCH", older, {"ExpirationDays": True}).status == 400
    request_id = org.push([first, second])
    wait_for(org, clock, request_id, "Failed")
    assert org.job_counts(request_id) == {"Succeeded": 1, "Failed": 1}

    clock.pass_(days=2)
    wait_for(org, clock, org.push([second]), "Succeeded")


def plan_maintenance(org: Caller, instance: str, start: str, end: str) -> None:
    body = {"instance": instance, "start": start, "end": end}
    assert org.post("/simulator/maintenance", body).status == 200


def test_no_push_starts_on_an_instance_under_maintenance(org: Caller, clock: StoppedClock) -> None:
    keys = org.orgs(12)
    asked = f"SELECT InstanceName FROM PackageSubscriber WHERE OrgKey = '{keys[0]}' LIMIT 1"
    instance = org.column(asked)[0]
    plan_maintenance(org, instance, clock.iso(), clock.iso(hours=6))
    request_id = org.push(keys)
    clock.pass_(hours=5)
    counts = org.job_counts(request_id)
    assert counts["Pending"] >= 1
    assert counts["Pending"] + counts["Succeeded"] == 12
    assert org.status(request_id) == "InProgress"
    clock.pass_(hours=2)
    assert org.status(request_id) == "Succeeded"
    started = {one.org: one.at for one in org.simulator.effects() if one.kind == "job_started"}
    assert started[keys[0]] == "2026-03-02T12:00:00.000Z"


def test_the_own_instance_does_not_answer_then(org: Caller, clock: StoppedClock) -> None:
    request_id = org.push(org.orgs(1))
    plan_maintenance(org, "USA94", clock.iso(), clock.iso(hours=2))
    assert org.get("limits").error == (503, "SERVER_UNAVAILABLE")
    assert org.get("/services/oauth2/userinfo").status == 503
    clock.pass_(hours=2)
    # And what should have started in that time has not.
    assert org.status(request_id) in ("Pending", "InProgress")
    started = [one.at for one in org.simulator.effects() if one.kind == "request_started"]
    assert all(at >= "2026-03-02T08:00:00.000Z" for at in started)
    wait_for(org, clock, request_id, "Succeeded")
    wrong = {"instance": "USA94", "start": clock.iso(), "end": clock.iso(hours=-1)}
    assert org.post("/simulator/maintenance", wrong).error == (400, "INVALID_INPUT")
