"""What may be asked, how it is answered, and what is refused with which words."""

# ruff: noqa: S608 - these are SOQL texts, and each must arrive as it is written

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rollouts.simulator import Options, Simulator
from rollouts.simulator.refusals import Refusal
from rollouts.simulator.soql.parser import parse_query
from rollouts.simulator.soql.tree import Comparison

from .caller import Caller, StoppedClock
from .conftest import Build

JOB = "PackagePushJob"
REQUEST = "PackagePushRequest"
ERROR = "PackagePushError"


@pytest.fixture(scope="module")
def fleet() -> Iterator[Simulator]:
    """One org for all who only read."""
    simulator = Simulator(orgs=120, clock=StoppedClock(), options=Options(failure_rate=0))
    yield simulator
    simulator.close()


@pytest.fixture
def org(fleet: Simulator) -> Caller:
    return Caller(fleet)


def value_for(field: str) -> str:
    return (
        "3" if field == "DurationSeconds" else "2026-01-01T00:00:00Z" if "Time" in field else "'x'"
    )


@pytest.mark.parametrize(
    ("sobject", "field"),
    [
        (sobject, field)
        for sobject in (JOB, REQUEST)
        for field in ("StartTime", "EndTime", "DurationSeconds")
    ]
    + [(ERROR, field) for field in ("ErrorMessage", "ErrorTitle", "ErrorDetails")],
)
def test_what_cannot_be_filtered(org: Caller, sobject: str, field: str) -> None:
    reply = org.ask(f"SELECT Id FROM {sobject} WHERE {field} = {value_for(field)}")
    assert reply.error == (400, "INVALID_FIELD")
    assert f"field '{field}' can not be filtered in a query call" in reply.message


@pytest.mark.parametrize("sobject", [JOB, REQUEST])
@pytest.mark.parametrize("field", ["StartTime", "EndTime", "DurationSeconds"])
def test_what_cannot_be_sorted(org: Caller, sobject: str, field: str) -> None:
    reply = org.ask(f"SELECT Id FROM {sobject} ORDER BY {field}")
    assert reply.error == (400, "MALFORMED_QUERY")
    assert f"field '{field}' can not be sorted in a query call" in reply.message


@pytest.mark.parametrize(
    ("sobject", "field"),
    [
        (REQUEST, "ScheduledStartTime"),
        (REQUEST, "StartTime"),
        (JOB, "EndTime"),
        (JOB, "SystemModstamp"),
    ]
    + [(ERROR, field) for field in ("ErrorMessage", "ErrorTitle", "ErrorDetails")],
)
def test_what_cannot_be_grouped(org: Caller, sobject: str, field: str) -> None:
    reply = org.ask(f"SELECT {field}, COUNT(Id) FROM {sobject} GROUP BY {field}")
    assert reply.error == (400, "MALFORMED_QUERY")
    assert f"field '{field}' can not be grouped in a query call" in reply.message


def test_a_duration_may_be_grouped_but_not_sorted(org: Caller) -> None:
    grouped = f"SELECT DurationSeconds, COUNT(Id) FROM {JOB} GROUP BY DurationSeconds"
    assert org.ask(grouped).status == 200
    assert org.ask(f"{grouped} ORDER BY DurationSeconds").error == (400, "MALFORMED_QUERY")


@pytest.mark.parametrize(
    ("field", "sobject", "since"),
    [
        ("StartTime", JOB, 51),
        ("EndTime", REQUEST, 51),
        ("DurationSeconds", JOB, 51),
        ("MetadataPackageId", "PackageSubscriber", 49),
        ("PackageCategory", "MetadataPackage", 49),
        ("IsDeprecated", "MetadataPackageVersion", 46),
        ("HasRestrictionEnabled", "PackageSubscriber", 60),
    ],
)
def test_a_field_is_there_since_its_api_version(
    org: Caller, field: str, sobject: str, since: int
) -> None:
    soql = f"SELECT {field} FROM {sobject} LIMIT 1"
    org.api = f"{since}.0"
    assert org.ask(soql).status == 200
    org.api = f"{since - 1}.0"
    reply = org.ask(soql)
    assert reply.error == (400, "INVALID_FIELD")
    assert f"No such column '{field}' on entity '{sobject}'" in reply.message


