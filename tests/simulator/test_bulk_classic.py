"""Bulk API v1: XML about jobs and batches, CSV in and out."""

from __future__ import annotations

import csv
import io
from xml.etree import ElementTree as ET

import pytest

from rollouts.simulator import BulkPace

from . import bulk
from .caller import Caller, Reply, StoppedClock
from .conftest import Build

NS = "http://www.force.com/2009/06/asyncapi/dataload"
ASYNC = "/services/async/38.0/job"
SOQL = "SELECT Id, OrgKey from PackageSubscriber WHERE InstalledStatus = 'i'"


def send(org: Caller, method: str, path: str = "", body: bytes = b"", kind: str = "xml") -> Reply:
    headers = {
        "Authorization": "",
        "X-SFDC-Session": org.token,
        "Content-Type": {"xml": "application/xml", "csv": "text/csv"}[kind] + "; charset=UTF-8",
    }
    return org.send(method, ASYNC + path, raw=body, headers=headers)


def info(**fields: str) -> bytes:
    inner = "".join(f"<{name}>{value}</{name}>" for name, value in fields.items())
    return (
        f'<?xml version="1.0" encoding="UTF-8"?>\n<jobInfo xmlns="{NS}">{inner}</jobInfo>'.encode()
    )


def parsed(text: str) -> ET.Element:
    return ET.fromstring(text)  # noqa: S314 - the simulator's own


def told(reply: Reply, status: int = 200) -> dict[str, str]:
    assert reply.status == status, reply.text
    assert reply.headers["Content-Type"] == "application/xml"
    return {child.tag.partition("}")[2]: child.text or "" for child in parsed(reply.text)}


def refusal(reply: Reply) -> tuple[int, str]:
    root = parsed(reply.text)
    assert root.tag == f"{{{NS}}}error"
    return reply.status, str(root.findtext(f"{{{NS}}}exceptionCode"))


def open_job(org: Caller, operation: str = "query", sobject: str = "PackageSubscriber") -> str:
    body = info(operation=operation, object=sobject, contentType="CSV")
    return told(send(org, "POST", body=body), 201)["id"]


def add(org: Caller, job_id: str, body: bytes) -> dict[str, str]:
    return told(send(org, "POST", f"/{job_id}/batch", body, "csv"), 201)


def batch(org: Caller, job_id: str, batch_id: str) -> dict[str, str]:
    return told(send(org, "GET", f"/{job_id}/batch/{batch_id}"))


def lines(reply: Reply) -> list[list[str]]:
    assert (reply.status, reply.headers["Content-Type"]) == (200, "text/csv")
    return list(csv.reader(io.StringIO(reply.text)))


def test_a_query_is_answered_as_one_result(org: Caller) -> None:
    job_id = open_job(org)
    batch_id = add(org, job_id, SOQL.encode())["id"]
    assert (job_id[:3], batch_id[:3]) == ("750", "751")
    assert batch(org, job_id, batch_id)["state"] == "Completed"
    told(send(org, "POST", f"/{job_id}", info(state="Closed")))
    root = parsed(send(org, "GET", f"/{job_id}/batch/{batch_id}/result").text)
    [result] = root.findall(f"{{{NS}}}result")
    head, *rows = lines(send(org, "GET", f"/{job_id}/batch/{batch_id}/result/{result.text}"))
    assert head == ["Id", "OrgKey"]
    assert rows == [[one["Id"], one["OrgKey"]] for one in org.rows(SOQL)]
    assert send(org, "GET", f"/{job_id}/batch/{batch_id}/request").text == SOQL


def test_every_figure_of_a_job_is_there(org: Caller) -> None:
    job_id = open_job(org)
    add(org, job_id, SOQL.encode())
    add(org, job_id, b"SELECT Nothing FROM PackageSubscriber")
    figures = told(send(org, "GET", f"/{job_id}"))
    named = {name: figures[f"numberBatches{name}"] for name in ("Completed", "Failed", "Total")}
    assert named == {"Completed": "1", "Failed": "1", "Total": "2"}
    assert (figures["numberBatchesQueued"], figures["numberBatchesInProgress"]) == ("0", "0")
    assert (figures["state"], figures["apiVersion"], figures["contentType"]) == (
        "Open",
        "38.0",
        "CSV",
    )
    listed = parsed(send(org, "GET", f"/{job_id}/batch").text)
    states = [one.findtext(f"{{{NS}}}state") for one in listed]
    assert (listed.tag, states) == (f"{{{NS}}}batchInfoList", ["Completed", "Failed"])
    message = listed[1].findtext(f"{{{NS}}}stateMessage")
    assert str(message).startswith("InvalidBatch : Failed to process query")


