"""Bulk API 2.0 ingest: every step in its order, every row by itself, all of it on the record."""

from __future__ import annotations

import pytest

from rollouts.simulator import BulkPace

from . import bulk
from .caller import Caller, StoppedClock
from .conftest import Build


def test_a_job_is_made_with_defaults(org: Caller) -> None:
    job = bulk.create(org).ok()
    job_id = job["id"]
    assert (len(job_id), job_id[:3]) == (18, "750")
    assert job["contentUrl"] == f"services/data/v67.0/jobs/ingest/{job_id}/batches"
    assert {name: job[name] for name in ("state", "lineEnding", "columnDelimiter")} == {
        "state": "Open",
        "lineEnding": "LF",
        "columnDelimiter": "COMMA",
    }
    assert (job["contentType"], job["apiVersion"], job["object"]) == ("CSV", 67.0, "PackagePushJob")
    assert bulk.figures(org, job_id) == ("Open", 0, 0)
    assert [each["id"] for each in org.get("jobs/ingest").ok()["records"]] == [job_id]


def test_rows_become_jobs_each_by_itself(org: Caller) -> None:
    request_id = org.request()
    good = org.orgs(3)
    [closed] = org.column(
        "SELECT OrgKey FROM PackageSubscriber WHERE OrgStatus = 'Inactive' LIMIT 1"
    )
    data = bulk.job_rows(request_id, [good[0], closed, good[1], good[0], "nonsense", good[2]])
    job_id = bulk.submit(org, data)

    assert bulk.figures(org, job_id) == ("JobComplete", 6, 3)
    done = bulk.results(org, job_id, "successfulResults")
    assert [row["SubscriberOrganizationKey"] for row in done] == good
    assert {row["sf__Created"] for row in done} == {"true"}
    assert [row["sf__Id"] for row in done] == org.column("SELECT Id FROM PackagePushJob")
    refused = bulk.results(org, job_id, "failedResults")
    assert [(row["sf__Error"].split(":")[0], row["sf__Id"]) for row in refused] == [
        ("INVALID_OPERATION", ""),
        ("DUPLICATE_VALUE", ""),
        ("MALFORMED_ID", ""),
    ]
    assert refused[0]["sf__Error"].endswith("has a beta version installed.:--")
    assert refused[1]["sf__Error"].endswith(":SubscriberOrganizationKey --")
    assert refused[1]["SubscriberOrganizationKey"] == good[0]
    assert bulk.results(org, job_id, "unprocessedrecords") == []
    assert bulk.results(org, job_id, "unprocessedRecords") == []


def test_the_witness_sees_the_rows_of_a_bulk_job(org: Caller) -> None:
    request_id = org.request()
    before = org.simulator.effects()[-1].seq
    keys = org.orgs(2)
    job_id = bulk.submit(org, bulk.job_rows(request_id, [*keys, "nonsense"]))
    bulk.state(org, job_id)
    told = [(effect.kind, effect.org) for effect in org.simulator.effects(before)]
    assert told == [
        ("bulk_created", None),
        ("bulk_uploaded", None),
        ("bulk_state", None),
        ("job_created", keys[0]),
        ("job_created", keys[1]),
        ("bulk_ended", None),
    ]
    assert org.simulator.truth()["requests"][request_id]["jobs"] == {"Created": 2}


def test_nothing_happens_before_the_upload_is_called_complete(org: Caller) -> None:
    request_id = org.request()
    job_id = bulk.create(org).ok()["id"]
    bulk.upload(org, job_id, bulk.job_rows(request_id, org.orgs(2)))
    assert bulk.figures(org, job_id) == ("Open", 0, 0)
    assert org.job_counts(request_id) == {}


@pytest.mark.parametrize(
    ("steps", "code"),
    [
        (("upload", "upload"), "INVALIDJOBSTATE"),
        (("upload", "UploadComplete", "upload"), "INVALIDJOBSTATE"),
        (("upload", "UploadComplete", "UploadComplete"), "INVALIDJOBSTATE"),
        (("upload", "UploadComplete", "look", "Aborted"), "INVALIDJOBSTATE"),
        (("Aborted", "UploadComplete"), "INVALIDJOBSTATE"),
        (("Aborted", "Aborted"), "INVALIDJOBSTATE"),
        (("failedResults",), "INVALIDJOBSTATE"),
        (("delete",), "INVALIDJOBSTATE"),
        (("Open",), "JSON_PARSER_ERROR"),
        (("nothing",), "NOT_FOUND"),
    ],
)
def test_steps_out_of_order_are_refused(org: Caller, steps: tuple[str, ...], code: str) -> None:
    job_id = bulk.create(org).ok()["id"]
    data = bulk.job_rows(org.request(), org.orgs(1))
    replies = []
    for step in steps:
        match step:
            case "upload":
                replies.append(bulk.upload(org, job_id, data))
            case "look":
                replies.append(org.get(f"jobs/ingest/{job_id}"))
            case "delete":
                replies.append(org.send("DELETE", f"jobs/ingest/{job_id}"))
            case "failedResults" | "nothing":
                replies.append(org.get(f"jobs/ingest/{job_id}/{step}"))
            case _:
                replies.append(bulk.move(org, job_id, step))
    assert [reply.status < 300 for reply in replies[:-1]] == [True] * (len(steps) - 1)
    assert replies[-1].error == (404 if code == "NOT_FOUND" else 400, code)


