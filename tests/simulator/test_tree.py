"""composite/tree: all or nothing, and each wrong record by its reference."""

from __future__ import annotations

import pytest

from .caller import Caller, Reply, job
from .conftest import Build

TREE = "composite/tree/PackagePushJob"


def leaf(request_id: str, org: str, reference: str | None = None) -> dict[str, object]:
    attributes = {"type": "PackagePushJob", "referenceId": reference or org}
    return job(request_id, org, attributes=attributes)


def plant(org: Caller, records: list[dict[str, object]], path: str = TREE) -> Reply:
    return org.post(path, {"records": records})


def whole(org: Caller, orgs: list[str], **more: object) -> dict[str, object]:
    """A request and its jobs as one record of a tree."""
    jobs = [
        {
            "attributes": {"type": "PackagePushJob", "referenceId": f"job{number}"},
            "SubscriberOrganizationKey": key,
        }
        for number, key in enumerate(orgs)
    ]
    return {
        "attributes": {"type": "PackagePushRequest", "referenceId": "request"},
        "PackageVersionId": org.version("4.2.2"),
        "PackagePushJobs": {"records": jobs},
        **more,
    }


def test_all_jobs_are_added_and_named_by_their_references(org: Caller) -> None:
    request_id = org.request()
    keys = org.orgs(3)
    reply = plant(org, [leaf(request_id, key) for key in keys])
    assert reply.status == 201
    told = reply.json()
    assert told["hasErrors"] is False
    assert [result["referenceId"] for result in told["results"]] == keys
    assert [result["id"] for result in told["results"]] == org.column(
        "SELECT Id FROM PackagePushJob"
    )


def test_one_wrong_record_takes_all_back(org: Caller) -> None:
    request_id = org.request()
    keys = org.orgs(2)
    records = [leaf(request_id, keys[0]), leaf(request_id, "00D000000000001")]
    records += [leaf(request_id, keys[1]), leaf(request_id, keys[1], "twin")]
    before = org.simulator.effects()[-1].seq
    reply = plant(org, records)
    assert reply.status == 400
    told = reply.json()
    assert told["hasErrors"] is True
    assert [
        (result["referenceId"], [error["statusCode"] for error in result["errors"]])
        for result in told["results"]
    ] == [("00D000000000001", ["INVALID_OPERATION"]), ("twin", ["DUPLICATE_VALUE"])]
    assert org.job_counts(request_id) == {}
    assert org.simulator.effects(before) == []


def test_a_request_comes_with_its_jobs(org: Caller) -> None:
    keys = org.orgs(2)
    reply = plant(org, [whole(org, keys)], "composite/tree/packagepushrequest/")
    assert reply.status == 201
    ids = {result["referenceId"]: result["id"] for result in reply.json()["results"]}
    assert sorted(ids) == ["job0", "job1", "request"]
    assert org.status(ids["request"]) == "Created"
    assert org.job_counts(ids["request"]) == {"Created": 2}


def test_a_wrong_job_takes_its_request_back(org: Caller) -> None:
    reply = plant(
        org, [whole(org, [*org.orgs(1), "nonsense"])], "composite/tree/PackagePushRequest"
    )
    assert reply.status == 400
    assert [result["referenceId"] for result in reply.json()["results"]] == ["job1"]
    assert org.rows("SELECT Id FROM PackagePushRequest") == []


def test_the_jobs_of_a_wrong_request_are_not_tried(org: Caller) -> None:
    record = whole(org, ["nonsense"], PackageVersionId="04t000000000001")
    reply = plant(org, [record], "composite/tree/PackagePushRequest")
    assert [result["referenceId"] for result in reply.json()["results"]] == ["request"]


def test_a_tree_holds_two_hundred_at_most(org: Caller) -> None:
    request_id = org.request()
    many = [leaf(request_id, "00D000000000001", f"r{number}") for number in range(201)]
    reply = plant(org, many)
    assert reply.json()["results"][0]["errors"][0]["statusCode"] == "INVALID_INPUT"
    assert len(plant(org, many[:200]).json()["results"]) == 200
    jobs = {"records": many[1:]}
    reply = plant(org, [whole(org, [], PackagePushJobs=jobs)], "composite/tree/PackagePushRequest")
    assert reply.json()["results"][0]["referenceId"] == "request"


def test_references_must_differ(org: Caller) -> None:
    request_id = org.request()
    reply = plant(org, [leaf(request_id, key, "same") for key in org.orgs(2)])
    assert (reply.status, reply.json()["results"][0]["referenceId"]) == (400, "same")
    assert org.job_counts(request_id) == {}


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"records": []},
        {"records": {}},
        {"records": [{}], "allOrNone": True},
        {"records": ["text"]},
        {"records": [{"SubscriberOrganizationKey": "x"}]},
        {"records": [{"attributes": {"type": "PackagePushJob"}}]},
        {"records": [{"attributes": {"type": "PackagePushRequest", "referenceId": "a"}}]},
    ],
)
def test_a_tree_is_read_strictly(org: Caller, body: dict[str, object]) -> None:
    assert org.post(TREE, body).error[0] == 400


def test_only_what_may_be_written_grows_on_trees(org: Caller) -> None:
    assert org.get(TREE).error == (405, "METHOD_NOT_ALLOWED")
    assert org.post("composite/tree/Nothing", {"records": []}).error == (404, "NOT_FOUND")
    record: dict[str, object] = {"attributes": {"type": "PackageSubscriber", "referenceId": "a"}}
    assert plant(org, [record], "composite/tree/PackageSubscriber").error == (400, "INVALID_TYPE")


def test_something_bad_happens_to_a_record(org: Caller) -> None:
    request_id = org.request()
    org.simulator.plan_fault("refuse", call="tree:PackagePushJob")
    record = leaf(request_id, org.orgs(1)[0])
    reply = plant(org, [record])
    [result] = reply.json()["results"]
    assert result["errors"][0]["message"].startswith("Something bad has happened.")
    assert plant(org, [record]).status == 201


def test_old_versions_have_trees_and_lower_case(build: Build) -> None:
    org = build()
    [key] = org.orgs(1)
    org.api = "44.0"
    request_id = org.request()
    reply = plant(org, [leaf(request_id, key)], "composite/tree/packagepushjob")
    assert reply.status == 201
    path = f"sobjects/packagepushrequest/{request_id}?_HttpMethod=PATCH"
    assert org.post(path, {"Status": "Pending"}).status == 204
