"""What a SOQL text says, as a tree. Positions (`at`) are offsets into the text."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum


class LiteralKind(StrEnum):
    """How a value was written."""

    STRING = "string"
    NUMBER = "number"
    BOOLEAN = "boolean"
    DATETIME = "dateTime"
    DATE = "date"
    NULL = "null"


@dataclass(frozen=True, slots=True)
class Literal:
    """One value.

    `value` is a str, int, float, bool, milliseconds, a text such as 2026-01-31 or None by its kind;
    `pattern` is the text of a string with LIKE's own escapes kept.
    """

    kind: LiteralKind
    value: str | int | float | bool | None
    at: int
    pattern: str = ""


@dataclass(frozen=True, slots=True)
class Path:
    """A field, possibly through parents: ("PackageVersion", "MetadataPackageId")."""

    names: tuple[str, ...]
    at: int

    @property
    def text(self) -> str:
        """As written."""
        return ".".join(self.names)


@dataclass(frozen=True, slots=True)
class Count:
    """COUNT(), COUNT(field) or COUNT_DISTINCT(field)."""

    path: Path | None
    distinct: bool
    at: int


@dataclass(frozen=True, slots=True)
class Selected:
    """A field or a count in the SELECT list, with its alias."""

    what: Path | Count
    alias: str | None = None


@dataclass(frozen=True, slots=True)
class Subquery:
    """A child query in the SELECT list; its FROM names a relationship."""

    query: Query
    at: int


@dataclass(frozen=True, slots=True)
class Comparison:
    """field operator value, or field IN (values)."""

    path: Path
    operator: str
    values: tuple[Literal, ...]


@dataclass(frozen=True, slots=True)
class Not:
    """NOT condition."""

    condition: Condition


@dataclass(frozen=True, slots=True)
class Joined:
    """Conditions joined by one of AND and OR."""

    word: str
    conditions: tuple[Condition, ...]


Condition = Comparison | Not | Joined


@dataclass(frozen=True, slots=True)
class Order:
    """One part of ORDER BY."""

    what: Path | Count
    descending: bool = False
    nulls_last: bool = False


@dataclass(frozen=True, slots=True)
class Query:
    """One SELECT."""

    selected: tuple[Selected | Subquery, ...]
    source: str
    source_at: int
    where: Condition | None = None
    grouped: tuple[Path, ...] = ()
    ordered: tuple[Order, ...] = ()
    limit: int | None = None
    offset: int | None = None
    text: str = field(default="", compare=False)
