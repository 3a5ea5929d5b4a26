"""Sessions, addresses, methods and bodies: what is strict at the door."""

# ruff: noqa: S608 - these are SOQL texts, and each must arrive as it is written

from __future__ import annotations

import pytest

from rollouts.simulator import Options, Role, Simulator, Unknowns

from .caller import FORM, Caller, StoppedClock, job
from .conftest import Build

PATHS = {
    "query/?q=SELECT+Id+FROM+PackagePushJob",
    "limits",
    "sobjects",
    "sobjects/PackagePushJob/describe",
    "/services/oauth2/userinfo",
}


# --- sessions -------------------------------------------------------------------------------


def test_the_token_answer_leads_to_the_org(org: Caller) -> None:
    reply = org.sign_in().json()
    assert reply["token_type"] == "Bearer"
    assert reply["instance_url"] == "http://simulated.example:8081"
    identity = org.get(reply["id"].removeprefix(reply["instance_url"])).ok()
    userinfo = org.get("/services/oauth2/userinfo").ok()
    assert identity["organization_id"] == userinfo["organization_id"]
    assert org.column("SELECT Id FROM Organization") == [identity["organization_id"]]


@pytest.mark.parametrize(
    ("changes", "status", "error"),
    [
        ({"grant_type": "password"}, 400, "unsupported_grant_type"),
        ({"grant_type": ""}, 400, "unsupported_grant_type"),
        ({"client_id": "someone"}, 400, "invalid_client_id"),
        ({"client_secret": "guess"}, 401, "invalid_client"),
    ],
)
def test_the_token_endpoint_refuses(
    org: Caller, changes: dict[str, str], status: int, error: str
) -> None:
    reply = org.sign_in(**changes)
    assert (reply.status, reply.json()["error"]) == (status, error)
    assert reply.json()["error_description"]


def test_the_token_endpoint_takes_forms_only_and_not_on_the_login_host(org: Caller) -> None:
    token = "/services/oauth2/token"
    assert org.post(token, {"grant_type": "client_credentials"}).status == 400
    form = b"grant_type=client_credentials&client_id=pushboard-demo&client_secret=simulated-secret"
    reply = org.send(
        "POST", token, raw=form, headers={"Content-Type": FORM, "Host": "login.salesforce.com"}
    )
    assert reply.json() == {
        "error": "invalid_grant",
        "error_description": "request not supported on this domain",
    }


@pytest.mark.parametrize("path", sorted(PATHS))
@pytest.mark.parametrize("header", ["", "Bearer", "Bearer wrong", "Basic x"])
def test_without_a_session_there_is_nothing(org: Caller, path: str, header: str) -> None:
    reply = org.send("GET", path, headers={"Authorization": header})
    assert reply.status == 401
    assert reply.json() == [
        {"message": "Session expired or invalid", "errorCode": "INVALID_SESSION_ID"}
    ]


def test_a_token_lives_two_hours_of_wall_time() -> None:
    wall = StoppedClock()
    simulator = Simulator(orgs=10, clock=StoppedClock(), wall=wall, options=Options())
    org = Caller(simulator)
    wall.pass_(hours=1, minutes=59)
    assert org.get("limits").status == 200
    wall.pass_(minutes=1)
    assert org.get("limits").error == (401, "INVALID_SESSION_ID")
    org.token = org.sign_in().json()["access_token"]
    assert org.get("limits").status == 200
    simulator.expire_sessions()
    assert org.get("limits").status == 401


# --- addresses and methods ------------------------------------------------------------------


def test_the_versions_are_listed_without_a_session(org: Caller) -> None:
    listed = org.send("GET", "/services/data", headers={"Authorization": ""}).ok()
    assert listed[0]["version"] == "38.0"
    assert listed[-2] == {"label": "Summer '26", "url": "/services/data/v67.0", "version": "67.0"}


