"""What goes wrong between the rows of a bulk job, and outlives the process."""

from __future__ import annotations

from pathlib import Path

import pytest

from rollouts.simulator import BulkPace, Options, Role, Simulator

from . import bulk
from .caller import Caller, StoppedClock
from .conftest import Build


def test_a_row_is_refused_by_a_planned_fault(org: Caller) -> None:
    request_id = org.request()
    keys = org.orgs(3)
    org.simulator.plan_fault("refuse", call="bulk_row", contains=keys[1])
    job_id = bulk.submit(org, bulk.job_rows(request_id, keys))
    assert bulk.figures(org, job_id) == ("JobComplete", 3, 1)
    [refused] = bulk.results(org, job_id, "failedResults")
    assert refused["SubscriberOrganizationKey"] == keys[1]
    assert refused["sf__Error"].startswith("UNKNOWN_EXCEPTION:Something bad has happened.")


@pytest.mark.parametrize(
    ("kind", "jobs", "told"),
    [("error_before", 2, 2), ("quota", 2, 2), ("error_after", 3, 2), ("truncated", 3, 2)],
)
def test_a_job_breaks_in_the_middle(org: Caller, kind: str, jobs: int, told: int) -> None:
    request_id = org.request()
    org.simulator.plan_fault(kind, call="bulk_row:PackagePushJob", nth=3)
    job_id = bulk.submit(org, bulk.job_rows(request_id, org.orgs(5)))
    assert bulk.figures(org, job_id) == ("Failed", told, 0)
    assert bulk.state(org, job_id)["errorMessage"].startswith("InternalServerError")
    assert len(bulk.results(org, job_id, "successfulResults")) == told
    assert len(bulk.results(org, job_id, "unprocessedrecords")) == 5 - told
    # After error_after, a row has been applied that no result tells of.
    assert org.job_counts(request_id) == {"Created": jobs}


@pytest.mark.parametrize(("kind", "before"), [("hang_before", 2), ("hang_after", 3)])
def test_a_job_stands_still(org: Caller, clock: StoppedClock, kind: str, before: int) -> None:
    request_id = org.request()
    org.simulator.plan_fault(kind, call="bulk_row", nth=3, seconds=3_600)
    job_id = bulk.submit(org, bulk.job_rows(request_id, org.orgs(5)))
    assert bulk.figures(org, job_id) == ("InProgress", before, 0)
    clock.pass_(minutes=59)
    assert bulk.figures(org, job_id) == ("InProgress", before, 0)
    clock.pass_(minutes=1)
    assert bulk.figures(org, job_id) == ("JobComplete", 5, 0)
    assert org.job_counts(request_id) == {"Created": 5}


def test_a_refused_row_is_applied_after_all(org: Caller, clock: StoppedClock) -> None:
    request_id = org.request()
    keys = org.orgs(3)
    org.simulator.plan_fault("late", call="bulk_row", contains=keys[2], seconds=300)
    job_id = bulk.submit(org, bulk.job_rows(request_id, keys))
    assert bulk.figures(org, job_id) == ("JobComplete", 3, 1)
    assert org.job_counts(request_id) == {"Created": 2}
    clock.pass_(minutes=5)
    assert bulk.figures(org, job_id) == ("JobComplete", 3, 1)
    assert org.job_counts(request_id) == {"Created": 3}
    assert [e.detail["applied"] for e in org.simulator.effects() if e.kind == "bulk_late_row"] == [
        True
    ]


def test_a_late_row_obeys_the_rules_of_its_own_time(org: Caller, clock: StoppedClock) -> None:
    request_id = org.request()
    keys = org.orgs(2)
    org.simulator.plan_fault("late", call="bulk_row", contains=keys[1], seconds=300)
    job_id = bulk.submit(org, bulk.job_rows(request_id, keys))
    bulk.state(org, job_id)
    org.set_status(request_id, "Pending")
    clock.pass_(minutes=5)
    assert [e.detail["applied"] for e in org.simulator.effects() if e.kind == "bulk_late_row"] == [
        False
    ]
    assert len(org.column("SELECT Id FROM PackagePushJob")) == 1


def test_each_call_of_a_job_can_be_made_to_fail(org: Caller) -> None:
    calls = ("bulk_create:PackagePushJob", "bulk_upload", "bulk_close", "bulk_state")
    for call in (*calls, "bulk_results", "bulk_delete", "bulk_list", "bulk_abort"):
        org.simulator.plan_fault("error_before", call=call, status=503)
    assert bulk.create(org).status == 503
    job_id = bulk.create(org).ok()["id"]
    data = bulk.job_rows(org.request(), org.orgs(1))
    assert [bulk.upload(org, job_id, data).status for _ in "ab"] == [503, 201]
    assert [bulk.move(org, job_id, "UploadComplete").status for _ in "ab"] == [503, 200]
    for path in (f"jobs/ingest/{job_id}", f"jobs/ingest/{job_id}/failedResults", "jobs/ingest"):
        assert [org.get(path).status for _ in "ab"] == [503, 200]
    assert bulk.move(org, job_id, "Aborted").status == 503
    assert [org.send("DELETE", f"jobs/ingest/{job_id}").status for _ in "ab"] == [503, 204]


