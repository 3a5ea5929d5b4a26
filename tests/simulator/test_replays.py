"""What other tools send, request by request, as it was recorded from them.

The Salesforce CLI and CumulusCI also run for real, in `make interop`; package-manager,
Package-Visualizer, the isvte plugin and SalesforceLabs' PackagePush are replayed here only.
"""

# ruff: noqa: S608 - these are SOQL texts, and each must arrive as it was recorded

from __future__ import annotations

import csv
import io
from typing import Any
from urllib.parse import quote

import pytest

from rollouts.simulator import Role

from . import bulk
from .caller import Caller, Reply, StoppedClock, wait_for
from .conftest import Build
from .test_bulk_classic import NS, info, parsed

START = "2026-12-06T21:00:00"


def ask(org: Caller, soql: str, slash: str = "") -> Any:
    """A query with its spaces as %20, as JavaScript encodes them."""
    return org.get(f"query{slash}?q={quote(soql)}").ok()


def classic(org: Caller, method: str, path: str, body: bytes = b"", kind: str = "xml") -> str:
    types = {"xml": "application/xml;charset=UTF-8", "csv": "text/csv;charset=UTF-8"}
    headers = {"X-SFDC-SESSION": org.token, "Authorization": "", "Content-Type": types[kind]}
    reply = org.send(method, f"/services/async/{org.api}/job{path}", raw=body, headers=headers)
    assert reply.status in (200, 201), reply.text
    return reply.text


def text_of(xml: str, name: str) -> str:
    return str(parsed(xml).findtext(f"{{{NS}}}{name}"))


# --- Salesforce CLI -------------------------------------------------------------------------


def test_the_cli_signs_in(org: Caller) -> None:
    user = org.get("/services/oauth2/userinfo").ok()
    org.api = "51.0"
    assert (
        org.get(f"sobjects/User/{user['user_id']}").ok()["Username"] == user["preferred_username"]
    )
    assert ask(org, "SELECT Id FROM ScratchOrgInfo limit 1")["done"] is True
    newest = org.get("/services/data").ok()[-1]["version"]
    org.api = newest
    [organization] = ask(
        org,
        "SELECT Name, InstanceName, IsSandbox, TrialExpirationDate, NamespacePrefix,"
        " OrganizationType FROM Organization",
    )["records"]
    assert organization["OrganizationType"] == "Enterprise Edition"


def test_the_cli_lists_subscribers(build: Build) -> None:
    org = build(orgs=4_600)
    package = org.column("SELECT Id FROM MetadataPackage WHERE Name = 'Harbor'")[0]
    soql = (
        "SELECT OrgKey, OrgName, OrgType, OrgStatus, InstanceName, MetadataPackageVersionId "
        f"FROM PackageSubscriber WHERE MetadataPackageId = '{package}'"
    )
    pages = [ask(org, soql)]
    while "nextRecordsUrl" in pages[-1]:
        pages.append(org.get(pages[-1]["nextRecordsUrl"]).ok())
    assert [len(page["records"]) for page in pages[:2]] == [2_000, 2_000]
    assert sum(len(page["records"]) for page in pages) == pages[0]["totalSize"]
    with_deleted = org.get(f"queryAll?q={quote(soql)}").ok()
    assert with_deleted["totalSize"] == pages[0]["totalSize"]
    columns = org.get(f"query?q={quote(soql)}&columns=true").ok()["columnMetadata"]
    assert columns[0]["columnName"] == "OrgKey"


def cli_schedule(org: Caller, keys: list[str]) -> tuple[str, str, list[dict[str, str]]]:
    """The CLI's first six calls; gives request, bulk job and the rows that failed."""
    body = {"PackageVersionId": org.version("4.2.2"), "ScheduledStartTime": START}
    request_id = org.post("sobjects/packagepushrequest/", body).ok()["id"]
    job_id = org.post("jobs/ingest", {"operation": "insert", "object": "PackagePushJob"}).ok()["id"]
    bulk.upload(org, job_id, bulk.job_rows(request_id, keys), {"Content-Type": "text/csv"})
    bulk.move(org, job_id, "UploadComplete")
    while bulk.state(org, job_id)["state"] != "JobComplete":
        continue
    return request_id, job_id, bulk.results(org, job_id, "failedResults")


