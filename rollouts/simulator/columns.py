"""What `&columns=true` answers in place of records: the columns of a query.

The parameter is in no reference; the Salesforce CLI asks it after each query to name its columns.
"""

from __future__ import annotations

from typing import Final

from .fields import Field, Kind
from .org_schema import OrgSchema
from .soql.compiler import CountPlan, compile_query
from .soql.parser import parse_query
from .soql.scope import Scope
from .soql.tree import Count, Query, Subquery

Column = dict[str, object]

_APEX: Final = {
    Kind.ID: "Id",
    Kind.REFERENCE: "Id",
    Kind.INT: "Integer",
    Kind.BOOLEAN: "Boolean",
    Kind.DATETIME: "Datetime",
    Kind.DATE: "Date",
    Kind.DOUBLE: "Double",
}


def columns(schema: OrgSchema, api: int, soql: str) -> dict[str, object]:
    """The answer. Raises Refusal for a query that could not be run either."""
    query = parse_query(soql)
    plan = compile_query(query, schema, api, 0)
    sobject = schema.find(query.source)
    assert sobject is not None  # noqa: S101 - the compiler found it
    found = _selected(query, Scope(schema, sobject, api, soql))
    return {
        "columnMetadata": found,
        "entityName": sobject.name,
        "groupBy": isinstance(plan, CountPlan) and not plan.bare,
        "idSelected": any(column["columnName"] == "Id" for column in found),
        "keyPrefix": sobject.prefix,
    }


def _selected(query: Query, scope: Scope) -> list[Column]:
    found: list[Column] = []
    unnamed = 0
    for item in query.selected:
        if isinstance(item, Subquery):
            child = scope.root.sobject.child(item.query.source)
            sobject = scope.schema.find(child.sobject) if child else None
            assert child is not None and sobject is not None  # noqa: S101, PT018 - compiled
            inner = Scope(scope.schema, sobject, scope.api, scope.text)
            joined = _selected(item.query, inner)
            found.append(_column(child.name, child.name, aggregate=True, joined=joined))
        elif isinstance(item.what, Count):
            if item.what.path is None:
                continue  # COUNT() has no column
            shown = f"count({item.what.path.text})"
            found.append(
                _column(item.alias or f"expr{unnamed}", shown, aggregate=True, number=True)
            )
            unnamed += item.alias is None
        else:
            column = scope.column(item.what)
            leaf = _field_column(column.field)
            for name, _ in reversed(column.trail):
                leaf = _column(name, name, joined=[leaf])
            found.append(leaf)
    return found


def _field_column(field: Field) -> Column:
    return _column(
        field.name,
        field.name,
        apex=_APEX.get(field.kind, "String"),
        insertable="C" in field.can,
        updatable="U" in field.can,
    )


def _column(
    name: str,
    shown: str,
    *,
    aggregate: bool = False,
    apex: str | None = None,
    number: bool = False,
    joined: list[Column] | None = None,
    insertable: bool = False,
    updatable: bool = False,
) -> Column:
    return {
        "aggregate": aggregate,
        "apexType": apex,
        "booleanType": apex == "Boolean",
        "columnName": name,
        "custom": name.endswith(("__c", "__r")),
        "displayName": shown,
        "foreignKeyName": None,
        "insertable": insertable,
        "joinColumns": joined or [],
        "numberType": number or apex == "Integer",
        "textType": apex in ("String", "Id"),
        "updatable": updatable,
    }