@pytest.mark.parametrize("version", ["37.0", "69.0", "67", "67.5", "v67.0", "067.0"])
def test_an_unknown_version_is_not_found(org: Caller, version: str) -> None:
    assert org.get(f"/services/data/v{version}/limits").error == (404, "NOT_FOUND")


@pytest.mark.parametrize(
    "path", ["nothing", "sobjects/Nothing", "sobjects/PackagePushJob/x/y", "composite/tree/x", "/x"]
)
def test_an_unknown_address_is_not_found(org: Caller, path: str) -> None:
    assert org.get(path).error == (404, "NOT_FOUND")


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("DELETE", "sobjects/PackagePushRequest/0DV000000000001"),
        ("DELETE", "sobjects/PackagePushJob/0DX000000000001"),
        ("PUT", "sobjects/PackagePushRequest/0DV000000000001"),
        ("PATCH", "sobjects/PackageSubscriber/0Sb000000000001"),
        ("POST", "sobjects/PackageSubscriber"),
        ("POST", "sobjects/PackagePushError"),
        ("POST", "sobjects/MetadataPackageVersion"),
        ("POST", "query/?q=x"),
        ("GET", "composite/sobjects"),
    ],
)
def test_a_wrong_method_is_refused(org: Caller, method: str, path: str) -> None:
    reply = org.send(method, path, {} if method != "GET" else None)
    assert reply.error == (405, "METHOD_NOT_ALLOWED")


def test_a_patch_may_come_as_a_post(org: Caller) -> None:
    request_id = org.request()
    path = f"sobjects/packagepushrequest/{request_id[:15]}?_HttpMethod=PATCH"
    assert org.post(path, {"Status": "Canceled"}).status == 204
    assert org.status(request_id) == "Canceled"


def test_a_long_url_is_too_long(org: Caller) -> None:
    keys = ",".join(["'00D000000000001'"] * 1_200)
    reply = org.ask(f"SELECT Id FROM PackageSubscriber WHERE OrgKey IN ({keys})")
    assert reply.status == 414


def test_every_answer_bears_time_and_usage(org: Caller, clock: StoppedClock) -> None:
    first = org.get("limits")
    refused = org.get("sobjects/Nothing")
    assert first.headers["Date"] == "Mon, 02 Mar 2026 06:00:00 GMT"
    assert first.headers["X-Simulator-Now"] == "2026-03-02T06:00:00.000Z"
    assert first.headers["Sforce-Limit-Info"] == "api-usage=1/1000000"
    assert refused.headers["Sforce-Limit-Info"] == "api-usage=1/1000000"


def test_the_daily_calls_run_out_and_come_back(build: Build, clock: StoppedClock) -> None:
    org = build(daily_calls=3)
    assert [org.get("limits").status for _ in range(4)] == [200, 200, 200, 403]
    assert org.get("limits").error == (403, "REQUEST_LIMIT_EXCEEDED")
    clock.pass_(hours=25)
    assert org.get("limits").ok()["DailyApiRequests"] == {"Max": 3, "Remaining": 2}


# --- describe -------------------------------------------------------------------------------


def test_describe_tells_what_each_field_is_for(org: Caller) -> None:
    told = org.get("sobjects/packagepushjob/describe").ok()
    assert (told["name"], told["keyPrefix"], told["createable"], told["deletable"]) == (
        "PackagePushJob",
        "0DX",
        True,
        False,
    )
    fields = {field["name"]: field for field in told["fields"]}
    status = fields["Status"]
    assert (status["createable"], status["updateable"], status["restrictedPicklist"]) == (
        True,
        False,
        True,
    )
    labels = {each["value"]: each["label"] for each in status["picklistValues"]}
    assert labels["InProgress"] == "In Progress"
    assert "Canceled" in labels
    assert not fields["StartTime"]["filterable"]
    assert not fields["StartTime"]["sortable"]
    assert fields["PackagePushRequestId"]["relationshipName"] == "PackagePushRequest"
    assert [each["relationshipName"] for each in told["childRelationships"]] == [
        "PackagePushErrors"
    ]