def test_nothing_found_is_said_in_words(org: Caller) -> None:
    job_id = open_job(org, sobject="PackagePushError")
    batch_id = add(org, job_id, b"SELECT Id FROM PackagePushError")["id"]
    root = parsed(send(org, "GET", f"/{job_id}/batch/{batch_id}/result").text)
    result = send(org, "GET", f"/{job_id}/batch/{batch_id}/result/{root[0].text}")
    assert lines(result) == [["Records not found for this query"]]


def test_inserted_rows_report_in_their_order(org: Caller) -> None:
    request_id = org.request()
    keys = org.orgs(2)
    job_id = open_job(org, "insert", "PackagePushJob")
    data = bulk.job_rows(request_id, [keys[0], "nonsense", keys[1], keys[1]])
    batch_id = add(org, job_id, data)["id"]
    done = batch(org, job_id, batch_id)
    assert (done["state"], done["numberRecordsProcessed"], done["numberRecordsFailed"]) == (
        "Completed",
        "4",
        "2",
    )
    head, *rows = lines(send(org, "GET", f"/{job_id}/batch/{batch_id}/result"))
    assert head == ["Id", "Success", "Created", "Error"]
    assert [row[1:3] for row in rows] == [
        ["true", "true"],
        ["false", "false"],
        ["true", "true"],
        ["false", "false"],
    ]
    assert [row[3].partition(":")[0] for row in rows] == ["", "MALFORMED_ID", "", "DUPLICATE_VALUE"]
    assert [row[0] for row in rows if row[0]] == org.column("SELECT Id FROM PackagePushJob")
    kept = send(org, "GET", f"/{job_id}/batch/{batch_id}/request")
    assert lines(kept) == [line.split(",") for line in data.decode().splitlines()]


def test_an_aborted_job_stops_its_batches(build: Build, clock: StoppedClock) -> None:
    org = build(bulk=BulkPace(start=5, row=10))
    request_id = org.request()
    job_id = open_job(org, "insert", "PackagePushJob")
    batch_id = add(org, job_id, bulk.job_rows(request_id, org.orgs(3)))["id"]
    assert batch(org, job_id, batch_id)["state"] == "Queued"
    clock.pass_(seconds=6)
    assert batch(org, job_id, batch_id)["state"] == "InProgress"
    result = send(org, "GET", f"/{job_id}/batch/{batch_id}/result")
    assert refusal(result) == (400, "InvalidBatch")
    assert told(send(org, "POST", f"/{job_id}", info(state="Aborted")))["state"] == "Aborted"
    clock.pass_(minutes=5)
    assert batch(org, job_id, batch_id)["state"] == "Not Processed"
    assert org.job_counts(request_id) == {"Created": 1}


def test_a_closed_job_takes_nothing_more_but_ends_what_it_has(
    build: Build, clock: StoppedClock
) -> None:
    org = build(bulk=BulkPace(start=5))
    job_id = open_job(org)
    batch_id = add(org, job_id, SOQL.encode())["id"]
    told(send(org, "POST", f"/{job_id}", info(state="Closed")))
    late = send(org, "POST", f"/{job_id}/batch", SOQL.encode(), "csv")
    assert refusal(late) == (400, "InvalidJobState")
    for state in ("Closed", "Aborted"):
        again = send(org, "POST", f"/{job_id}", info(state=state))
        assert refusal(again) == (400, "InvalidJobState")
    clock.pass_(seconds=5)
    assert batch(org, job_id, batch_id)["state"] == "Completed"