def test_a_second_ending_says_what_the_job_is(org: Caller) -> None:
    job_id = bulk.submit(org, bulk.job_rows(org.request(), []))
    bulk.state(org, job_id)
    assert bulk.move(org, job_id, "Aborted").message == "Aborting already Completed Job not allowed"
    second = bulk.upload(org, job_id, b"")
    assert second.error == (400, "INVALIDJOBSTATE")


@pytest.mark.parametrize(
    ("body", "code"),
    [
        ({"object": "Nothing"}, "INVALIDJOB"),
        ({"object": None}, "INVALIDJOB"),
        ({"object": "PackageSubscriber"}, "INVALIDENTITY"),
        ({"operation": "delete"}, "INVALIDJOB"),
        ({"operation": "explode"}, "JSON_PARSER_ERROR"),
        ({"contentType": "XML"}, "JSON_PARSER_ERROR"),
        ({"lineEnding": "CR"}, "JSON_PARSER_ERROR"),
        ({"columnDelimiter": "SPACE"}, "JSON_PARSER_ERROR"),
        ({"colour": "red"}, "JSON_PARSER_ERROR"),
    ],
)
def test_a_job_is_made_strictly(org: Caller, body: dict[str, object], code: str) -> None:
    assert bulk.create(org, **body).error == (400, code)
    assert org.get("jobs/ingest").ok()["records"] == []


def test_the_object_may_be_written_in_any_case(org: Caller) -> None:
    assert bulk.create(org, object="packagepushjob").ok()["object"] == "PackagePushJob"


def test_there_is_no_such_api_before_its_release(org: Caller) -> None:
    org.api = "40.0"
    assert bulk.create(org).error == (404, "NOT_FOUND")
    org.api = "41.0"
    assert bulk.create(org).status == 200


@pytest.mark.parametrize(
    ("data", "said"),
    [
        (b"PackagePushRequestId,Colour\n1,2\n", "InvalidBatch : Field name not found : Colour"),
        (b"PackagePushRequestId\r\n1\r\n", "LineEnding is invalid on user data"),
        (b"PackagePushRequestId\n1,2\n", "row 1 has 2 columns, expected 1"),
        (b'PackagePushRequestId\n"1\n', "Failed to parse CSV"),
        (b"Status,status\n1,2\n", "Duplicate field"),
        (b"\xff\xfe\n", "not UTF-8"),
    ],
)
def test_data_that_cant_be_read_fails_the_job(org: Caller, data: bytes, said: str) -> None:
    job_id = bulk.submit(org, data)
    told = bulk.state(org, job_id)
    assert told["state"] == "Failed"
    assert said in told["errorMessage"]
    assert bulk.results(org, job_id, "successfulResults") == []


def test_an_upload_is_csv(org: Caller) -> None:
    job_id = bulk.create(org).ok()["id"]
    reply = bulk.upload(org, job_id, b"{}", {"Content-Type": "application/json"})
    assert reply.error == (415, "UNSUPPORTED_MEDIA_TYPE")


def test_other_delimiters_and_line_endings(org: Caller) -> None:
    request_id = org.request()
    key = org.orgs(1)[0]
    data = f"SubscriberOrganizationKey;PackagePushRequestId\r\n{key};{request_id}\r\n".encode()
    job_id = bulk.submit(org, data, lineEnding="CRLF", columnDelimiter="SEMICOLON")
    assert bulk.figures(org, job_id) == ("JobComplete", 1, 0)
    assert org.get(f"jobs/ingest/{job_id}/failedResults").text == (
        '"sf__Id";"sf__Error";"SubscriberOrganizationKey";"PackagePushRequestId"\r\n'
    )


