"""SOQL built from parts whose kinds are known, so that data can't become query.

Objects are a fixed list, fields must look like field names, and each value is written by its type.
No other module writes query text.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from enum import StrEnum
from urllib.parse import quote_plus

from rollouts.domain.ids import ORG, SHORT, long_id

LONGEST_URL = 12_000
# What the address holds beside the query: scheme, host, path and "?q=".
_AROUND_QUERY = 300

_FIELD = re.compile(r"[A-Za-z]\w*(?:\.[A-Za-z]\w*){0,3}", re.ASCII)
_ESCAPES = str.maketrans(
    {
        "\\": "\\\\",
        "'": "\\'",
        '"': '\\"',
        "\n": "\\n",
        "\r": "\\r",
        "\t": "\\t",
        "\b": "\\b",
        "\f": "\\f",
    }
)
_UNPRINTABLE = re.compile(r"[\x00-\x1f\x7f]")


class BadQuery(ValueError):
    """A part can't stand in a query. Raised for mistakes of ours, before anything is sent."""


class Thing(StrEnum):
    """The objects that are ever queried."""

    ORGANIZATION = "Organization"
    PACKAGE = "MetadataPackage"
    VERSION = "MetadataPackageVersion"
    SUBSCRIBER = "PackageSubscriber"
    REQUEST = "PackagePushRequest"
    JOB = "PackagePushJob"
    ERROR = "PackagePushError"
    LICENCE = "sfLma__License__c"
    LMA_PACKAGE = "sfLma__Package__c"
    LMA_VERSION = "sfLma__Package_Version__c"


@dataclass(frozen=True, slots=True)
class SfId:
    """An id as a value: 18 characters."""

    text: str


@dataclass(frozen=True, slots=True)
class OrgKey:
    """An org as Salesforce's push objects write it: 15 characters."""

    text: str


Value = SfId | OrgKey | datetime | bool | int | str | None


def sf_id(text: str, prefix: str = "") -> SfId:
    """Make a value of an id given in 15 or 18 characters.

    Raises:
        BadId: wrong length, characters, prefix or checksum.
    """
    return SfId(long_id(text, prefix=prefix))


def org_key(text: str) -> OrgKey:
    """Make a value of an org id given in 15 or 18 characters.

    Raises:
        BadId: wrong length, characters, prefix or checksum.
    """
    return OrgKey(long_id(text, prefix=ORG, what="org ID")[:SHORT])


def moment(value: datetime) -> str:
    """Write an instant as Salesforce reads it, in UTC and whole seconds: 2026-11-16T01:00:00Z.

    Raises:
        BadQuery: without a zone, or between two seconds; rounding would ask about another moment.
    """
    if value.tzinfo is None:
        raise BadQuery("an instant needs a zone")
    if value.microsecond:
        raise BadQuery("Salesforce keeps instants to the second")
    return value.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def literal(value: Value) -> str:
    """Write a value as SOQL.

    Raises:
        BadQuery: an instant without zone, or text with a character that SOQL can't carry.
    """
    match value:
        case SfId(text):
            return f"'{long_id(text)}'"
        case OrgKey(text):
            return f"'{long_id(text, prefix=ORG)[:SHORT]}'"
        case None:
            return "NULL"
        case bool():
            return "TRUE" if value else "FALSE"
        case int():
            return str(value)
        case datetime():
            return moment(value)
        case str():
            written = value.translate(_ESCAPES)
            if _UNPRINTABLE.search(written):
                raise BadQuery("text with control characters can't stand in a query")
            return f"'{written}'"


def _field(name: str) -> str:
    if not _FIELD.fullmatch(name):
        raise BadQuery(f"{name!r} is not a field name")
    return name


@dataclass(frozen=True, slots=True)
class Condition:
    """One comparison: a field, an operator of this module, and one value or several."""

    field: str
    operator: str
    values: tuple[Value, ...]

    def text(self) -> str:
        """Write it as SOQL."""
        written = ",".join(literal(value) for value in self.values)
        if self.operator in {"IN", "NOT IN"}:
            written = f"({written})"
        return f"{_field(self.field)} {self.operator} {written}"