@pytest.mark.parametrize(
    ("body", "code"),
    [
        (info(operation="query", object="Nothing", contentType="CSV"), "InvalidJob"),
        (info(operation="query", object="PackageSubscriber"), "InvalidJob"),
        (info(operation="delete", object="PackagePushJob", contentType="CSV"), "InvalidJob"),
        (
            info(operation="insert", object="PackageSubscriber", contentType="CSV"),
            "InvalidEntity",
        ),
        (b"", "InvalidJob"),
        (b"<jobInfo/>", "InvalidJob"),
        (b'<!DOCTYPE a [<!ENTITY b "c">]><jobInfo/>', "InvalidJob"),
    ],
)
def test_a_job_is_made_strictly(org: Caller, body: bytes, code: str) -> None:
    assert refusal(send(org, "POST", body=body)) == (400, code)


def test_what_is_not_there(org: Caller) -> None:
    job_id = open_job(org)
    batch_id = add(org, job_id, SOQL.encode())["id"]
    for path, code in (
        ("/750000000000001", "InvalidJob"),
        ("/nonsense", "InvalidJob"),
        (f"/{job_id}/batch/751000000000001", "InvalidBatch"),
        (f"/{job_id}/batch/{batch_id}/result/752000000000001", "InvalidBatch"),
        (f"/{job_id}/else", "InvalidUrl"),
        ("", "InvalidUrl"),
    ):
        assert refusal(send(org, "GET", path)) == (400, code)
    assert refusal(org.get("/services/async/37.0/job/1")) == (400, "InvalidSessionId")


@pytest.mark.parametrize("data", [b"a,b\n1\n", b"\xff"])
def test_data_that_cant_be_read_is_refused_at_once(org: Caller, data: bytes) -> None:
    job_id = open_job(org, "insert", "PackagePushJob")
    reply = send(org, "POST", f"/{job_id}/batch", data, "csv")
    assert refusal(reply) == (400, "InvalidBatch")


def test_a_batch_has_ten_thousand_rows_at_most_and_reads_its_own_object(org: Caller) -> None:
    job_id = open_job(org, "insert", "PackagePushJob")
    data = b"SubscriberOrganizationKey\n" + b"x\n" * 10_001
    reply = send(org, "POST", f"/{job_id}/batch", data, "csv")
    assert refusal(reply) == (400, "InvalidBatch")
    query = open_job(org, sobject="PackagePushJob")
    reply = send(org, "POST", f"/{query}/batch", SOQL.encode(), "csv")
    assert refusal(reply) == (400, "InvalidBatch")


def test_a_session_that_is_over_is_said_in_xml(org: Caller) -> None:
    job_id = open_job(org)
    org.simulator.plan_fault("expired_session", call="classic_job")
    assert refusal(send(org, "GET", f"/{job_id}")) == (400, "InvalidSessionId")
    assert refusal(send(org, "GET", f"/{job_id}")) == (400, "InvalidSessionId")
    assert org.get("limits").status == 401


def test_each_call_can_be_made_to_fail(org: Caller) -> None:
    job = info(operation="insert", object="PackagePushJob", contentType="CSV")
    for call in ("create:PackagePushJob", "job", "batch", "state", "results", "close", "abort"):
        org.simulator.plan_fault("refuse", call=f"classic_{call}", errorCode="Exceeded")
    tries = [send(org, "POST", body=job) for _ in "ab"]
    job_id = told(tries[1], 201)["id"]
    data = bulk.job_rows(org.request(), org.orgs(1))
    added = [send(org, "POST", f"/{job_id}/batch", data, "csv") for _ in "ab"]
    path = f"/{job_id}/batch/{told(added[1], 201)['id']}"
    pairs = [tries, added]
    pairs += [
        [send(org, "GET", where) for _ in "ab"] for where in (f"/{job_id}", path, f"{path}/result")
    ]
    refused = [pair[0] for pair in pairs]
    refused += [send(org, "POST", f"/{job_id}", info(state=s)) for s in ("Closed", "Aborted")]
    assert [refusal(reply) for reply in refused] == [(400, "Exceeded")] * 7
    assert [pair[1].status for pair in pairs] == [201, 201, 200, 200, 200]