def test_the_cli_schedules_reports_lists_and_aborts(org: Caller) -> None:
    request_id, _, failed = cli_schedule(org, org.orgs(3))
    assert failed == []
    path = f"sobjects/packagepushrequest/{request_id}"
    assert org.send("PATCH", path, {"Status": "Pending"}).status == 204
    [told] = ask(
        org,
        "SELECT PackageVersion.MetadataPackage.Name, PackageVersion.MajorVersion,"
        " PackageVersion.MinorVersion, PackageVersion.MetadataPackage.NamespacePrefix,"
        " PackageVersion.MetadataPackageId, PackageVersionId, PackageVersion.Name, Id, Status,"
        " ScheduledStartTime, StartTime, EndTime, DurationSeconds FROM PackagePushRequest"
        f" WHERE Id = '{request_id}'",
    )["records"]
    assert told["PackageVersion"]["MetadataPackage"]["Name"] == "Harbor"
    assert (told["Status"], told["ScheduledStartTime"]) == ("Pending", f"{START}.000+0000")
    package = told["PackageVersion"]["MetadataPackageId"]
    listed = ask(
        org,
        "SELECT Id, PackageVersionId, PackageVersion.Name, PackageVersion.MajorVersion,"
        " PackageVersion.MinorVersion, Status, ScheduledStartTime, StartTime, EndTime, IsMigration"
        f" FROM PackagePushRequest WHERE PackageVersion.MetadataPackageId = '{package}' AND"
        " Status = 'Pending' AND ScheduledStartTime >= 2026-01-01T00:00:00.000Z",
    )
    assert [row["Id"] for row in listed["records"]] == [request_id]
    for also, count in (("", 3), (" AND Status = 'Failed'", 0)):
        where = f"WHERE PackagePushRequestId = '{request_id}'{also} "
        counted = ask(org, f"SELECT Count(Id) FROM PackagePushJob {where}")
        assert counted["records"][0]["expr0"] == count
    errors = ask(
        org,
        "SELECT ErrorMessage, ErrorDetails, ErrorTitle, ErrorSeverity, ErrorType from"
        f" PackagePushError WHERE PackagePushJob.PackagePushRequestId = '{request_id}' ",
    )
    assert errors["records"] == []
    assert org.send("PATCH", path, {"Status": "Canceled"}).status == 204
    assert org.job_counts(request_id) == {"Canceled": 3}


def test_the_cli_gives_up_when_a_row_is_refused(org: Caller) -> None:
    request_id, job_id, failed = cli_schedule(org, [*org.orgs(2), "00D000000000001"])
    assert len(failed) == 1
    assert org.send("DELETE", f"jobs/ingest/{job_id}").status == 204
    assert org.status(request_id) == "Created"
    assert org.job_counts(request_id) == {"Created": 2}


# --- CumulusCI ------------------------------------------------------------------------------


@pytest.fixture
def packaging(build: Build) -> Caller:
    return build(role=Role.PACKAGING)


def cumulusci_tree(org: Caller, request_id: str, keys: list[str]) -> Reply:
    records = [
        {
            "attributes": {"type": "PackagePushJob", "referenceId": key},
            "PackagePushRequestId": request_id,
            "SubscriberOrganizationKey": key,
        }
        for key in keys
    ]
    return org.post("composite/tree/PackagePushJob", {"records": records})


