"""A push from its creation to its end, and every way in which it is refused."""

# ruff: noqa: S608 - these are SOQL texts, and each must arrive as it is written

from __future__ import annotations

import pytest

from rollouts.simulator import Unknowns

from .caller import Caller, StoppedClock, job, wait_for
from .conftest import Build


def test_a_push_goes_its_whole_way(org: Caller, clock: StoppedClock) -> None:
    orgs = org.orgs(25)
    request_id = org.request("4.2.2", clock.iso(hours=2))
    assert all(result["success"] for result in org.add(request_id, orgs))
    assert (org.status(request_id), org.job_counts(request_id)) == ("Created", {"Created": 25})

    clock.pass_(days=3)
    assert org.status(request_id) == "Created"  # nothing runs before it is set to Pending

    assert org.set_status(request_id, "Pending").status == 204
    assert (org.status(request_id), org.job_counts(request_id)) == ("Pending", {"Pending": 25})

    wait_for(org, clock, request_id, "InProgress")
    assert sum(org.job_counts(request_id).values()) == 25

    clock.pass_(hours=1)
    assert (org.status(request_id), org.job_counts(request_id)) == ("Succeeded", {"Succeeded": 25})
    assert set(org.orgs(100, version="4.2.2")) == set(orgs)


def test_it_never_starts_before_its_time(org: Caller, clock: StoppedClock) -> None:
    request_id = org.request("4.2.2", clock.iso(hours=5))
    org.add(request_id, org.orgs(3))
    org.set_status(request_id, "Pending")

    clock.pass_(hours=5)
    assert org.status(request_id) == "Pending"

    clock.pass_(hours=2)
    [row] = org.rows(
        "SELECT ScheduledStartTime, StartTime, EndTime, DurationSeconds, Status"
        " FROM PackagePushRequest"
    )
    assert row["ScheduledStartTime"] == "2026-03-02T11:00:00.000+0000"
    assert row["ScheduledStartTime"] <= row["StartTime"] < row["EndTime"]
    assert row["DurationSeconds"] > 0
    assert row["Status"] == "Succeeded"


def test_no_more_than_twenty_jobs_run_at_once(org: Caller, clock: StoppedClock) -> None:
    org.push(org.orgs(45))
    clock.pass_(hours=4)

    running = most = 0
    for effect in org.simulator.effects():
        running += {"job_started": 1, "job_succeeded": -1}.get(effect.kind, 0)
        most = max(most, running)

    assert (most, running) == (20, 0)


def test_a_job_takes_two_to_eight_minutes(org: Caller, clock: StoppedClock) -> None:
    org.push(org.orgs(30))
    clock.pass_(hours=4)

    seconds = org.column("SELECT DurationSeconds FROM PackagePushJob")

    assert all(119 <= each <= 482 for each in seconds)
    assert len(set(seconds)) > 10


def test_success_moves_the_version_and_the_modstamp(org: Caller, clock: StoppedClock) -> None:
    [key] = org.orgs(1)
    since = clock.iso()
    org.push([key])
    clock.pass_(hours=1)

    [row] = org.rows(
        "SELECT OrgKey, MetadataPackageVersion.PatchVersion FROM PackageSubscriber"
        f" WHERE SystemModstamp > {since} AND MetadataPackage.Name = 'Harbor'"
    )

    assert row["OrgKey"] == key
    assert row["MetadataPackageVersion"]["PatchVersion"] == 2


def test_a_failed_org_keeps_its_version_and_says_why(org: Caller, clock: StoppedClock) -> None:
    bad, good = org.orgs(2)
    org.simulator.script([bad], "fail", error=["LimitExceeded", "FeatureMissing"])
    request_id = org.push([bad, good])
    clock.pass_(hours=1)

    assert org.status(request_id) == "Failed"
    assert org.job_counts(request_id) == {"Failed": 1, "Succeeded": 1}
    [row] = org.rows(
        "SELECT SubscriberOrganizationKey, (SELECT ErrorType, ErrorTitle FROM PackagePushErrors"
        " ORDER BY ErrorType) FROM PackagePushJob WHERE Status != 'Succeeded'"
    )
    assert row["SubscriberOrganizationKey"] == bad
    errors = row["PackagePushErrors"]["records"]
    assert [error["ErrorType"] for error in errors] == ["FeatureMissing", "LimitExceeded"]
    assert bad in org.orgs(200)