def test_a_closing_whose_answer_is_lost_has_its_effect(org: Caller) -> None:
    request_id = org.request()
    job_id = bulk.create(org).ok()["id"]
    bulk.upload(org, job_id, bulk.job_rows(request_id, org.orgs(2)))
    org.simulator.plan_fault("error_after", call="bulk_close")
    assert bulk.move(org, job_id, "UploadComplete").status == 500
    assert bulk.figures(org, job_id) == ("JobComplete", 2, 0)
    assert org.job_counts(request_id) == {"Created": 2}


def test_the_wall_clock_can_drive_a_job() -> None:
    clock, wall = StoppedClock(), StoppedClock()
    options = Options(failure_rate=0.0, bulk=BulkPace(start=2, row=1, wall=True))
    org = Caller(Simulator(orgs=60, clock=clock, wall=wall, options=options))
    request_id = org.request()
    job_id = bulk.submit(org, bulk.job_rows(request_id, org.orgs(3)))
    clock.pass_(hours=1)
    assert bulk.figures(org, job_id) == ("UploadComplete", 0, 0)
    wall.pass_(seconds=3)
    assert bulk.figures(org, job_id) == ("InProgress", 2, 0)
    wall.pass_(minutes=1)
    assert bulk.figures(org, job_id) == ("JobComplete", 3, 0)
    org.simulator.close()


def test_a_job_goes_on_after_a_restart(tmp_path: Path, clock: StoppedClock) -> None:
    options = Options(failure_rate=0.0, bulk=BulkPace(row=10))
    org = Caller(Simulator(tmp_path, orgs=60, clock=clock, options=options))
    request_id = org.request()
    job_id = bulk.submit(org, bulk.job_rows(request_id, org.orgs(4)))
    clock.pass_(seconds=15)
    assert bulk.figures(org, job_id) == ("InProgress", 2, 0)
    org.simulator.close()
    again = Caller(Simulator(tmp_path, orgs=60, clock=clock, options=options))
    clock.pass_(minutes=1)
    assert bulk.figures(again, job_id) == ("JobComplete", 4, 0)
    assert again.job_counts(request_id) == {"Created": 4}
    again.simulator.close()


def test_five_thousand_rows(build: Build) -> None:
    org = build(orgs=6_000)
    request_id = org.request("4.4.0")
    keys = org.orgs(5_000)
    job_id = bulk.submit(org, bulk.job_rows(request_id, keys))
    state, processed, failed = bulk.figures(org, job_id)
    assert (state, processed) == ("JobComplete", len(keys))
    assert (len(keys) > 2_000, failed) == (True, 0)
    assert org.job_counts(request_id) == {"Created": len(keys)}


def test_the_allowance_of_batches_runs_out_and_comes_back(
    build: Build, clock: StoppedClock
) -> None:
    org = build(daily_bulk_batches=2)
    data = bulk.job_rows(org.request(), org.orgs(1))
    first, second, third = (str(bulk.create(org).ok()["id"]) for _ in "abc")
    assert [bulk.upload(org, job_id, data).status for job_id in (first, second)] == [201, 201]
    assert bulk.upload(org, third, data).error == (403, "REQUEST_LIMIT_EXCEEDED")
    query = {"operation": "query", "query": "SELECT Id FROM PackagePushJob"}
    assert org.post("jobs/query", query).error == (403, "REQUEST_LIMIT_EXCEEDED")
    assert org.get("limits").ok()["DailyBulkApiBatches"] == {"Max": 2, "Remaining": 0}
    clock.pass_(hours=25)
    assert bulk.upload(org, third, data).status == 201


def test_an_org_can_lose_its_objects_while_a_job_runs(build: Build, clock: StoppedClock) -> None:
    org = build(bulk=BulkPace(start=5, row=10))
    request_id = org.request()
    keys = org.orgs(3)
    running = bulk.submit(org, bulk.job_rows(request_id, keys))
    clock.pass_(seconds=6)
    waiting = bulk.submit(org, bulk.job_rows(request_id, keys))
    org.simulator.switch(push_enabled=False)
    clock.pass_(minutes=2)
    assert bulk.figures(org, running) == ("JobComplete", 3, 2)
    assert bulk.state(org, waiting)["errorMessage"].startswith("InvalidBatch : sObject type")


def test_each_org_of_a_world_has_its_own_jobs(org: Caller) -> None:
    lmo = Caller(org.simulator.face(Role.LMO))
    query = {"operation": "query", "query": "SELECT Name FROM sfLma__License__c"}
    job_id = lmo.post("jobs/query", query).ok()["id"]
    found = lmo.get(f"jobs/query/{job_id}").ok()
    assert (found["state"], found["object"]) == ("JobComplete", "sfLma__License__c")
    assert found["numberRecordsProcessed"] > 10
    assert org.get(f"jobs/query/{job_id}").error == (404, "NOT_FOUND")
    assert org.get("jobs/query").ok()["records"] == []
    assert org.post("jobs/query", query).error == (400, "API_ERROR")
