"""Ids and rows as Salesforce answers them, for tests that change one thing of them."""

from __future__ import annotations

from typing import Any

from rollouts.domain.ids import long_id
from tests.salesforce.scripted import ORG

PACKAGE = long_id("033000000000001")
OTHER_PACKAGE = long_id("033000000000002")
VERSION = long_id("04t000000000001")
REQUEST = long_id("0DV000000000001")
OTHER_REQUEST = long_id("0DV000000000002")
JOB = long_id("0DX000000000001")
BULK = long_id("750000000000001")
OTHER_ORG = long_id("00D000000000002")
LATER = "/services/data/v67.0/query/01g000000000001-2000"


def subscriber(**changes: Any) -> dict[str, Any]:
    """Return a PackageSubscriber row."""
    return {
        "attributes": {"type": "PackageSubscriber"},
        "OrgKey": ORG[:15],
        "OrgName": "Acme",
        "OrgStatus": "Active",
        "OrgType": "Production",
        "InstanceName": "NA139",
        "ParentOrg": None,
        "MetadataPackageId": PACKAGE,
        "MetadataPackageVersionId": VERSION,
        "InstalledStatus": "i",
        "CustomUpgradeType": "None",
        "HasRestrictionEnabled": False,
        "SystemModstamp": "2026-11-16T01:00:00.000+0000",
    } | changes


def request(status: Any = "Created", **changes: Any) -> dict[str, Any]:
    """Return a PackagePushRequest row."""
    return {
        "Id": REQUEST,
        "PackageVersionId": VERSION,
        "PackageVersion": {"MetadataPackageId": PACKAGE},
        "Status": status,
        "ScheduledStartTime": "2026-11-16T01:00:00.000+0000",
    } | changes


def job(status: Any = "Created", **changes: Any) -> dict[str, Any]:
    """Return a PackagePushJob row."""
    return {
        "Id": JOB,
        "PackagePushRequestId": REQUEST,
        "SubscriberOrganizationKey": ORG[:15],
        "Status": status,
        "StartTime": None,
        "EndTime": None,
    } | changes


def status_picklist(**labels: str) -> Any:
    """Return PackagePushRequest's describe; ``labels`` adds words beside the documented ones."""
    words = {"Created": "Created", "Pending": "Pending", "Succeeded": "Succeeded"} | labels
    values = [{"value": v, "label": label, "active": True} for v, label in words.items()]
    return 200, {"fields": [{"name": "Id"}, {"name": "Status", "picklistValues": values}]}


def bulk(state: str = "JobComplete", **changes: Any) -> dict[str, Any]:
    """Return an ingest job as Salesforce shows it."""
    return {
        "id": BULK,
        "object": "PackagePushJob",
        "operation": "insert",
        "state": state,
        "numberRecordsProcessed": 0,
        "numberRecordsFailed": 0,
    } | changes
