"""What exactly is asked, and what is made of the answers."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from rollouts.domain.ids import long_id
from rollouts.salesforce.errors import Refused, TryAgain, Unknown
from rollouts.salesforce.gateway import (
    Gateway,
    Identity,
    SfError,
    SfJob,
    SfPackage,
    SfRequest,
    SfStatus,
    SfSubscriber,
    SfVersion,
)
from tests.salesforce.given import (
    JOB,
    LATER,
    OTHER_ORG,
    OTHER_PACKAGE,
    OTHER_REQUEST,
    PACKAGE,
    REQUEST,
    VERSION,
    job,
    request,
    status_picklist,
    subscriber,
)
from tests.salesforce.scripted import NOW, ORG, ScriptedOrg, gateway_to, page, problem


def test_the_gateway_is_a_gateway() -> None:
    gateway: Gateway = gateway_to(ScriptedOrg())
    assert gateway.writes_allowed


def test_who_we_are() -> None:
    org = ScriptedOrg(
        script=[page({"Id": ORG, "Name": "Harbor"}), (200, {"preferred_username": "bot@x.example"})]
    )
    assert gateway_to(org).identity() == Identity(ORG, "Harbor", "bot@x.example")
    assert [call.path for call in org.calls] == [
        "/services/data/v67.0/query/",
        "/services/oauth2/userinfo",
    ]


def test_who_we_are_without_the_scope_to_read_the_user() -> None:
    org = ScriptedOrg(script=[page({"Id": ORG, "Name": "Harbor"}), problem(403, "Bad_OAuth_Token")])
    assert gateway_to(org).identity() == Identity(ORG, "Harbor", "")


def test_packages_without_salesforces_internal_ones() -> None:
    rows = [
        {"Id": PACKAGE, "Name": "Harbor", "NamespacePrefix": "hbr", "PackageCategory": "Package"},
        {"Id": OTHER_PACKAGE[:15], "Name": "Tide", "PackageCategory": "Package2"},
        {"Id": long_id("033000000000003"), "Name": "x", "PackageCategory": "Module"},
    ]
    assert gateway_to(ScriptedOrg(script=[page(*rows)])).packages() == [
        SfPackage(PACKAGE, "Harbor", "hbr", 1),
        SfPackage(OTHER_PACKAGE, "Tide", "", 2),
    ]


def test_versions_of_one_package() -> None:
    row = {
        "Id": VERSION,
        "MetadataPackageId": PACKAGE,
        "Name": "Spring",
        "MajorVersion": 3,
        "MinorVersion": 12,
        "PatchVersion": None,
        "BuildNumber": 4,
        "ReleaseState": "Released",
        "IsDeprecated": False,
    }
    org = ScriptedOrg(script=[page(row, row | {"MetadataPackageId": OTHER_PACKAGE})])
    assert gateway_to(org).versions(PACKAGE[:15]) == [
        SfVersion(VERSION, PACKAGE, "Spring", 3, 12, 0, 4, released=True, deprecated=False)
    ]
    assert f"WHERE MetadataPackageId = '{PACKAGE}'" in org.calls[0].soql


def test_subscribers_come_page_by_page() -> None:
    org = ScriptedOrg(
        script=[
            page(subscriber(), total=3, following=LATER),
            page(
                subscriber(
                    OrgKey=OTHER_ORG[:15],
                    OrgType="Sandbox",
                    ParentOrg=ORG[:15],
                    HasRestrictionEnabled=True,
                    InstalledStatus="u",
                    OrgName=None,
                ),
                subscriber(MetadataPackageId=OTHER_PACKAGE),
                total=3,
            ),
        ]
    )
    first, second = gateway_to(org).subscribers(PACKAGE)
    assert first == [
        SfSubscriber(
            org=ORG,
            org_name="Acme",
            status="Active",
            is_production=True,
            instance="NA139",
            parent="",
            package_id=PACKAGE,
            version_id=VERSION,
            installed=True,
            blocked=False,
            modified=NOW,
        )
    ]
    (sandbox,) = second
    assert (sandbox.org, sandbox.parent) == (OTHER_ORG, ORG)
    assert not sandbox.is_production
    assert not sandbox.installed
    assert sandbox.blocked
    assert "SystemModstamp >=" not in org.calls[0].soql
    assert org.calls[1].path == LATER


def test_changed_subscribers_are_asked_for_from_the_whole_second_on() -> None:
    org = ScriptedOrg(script=[page()])
    since = NOW + timedelta(milliseconds=900)
    assert list(gateway_to(org).subscribers(PACKAGE, since=since)) == [[]]
    assert org.calls[0].soql.endswith(
        f"WHERE MetadataPackageId = '{PACKAGE}' AND SystemModstamp >= 2026-11-16T01:00:00Z"
    )


def test_an_opt_out_of_the_customer_counts_as_blocked() -> None:
    org = ScriptedOrg(script=[page(subscriber(CustomUpgradeType="BlockedBySubscriber"))])
    assert next(gateway_to(org).subscribers(PACKAGE))[0].blocked


def test_a_query_that_times_out_is_asked_instance_by_instance() -> None:
    org = ScriptedOrg(
        script=[
            problem(400, "QUERY_TIMEOUT"),
            page({"InstanceName": "NA139", "expr0": 1}, {"InstanceName": None, "expr0": 1}),
            page(subscriber()),
            page(subscriber(OrgKey=OTHER_ORG[:15], InstanceName=None)),
        ]
    )
    pages = list(gateway_to(org).subscribers(PACKAGE))
    assert [one.org for found in pages for one in found] == [ORG, OTHER_ORG]
    assert org.calls[1].soql.endswith("GROUP BY InstanceName")
    assert org.calls[2].soql.endswith("AND InstanceName = 'NA139'")
    assert org.calls[3].soql.endswith("AND InstanceName = NULL")


def test_fewer_rows_than_announced_is_no_list() -> None:
    org = ScriptedOrg(
        script=[page(subscriber(), total=3, following=LATER), page(subscriber(), total=3)]
    )
    with pytest.raises(TryAgain, match="announced 3 rows and sent 2"):
        list(gateway_to(org).subscribers(PACKAGE))


@pytest.mark.parametrize(
    "following", [".evil.example/x", "@evil.example/x", "https://evil.example", "", "/other"]
)
def test_a_next_page_elsewhere_is_not_followed(following: str) -> None:
    answer = (200, {"totalSize": 9, "done": False, "records": [], "nextRecordsUrl": following})
    org = ScriptedOrg(script=[answer])
    with pytest.raises(TryAgain):
        list(gateway_to(org).subscribers(PACKAGE))
    assert len(org.calls) == 1


def test_pages_that_go_round_in_a_circle_end() -> None:
    answer = page(total=9, following=LATER)
    org = ScriptedOrg(script=[answer, answer, answer])
    with pytest.raises(TryAgain):
        list(gateway_to(org).subscribers(PACKAGE))
    assert len(org.calls) == 2


def test_a_lost_place_in_the_pages_is_read_again_later() -> None:
    org = ScriptedOrg(
        script=[
            page(subscriber(), total=2, following=LATER),
            problem(400, "INVALID_QUERY_LOCATOR"),
        ]
    )
    with pytest.raises(TryAgain):
        list(gateway_to(org).subscribers(PACKAGE))


def test_orgs_that_nobody_asked_about_are_left_out() -> None:
    org = ScriptedOrg(script=[page(subscriber(), subscriber(OrgKey=OTHER_ORG[:15]))])
    assert [one.org for one in gateway_to(org).installed(PACKAGE, [ORG])] == [ORG]
    assert org.calls[0].soql.endswith(f"AND OrgKey IN ('{ORG[:15]}')")


def test_many_orgs_take_few_calls() -> None:
    orgs = [long_id(f"00D{number:012d}") for number in range(1_000)]
    org = ScriptedOrg(script=[page()] * 3)
    assert gateway_to(org).installed(PACKAGE, orgs) == []
    assert len(org.calls) == 3


def test_no_orgs_take_no_call() -> None:
    org = ScriptedOrg()
    gateway = gateway_to(org)
    assert gateway.installed(PACKAGE, []) == []
    assert gateway.open_jobs_of(PACKAGE, []) == []
    assert gateway.jobs([]) == []
    assert gateway.job_counts([]) == {}
    assert org.seen == []


@pytest.mark.parametrize(
    ("word", "status"),
    [
        ("Created", SfStatus.CREATED),
        ("Pending", SfStatus.PENDING),
        ("InProgress", SfStatus.IN_PROGRESS),
        ("In Progress", SfStatus.IN_PROGRESS),
        ("Succeeded", SfStatus.SUCCEEDED),
        ("Failed", SfStatus.FAILED),
        ("Canceled", SfStatus.CANCELED),
        ("Cancelled", SfStatus.CANCELED),
    ],
)
def test_a_status_is_one_in_either_spelling(word: str, status: SfStatus) -> None:
    org = ScriptedOrg(script=[page(request(word)), page(job(word))])
    gateway = gateway_to(org)
    found = gateway.request(REQUEST)
    assert found == SfRequest(REQUEST, VERSION, PACKAGE, status, NOW)
    assert gateway.jobs([REQUEST]) == [SfJob(JOB, REQUEST, ORG, status)]


@pytest.mark.parametrize("word", ["Paused", "", None, "In  Progress"])
def test_a_status_nobody_knows_is_never_guessed(word: Any) -> None:
    org = ScriptedOrg(script=[page(request(word)), status_picklist(), page(job(word))])
    gateway = gateway_to(org)
    with pytest.raises(Unknown, match=word or "the status"):
        gateway.request(REQUEST)
    with pytest.raises(Unknown):
        gateway.jobs([REQUEST])


@pytest.mark.parametrize(
    "changes",
    [
        {"Id": "0DV"},
        {"PackageVersionId": None},
        {"ScheduledStartTime": "tomorrow"},
        {"ScheduledStartTime": "2026-11-16T01:00:00"},
        {"ScheduledStartTime": 5},
        {"Status": 5},
    ],
)
def test_a_row_that_can_not_be_read_is_not_guessed(changes: dict[str, Any]) -> None:
    org = ScriptedOrg(script=[page(request(**changes))])
    with pytest.raises(Unknown):
        gateway_to(org).request(REQUEST)


@pytest.mark.parametrize(
    "changes", [{"MajorVersion": "4"}, {"MinorVersion": True}, {"IsDeprecated": 1}]
)
def test_a_version_that_can_not_be_read_is_not_guessed(changes: dict[str, Any]) -> None:
    row = {"Id": VERSION, "MetadataPackageId": PACKAGE} | changes
    with pytest.raises(Unknown):
        gateway_to(ScriptedOrg(script=[page(row)])).versions(PACKAGE)


def test_a_request_that_is_not_there() -> None:
    assert gateway_to(ScriptedOrg(script=[page()])).request(REQUEST) is None


def test_a_request_without_a_start_time() -> None:
    org = ScriptedOrg(script=[page(request(ScheduledStartTime=None, PackageVersion=None))])
    found = gateway_to(org).request(REQUEST)
    assert found is not None
    assert found.start is None


def test_a_lost_create_is_looked_up_by_version_and_second() -> None:
    near = request(Id=OTHER_REQUEST, ScheduledStartTime="2026-11-16T01:00:01.000+0000")
    org = ScriptedOrg(script=[page(request(), near)])
    assert [one.id for one in gateway_to(org).requests_starting(VERSION, NOW)] == [REQUEST]
    assert org.calls[0].soql.endswith(
        f"WHERE PackageVersionId = '{VERSION}' AND ScheduledStartTime = 2026-11-16T01:00:00Z"
    )


def test_open_requests_are_all_that_have_not_ended() -> None:
    foreign = request(Id=OTHER_REQUEST, PackageVersion={"MetadataPackageId": OTHER_PACKAGE})
    org = ScriptedOrg(script=[page(request("In Progress"), request("Cancelled"), foreign)])
    assert [one.status for one in gateway_to(org).open_requests(PACKAGE)] == [SfStatus.IN_PROGRESS]
    assert org.calls[0].soql.endswith(
        f"WHERE PackageVersion.MetadataPackageId = '{PACKAGE}' "
        "AND Status NOT IN ('Canceled','Failed','Succeeded')"
    )


def test_jobs_are_counted_in_one_query() -> None:
    def count(status: str, number: int) -> dict[str, Any]:
        return {"PackagePushRequestId": REQUEST, "Status": status, "expr0": number}

    org = ScriptedOrg(
        script=[page(count("Succeeded", 190), count("InProgress", 3), count("In Progress", 2))]
    )
    assert gateway_to(org).job_counts([REQUEST, OTHER_REQUEST]) == {
        REQUEST: {SfStatus.SUCCEEDED: 190, SfStatus.IN_PROGRESS: 5},
        OTHER_REQUEST: {},
    }
    assert len(org.calls) == 1


def test_open_jobs_of_orgs_are_read_over_all_versions() -> None:
    org = ScriptedOrg(
        script=[
            page(job("Pending"), job("Succeeded"), job(SubscriberOrganizationKey=OTHER_ORG[:15]))
        ]
    )
    found = gateway_to(org).open_jobs_of(PACKAGE, [ORG])
    assert [(one.org, one.status) for one in found] == [(ORG, SfStatus.PENDING)]
    assert "PackagePushRequest.PackageVersion.MetadataPackageId" in org.calls[0].soql


def test_job_times_are_utc() -> None:
    row = job("Succeeded", StartTime="2026-11-16T02:00:00.000+0100", EndTime="2026-11-16T01:05:00Z")
    (found,) = gateway_to(ScriptedOrg(script=[page(row)])).jobs([REQUEST])
    assert found.started == NOW
    assert found.ended == datetime(2026, 11, 16, 1, 5, tzinfo=UTC)


def test_errors_of_a_request() -> None:
    row = {
        "Id": long_id("0DY000000000001"),
        "PackagePushJobId": JOB,
        "ErrorSeverity": "Error",
        "ErrorType": "UnclassifiedError",
        "ErrorTitle": "Unexpected Failure",
        "ErrorMessage": "error number: 731858695-80805 (-151184096)",
        "ErrorDetails": None,
    }
    org = ScriptedOrg(script=[page(row)])
    assert gateway_to(org).errors([REQUEST]) == [
        SfError(
            long_id("0DY000000000001"),
            JOB,
            "Error",
            "UnclassifiedError",
            "Unexpected Failure",
            "error number: 731858695-80805 (-151184096)",
            "",
        )
    ]


def test_budget_and_drift_come_with_every_answer() -> None:
    org = ScriptedOrg(
        script=[page(), problem(400, "X")],
        headers={
            "Sforce-Limit-Info": "api-usage=18/5000",
            "Date": "Mon, 16 Nov 2026 01:00:30 GMT",
        },
    )
    gateway = gateway_to(org)
    assert gateway.budget() is None
    assert gateway.clock_drift() == timedelta()
    gateway.packages()
    budget = gateway.budget()
    assert budget is not None
    assert budget.left == 4982
    assert gateway.clock_drift() == timedelta(seconds=30)
    org.headers["Sforce-Limit-Info"] = "api-usage=19/5000"
    with pytest.raises(Refused):
        gateway.packages()
    budget = gateway.budget()
    assert budget is not None
    assert budget.used == 19
