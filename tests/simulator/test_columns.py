"""The columns of a query, as the Salesforce CLI asks for them."""

from __future__ import annotations

from typing import Any
from urllib.parse import quote_plus

import pytest

from .caller import Caller, Reply


def ask(org: Caller, soql: str) -> Reply:
    return org.get(f"query?q={quote_plus(soql)}&columns=true")


def paths(columns: list[dict[str, Any]], before: str = "") -> list[str]:
    """Each leaf by its path."""
    found: list[str] = []
    for column in columns:
        path = before + column["columnName"]
        found += paths(column["joinColumns"], f"{path}.") if column["joinColumns"] else [path]
    return found


def test_columns_are_named_canonically_and_in_order(org: Caller) -> None:
    told = ask(org, "select orgkey, metadatapackageversion.NAME, id from packagesubscriber").ok()
    assert "records" not in told
    assert (told["entityName"], told["keyPrefix"], told["idSelected"], told["groupBy"]) == (
        "PackageSubscriber",
        "0Sb",
        True,
        False,
    )
    assert paths(told["columnMetadata"]) == ["OrgKey", "MetadataPackageVersion.Name", "Id"]


def test_counts_and_children_are_aggregates(org: Caller) -> None:
    told = ask(org, "SELECT Status, COUNT(Id), COUNT(Id) n FROM PackagePushJob GROUP BY Status")
    assert told.ok()["groupBy"] is True
    assert [
        (column["columnName"], column["displayName"], column["aggregate"])
        for column in told.ok()["columnMetadata"]
    ] == [("Status", "Status", False), ("expr0", "count(Id)", True), ("n", "count(Id)", True)]
    nested = "SELECT Id, (SELECT ErrorTitle FROM PackagePushErrors) FROM PackagePushJob"
    child = ask(org, nested).ok()["columnMetadata"][1]
    assert (child["columnName"], child["aggregate"]) == ("PackagePushErrors", True)
    assert paths(child["joinColumns"]) == ["ErrorTitle"]


def test_types_are_told(org: Caller) -> None:
    soql = "SELECT Id, Status, DurationSeconds, IsMigration, StartTime FROM PackagePushRequest"
    columns = ask(org, soql).ok()["columnMetadata"]
    assert [column["apexType"] for column in columns] == [
        "Id",
        "String",
        "Integer",
        "Boolean",
        "Datetime",
    ]
    assert [column["updatable"] for column in columns] == [False, True, False, False, True]


@pytest.mark.parametrize(
    ("soql", "code"),
    [
        ("SELECT Colour FROM PackagePushJob", "INVALID_FIELD"),
        ("SELECT Id FROM PackagePushJob WHERE StartTime = null", "INVALID_FIELD"),
        ("SELECT Id FROM Nothing", "INVALID_TYPE"),
        ("SELECT", "MALFORMED_QUERY"),
        ("", "MALFORMED_QUERY"),
    ],
)
def test_a_wrong_query_has_no_columns(org: Caller, soql: str, code: str) -> None:
    assert ask(org, soql).error == (400, code)