@pytest.mark.parametrize(
    "soql",
    [
        "",
        "SELECT",
        "SELECT FROM PackagePushJob",
        "SELECT * FROM PackagePushJob",
        "SELECT Id PackagePushJob",
        "SELECT Id, FROM PackagePushJob",
        "SELECT Id FROM PackagePushJob WHERE",
        "SELECT Id FROM PackagePushJob WHERE Status",
        "SELECT Id FROM PackagePushJob WHERE Status == 'x'",
        "SELECT Id FROM PackagePushJob WHERE Status = 'x",
        'SELECT Id FROM PackagePushJob WHERE Status = "x"',
        "SELECT Id FROM PackagePushJob WHERE Status = 'x' OR Status = 'y' AND Id != null",
        "SELECT Id FROM PackagePushJob WHERE Status IN ()",
        "SELECT Id FROM PackagePushJob WHERE (Status = 'x'",
        "SELECT Id FROM PackagePushJob LIMIT -1",
        "SELECT Id FROM PackagePushJob LIMIT 1.5",
        "SELECT Id FROM PackagePushJob ORDER Status",
        "SELECT Id FROM PackagePushJob; DROP TABLE push_job",
        "SELECT Id FROM PackagePushJob -- x",
        "SELECT Id, Id FROM PackagePushJob",
        "SELECT Id, COUNT(Id) FROM PackagePushJob",
        "SELECT Status, COUNT() FROM PackagePushJob GROUP BY Status",
        "SELECT MAX(Id) FROM PackagePushJob",
        "SELECT Status s, COUNT(Id) s FROM PackagePushJob GROUP BY Status",
        "SELECT Id FROM PackagePushRequest WHERE ScheduledStartTime > 2026-01-01T00:00:00",
        "SELECT Id FROM PackagePushRequest WHERE ScheduledStartTime > 2026-13-01T00:00:00Z",
        "SELECT Id FROM PackagePushJob WHERE Status = 'a\\q'",
        "DELETE FROM PackagePushJob",
    ],
)
def test_what_is_no_query_is_refused(org: Caller, soql: str) -> None:
    assert org.ask(soql).error == (400, "MALFORMED_QUERY")


@pytest.mark.parametrize(
    ("soql", "code"),
    [
        ("SELECT Id FROM Nowhere", "INVALID_TYPE"),
        ("SELECT Id FROM push_job", "INVALID_TYPE"),
        ("SELECT Nothing FROM PackagePushJob", "INVALID_FIELD"),
        ("SELECT rowid FROM PackagePushJob", "INVALID_FIELD"),
        ("SELECT Parent.Id FROM PackagePushJob", "INVALID_FIELD"),
        ("SELECT Id, (SELECT Id FROM Nieces) FROM PackagePushJob", "INVALID_TYPE"),
        ("SELECT Id FROM PackagePushJob WHERE Id = 'short'", "INVALID_QUERY_FILTER_OPERATOR"),
        (
            "SELECT Id FROM PackagePushJob WHERE Id > '0DX000000000001'",
            "INVALID_QUERY_FILTER_OPERATOR",
        ),
        ("SELECT Id FROM PackagePushJob WHERE Id LIKE '0DX%'", "INVALID_QUERY_FILTER_OPERATOR"),
        ("SELECT Id FROM PackagePushJob WHERE Status = 3", "INVALID_FIELD"),
        ("SELECT Id FROM PackagePushRequest WHERE ScheduledStartTime = 'x'", "INVALID_FIELD"),
        ("SELECT Id FROM MetadataPackageVersion WHERE MajorVersion = '4'", "INVALID_FIELD"),
        ("SELECT Id FROM MetadataPackageVersion WHERE IsDeprecated = 'true'", "INVALID_FIELD"),
        ("SELECT Id FROM PackagePushJob OFFSET 2001", "NUMBER_OUTSIDE_VALID_RANGE"),
    ],
)
def test_what_makes_no_sense_here_is_refused(org: Caller, soql: str, code: str) -> None:
    assert org.ask(soql).error == (400, code)


