"""The client library, unmodified, talks to the simulator as it does to Salesforce."""

# ruff: noqa: S608 - these are SOQL texts, and each must arrive as it is written

from __future__ import annotations

from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
)
from simple_salesforce.api import Salesforce
from simple_salesforce.exceptions import (
    SalesforceAuthenticationFailed,
    SalesforceMalformedRequest,
    SalesforceResourceNotFound,
)

from rollouts.simulator import Simulator
from tests.support.in_process import session_for

from .caller import Caller, StoppedClock
from .conftest import Build


def signed_in(simulator: Simulator, **changes: object) -> Any:  # its own types are too loose
    given: dict[str, Any] = {
        "consumer_key": "pushboard-demo",
        "consumer_secret": "simulated-secret",
        "domain": "simorg.my",
        "version": "67.0",
        "session": session_for(simulator),
        **changes,
    }
    return Salesforce(**given)


def test_a_push_through_the_library(org: Caller, clock: StoppedClock) -> None:
    sf = signed_in(org.simulator)
    found = sf.query_all(
        "SELECT OrgKey FROM PackageSubscriber WHERE MetadataPackageVersion.PatchVersion = 1"
        " AND MetadataPackage.NamespacePrefix = 'hbr' AND OrgStatus = 'Active'"
        " AND HasRestrictionEnabled = false LIMIT 12"
    )
    request = sf.PackagePushRequest.create({"PackageVersionId": org.version("4.2.2")})["id"]
    records = [
        {
            "attributes": {"type": "PackagePushJob"},
            "PackagePushRequestId": request,
            "SubscriberOrganizationKey": record["OrgKey"],
        }
        for record in found["records"]
    ]
    results = sf.restful(
        "composite/sobjects", method="POST", json={"allOrNone": False, "records": records}
    )
    assert [result["success"] for result in results] == [True] * 12
    assert sf.PackagePushRequest.update(request, {"Status": "Pending"}) == 204
    clock.pass_(hours=1)

    assert sf.PackagePushRequest.get(request)["Status"] == "Succeeded"
    counted = sf.query(
        "SELECT Status, COUNT(Id) FROM PackagePushJob"
        f" WHERE PackagePushRequestId = '{request}' GROUP BY Status"
    )
    assert [(row["Status"], row["expr0"]) for row in counted["records"]] == [("Succeeded", 12)]
    assert sf.limits()["DailyApiRequests"]["Max"] == 1_000_000
    assert sf.PackagePushJob.describe()["name"] == "PackagePushJob"
    assert "PackagePushJob" in [each["name"] for each in sf.describe()["sobjects"]]


def test_pages_are_followed(build: Build) -> None:
    sf = signed_in(build(orgs=2_000).simulator)
    soql = "SELECT Id FROM PackageSubscriber"
    ids = [row["Id"] for row in sf.query_all_iter(soql)]
    assert (
        len(ids) == len(set(ids)) == sf.query("SELECT COUNT() FROM PackageSubscriber")["totalSize"]
    )


def test_refusals_become_its_exceptions(org: Caller) -> None:
    sf = signed_in(org.simulator)
    with pytest.raises(SalesforceMalformedRequest) as refused:
        sf.query("SELECT Nothing FROM PackagePushJob")
    errors: Any = refused.value.content
    assert errors[0]["errorCode"] == "INVALID_FIELD"
    with pytest.raises(SalesforceResourceNotFound):
        sf.PackagePushRequest.get("0DV000000000001")
    with pytest.raises(SalesforceAuthenticationFailed):
        signed_in(org.simulator, consumer_secret="guess")


def test_it_renews_an_expired_session_by_itself(org: Caller) -> None:
    sf = signed_in(org.simulator)
    org.simulator.expire_sessions()
    assert sf.query("SELECT Id FROM MetadataPackage")["totalSize"] == 2


def test_a_signed_assertion_opens_too(build: Build) -> None:
    ours, foreign = (rsa.generate_private_key(65_537, 2_048) for _ in range(2))
    public = ours.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    simulator = build(jwt_public_key=public).simulator
    jwt: dict[str, object] = {"consumer_secret": None, "username": "releases@harborline.example"}

    def key(private: rsa.RSAPrivateKey) -> bytes:
        return private.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())

    sf = signed_in(simulator, privatekey=key(ours), **jwt)
    assert sf.query("SELECT Id FROM MetadataPackage")["totalSize"] == 2
    with pytest.raises(SalesforceAuthenticationFailed, match="invalid assertion signature"):
        signed_in(simulator, privatekey=key(foreign), **jwt)
    jwt["username"] = "someone@else.example"
    with (
        pytest.warns(UserWarning, match="may need to authorize this"),
        pytest.raises(SalesforceAuthenticationFailed, match="hasn't approved"),
    ):
        signed_in(simulator, privatekey=key(ours), **jwt)