def test_a_transient_failure_passes_at_the_second_try(build: Build, clock: StoppedClock) -> None:
    org = build(orgs=400, failure_rate=1.0)
    keys = org.orgs(60)
    org.push(keys)
    clock.pass_(hours=3)
    first = {
        row["SubscriberOrganizationKey"]: row["PackagePushErrors"]
        for row in org.rows(
            "SELECT SubscriberOrganizationKey, (SELECT ErrorType FROM PackagePushErrors)"
            " FROM PackagePushJob WHERE Status = 'Failed'"
        )
    }
    assert set(first) == set(keys)

    second = org.push(keys)
    clock.pass_(hours=3)

    locked = {
        key
        for key, errors in first.items()
        if errors and errors["records"][0]["ErrorType"] == "LockingFailure"
    }
    passed = set(
        org.column(
            "SELECT SubscriberOrganizationKey FROM PackagePushJob"
            f" WHERE PackagePushRequestId = '{second}' AND Status = 'Succeeded'"
        )
    )
    assert locked
    assert locked <= passed < set(keys)


def test_the_version_with_the_defect_fails_in_a_quarter_of_sandboxes(
    build: Build, clock: StoppedClock
) -> None:
    org = build(orgs=1_000)
    sandboxes = org.orgs(200, also="OrgType = 'Sandbox' AND OrgStatus = 'Active'")
    own = org.orgs(8, also="OrgStatus = 'Demo' AND OrgName LIKE 'Harborline QA%'")
    request_id = org.push(sandboxes, "4.4.0")
    org.push(own, "4.4.0")
    clock.pass_(hours=6)

    counts = org.job_counts(request_id)

    assert 0.15 < counts["Failed"] / len(sandboxes) < 0.35
    failed_types = org.rows("SELECT ErrorType, COUNT(Id) FROM PackagePushError GROUP BY ErrorType")
    assert failed_types == [{"ErrorType": "ApexTestFailure", "expr0": counts["Failed"]}]


def test_a_stuck_job_keeps_the_request_running(org: Caller, clock: StoppedClock) -> None:
    stuck, good = org.orgs(2)
    org.simulator.script([stuck], "stuck")
    request_id = org.push([stuck, good])

    clock.pass_(days=2)

    assert org.status(request_id) == "InProgress"
    assert org.job_counts(request_id) == {"InProgress": 1, "Succeeded": 1}


def test_an_org_that_uninstalled_is_gone(org: Caller, clock: StoppedClock) -> None:
    [key] = org.orgs(1)
    org.simulator.script([key], "gone")
    org.push([key])
    clock.pass_(hours=1)

    assert org.column("SELECT ErrorTitle FROM PackagePushError") == ["Package Uninstalled"]
    assert not org.rows(
        f"SELECT Id FROM PackageSubscriber WHERE OrgKey = '{key}' AND MetadataPackage.Name='Harbor'"
    )


def test_a_failure_can_be_silent(org: Caller, clock: StoppedClock) -> None:
    org.simulator.script("all", "fail_silently")
    request_id = org.push(org.orgs(2))
    clock.pass_(hours=1)

    assert org.job_counts(request_id) == {"Failed": 2}
    assert org.rows("SELECT Id FROM PackagePushError") == []


def test_what_upgraded_itself_is_ineligible_at_its_turn(org: Caller, clock: StoppedClock) -> None:
    [key] = org.orgs(1)
    org.push([key])
    org.simulator.change_org(key, version_id=org.version("4.3.0"))
    clock.pass_(hours=1)

    assert org.column("SELECT ErrorType FROM PackagePushError") == ["IneligibleUpgrade"]
    assert key in org.orgs(100, version="4.3.0")