def test_the_refusal_points_at_the_place(org: Caller) -> None:
    message = org.ask("SELECT Id, Colour FROM PackagePushJob").message
    lines = message.split("\n")
    assert lines[1][lines[2].index("^") :].startswith("Colour")
    assert "ERROR at Row:1:Column:12" in message


# --- answers --------------------------------------------------------------------------------


def test_names_are_read_in_any_case_and_answered_in_their_own(org: Caller) -> None:
    [row] = org.rows(
        "select ID, namespaceprefix from METADATAPACKAGE where namespaceprefix = 'HBR' limit 1"
    )
    assert list(row) == ["Id", "NamespacePrefix"]


def test_parents_are_nested(build: Build) -> None:
    org = build()
    org.request()
    answer = org.ask(
        "SELECT PackageVersion.MetadataPackage.Name, PackageVersion.MinorVersion, Id"
        " FROM PackagePushRequest WHERE PackageVersion.MetadataPackage.NamespacePrefix = 'hbr'"
    ).ok()
    [record] = answer["records"]
    assert list(record) == ["attributes", "PackageVersion", "Id"]
    assert record["attributes"]["url"] == (
        f"/services/data/v67.0/sobjects/PackagePushRequest/{record['Id']}"
    )
    assert record["PackageVersion"]["attributes"]["type"] == "MetadataPackageVersion"
    assert record["PackageVersion"]["MinorVersion"] == 2
    assert record["PackageVersion"]["MetadataPackage"]["Name"] == "Harbor"


def test_counts_come_as_figures(org: Caller) -> None:
    counted = org.ask("SELECT COUNT() FROM MetadataPackageVersion").ok()
    assert counted == {"totalSize": 15, "done": True, "records": []}
    assert org.ask("SELECT COUNT() FROM MetadataPackageVersion LIMIT 4").ok()["totalSize"] == 4
    [record] = org.ask("SELECT Count(Id) FROM MetadataPackageVersion").ok()["records"]
    assert record == {"attributes": {"type": "AggregateResult"}, "expr0": 15}
    assert org.rows(
        "SELECT MetadataPackage.Name, COUNT(Id), COUNT_DISTINCT(ReleaseState) states"
        " FROM MetadataPackageVersion GROUP BY MetadataPackage.Name ORDER BY COUNT(Id) DESC"
    ) == [
        {"Name": "Harbor", "expr0": 9, "states": 2},
        {"Name": "Tracker", "expr0": 6, "states": 2},
    ]


def test_conditions_mean_what_they_say(org: Caller) -> None:
    def numbers(where: str) -> list[str]:
        rows = org.rows(
            "SELECT MajorVersion, MinorVersion, PatchVersion FROM MetadataPackageVersion"
            f" WHERE MetadataPackage.Name = 'Harbor' AND ({where})"
            " ORDER BY MajorVersion DESC, MinorVersion DESC, PatchVersion DESC"
        )
        return [".".join(str(part) for part in row.values()) for row in rows]

    assert numbers("ReleaseState = 'Beta'") == ["4.5.0"]
    assert numbers("releasestate = 'beta' OR IsDeprecated = true") == ["4.5.0", "3.9.0"]
    assert numbers("MinorVersion >= 4 AND NOT ReleaseState = 'Beta'") == ["4.4.0", "3.9.0"]
    assert numbers("NOT (MinorVersion < 4 OR ReleaseState = 'Beta')") == [
        "4.4.0",
        "3.9.0",
    ]
    assert numbers("MinorVersion IN (3, 4) AND PatchVersion NOT IN (1)") == ["4.4.0", "4.3.0"]
    assert numbers("Name LIKE 'Harbor Winter%(_)'") == ["4.2.2", "4.2.1"]
    assert numbers("Name = 'Harbor Winter \\'26'") == ["4.2.0"]
    assert numbers("BuildNumber = null") == []
    assert len(numbers("BuildNumber != null")) == 9