def test_empty_cells_are_no_values_and_na_is_null(org: Caller) -> None:
    head = "PackageVersionId,ScheduledStartTime,IsMigration"
    version = org.version("4.2.2")
    rows = f"{version},,false\n{version},#N/A,\n,2026-04-01T00:00:00Z,\n{version},tomorrow,\n"
    job_id = bulk.submit(org, f"{head}\n{rows}".encode(), object="PackagePushRequest")
    assert bulk.figures(org, job_id) == ("JobComplete", 4, 2)
    refused = bulk.results(org, job_id, "failedResults")
    assert [row["sf__Error"].split(":")[0] for row in refused] == [
        "REQUIRED_FIELD_MISSING",
        "INVALID_TYPE_ON_FIELD_IN_RECORD",
    ]


def test_requests_can_be_armed_and_cancelled_by_an_update(org: Caller) -> None:
    first, second = org.request(), org.request()
    data = f"Id,Status\n{first},Pending\n{second},Canceled\n{second},Pending\n".encode()
    job_id = bulk.submit(org, data, object="PackagePushRequest", operation="update")
    assert bulk.figures(org, job_id) == ("JobComplete", 3, 1)
    assert (org.status(first), org.status(second)) == ("Pending", "Canceled")
    assert {row["sf__Created"] for row in bulk.results(org, job_id, "successfulResults")} == {
        "false"
    }


def test_rows_apply_one_by_one_in_simulated_time(build: Build, clock: StoppedClock) -> None:
    org = build(bulk=BulkPace(start=60, row=10))
    request_id = org.request()
    job_id = bulk.submit(org, bulk.job_rows(request_id, org.orgs(4)))
    seen = []
    for seconds in (59, 1, 15, 15, 10):
        clock.pass_(seconds=seconds)
        told = bulk.state(org, job_id)
        seen.append((told["state"], told["numberRecordsProcessed"]))
    assert seen == [
        ("UploadComplete", 0),
        ("InProgress", 1),
        ("InProgress", 2),
        ("InProgress", 4),
        ("JobComplete", 4),
    ]
    times = [e.at[11:19] for e in org.simulator.effects() if e.kind == "job_created"]
    assert times == ["06:01:00", "06:01:10", "06:01:20", "06:01:30"]
    assert bulk.state(org, job_id)["totalProcessingTime"] == 40_000


def test_an_aborted_job_keeps_what_it_wrote(build: Build, clock: StoppedClock) -> None:
    org = build(bulk=BulkPace(row=10))
    request_id = org.request()
    job_id = bulk.submit(org, bulk.job_rows(request_id, org.orgs(4)))
    clock.pass_(seconds=15)
    assert bulk.move(org, job_id, "Aborted").ok()["state"] == "Aborted"
    clock.pass_(hours=1)
    assert bulk.figures(org, job_id) == ("Aborted", 2, 0)
    assert org.job_counts(request_id) == {"Created": 2}
    assert len(bulk.results(org, job_id, "unprocessedrecords")) == 2
    assert len(bulk.results(org, job_id, "successfulResults")) == 2


def test_rows_that_come_after_arming_are_refused(build: Build, clock: StoppedClock) -> None:
    org = build(bulk=BulkPace(row=10))
    request_id = org.request()
    job_id = bulk.submit(org, bulk.job_rows(request_id, org.orgs(4)))
    clock.pass_(seconds=10)
    assert org.set_status(request_id, "Pending").status == 204
    clock.pass_(minutes=1)
    assert bulk.figures(org, job_id) == ("JobComplete", 4, 2)
    assert org.job_counts(request_id) == {"Pending": 2}


def test_a_job_is_deleted_with_its_results_but_not_its_work(org: Caller) -> None:
    request_id = org.request()
    job_id = bulk.submit(org, bulk.job_rows(request_id, org.orgs(2)))
    bulk.state(org, job_id)
    assert org.send("DELETE", f"jobs/ingest/{job_id}").status == 204
    assert org.get(f"jobs/ingest/{job_id}").error == (404, "NOT_FOUND")
    assert org.job_counts(request_id) == {"Created": 2}


def test_jobs_are_forgotten_after_a_week(org: Caller, clock: StoppedClock) -> None:
    old = bulk.submit(org, bulk.job_rows(org.request(), []))
    clock.pass_(days=7, minutes=1)
    org.simulator.expire_sessions()
    org.token = org.sign_in().json()["access_token"]
    new = bulk.create(org).ok()["id"]
    assert [each["id"] for each in org.get("jobs/ingest").ok()["records"]] == [new]
    assert org.get(f"jobs/ingest/{old}").status == 404
