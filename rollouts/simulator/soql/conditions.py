"""WHERE as parameterised SQL. No text of the caller ever becomes SQL."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from rollouts.simulator.fields import Kind
from rollouts.simulator.ids import BadId, long_id
from rollouts.simulator.refusals import Refusal

from .scope import Column, Scope
from .tokens import pointed
from .tree import Comparison, Condition, Literal, LiteralKind, Not

_WANTED = {
    Kind.INT: LiteralKind.NUMBER,
    Kind.BOOLEAN: LiteralKind.BOOLEAN,
    Kind.DATETIME: LiteralKind.DATETIME,
    Kind.DATE: LiteralKind.DATE,
    Kind.DOUBLE: LiteralKind.NUMBER,
}

_LARGEST_INT: Final = 2**31 - 1

Value = str | int | float | None


def condition_sql(condition: Condition, scope: Scope, values: list[Value]) -> str:
    """The SQL of a condition; its values are appended in order. Raises Refusal."""
    if isinstance(condition, Comparison):
        return _comparison(condition, scope, values)
    if isinstance(condition, Not):
        inner = condition_sql(condition.condition, scope, values)
        # SOQL has two truth values: what isn't true is false, also about nothing.
        return f"NOT COALESCE({inner}, 0)"
    parts = [condition_sql(part, scope, values) for part in condition.conditions]
    return _balanced(parts, condition.word.upper())


def _balanced(parts: list[str], word: str) -> str:
    """A long chain as a shallow tree: SQLite bounds the depth of an expression, not its length."""
    if len(parts) == 1:
        return parts[0]
    middle = len(parts) // 2
    return f"({_balanced(parts[:middle], word)} {word} {_balanced(parts[middle:], word)})"


def _comparison(comparison: Comparison, scope: Scope, values: list[Value]) -> str:
    column = scope.filterable(comparison.path)
    operator = comparison.operator
    if operator == "like":
        return _like(column, comparison.values[0], scope, values)
    if operator in ("in", "not in"):
        return _membership(column, comparison, scope, values)
    value = _value(column, comparison.values[0], scope)
    folded = _needs_folding(column, [value])
    sql = _folded(column.sql) if folded else column.sql + _collation(column)
    if value is None:
        if operator not in ("=", "!="):
            raise _bad_criterion(column, comparison.values[0], scope)
        return f"{sql} IS {'NOT ' if operator == '!=' else ''}NULL"
    if column.field.kind in (Kind.BOOLEAN, Kind.ID, Kind.REFERENCE) and operator not in ("=", "!="):
        raise Refusal(
            400,
            "INVALID_QUERY_FILTER_OPERATOR",
            pointed(scope.text, comparison.path.at, "invalid operator on this field"),
        )
    values.append(value)
    mark = _folded("?") if folded else "?"
    # `!=` also finds rows without a value, in SOQL as in SQLite's IS NOT.
    return f"{sql} {'IS NOT' if operator == '!=' else operator} {mark}"


def _membership(column: Column, comparison: Comparison, scope: Scope, values: list[Value]) -> str:
    wanted = [_value(column, literal, scope) for literal in comparison.values]
    folded = _needs_folding(column, wanted)
    sql = _folded(column.sql) if folded else column.sql + _collation(column)
    present = [value for value in wanted if value is not None]
    values += present
    marks = ",".join(_folded("?") if folded else "?" for _ in present)
    inside = f"{sql} IN ({marks})" if present else "0"
    if len(present) < len(wanted):
        inside = f"({inside} OR {sql} IS NULL)"
    return f"NOT COALESCE({inside}, 0)" if comparison.operator == "not in" else inside


def _like(column: Column, literal: Literal, scope: Scope, values: list[Value]) -> str:
    if column.field.kind not in (Kind.STRING, Kind.PICKLIST):
        raise Refusal(
            400,
            "INVALID_QUERY_FILTER_OPERATOR",
            pointed(scope.text, literal.at, "invalid operator on this field"),
        )
    if literal.kind is not LiteralKind.STRING:
        raise _bad_criterion(column, literal, scope)
    values.append(literal.pattern)
    if literal.pattern.isascii():
        return f"{column.sql} LIKE ? ESCAPE '\\'"
    return f"{_folded(column.sql)} LIKE {_folded('?')} ESCAPE '\\'"


def _value(column: Column, literal: Literal, scope: Scope) -> Value:
    kind = column.field.kind
    if literal.kind is LiteralKind.NULL:
        if kind is Kind.BOOLEAN:
            raise _bad_criterion(column, literal, scope)
        return None
    if literal.kind is not _WANTED.get(kind, LiteralKind.STRING):
        raise _bad_criterion(column, literal, scope)
    if kind in (Kind.ID, Kind.REFERENCE):
        try:
            return long_id(str(literal.value))
        except BadId:
            raise Refusal(
                400,
                "INVALID_QUERY_FILTER_OPERATOR",
                pointed(scope.text, literal.at, f"invalid ID field: {literal.value}"),
            ) from None
    if kind is Kind.INT and not (
        isinstance(literal.value, int) and abs(literal.value) <= _LARGEST_INT
    ):
        raise _bad_criterion(column, literal, scope)
    return literal.value


def _bad_criterion(column: Column, literal: Literal, scope: Scope) -> Refusal:
    kind = column.field.kind
    wanted = _WANTED.get(kind)
    name = {Kind.DATETIME: "dateTime", Kind.REFERENCE: "reference"}.get(kind, kind.value)
    quotes = "should be enclosed in quotes"
    if wanted is not None:
        quotes = "should not be enclosed in quotes"
    return Refusal(
        400,
        "INVALID_FIELD",
        pointed(
            scope.text,
            literal.at,
            f"value of filter criterion for field '{column.field.name}' must be of type {name} "
            f"and {quotes}",
        ),
    )


def _collation(column: Column) -> str:
    """Strings compare without case, keys and ids with it."""
    field = column.field
    if field.kind in (Kind.STRING, Kind.PICKLIST) and not field.exact_case:
        return " COLLATE NOCASE"
    return ""


def _needs_folding(column: Column, values: Sequence[Value]) -> bool:
    """SQLite folds ASCII letters only; for others our own function is called, which is slower."""
    field = column.field
    if field.exact_case or field.kind not in (Kind.STRING, Kind.PICKLIST):
        return False
    return any(isinstance(value, str) and not value.isascii() for value in values)


def _folded(sql: str) -> str:
    return f"folded({sql})"
