"""The client library's Bulk API 2.0, unmodified, against the simulator."""

from __future__ import annotations

import csv
import io
from typing import Any

import pytest
from simple_salesforce.exceptions import SalesforceGeneralError

from .caller import Caller
from .test_simple_salesforce import signed_in


@pytest.fixture(autouse=True)
def no_waiting(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("simple_salesforce.bulk2.sleep", lambda seconds: None)


def rows(text: str) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(text)))


def test_jobs_are_added_in_bulk(org: Caller) -> None:
    sf = signed_in(org.simulator)
    request_id = org.request()
    keys = [*org.orgs(5), "00D000000000001"]
    records = [
        {"PackagePushRequestId": request_id, "SubscriberOrganizationKey": key} for key in keys
    ]
    [told] = sf.bulk2.PackagePushJob.insert(records=records)
    assert (told["numberRecordsTotal"], told["numberRecordsProcessed"]) == (6, 6)
    assert told["numberRecordsFailed"] == 1
    bulk = sf.bulk2.PackagePushJob
    [refused] = rows(bulk.get_failed_records(told["job_id"]))
    assert refused["SubscriberOrganizationKey"] == "00D000000000001"
    assert refused["sf__Error"].startswith("INVALID_OPERATION:")
    assert len(rows(bulk.get_successful_records(told["job_id"]))) == 5
    assert rows(bulk.get_unprocessed_records(told["job_id"])) == []
    assert org.job_counts(request_id) == {"Created": 5}


def test_a_large_upload_is_several_jobs(org: Caller) -> None:
    sf = signed_in(org.simulator)
    request_id = org.request()
    records = [
        {"PackagePushRequestId": request_id, "SubscriberOrganizationKey": key}
        for key in org.orgs(5)
    ]
    told = sf.bulk2.PackagePushJob.insert(records=records, batch_size=2)
    assert [job["numberRecordsProcessed"] for job in told] == [2, 2, 1]
    assert org.job_counts(request_id) == {"Created": 5}


def test_a_query_comes_in_pages(org: Caller) -> None:
    sf: Any = signed_in(org.simulator)
    soql = "SELECT Id, OrgName FROM PackageSubscriber"
    pages = [rows(page) for page in sf.bulk2.PackageSubscriber.query(soql, max_records=50)]
    found = [(row["Id"], row["OrgName"]) for page in pages for row in page]
    assert found == [(row["Id"], row["OrgName"]) for row in org.rows(soql)]
    assert len(pages) == -(-len(found) // 50)


def test_it_aborts_the_job_when_an_upload_breaks(org: Caller) -> None:
    sf = signed_in(org.simulator)
    org.simulator.plan_fault("error_before", call="bulk_upload", times=9)
    records = [{"PackagePushRequestId": "x", "SubscriberOrganizationKey": "y"}]
    with pytest.raises(SalesforceGeneralError):
        sf.bulk2.PackagePushJob.insert(records=records)
    assert [job["state"] for job in org.get("jobs/ingest").ok()["records"]] == ["Aborted"]
