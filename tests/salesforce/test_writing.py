"""What exactly is sent by writes, and what is made of the answers."""

from __future__ import annotations

from typing import Any

import pytest

from rollouts.domain.ids import BadId, long_id
from rollouts.salesforce.errors import Refused, Unknown
from rollouts.salesforce.gateway import (
    Added,
)
from rollouts.salesforce.soql import BadQuery
from tests.salesforce.given import (
    JOB,
    REQUEST,
    VERSION,
)
from tests.salesforce.scripted import NOW, ORG, USER, ScriptedOrg, gateway_to


def test_a_create_says_version_and_start_and_nothing_else() -> None:
    org = ScriptedOrg(script=[(201, {"id": REQUEST[:15], "success": True, "errors": []})])
    assert gateway_to(org).create_request(VERSION[:15], NOW) == REQUEST
    (call,) = org.calls
    assert (call.method, call.path) == (
        "POST",
        "/services/data/v67.0/sobjects/PackagePushRequest/",
    )
    assert call.json == {
        "PackageVersionId": VERSION,
        "ScheduledStartTime": "2026-11-16T01:00:00Z",
    }


def test_a_create_that_salesforce_calls_no_success_is_refused() -> None:
    body = {
        "success": False,
        "errors": [{"statusCode": "INVALID_INPUT", "message": "not reviewed"}],
    }
    with pytest.raises(Refused, match="not reviewed"):
        gateway_to(ScriptedOrg(script=[(201, body)])).create_request(VERSION, NOW)


@pytest.mark.parametrize("answer", [{"id": "0DX000000000001"}, {"id": 5}, {"success": True}])
def test_a_create_without_a_readable_id_is_unknown(answer: dict[str, Any]) -> None:
    with pytest.raises(Unknown):
        gateway_to(ScriptedOrg(script=[(201, answer)])).create_request(VERSION, NOW)


def test_each_added_org_has_an_outcome_of_its_own() -> None:
    orgs = [long_id(f"00D{number:012d}") for number in range(6)]

    def failure(code: str, message: str = "m") -> dict[str, Any]:
        return {"success": False, "errors": [{"statusCode": code, "message": message}]}

    org = ScriptedOrg(
        script=[
            (
                200,
                [
                    {"success": True, "id": JOB, "errors": []},
                    failure("DUPLICATE_VALUE"),
                    failure("UNABLE_TO_LOCK_ROW"),
                    failure("INVALID_OPERATION", "not eligible"),
                    failure("WHATEVER", "Something bad has happened. Please try again."),
                    {"success": False, "errors": []},
                ],
            )
        ]
    )
    assert gateway_to(org).add_jobs(REQUEST, orgs) == Added(
        accepted=2,
        refused={
            orgs[3]: ("INVALID_OPERATION", "not eligible"),
            orgs[5]: ("UNKNOWN_REFUSAL", ""),
        },
        again={
            orgs[2]: ("UNABLE_TO_LOCK_ROW", "m"),
            orgs[4]: ("WHATEVER", "Something bad has happened. Please try again."),
        },
    )
    (call,) = org.calls
    assert (call.method, call.path) == ("POST", "/services/data/v67.0/composite/sobjects")
    assert call.json["allOrNone"] is False
    assert call.json["records"][0] == {
        "attributes": {"type": "PackagePushJob"},
        "PackagePushRequestId": REQUEST,
        "SubscriberOrganizationKey": "00D000000000000",
    }


def test_an_org_in_two_spellings_is_added_once() -> None:
    org = ScriptedOrg(script=[(200, [{"success": True}])])
    assert gateway_to(org).add_jobs(REQUEST, [ORG, ORG[:15]]).accepted == 1
    assert len(org.calls[0].json["records"]) == 1


@pytest.mark.parametrize("answer", [[], [{"success": True}] * 2, [{}], [None], {"success": True}])
def test_results_that_do_not_match_the_orgs_are_unknown(answer: Any) -> None:
    with pytest.raises(Unknown):
        gateway_to(ScriptedOrg(script=[(200, answer)])).add_jobs(REQUEST, [ORG])


def test_at_most_200_orgs_at_once() -> None:
    org = ScriptedOrg()
    orgs = [long_id(f"00D{number:012d}") for number in range(201)]
    with pytest.raises(ValueError, match="201 orgs"):
        gateway_to(org).add_jobs(REQUEST, orgs)
    assert gateway_to(org).add_jobs(REQUEST, []) == Added(0)
    assert org.seen == []


@pytest.mark.parametrize(("act", "status"), [("arm", "Pending"), ("cancel", "Canceled")])
def test_arming_and_cancelling_say_the_status_and_nothing_else(act: str, status: str) -> None:
    org = ScriptedOrg(script=[(204, "")])
    getattr(gateway_to(org), act)(REQUEST)
    (call,) = org.calls
    assert (call.method, call.path) == (
        "PATCH",
        f"/services/data/v67.0/sobjects/PackagePushRequest/{REQUEST}",
    )
    assert call.body == f'{{"Status": "{status}"}}'


def test_mistakes_of_ours_are_found_before_anything_is_sent() -> None:
    org = ScriptedOrg()
    gateway = gateway_to(org)
    with pytest.raises(BadId):
        gateway.arm(JOB)
    with pytest.raises(BadId):
        gateway.create_request("x' OR Id != '", NOW)
    with pytest.raises(BadId):
        gateway.add_jobs(REQUEST, [USER])
    with pytest.raises(BadQuery):
        gateway.create_request(VERSION, NOW.replace(microsecond=5))
    with pytest.raises(BadQuery):
        gateway.requests_starting(VERSION, NOW.replace(tzinfo=None))
    assert org.seen == []
