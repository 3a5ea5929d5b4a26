"""Data never becomes query."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone
from urllib.parse import quote_plus

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from rollouts.domain.ids import BadId, long_id
from rollouts.salesforce.soql import (
    LONGEST_URL,
    BadQuery,
    Condition,
    Query,
    Thing,
    Value,
    at_least,
    chunked,
    differs,
    equals,
    in_,
    literal,
    moment,
    not_in,
    org_key,
    sf_id,
    url_length,
)
from rollouts.simulator.soql.parser import parse_query
from rollouts.simulator.soql.tree import Comparison

BASE = Query(Thing.JOB, ("Id", "Status"))
ORGS = [long_id(f"00D{number:012d}") for number in range(2_000)]


def test_a_query_reads_like_soql() -> None:
    query = Query(
        Thing.SUBSCRIBER,
        ("OrgKey", "OrgName"),
        (
            equals("MetadataPackageId", sf_id("033000000000001", "033")),
            at_least("SystemModstamp", datetime(2026, 11, 16, 1, tzinfo=UTC)),
            differs("OrgStatus", "Inactive"),
        ),
        order_by=("OrgKey",),
        limit=10,
    )
    assert query.text() == (
        "SELECT OrgKey,OrgName FROM PackageSubscriber "
        "WHERE MetadataPackageId = '033000000000001AAA' "
        "AND SystemModstamp >= 2026-11-16T01:00:00Z AND OrgStatus != 'Inactive' "
        "ORDER BY OrgKey LIMIT 10"
    )


def test_counting_groups() -> None:
    query = Query(
        Thing.JOB,
        ("PackagePushRequestId", "Status"),
        (in_("PackagePushRequestId", [sf_id("0DV000000000001")]),),
        group_by=("PackagePushRequestId", "Status"),
        count=True,
    )
    assert query.text() == (
        "SELECT PackagePushRequestId,Status,COUNT(Id) FROM PackagePushJob "
        "WHERE PackagePushRequestId IN ('0DV000000000001GAA') "
        "GROUP BY PackagePushRequestId,Status"
    )


@pytest.mark.parametrize(
    ("value", "written"),
    [
        ("O'Hara", r"'O\'Hara'"),
        ("back\\", r"'back\\'"),
        ("two\nlines", r"'two\nlines'"),
        ('"', r"'\"'"),
        (True, "TRUE"),
        (False, "FALSE"),
        (7, "7"),
        (None, "NULL"),
        (datetime(2026, 11, 16, 1, tzinfo=timezone(timedelta(hours=2))), "2026-11-15T23:00:00Z"),
        (sf_id("0DV000000000001GAA"), "'0DV000000000001GAA'"),
        (org_key("00D000000000001EAA"), "'00D000000000001'"),
    ],
)
def test_each_value_is_written_by_its_type(value: Value, written: str) -> None:
    assert literal(value) == written


@pytest.mark.parametrize("text", ["x", "' OR Id != '", "0DV00000000000", "0DV000000000001AAA", ""])
def test_what_is_no_id_is_refused(text: str) -> None:
    with pytest.raises(BadId):
        sf_id(text, "0DV")


def test_an_id_of_another_kind_is_refused() -> None:
    with pytest.raises(BadId):
        sf_id("0DX000000000001", "0DV")


@pytest.mark.parametrize("value", [datetime(2026, 11, 16), "bell\x07", "null\x00"])  # noqa: DTZ001
def test_values_that_soql_can_not_carry_are_refused(value: Value) -> None:
    with pytest.raises(BadQuery):
        literal(value)


def test_an_instant_between_two_seconds_is_refused() -> None:
    with pytest.raises(BadQuery):
        moment(datetime(2026, 11, 16, 1, 0, 0, 1, tzinfo=UTC))


@pytest.mark.parametrize("name", ["Id, Name", "Id FROM User", "", "1d", "Id'", "a.b.c.d.e", "Id\n"])
def test_what_is_no_field_name_is_refused(name: str) -> None:
    with pytest.raises(BadQuery):
        Query(Thing.JOB, (name,)).text()
    with pytest.raises(BadQuery):
        BASE.also(equals(name, "x")).text()


def test_only_known_objects_are_asked() -> None:
    with pytest.raises(ValueError, match="User"):
        Query("User", ("Id",)).text()  # type: ignore[arg-type]


def test_lists_without_values_are_refused() -> None:
    with pytest.raises(BadQuery):
        in_("Id", [])
    with pytest.raises(BadQuery):
        not_in("Id", [])


def shape(soql: str) -> tuple[str, list[str]]:
    """Read a query as SOQL's own rule has it: what is outside of quotes, and what is inside."""
    outside, inside, place = [], [], 0
    while place < len(soql):
        char = soql[place]
        place += 1
        if char != "'":
            outside.append(char)
            continue
        text = ""
        while soql[place] != "'":
            if soql[place] == "\\":
                place += 1
                text += {"n": "\n", "r": "\r", "t": "\t", "b": "\b", "f": "\f"}.get(
                    soql[place], soql[place]
                )
            else:
                text += soql[place]
            place += 1
        place += 1
        outside.append("?")
        inside.append(text)
    return "".join(outside), inside


