"""An org's own words for a status: asked for once, and only when they are needed."""

from __future__ import annotations

import pytest

from rollouts.salesforce.errors import Refused, Unknown
from rollouts.salesforce.gateway import SfRequest, SfStatus
from tests.salesforce.given import PACKAGE, REQUEST, VERSION, job, request, status_picklist
from tests.salesforce.scripted import NOW, ScriptedOrg, gateway_to, page, problem

RESTRICTED = problem(400, "INVALID_OR_NULL_FOR_RESTRICTED_PICKLIST", "bad value: Canceled")
DONE = (204, "")


def test_a_word_of_the_orgs_own_is_looked_up_once() -> None:
    words = status_picklist(Running="In Progress")
    org = ScriptedOrg(script=[page(request("Running")), words, page(job("Running"))])
    gateway = gateway_to(org)
    found = gateway.request(REQUEST)
    assert found == SfRequest(REQUEST, VERSION, PACKAGE, SfStatus.IN_PROGRESS, NOW)
    assert [one.status for one in gateway.jobs([REQUEST])] == [SfStatus.IN_PROGRESS]
    asked = [call.path for call in org.calls if "describe" in call.path]
    assert asked == ["/services/data/v67.0/sobjects/PackagePushRequest/describe"]


def test_a_word_that_the_org_labels_as_something_new_is_refused() -> None:
    org = ScriptedOrg(
        script=[page(request("Held")), status_picklist(Held="On hold"), page(request("Held"))]
    )
    gateway = gateway_to(org)
    for _ in range(2):
        with pytest.raises(Unknown, match="Held") as unknown:
            gateway.request(REQUEST)
        assert unknown.value.code == "UNKNOWN_VALUE"


def test_documented_words_cost_no_call() -> None:
    org = ScriptedOrg(script=[page(request("In Progress"))])
    gateway_to(org).request(REQUEST)
    assert len(org.calls) == 1


def test_a_cancel_is_said_in_the_orgs_words() -> None:
    org = ScriptedOrg(script=[RESTRICTED, status_picklist(Cancelled="Cancelled"), DONE, DONE])
    gateway = gateway_to(org)
    gateway.cancel(REQUEST)
    gateway.cancel(REQUEST)
    said = [call.json["Status"] for call in org.calls if call.method == "PATCH"]
    assert said == ["Canceled", "Cancelled", "Cancelled"]


def test_a_word_that_the_org_does_not_have_is_refused_after_one_look() -> None:
    org = ScriptedOrg(script=[RESTRICTED, status_picklist(), RESTRICTED])
    gateway = gateway_to(org)
    for _ in range(2):
        with pytest.raises(Refused):
            gateway.cancel(REQUEST)
    assert [call.method for call in org.calls] == ["PATCH", "GET", "PATCH"]


def test_a_picklist_that_cant_be_read_leaves_the_question_open() -> None:
    org = ScriptedOrg(script=[page(request("Running")), (200, {"fields": []})])
    gateway = gateway_to(org)
    with pytest.raises(Exception, match="can't be read"):
        gateway.request(REQUEST)
    org.script += [page(request("Running")), status_picklist(Running="In progress")]
    found = gateway.request(REQUEST)
    assert found is not None
    assert found.status is SfStatus.IN_PROGRESS