def test_unlike_also_finds_what_has_no_value(org: Caller) -> None:
    production = org.ask("SELECT COUNT() FROM PackageSubscriber WHERE OrgType = 'Production'").ok()
    soql = "SELECT COUNT() FROM PackageSubscriber WHERE ParentOrg {} AND OrgType = 'Production'"
    for unlike in ("!= 'nobody'", "NOT IN ('nobody')", "= null"):
        assert org.ask(soql.format(unlike)).ok()["totalSize"] == production["totalSize"]


def test_nulls_stand_first_unless_told(org: Caller) -> None:
    soql = "SELECT ParentOrg FROM PackageSubscriber ORDER BY ParentOrg {}"
    for words, place in (("", 0), ("DESC", 0), ("NULLS LAST", -1), ("DESC NULLS LAST", -1)):
        assert org.column(soql.format(words))[place] is None


def test_keys_differ_by_case_and_names_do_not(org: Caller) -> None:
    keys = org.column("SELECT OrgKey FROM PackageSubscriber")
    twins = [key for key in set(keys) if key.swapcase() != key and key[-1] in "qQ"]
    pair = [key for key in twins if key[:-1] + key[-1].swapcase() in twins]
    assert len(pair) == 2
    found = set(org.column(f"SELECT OrgKey FROM PackageSubscriber WHERE OrgKey = '{pair[0]}'"))
    assert found == {pair[0]}
    names = org.column("SELECT OrgName FROM PackageSubscriber WHERE OrgName = 'HARBORLINE QA 1'")
    assert set(names) == {"Harborline QA 1"}


def test_a_key_of_18_characters_finds_nothing(org: Caller) -> None:
    from rollouts.simulator.ids import long_id

    [key] = org.orgs(1)
    soql = f"SELECT Id FROM PackageSubscriber WHERE OrgKey = '{long_id(key)}'"
    assert org.rows(soql) == []


def test_moments_may_bear_any_zone(build: Build) -> None:
    org = build()
    org.request("4.2.2", "2026-05-01T12:00:00+02:00")
    for written in (
        "2026-05-01T10:00:00Z",
        "2026-05-01T05:00:00.000-05:00",
        "2026-05-01T15:30:00+0530",
    ):
        soql = f"SELECT Id FROM PackagePushRequest WHERE ScheduledStartTime = {written}"
        assert len(org.rows(soql)) == 1


# --- hostile strings ------------------------------------------------------------------------


def quoted(text: str) -> str:
    escapes = {"\\": "\\\\", "'": "\\'", "\n": "\\n", "\r": "\\r", "\t": "\\t"}
    return "'" + "".join(escapes.get(letter, letter) for letter in text) + "'"


@given(st.text(st.characters(exclude_categories=["Cs"]), max_size=60))
def test_every_string_arrives_as_itself(text: str) -> None:
    where = parse_query(f"SELECT Id FROM PackagePushJob WHERE Status = {quoted(text)}").where
    assert isinstance(where, Comparison)
    assert where.values[0].value == text


@given(st.text(st.sampled_from("SELECT id FROM where()'\\\"=<>!,.%_-;0123aé\n☃"), max_size=80))
def test_no_text_makes_the_parser_stumble(text: str) -> None:
    with suppress(Refusal):
        parse_query(text)


@pytest.mark.parametrize(
    "name",
    ["' OR '1'='1", "x'; DROP TABLE subscriber; --", "%", "_", "\\", "Ω≈ç√", "a\nb", "?", ":now"],
)
def test_a_hostile_name_is_only_a_name(org: Caller, name: str) -> None:
    assert org.rows(f"SELECT Id FROM PackageSubscriber WHERE OrgName = {quoted(name)}") == []