HOSTILE = st.text() | st.text(alphabet="'\\\"\n\r\t() ,=ORand%_\u2019\u02bc\uff07")


@given(st.lists(HOSTILE, min_size=1, max_size=5))
def test_hostile_text_never_changes_a_querys_shape(texts: list[str]) -> None:
    query = BASE.also(*(equals("Status", text) for text in texts), in_("OrgName", texts))
    try:
        written = query.text()
    except BadQuery:
        return
    tame = BASE.also(*(equals("Status", "x") for _ in texts), in_("OrgName", ["x"] * len(texts)))
    assert shape(written) == (shape(tame.text())[0], [*texts, *texts])


@given(HOSTILE)
def test_the_simulators_parser_reads_back_what_was_meant(text: str) -> None:
    try:
        written = BASE.also(equals("Status", text)).text()
    except BadQuery:
        return
    where = parse_query(written).where
    assert isinstance(where, Comparison)
    assert (where.path.text, where.operator) == ("Status", "=")
    assert [one.value for one in where.values] == [text]


@given(HOSTILE)
def test_hostile_text_is_never_an_id(text: str) -> None:
    assume(not text.strip().isalnum())
    with pytest.raises(BadId):
        org_key(text)


@given(st.integers(min_value=0, max_value=2_000), st.booleans())
def test_chunks_ask_about_each_value_once_and_stay_short(count: int, as_keys: bool) -> None:
    make = org_key if as_keys else sf_id
    values = [make(org) for org in ORGS[:count]]
    queries = list(chunked(BASE.also(equals("Status", "Created")), "OrgKey", values))
    assert all(url_length(query) <= LONGEST_URL for query in queries)
    asked = [value for query in queries for value in query.where[-1].values]
    assert asked == values
    assert len(queries) <= count // 350 + 1


def test_about_480_org_keys_fit_into_one_call() -> None:
    first = next(chunked(BASE, "SubscriberOrganizationKey", [org_key(org) for org in ORGS]))
    assert 450 <= len(first.where[-1].values) <= 500
    assert len(quote_plus(first.text())) < LONGEST_URL


def test_chunks_ask_about_a_value_once_even_if_it_is_given_twice() -> None:
    (query,) = chunked(BASE, "OrgKey", [org_key(ORGS[0]), org_key(ORGS[0][:15])])
    assert query.where == (Condition("OrgKey", "IN", (org_key(ORGS[0]),)),)


def test_nothing_to_ask_about_asks_nothing() -> None:
    assert list(chunked(BASE, "OrgKey", [])) == []