def test_cumulusci_pushes_to_a_list(packaging: Caller) -> None:
    org = packaging
    keys = [*org.orgs(2), "00D000000000001"]
    user = org.get("/services/oauth2/userinfo").ok()
    assert org.get(f"sobjects/Organization/{user['organization_id']}").ok()["NamespacePrefix"]
    org.api = "38.0"
    [package] = ask(
        org,
        "SELECT id, name, namespaceprefix FROM MetadataPackage WHERE NamespacePrefix = 'hbr'"
        " LIMIT 1",
        "/",
    )["records"]
    assert (package["Name"], package["NamespacePrefix"]) == ("Harbor", "hbr")
    [version] = ask(
        org,
        "SELECT Id, Name, MetadataPackageId, ReleaseState, MajorVersion, MinorVersion,"
        " PatchVersion, BuildNumber FROM MetadataPackageVersion WHERE MetadataPackageId ="
        f" '{package['Id']}' AND (ReleaseState = 'Released' AND MajorVersion = 4 AND MinorVersion"
        " = 2 AND PatchVersion = 2) ORDER BY MajorVersion DESC, MinorVersion DESC, PatchVersion,"
        " BuildNumber DESC LIMIT 1",
        "/",
    )["records"]
    body = {"PackageVersionId": version["Id"], "ScheduledStartTime": f"{START}+00:00"}
    request_id = org.post("sobjects/PackagePushRequest/", body).ok()["id"]
    refused = cumulusci_tree(org, request_id, keys)
    assert refused.status == 400
    [wrong] = refused.json()["results"]
    assert (wrong["referenceId"], wrong["errors"][0]["statusCode"]) == (
        "00D000000000001",
        "INVALID_OPERATION",
    )
    keys.remove(wrong["referenceId"])
    assert cumulusci_tree(org, request_id, keys).status == 201
    assert org.set_status(request_id, "Pending").status == 204
    assert org.job_counts(request_id) == {"Pending": 2}


def test_cumulusci_finds_its_audience(packaging: Caller) -> None:
    org = packaging
    newer = [org.version(number) for number in ("4.2.2", "4.3.0", "4.4.0")]
    older = org.column(
        "SELECT OrgKey FROM PackageSubscriber WHERE OrgStatus != 'Inactive' AND"
        f" MetadataPackageVersionId NOT IN ('{newer[0]}','{newer[1]}','{newer[2]}')"
    )
    org.api = "38.0"
    job = info(operation="query", object="PackageSubscriber", contentType="CSV")
    job_id = text_of(classic(org, "POST", "", job), "id")
    soql = (
        "SELECT Id, MetadataPackageVersionId, InstalledStatus, InstanceName, OrgName, OrgKey,"
        " OrgStatus, OrgType from PackageSubscriber WHERE (OrgStatus != 'Inactive' AND"
        " InstalledStatus = 'i' AND MetadataPackageVersionId NOT IN ('" + "','".join(newer) + "'))"
    )
    batch_id = text_of(classic(org, "POST", f"/{job_id}/batch", soql.encode(), "csv"), "id")
    figures = classic(org, "GET", f"/{job_id}")
    assert text_of(figures, "numberBatchesCompleted") == text_of(figures, "numberBatchesTotal")
    classic(org, "GET", f"/{job_id}/batch")
    assert text_of(classic(org, "POST", f"/{job_id}", info(state="Closed")), "state") == "Closed"
    classic(org, "GET", f"/{job_id}/batch/{batch_id}")
    result = text_of(classic(org, "GET", f"/{job_id}/batch/{batch_id}/result"), "result")
    rows = csv.DictReader(
        io.StringIO(classic(org, "GET", f"/{job_id}/batch/{batch_id}/result/{result}"))
    )
    assert [row["OrgKey"] for row in rows] == older


def test_cumulusci_reports_failures(packaging: Caller, clock: StoppedClock) -> None:
    org = packaging
    keys = org.orgs(3)
    org.simulator.script(keys[1:2], error=["UnexpectedFailure", "DeployError"])
    request_id = org.push(keys)
    wait_for(org, clock, request_id, "Failed")
    org.api = "43.0"
    jobs = ask(
        org,
        "SELECT ID, SubscriberOrganizationKey, (SELECT ErrorDetails, ErrorMessage, ErrorSeverity,"
        " ErrorTitle, ErrorType FROM PackagePushErrors) FROM PackagePushJob WHERE"
        f" PackagePushRequestId = '{request_id}' AND Status !='Succeeded'",
        "/",
    )["records"]
    nested = {job["SubscriberOrganizationKey"]: job["PackagePushErrors"] for job in jobs}
    assert len(nested[keys[1]]["records"]) == nested[keys[1]]["totalSize"] == 2
    failed = "','".join(nested)
    found = ask(
        org,
        "SELECT OrgKey, OrgName, OrgType, OrgStatus, InstanceName FROM PackageSubscriber"
        f" WHERE OrgKey IN ('{failed}')",
        "/",
    )
    assert [row["OrgKey"] for row in found["records"]] == keys[1:2]