@pytest.mark.parametrize(
    "name",
    [
        "MetadataPackage",
        "MetadataPackageVersion",
        "PackageSubscriber",
        "PackagePushRequest",
        "PackagePushJob",
        "PackagePushError",
        "Organization",
    ],
)
def test_every_object_is_described_and_can_be_read(org: Caller, name: str) -> None:
    fields = [field["name"] for field in org.get(f"sobjects/{name}/describe").ok()["fields"]]
    assert org.ask(f"SELECT {', '.join(fields)} FROM {name} LIMIT 5").status == 200
    assert name in [each["name"] for each in org.get("sobjects").ok()["sobjects"]]


def test_an_org_without_push_has_no_push_objects(build: Build) -> None:
    org = build(push_enabled=False)
    assert org.ask("SELECT Id FROM PackagePushRequest").error == (400, "INVALID_TYPE")
    assert org.get("sobjects/PackagePushRequest").error == (404, "NOT_FOUND")


def test_a_user_without_the_permission_reads_pushes_and_creates_none(build: Build) -> None:
    org = build(push_permission=False, unknowns=Unknowns(missing_permission_shows_objects=True))
    assert org.ask("SELECT Id FROM PackagePushRequest").status == 200
    assert not org.get("sobjects/PackagePushRequest/describe").ok()["createable"]
    reply = org.post("sobjects/PackagePushRequest", {"PackageVersionId": org.version("4.2.2")})
    assert reply.error == (400, "INSUFFICIENT_ACCESS_OR_READONLY")


def test_a_packaging_org_owns_one_package_and_is_no_dev_hub(build: Build, org: Caller) -> None:
    packaging = build(role=Role.PACKAGING)
    assert packaging.column("SELECT Name FROM MetadataPackage") == ["Harbor"]
    assert packaging.column("SELECT NamespacePrefix FROM Organization") == ["hbr"]
    scratch = "SELECT Id FROM ScratchOrgInfo limit 1"
    assert packaging.ask(scratch).error == (400, "INVALID_TYPE")
    assert org.rows(scratch) == []


# --- records --------------------------------------------------------------------------------


def test_a_record_is_created_and_read(org: Caller, clock: StoppedClock) -> None:
    body = {
        "attributes": {"type": "PackagePushRequest"},
        "packageversionid": org.version("4.3.0")[:15],
        "ScheduledStartTime": "2026-04-01T01:00:00",
    }
    reply = org.post("sobjects/packagepushrequest/", body)
    assert reply.status == 201
    record_id = reply.json()["id"]
    assert reply.json() == {"id": record_id, "success": True, "errors": []}
    assert (len(record_id), record_id[:3]) == (18, "0DV")

    record = org.get(f"sobjects/PackagePushRequest/{record_id[:15]}").ok()
    assert record["attributes"]["type"] == "PackagePushRequest"
    assert record["PackageVersionId"] == org.version("4.3.0")
    assert record["ScheduledStartTime"] == "2026-04-01T01:00:00.000+0000"
    assert (record["Status"], record["StartTime"], record["IsMigration"]) == (
        "Created",
        None,
        False,
    )
    some = org.get(f"sobjects/PackagePushRequest/{record_id}?fields=Status,Id").ok()
    assert list(some) == ["attributes", "Status", "Id"]