def equals(field: str, value: Value) -> Condition:
    """Hold where the field has this value."""
    return Condition(field, "=", (value,))


def differs(field: str, value: Value) -> Condition:
    """Hold where the field has another value."""
    return Condition(field, "!=", (value,))


def at_least(field: str, value: Value) -> Condition:
    """Hold where the field has this value or more."""
    return Condition(field, ">=", (value,))


def in_(field: str, values: Sequence[Value]) -> Condition:
    """Hold where the field has one of these values.

    Raises:
        BadQuery: no values; SOQL knows no empty list.
    """
    if not values:
        raise BadQuery(f"{field} IN nothing matches nothing; don't ask")
    return Condition(field, "IN", tuple(values))


def not_in(field: str, values: Sequence[Value]) -> Condition:
    """Hold where the field has none of these values.

    Raises:
        BadQuery: no values; SOQL knows no empty list.
    """
    if not values:
        raise BadQuery(f"{field} NOT IN nothing matches all; leave it out")
    return Condition(field, "NOT IN", tuple(values))


@dataclass(frozen=True, slots=True)
class Query:
    """A query as its parts. ``count`` adds COUNT(Id), which Salesforce answers as ``expr0``."""

    source: Thing
    fields: tuple[str, ...]
    where: tuple[Condition, ...] = ()
    group_by: tuple[str, ...] = ()
    order_by: tuple[str, ...] = ()
    limit: int | None = None
    count: bool = False
    # Another name in the answer, for grouped fields whose last names are the same.
    aliases: tuple[tuple[str, str], ...] = ()
    # The rows of a child relationship that come with each row: its name, and their fields.
    nested: tuple[str, tuple[str, ...]] | None = None

    def text(self) -> str:
        """Write it as SOQL.

        Raises:
            BadQuery: a part can't stand in a query.
        """
        fields = [self._selected(name) for name in self.fields]
        if self.count:
            fields.append("COUNT(Id)")
        if self.nested:
            name, inside = self.nested
            listed = ",".join(_field(one) for one in inside)
            fields.append(f"(SELECT {listed} FROM {_field(name)})")  # noqa: S608 - checked names
        parts = ["SELECT " + ",".join(fields), f"FROM {Thing(self.source).value}"]
        if self.where:
            parts.append("WHERE " + " AND ".join(one.text() for one in self.where))
        if self.group_by:
            parts.append("GROUP BY " + ",".join(_field(name) for name in self.group_by))
        if self.order_by:
            parts.append("ORDER BY " + ",".join(_field(name) for name in self.order_by))
        if self.limit is not None:
            parts.append(f"LIMIT {int(self.limit)}")
        return " ".join(parts)

    def _selected(self, name: str) -> str:
        alias = dict(self.aliases).get(name)
        return f"{_field(name)} {_field(alias)}" if alias else _field(name)

    def also(self, *conditions: Condition) -> Query:
        """Return this query with further conditions."""
        return replace(self, where=(*self.where, *conditions))


def url_length(query: Query) -> int:
    """Estimate how long the address of this query is, from above."""
    return _AROUND_QUERY + len(quote_plus(query.text()))


def chunked(query: Query, field: str, values: Sequence[Value]) -> Iterator[Query]:
    """Ask about many values in as few queries as the length of an address allows.

    Salesforce and the proxies before it refuse long addresses. With org keys about 480 fit.
    """
    distinct = list(dict.fromkeys(values))
    while distinct:
        room = LONGEST_URL - url_length(query.also(in_(field, distinct[:1])))
        fits = 1
        for value in distinct[1:]:
            room -= len(quote_plus("," + literal(value)))
            if room < 0:
                break
            fits += 1
        yield query.also(in_(field, distinct[:fits]))
        distinct = distinct[fits:]