def test_a_blocked_org_fails_at_its_turn(org: Caller, clock: StoppedClock) -> None:
    [key] = org.orgs(1)
    org.simulator.change_org(key, blocked=True)
    org.push([key])
    clock.pass_(hours=1)

    assert org.column("SELECT ErrorTitle FROM PackagePushError") == ["Push Upgrade Blocked"]


# --- cancelling -----------------------------------------------------------------------------


@pytest.mark.parametrize("armed", [False, True])
def test_cancel_takes_all_jobs_along(org: Caller, clock: StoppedClock, armed: bool) -> None:
    request_id = org.request("4.2.2", clock.iso(hours=1))
    org.add(request_id, org.orgs(4))
    if armed:
        org.set_status(request_id, "Pending")

    assert org.set_status(request_id, "Canceled").status == 204
    clock.pass_(days=1)

    assert (org.status(request_id), org.job_counts(request_id)) == ("Canceled", {"Canceled": 4})
    assert not [effect for effect in org.simulator.effects() if effect.kind == "job_started"]


def test_cancel_is_too_late_once_it_runs(org: Caller, clock: StoppedClock) -> None:
    request_id = org.push(org.orgs(30))
    wait_for(org, clock, request_id, "InProgress")

    refused = org.set_status(request_id, "Canceled")

    assert refused.error == (400, "INVALID_STATUS")
    assert org.status(request_id) == "InProgress"


@pytest.mark.parametrize("wanted", ["Pending", "Canceled", "Created", "Succeeded"])
def test_what_has_ended_stays_ended(org: Caller, clock: StoppedClock, wanted: str) -> None:
    done, canceled = org.push(org.orgs(1)), org.request()
    org.set_status(canceled, "Canceled")
    clock.pass_(hours=2)

    assert org.set_status(done, wanted).error == (400, "INVALID_STATUS")
    assert org.set_status(canceled, wanted).error == (400, "INVALID_STATUS")


def test_saying_pending_twice_changes_nothing(org: Caller) -> None:
    request_id = org.push(org.orgs(1))
    before = len(org.simulator.effects())

    assert org.set_status(request_id, "Pending").status == 204
    assert len(org.simulator.effects()) == before


@pytest.mark.parametrize("status", ["InProgress", "Succeeded", "Failed"])
def test_the_platform_alone_runs_and_ends(org: Caller, status: str) -> None:
    assert org.set_status(org.request(), status).error == (400, "INVALID_STATUS")


def test_an_armed_request_is_not_edited(org: Caller, clock: StoppedClock) -> None:
    request_id = org.request("4.2.2", clock.iso(hours=3))
    path = f"sobjects/PackagePushRequest/{request_id}"
    change = {"ScheduledStartTime": clock.iso(hours=4)}
    assert org.send("PATCH", path, change).status == 204

    org.set_status(request_id, "Pending")

    assert org.send("PATCH", path, change).error == (400, "INVALID_STATUS")


def test_a_request_without_jobs_succeeds_at_once(org: Caller, clock: StoppedClock) -> None:
    request_id = org.push([])
    clock.pass_(hours=1)
    assert org.status(request_id) == "Succeeded"


# --- who may receive it ---------------------------------------------------------------------


def test_each_ineligible_org_is_refused_by_itself(org: Caller, clock: StoppedClock) -> None:
    good, inactive, gone = org.orgs(3)
    org.simulator.change_org(inactive, org_status="Inactive")
    org.simulator.change_org(gone, uninstalled=True)
    newer, same, beta = org.orgs(6)[3:]
    org.simulator.change_org(newer, version_id=org.version("4.3.0"))
    org.simulator.change_org(same, version_id=org.version("4.2.2"))
    org.simulator.change_org(beta, version_id=org.version("4.5.0"))
    request_id = org.request("4.2.2")

    results = org.add(
        request_id, [good, inactive, gone, newer, same, beta, "00D000000000001", "nonsense", good]
    )

    codes = [result["errors"][0]["statusCode"] if result["errors"] else "" for result in results]
    assert codes == [""] + ["INVALID_OPERATION"] * 6 + ["MALFORMED_ID", "DUPLICATE_VALUE"]
    assert "is not eligible to receive this upgrade" in results[1]["errors"][0]["message"]
    assert org.job_counts(request_id) == {"Created": 1}