@pytest.mark.parametrize(
    ("change", "status", "code"),
    [
        ({"Colour": "red"}, 400, "INVALID_FIELD"),
        ({"Id": "0DV000000000001"}, 400, "INVALID_FIELD_FOR_INSERT_UPDATE"),
        ({"SystemModstamp": "2026-01-01T00:00:00Z"}, 400, "INVALID_FIELD_FOR_INSERT_UPDATE"),
        ({"DurationSeconds": 3}, 400, "INVALID_FIELD_FOR_INSERT_UPDATE"),
        ({"PackageVersionId": None}, 400, "REQUIRED_FIELD_MISSING"),
        ({"PackageVersionId": 5}, 400, "JSON_PARSER_ERROR"),
        ({"PackageVersionId": "nonsense"}, 400, "MALFORMED_ID"),
        ({"PackageVersionId": "033000000000001"}, 400, "MALFORMED_ID"),
        ({"PackageVersionId": "04t000000000001AAB"}, 400, "MALFORMED_ID"),
        ({"PackageVersionId": "04t000000000001"}, 400, "INVALID_CROSS_REFERENCE_KEY"),
        ({"ScheduledStartTime": "tomorrow"}, 400, "JSON_PARSER_ERROR"),
        ({"ScheduledStartTime": 1_760_000_000}, 400, "JSON_PARSER_ERROR"),
        ({"ScheduledStartTime": "2026-02-30T00:00:00Z"}, 400, "JSON_PARSER_ERROR"),
        ({"Status": "Pending"}, 400, "INVALID_STATUS"),
        ({"Status": "Cancelled"}, 400, "INVALID_OR_NULL_FOR_RESTRICTED_PICKLIST"),
        ({"attributes": {"type": "PackagePushJob"}}, 400, "JSON_PARSER_ERROR"),
    ],
)
def test_a_request_is_created_strictly(
    org: Caller, change: dict[str, object], status: int, code: str
) -> None:
    body = {"PackageVersionId": org.version("4.2.2"), **change}
    assert org.post("sobjects/PackagePushRequest", body).error == (status, code)
    assert org.rows("SELECT Id FROM PackagePushRequest") == []


def test_a_body_must_be_a_json_object(org: Caller) -> None:
    path = "sobjects/PackagePushRequest"
    headers = {"Content-Type": "application/json"}
    for raw in (b"", b"{", b"[]", b"3", b"\xff"):
        reply = org.send("POST", path, raw=raw, headers=headers)
        assert reply.error == (400, "JSON_PARSER_ERROR")
    form = org.send("POST", path, raw=b"{}", headers={"Content-Type": FORM})
    assert form.error == (415, "UNSUPPORTED_MEDIA_TYPE")


def test_a_jobs_status_is_not_for_clients(org: Caller) -> None:
    request_id = org.request()
    [result] = org.add(request_id, org.orgs(1))
    reply = org.send("PATCH", f"sobjects/PackagePushJob/{result['id']}", {"Status": "Canceled"})
    assert reply.error == (400, "INVALID_FIELD_FOR_INSERT_UPDATE")
    assert reply.json()[0]["fields"] == ["Status"]


@pytest.mark.parametrize(
    ("record_id", "error"),
    [("0DV000000000001", (404, "NOT_FOUND")), ("nonsense", (400, "MALFORMED_ID"))],
)
def test_a_record_must_be_there(org: Caller, record_id: str, error: tuple[int, str]) -> None:
    path = f"sobjects/PackagePushRequest/{record_id}"
    assert org.get(path).error == error
    assert org.send("PATCH", path, {"Status": "Pending"}).error == error


def test_a_collection_holds_two_hundred_at_most(org: Caller) -> None:
    request_id = org.request()
    records = [job(request_id, "00D000000000001")] * 201
    reply = org.post("composite/sobjects", {"records": records})
    assert reply.error == (400, "EXCEEDED_ID_LIMIT")
    assert org.post("composite/sobjects", {"records": records[:200]}).status == 200


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"records": {}},
        {"records": [], "allOrNone": "no"},
        {"records": [], "also": 1},
        {"records": [{"SubscriberOrganizationKey": "x"}]},
        {"records": [{"attributes": {"type": "PackageSubscriber"}}]},
    ],
)
def test_a_collection_is_read_strictly(org: Caller, body: dict[str, object]) -> None:
    assert org.post("composite/sobjects", body).status == 400
