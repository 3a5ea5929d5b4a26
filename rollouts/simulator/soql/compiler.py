"""A checked query as SQL that finds row ids, and the plan by which records are shown."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final

from ..org_schema import OrgSchema
from ..refusals import Refusal
from ..schema import Child, Kind, SObject
from .conditions import Value, condition_sql
from .scope import Column, Scope
from .tokens import malformed, pointed
from .tree import Count, Order, Path, Query, Selected, Subquery

MOST_OFFSET: Final = 2_000


@dataclass(slots=True)
class Shape:
    """How a record is shown: its fields in order, with parents nested. Numbers index the row."""

    sobject: str
    id_at: int
    parts: dict[str, tuple[int, Kind] | Shape] = field(default_factory=dict)


@dataclass(slots=True)
class ChildPlan:
    """A child query: what to read, for which children of which parents."""

    name: str
    plan: RecordPlan
    key_sql: str


@dataclass(slots=True)
class RecordPlan:
    """A query for records: first the row ids, then the columns of one page."""

    sobject: SObject
    ids_sql: str
    ids_values: list[Value]
    columns_sql: str
    shape: Shape
    children: list[ChildPlan]
    order_sql: str
    where_sql: str
    limit: int | None


@dataclass(slots=True)
class CountPlan:
    """A query for figures. `bare` is COUNT(), whose answer is totalSize alone."""

    sql: str
    values: list[Value]
    names: list[tuple[str, Kind | None]]
    bare: bool
    limited: bool


def compile_query(query: Query, schema: OrgSchema, api: int, now: int) -> RecordPlan | CountPlan:
    """The plan of a query. Raises Refusal for all that the platform refuses."""
    sobject = schema.find(query.source)
    if sobject is None:
        raise Refusal(
            400,
            "INVALID_TYPE",
            pointed(
                query.text,
                query.source_at,
                f"sObject type '{query.source}' is not supported. If you are attempting to use a "
                "custom object, be sure to append the '__c' after the entity name. Please "
                "reference your WSDL or the describe call for the appropriate names.",
            ),
        )
    if query.offset is not None and query.offset > MOST_OFFSET:
        raise Refusal(400, "NUMBER_OUTSIDE_VALID_RANGE", "SOQL offset should be between 0 to 2000")
    scope = Scope(schema, sobject, api, query.text)
    counting = query.grouped or any(
        isinstance(item, Selected) and isinstance(item.what, Count) for item in query.selected
    )
    if counting:
        return _counts(query, scope, now)
    return _records(query, scope, now)


# --- records --------------------------------------------------------------------------------


def _records(query: Query, scope: Scope, now: int) -> RecordPlan:
    columns = [f"{scope.root.alias}.rowid", f"{scope.root.alias}.id"]
    shape = Shape(scope.root.sobject.name, 1)
    children = []
    for item in query.selected:
        if isinstance(item, Subquery):
            children.append(_child(item, scope, now))
            continue
        if not isinstance(item.what, Path):
            raise malformed(query.text, item.what.at, "unexpected aggregate")
        if item.alias is not None:
            raise malformed(query.text, item.what.at, f"unexpected token: '{item.alias}'")
        column = scope.column(item.what)
        _place(shape, column, columns, item.what, query.text)
    values: list[Value] = []
    where = _where(query, scope, values, now)
    order = _order(query.ordered, scope)
    joins = " ".join(scope.joins)
    source = f"FROM {scope.root.sobject.table} t {joins}"
    limit = "" if query.limit is None else f" LIMIT {query.limit}"
    if query.offset is not None:
        limit = f" LIMIT {-1 if query.limit is None else query.limit} OFFSET {query.offset}"
    return RecordPlan(
        scope.root.sobject,
        f"SELECT t.rowid {source} WHERE {where} ORDER BY {order}{limit}",
        values,
        f"SELECT {', '.join(columns)} {source}",
        shape,
        children,
        order,
        where,
        query.limit,
    )


def _place(shape: Shape, column: Column, columns: list[str], path: Path, text: str) -> None:
    """Give a column its place among the nested parts of the record."""
    here = shape
    for name, table in column.trail:
        part = here.parts.get(name)
        if not isinstance(part, Shape):
            columns.append(f"{table.alias}.id")
            part = Shape(table.sobject.name, len(columns) - 1)
            here.parts[name] = part
        here = part
    if column.field.name in here.parts:
        raise malformed(text, path.at, f"duplicate field selected: {path.text}")
    columns.append(column.sql)
    here.parts[column.field.name] = (len(columns) - 1, column.field.kind)


def _child(item: Subquery, scope: Scope, now: int) -> ChildPlan:
    query = item.query
    relation: Child | None = scope.root.sobject.child(query.source)
    sobject = scope.schema.find(relation.sobject) if relation else None
    if relation is None or sobject is None:
        raise Refusal(
            400,
            "INVALID_TYPE",
            pointed(
                query.text,
                query.source_at,
                f"Didn't understand relationship '{query.source}' in FROM part of query call. If "
                "you are attempting to use a custom relationship, be sure to append the '__r' "
                "after the custom relationship name. Please reference your WSDL or the describe "
                "call for the appropriate names.",
            ),
        )
    if query.grouped or query.offset is not None:
        raise malformed(query.text, item.at, "unexpected clause in a child query")
    inner = Scope(scope.schema, sobject, scope.api, query.text)
    key = sobject.field(relation.field, scope.api)
    assert key is not None  # noqa: S101 - the schema names its own fields
    return ChildPlan(relation.name, _records(query, inner, now), key.column.format(t="t"))


# --- figures --------------------------------------------------------------------------------


def _counts(query: Query, scope: Scope, now: int) -> CountPlan:
    groups = [scope.groupable(path) for path in query.grouped]
    group_sql = [column.sql for column in groups]
    names: list[tuple[str, Kind | None]] = []
    parts: list[str] = []
    taken: set[str] = set()
    counts: dict[str, str] = {}  # ORDER BY may name a count by its alias
    bare = False
    for item in query.selected:
        if isinstance(item, Subquery):
            raise malformed(query.text, item.at, "a child query can't stand in a grouped query")
        if isinstance(item.what, Count):
            sql = _count_sql(item.what, scope)
            bare = bare or (item.what.path is None)
            name = item.alias or f"expr{len(counts)}"
            names.append((name, None))
            counts[name.lower()] = sql
        else:
            column = scope.column(item.what)
            sql = column.sql
            if sql not in group_sql:
                raise malformed(
                    query.text,
                    item.what.at,
                    f"Field must be grouped or aggregated: {column.field.name}",
                )
            name = item.alias or column.field.name
            names.append((name, column.field.kind))
        if name.lower() in taken:
            raise malformed(query.text, item.what.at, f"duplicate alias: {name}")
        taken.add(name.lower())
        parts.append(sql)
    if bare and (len(parts) > 1 or groups):
        raise malformed(query.text, query.source_at, "COUNT() must stand alone")
    values: list[Value] = []
    where = _where(query, scope, values, now)
    order = _order(query.ordered, scope, group_sql, counts)
    sql = (
        f"SELECT {', '.join(parts)} FROM {scope.root.sobject.table} t {' '.join(scope.joins)}"
        f" WHERE {where}"
    )
    if group_sql:
        sql += f" GROUP BY {', '.join(group_sql)}"
    if order:
        sql += f" ORDER BY {order}"
    if query.limit is not None:
        sql += f" LIMIT {query.limit}"
    if query.offset is not None:
        sql += f"{' LIMIT -1' if query.limit is None else ''} OFFSET {query.offset}"
    return CountPlan(sql, values, names, bare, query.limit is not None)


def _count_sql(count: Count, scope: Scope) -> str:
    if count.path is None:
        return "COUNT(*)"
    column = scope.column(count.path)
    if column.field.kind is Kind.BOOLEAN:
        raise malformed(
            scope.text,
            count.at,
            f"field {column.field.name} does not support aggregate operator COUNT",
        )
    return f"COUNT({'DISTINCT ' if count.distinct else ''}{column.sql})"


# --- shared ---------------------------------------------------------------------------------


def _where(query: Query, scope: Scope, values: list[Value], now: int) -> str:
    where = "1" if query.where is None else condition_sql(query.where, scope, values)
    if scope.root.sobject.table == "push_job":
        # A new job can take a while until queries see it; see Unknowns.jobs_visible_after.
        where = f"t.visible_from <= {now} AND ({where})"
    return where


def _order(
    ordered: Sequence[Order],
    scope: Scope,
    group_sql: Sequence[str] = (),
    counts: dict[str, str] | None = None,
) -> str:
    """ORDER BY; `counts` is given for a query for figures and holds its counts by alias."""
    parts = []
    for order in ordered:
        if isinstance(order.what, Count):
            if counts is None:
                raise malformed(scope.text, order.what.at, "unexpected aggregate")
            sql = _count_sql(order.what, scope)
        elif counts and order.what.text.lower() in counts:
            sql = counts[order.what.text.lower()]
        else:
            column = scope.sortable(order.what)
            sql = column.sql
            if counts is not None and sql not in group_sql:
                raise malformed(
                    scope.text,
                    order.what.at,
                    f"Ordered field must be grouped or aggregated: {column.field.name}",
                )
            if column.field.kind in (Kind.STRING, Kind.PICKLIST):
                sql += " COLLATE NOCASE"
        nulls = "LAST" if order.nulls_last else "FIRST"
        parts.append(f"{sql} {'DESC' if order.descending else 'ASC'} NULLS {nulls}")
    if counts is None:
        # Without an order the platform promises none; ours is stable, for paging.
        parts.append("t.rowid")
    return ", ".join(parts)
