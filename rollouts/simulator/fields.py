"""What sObjects and their fields are made of.

Capability letters: W in WHERE, O in ORDER BY, G in GROUP BY, C settable on create, U settable on
update, N may be null.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Final

OLDEST_API: Final = 38
NEWEST_API: Final = 68


class Kind(StrEnum):
    """Field types, in the words of describe."""

    ID = "id"
    REFERENCE = "reference"
    STRING = "string"
    PICKLIST = "picklist"
    INT = "int"
    BOOLEAN = "boolean"
    DATETIME = "datetime"
    DATE = "date"  # kept as text such as 2026-01-31
    DOUBLE = "double"


@dataclass(frozen=True, slots=True)
class Field:
    """One field. `column` is SQL over the table alias `{t}`."""

    name: str
    kind: Kind
    can: str
    column: str
    since: int = OLDEST_API
    refers_to: str = ""
    relationship: str = ""
    picklist: tuple[str, ...] = ()
    restricted: bool = False
    length: int = 0
    exact_case: bool = False  # org keys differ by case alone

    @property
    def column_name(self) -> str:
        """The bare column, for INSERT and UPDATE."""
        return self.column.removeprefix("{t}.")


@dataclass(frozen=True, slots=True)
class Child:
    """A relationship from a parent down to its children."""

    name: str
    sobject: str
    field: str


@dataclass(frozen=True, slots=True)
class SObject:
    """One object type."""

    name: str
    label: str
    prefix: str
    table: str
    fields: tuple[Field, ...]
    children: tuple[Child, ...] = ()
    writable: bool = False
    locked: bool = False  # the user lacks the permission to write it
    needs_push: bool = False
    needs_dev_hub: bool = False
    needs_lma: bool = False
    since: int = OLDEST_API
    per_tenant: bool = False  # the store holds rows of several orgs, told apart by `tenant`

    def field(self, name: str, api: int) -> Field | None:
        """The field of that name in any letter case, if this API version has it."""
        wanted = name.lower()
        for field in self.fields:
            if field.name.lower() == wanted and field.since <= api:
                return field
        return None

    def parent(self, relationship: str, api: int) -> Field | None:
        """The reference field behind a parent relationship name."""
        wanted = relationship.lower()
        for field in self.fields:
            if field.relationship.lower() == wanted and field.since <= api and field.relationship:
                return field
        return None

    def child(self, relationship: str) -> Child | None:
        """The child relationship of that name in any letter case."""
        wanted = relationship.lower()
        return next((child for child in self.children if child.name.lower() == wanted), None)

    def visible_fields(self, api: int) -> list[Field]:
        """The fields this API version shows."""
        return [field for field in self.fields if field.since <= api]


def id_field() -> Field:
    """The record id."""
    return Field("Id", Kind.ID, "WOG", "{t}.id", length=18)


def modstamp() -> Field:
    """When the record last changed."""
    return Field("SystemModstamp", Kind.DATETIME, "WO", "{t}.modstamp")


def text(name: str, can: str, column: str, *, length: int = 255, exact_case: bool = False) -> Field:
    """A string."""
    return Field(name, Kind.STRING, can, "{t}." + column, length=length, exact_case=exact_case)


def number(name: str, can: str, column: str) -> Field:
    """A whole number."""
    return Field(name, Kind.INT, can, "{t}." + column)


def choice(
    name: str,
    can: str,
    column: str,
    values: tuple[str, ...],
    *,
    since: int = 38,
    closed: bool = False,
) -> Field:
    """A picklist."""
    return Field(
        name, Kind.PICKLIST, can, "{t}." + column, since=since, picklist=values, restricted=closed
    )


def to(
    name: str, can: str, column: str, target: str, relationship: str, *, since: int = 38
) -> Field:
    """A reference to a parent."""
    return Field(
        name,
        Kind.REFERENCE,
        can,
        "{t}." + column,
        since=since,
        refers_to=target,
        relationship=relationship,
        length=18,
    )


def flag(name: str, can: str, column: str, *, since: int = 38) -> Field:
    """A checkbox."""
    return Field(name, Kind.BOOLEAN, can, "{t}." + column, since=since)


def ran() -> tuple[Field, ...]:
    """Start, end and duration: neither filterable nor sortable, on requests and jobs alike."""
    return (
        Field("StartTime", Kind.DATETIME, "CUN", "{t}.started", since=51),
        Field("EndTime", Kind.DATETIME, "CUN", "{t}.ended", since=51),
        Field("DurationSeconds", Kind.INT, "GN", "(({t}.ended - {t}.started) / 1000)", since=51),
    )