def test_all_or_none_leaves_nothing(org: Caller) -> None:
    request_id = org.request()
    [good] = org.orgs(1)
    records = [job(request_id, good), job(request_id, "00D000000000001")]

    results = org.post("composite/sobjects", {"allOrNone": True, "records": records}).ok()

    codes = [result["errors"][0]["statusCode"] for result in results]
    assert codes == ["ALL_OR_NONE_OPERATION_ROLLED_BACK", "INVALID_OPERATION"]
    assert org.job_counts(request_id) == {}


@pytest.mark.parametrize("status", ["Pending", "Canceled"])
def test_jobs_join_only_while_the_request_is_created(org: Caller, status: str) -> None:
    request_id = org.request()
    org.set_status(request_id, status)

    [result] = org.add(request_id, org.orgs(1))

    assert result["errors"][0]["statusCode"] == "INVALID_OPERATION"


@pytest.mark.parametrize("number", ["4.5.0", "3.9.0"])
def test_beta_and_deprecated_versions_are_no_targets(org: Caller, number: str) -> None:
    reply = org.post("sobjects/PackagePushRequest", {"PackageVersionId": org.version(number)})
    assert reply.error == (400, "INVALID_INPUT")


def test_a_key_of_18_characters_is_kept_as_15(org: Caller) -> None:
    from rollouts.simulator.ids import long_id

    [key] = org.orgs(1)
    request_id = org.request()

    [result] = org.add(request_id, [long_id(key)])

    assert result["success"]
    assert len(result["id"]) == 18
    assert org.column("SELECT SubscriberOrganizationKey FROM PackagePushJob") == [key]


# --- what no source tells: both answers -----------------------------------------------------


def test_the_unknowns_can_be_answered_the_other_way(build: Build, clock: StoppedClock) -> None:
    org = build(
        unknowns=Unknowns(
            start_kept_to_minute=True,
            created_date_readable=True,
            reopens_canceled=True,
            jobs_after_pending=True,
            duplicate_jobs=True,
            edits_while_pending=True,
            jobs_visible_after=60,
            spaced_in_progress=True,
        )
    )
    [key, other] = org.orgs(2)
    request_id = org.request("4.2.2", "2026-03-02T09:07:31Z")
    org.set_status(request_id, "Canceled")
    assert org.set_status(request_id, "Pending").status == 204
    assert [result["success"] for result in org.add(request_id, [key, key, other])] == [True] * 3
    assert org.job_counts(request_id) == {}
    clock.pass_(minutes=2)
    assert org.job_counts(request_id) == {"Pending": 3}
    [row] = org.rows(
        "SELECT CreatedDate, CreatedBy.Name, ScheduledStartTime FROM PackagePushRequest"
    )
    assert row["ScheduledStartTime"] == "2026-03-02T09:07:00.000+0000"
    path = f"sobjects/PackagePushRequest/{request_id}"
    assert org.send("PATCH", path, {"ScheduledStartTime": clock.iso()}).status == 204
    wait_for(org, clock, request_id, "In Progress")


def test_an_org_can_be_held_to_one_open_request(build: Build) -> None:
    org = build(unknowns=Unknowns(org_in_one_open_request_only=True, max_jobs_per_request=1))
    first, second = org.orgs(2)
    request_id = org.request()

    results = org.add(request_id, [first, second])
    [other] = org.add(org.request(), [first])

    assert results[1]["errors"][0]["statusCode"] == "LIMIT_EXCEEDED"
    assert other["errors"][0]["statusCode"] == "INVALID_OPERATION"
