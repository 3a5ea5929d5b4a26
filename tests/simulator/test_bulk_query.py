"""Bulk API 2.0 query: a job, its state, its answer page by page."""

from __future__ import annotations

import csv
import io

import pytest

from rollouts.simulator import BulkPace

from .caller import Caller, Reply, StoppedClock
from .conftest import Build

ALL = (
    "SELECT Id, orgname, HasRestrictionEnabled, MetadataPackageVersion.Name FROM packagesubscriber"
)


def create(org: Caller, soql: str = ALL, **more: object) -> Reply:
    return org.post("jobs/query", {"operation": "query", "query": soql, **more})


def rows(reply: Reply) -> list[dict[str, str]]:
    assert reply.status == 200, reply.text
    return list(csv.DictReader(io.StringIO(reply.text)))


def test_a_query_is_answered_as_csv(org: Caller) -> None:
    job = create(org).ok()
    assert (job["state"], job["object"], job["id"][:3]) == (
        "UploadComplete",
        "PackageSubscriber",
        "750",
    )
    told = org.get(f"jobs/query/{job['id']}").ok()
    expected = org.ask(ALL).ok()["records"]
    assert (told["state"], told["numberRecordsProcessed"]) == ("JobComplete", len(expected))
    reply = org.get(f"jobs/query/{job['id']}/results")
    assert reply.headers["Sforce-NumberOfRecords"] == str(len(expected))
    assert reply.headers["Sforce-Locator"] == "null"
    assert rows(reply) == [
        {
            "Id": one["Id"],
            "OrgName": one["OrgName"],
            "HasRestrictionEnabled": str(one["HasRestrictionEnabled"]).lower(),
            "MetadataPackageVersion.Name": one["MetadataPackageVersion"]["Name"],
        }
        for one in expected
    ]


def test_the_answer_comes_in_pages(org: Caller) -> None:
    job_id = create(org).ok()["id"]
    whole = rows(org.get(f"jobs/query/{job_id}/results"))
    found, locator, pages = [], "", 0
    while locator != "null":
        also = f"&locator={locator}" if locator else ""
        reply = org.get(f"jobs/query/{job_id}/results?maxRecords=50{also}")
        found += rows(reply)
        locator = reply.headers["Sforce-Locator"]
        pages += 1
    assert found == whole
    assert pages == -(-len(whole) // 50)


def test_times_and_empty_values(org: Caller) -> None:
    org.request(start="2026-04-01T01:00:00Z")
    soql = "SELECT ScheduledStartTime, EndTime FROM PackagePushRequest"
    reply = org.get(f"jobs/query/{create(org, soql).ok()['id']}/results")
    assert rows(reply) == [{"ScheduledStartTime": "2026-04-01T01:00:00.000Z", "EndTime": ""}]


def test_nothing_found_is_a_header(org: Caller) -> None:
    job_id = create(org, "SELECT Id FROM PackagePushError", columnDelimiter="TAB").ok()["id"]
    assert org.get(f"jobs/query/{job_id}/results").text == '"Id"\n'


@pytest.mark.parametrize(
    ("body", "code"),
    [
        ({"query": "SELECT Colour FROM PackageSubscriber"}, "API_ERROR"),
        ({"query": "SELECT COUNT(Id) FROM PackageSubscriber"}, "API_ERROR"),
        ({"query": "SELECT Id FROM PackageSubscriber OFFSET 3"}, "API_ERROR"),
        (
            {"query": "SELECT Id, (SELECT Id FROM PackagePushErrors) FROM PackagePushJob"},
            "API_ERROR",
        ),
        ({"query": 3}, "JSON_PARSER_ERROR"),
        ({"operation": "insert"}, "JSON_PARSER_ERROR"),
        ({"object": "PackageSubscriber"}, "JSON_PARSER_ERROR"),
    ],
)
def test_a_query_job_is_made_strictly(org: Caller, body: dict[str, object], code: str) -> None:
    reply = org.post("jobs/query", {"operation": "query", "query": ALL, **body})
    assert reply.error == (400, code)


@pytest.mark.parametrize("how", ["locator=MA", "locator=!", "locator=OTk5OTk", "maxRecords=0"])
def test_a_page_must_be_there(org: Caller, how: str) -> None:
    job_id = create(org).ok()["id"]
    assert org.get(f"jobs/query/{job_id}/results?{how}").status == 400


def test_a_query_takes_its_time_and_can_be_aborted(build: Build, clock: StoppedClock) -> None:
    org = build(bulk=BulkPace(start=30))
    first, second = (create(org).ok()["id"] for _ in "ab")
    assert org.get(f"jobs/query/{first}").ok()["state"] == "UploadComplete"
    assert org.get(f"jobs/query/{first}/results").error == (400, "INVALIDJOBSTATE")
    assert org.send("DELETE", f"jobs/query/{first}").error == (400, "INVALIDJOBSTATE")
    aborted = org.send("PATCH", f"jobs/query/{second}", {"state": "Aborted"})
    assert aborted.ok()["state"] == "Aborted"
    clock.pass_(minutes=1)
    assert org.get(f"jobs/query/{first}").ok()["state"] == "JobComplete"
    again = org.send("PATCH", f"jobs/query/{second}", {"state": "Aborted"})
    assert again.message == "Aborting already Aborted Job not allowed"
    assert [one["state"] for one in org.get("jobs/query").ok()["records"]] == [
        "JobComplete",
        "Aborted",
    ]
    assert org.send("DELETE", f"jobs/query/{first}").status == 204
    assert org.get(f"jobs/query/{first}").error == (404, "NOT_FOUND")


def test_the_two_kinds_of_jobs_dont_meet(org: Caller) -> None:
    job_id = create(org).ok()["id"]
    assert org.get(f"jobs/ingest/{job_id}").error == (404, "NOT_FOUND")
    org.simulator.plan_fault("error_before", call="bulk_query_results")
    assert org.get(f"jobs/query/{job_id}/results").status == 500
    org.api = "46.0"
    assert org.get(f"jobs/query/{job_id}").error == (404, "NOT_FOUND")