def test_awkward_names_are_found_exactly_and_by_pattern(build: Build) -> None:
    org = build(orgs=600)
    soql = "SELECT OrgName FROM PackageSubscriber WHERE OrgType = 'Production' AND OrgName {}"
    for name in ("<b>bold</b> GmbH", 'O\'Hara "The Boat" Yard', "C:\\new\\table%20_100%", "null"):
        assert set(org.column(soql.format(f"= {quoted(name)}"))) == {name}
    assert set(org.column(soql.format("LIKE '%table\\%20\\_100\\%'"))) == {"C:\\new\\table%20_100%"}
    assert set(org.column(soql.format("= 'ÜNÏCÖDÉ ÑANDÚ ŁÓDŹ ĐẶNG ØRESUND'"))) == {
        "Ünïcödé Ñandú Łódź Đặng Øresund"
    }
    assert set(org.column(soql.format("LIKE 'ünïcödé%'"))) == {"Ünïcödé Ñandú Łódź Đặng Øresund"}


def test_extremes_are_answered_too(org: Caller) -> None:
    chain = " OR ".join(["Id=null"] * 1_000)
    assert org.rows(f"SELECT Id FROM PackagePushJob WHERE {chain}") == []
    for where, code in (
        ("MajorVersion = 99999999999999999999", "INVALID_FIELD"),
        ("MajorVersion = 4.0", "INVALID_FIELD"),
        ("Name = '\\ud800'", "MALFORMED_QUERY"),
        ("Name != null LIMIT 99999999999999999999", "MALFORMED_QUERY"),
    ):
        reply = org.ask(f"SELECT Id FROM MetadataPackageVersion WHERE {where}")
        assert reply.error == (400, code), where
    assert org.rows("SELECT Id FROM MetadataPackageVersion WHERE Name = 'a\\u0000b'") == []


def test_depth_has_an_end(org: Caller) -> None:
    deep = "(" * 300 + "Status = 'x'" + ")" * 300
    reply = org.ask(f"SELECT Id FROM PackagePushJob WHERE {deep}")
    assert reply.error == (400, "QUERY_TOO_COMPLICATED")


# --- pages ----------------------------------------------------------------------------------


def test_a_long_answer_comes_in_pages(build: Build, clock: StoppedClock) -> None:
    org = build(orgs=2_000)
    soql = "SELECT Id, OrgKey, OrgName FROM PackageSubscriber ORDER BY OrgName"
    first = org.ask(soql).ok()
    assert (len(first["records"]), first["done"]) == (2_000, False)
    assert first["totalSize"] > 2_000
    ids = [row["Id"] for row in org.rows(soql)]
    assert len(ids) == len(set(ids)) == first["totalSize"]

    small = org.ask(soql, {"Sforce-Query-Options": "batchSize=300"}).ok()
    assert len(small["records"]) == 300
    following = org.get(small["nextRecordsUrl"]).ok()
    assert [row["Id"] for row in following["records"]] == ids[300:600]

    clock.pass_(days=3)
    assert org.get(small["nextRecordsUrl"]).error == (400, "INVALID_QUERY_LOCATOR")


@pytest.mark.parametrize("locator", ["01g000000000001-2000", "nonsense", "x-1", "01g-²"])
def test_a_locator_must_be_known(org: Caller, locator: str) -> None:
    assert org.get(f"query/{locator}").error == (400, "INVALID_QUERY_LOCATOR")


def test_it_is_quick(build: Build) -> None:
    org = build(orgs=2_000)
    soql = (
        "SELECT Id, OrgKey, OrgName, OrgStatus, OrgType, InstanceName, ParentOrg, SystemModstamp,"
        " MetadataPackageVersionId, InstalledStatus, HasRestrictionEnabled, CustomUpgradeType"
        " FROM PackageSubscriber LIMIT 2000"
    )
    started = time.process_time()
    assert org.ask(soql).status == 200
    assert time.process_time() - started < 0.15