# --- package-manager ------------------------------------------------------------------------


def test_package_manager_schedules_activates_follows_and_cancels(org: Caller) -> None:
    keys = org.orgs(3)
    org.api = "52.0"
    body = {"PackageVersionId": org.version("4.2.2"), "ScheduledStartTime": f"{START}.000Z"}
    request_id = org.post("sobjects/PackagePushRequest", body).ok()["id"]
    job = info(operation="insert", object="PackagePushJob", contentType="CSV")
    job_id = text_of(classic(org, "POST", "", job), "id")
    rows = bulk.job_rows(request_id, [*keys, keys[0]])
    batch_id = text_of(classic(org, "POST", f"/{job_id}/batch", rows, "csv"), "id")
    assert text_of(classic(org, "GET", f"/{job_id}/batch/{batch_id}"), "state") == "Completed"
    results = list(
        csv.DictReader(io.StringIO(classic(org, "GET", f"/{job_id}/batch/{batch_id}/result")))
    )
    assert [result["Success"] for result in results] == ["true", "true", "true", "false"]
    assert results[3]["Error"].startswith("DUPLICATE_VALUE:")
    assert org.set_status(request_id, "Pending").status == 204
    jobs = ask(
        org,
        "SELECT Id, PackagePushRequestId, SubscriberOrganizationKey, Status FROM PackagePushJob"
        f" WHERE PackagePushRequestId = '{request_id}' ORDER BY Id",
    )["records"]
    assert [one["Id"] for one in jobs] == sorted(result["Id"] for result in results[:3])
    assert org.set_status(request_id, "Canceled").status == 204
    assert org.job_counts(request_id) == {"Canceled": 3}


# --- the others -----------------------------------------------------------------------------


def test_package_visualizer_schedules(org: Caller) -> None:
    keys = org.orgs(2)
    org.api = "57.0"
    request_id = org.request(start=f"{START}Z")
    records = [
        {
            "attributes": {"type": "PackagePushJob"},
            "PackagePushRequestId": request_id,
            "SubscriberOrganizationKey": key,
        }
        for key in [*keys, "00D000000000001"]
    ]
    reply = org.post("composite/sobjects", {"allOrNone": False, "records": records})
    assert (reply.status, [row["success"] for row in reply.json()]) == (200, [True, True, False])
    assert org.set_status(request_id, "Pending").status == 204
    found = ask(
        org,
        "SELECT Id, Status, (SELECT ErrorTitle FROM PackagePushErrors) FROM PackagePushJob WHERE"
        f" PackagePushRequestId = '{request_id}' LIMIT 1 OFFSET 1",
    )["records"]
    assert [(row["Status"], row["PackagePushErrors"]) for row in found] == [("Pending", None)]


def test_the_isvte_plugin_makes_all_in_one_call(org: Caller) -> None:
    keys = org.orgs(3)
    org.api = "49.0"
    jobs = [
        {
            "attributes": {"type": "PackagePushJob", "referenceId": f"job{number}"},
            "SubscriberOrganizationKey": key,
        }
        for number, key in enumerate(keys)
    ]
    record = {
        "attributes": {"type": "PackagePushRequest", "referenceId": "pushRequest"},
        "PackageVersionId": org.version("4.2.2"),
        "ScheduledStartTime": START,
        "PackagePushJobs": {"records": jobs},
    }
    reply = org.post("composite/tree/PackagePushRequest/", {"records": [record]})
    assert (reply.status, reply.json()["hasErrors"]) == (201, False)
    ids = {result["referenceId"]: result["id"] for result in reply.json()["results"]}
    assert org.status(ids["pushRequest"]) == "Created"
    assert org.job_counts(ids["pushRequest"]) == {"Created": 3}


def test_package_push_patches_by_post(org: Caller) -> None:
    [key] = org.orgs(1)
    org.api = "44.0"
    request_id = org.request(start=f"{START}Z")
    assert cumulusci_tree(org, request_id, [key]).status == 201
    path = f"sobjects/packagepushrequest/{request_id}?_HttpMethod=PATCH"
    assert org.post(path, {"status": "Pending"}).status == 204
    assert org.status(request_id) == "Pending"
