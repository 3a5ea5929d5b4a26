"""A checked query as SQL that finds row ids, and the plan by which records are shown."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final

from rollouts.simulator.fields import Child, Kind, SObject
from rollouts.simulator.org_schema import OrgSchema
from rollouts.simulator.refusals import Refusal

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


def compile_query(query: Query, schema: OrgSchema, api: int, now: int) -> RecordPlan | CountPlan:
    """The plan of a query. Raises Refusal for all that the platform refuses."""
    sobject = schema.find(query.source)
    if sobject is None or sobject.since > api:
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
    limit = _limit(query)
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


@dataclass(slots=True)
class _Figures:
    """The SELECT list of a query for figures."""

    sql: list[str] = field(default_factory=list)
    names: list[tuple[str, Kind | None]] = field(default_factory=list)
    counts: dict[str, str] = field(default_factory=dict)  # SQL by lower-case alias
    unnamed: int = 0


def _counts(query: Query, scope: Scope, now: int) -> CountPlan:
    group_sql = [scope.groupable(path).sql for path in query.grouped]
    figures = _figures(query, scope, group_sql)
    bare = any(
        isinstance(item, Selected) and isinstance(item.what, Count) and item.what.path is None
        for item in query.selected
    )
    if bare and (len(figures.sql) > 1 or group_sql or query.ordered):
        raise malformed(query.text, query.source_at, "COUNT() must stand alone")
    values: list[Value] = []
    where = _where(query, scope, values, now)
    order = _order(query.ordered, scope, group_sql, figures.counts)
    source = f"FROM {scope.root.sobject.table} t {' '.join(scope.joins)} WHERE {where}"
    limit = _limit(query)
    if bare:
        # Here LIMIT bounds the rows that are counted, not the figures.
        sql = f"SELECT COUNT(*) FROM (SELECT 1 {source}{limit})"  # noqa: S608 - our own names  # noqa: S608 - our own names
    else:
        groups = f" GROUP BY {', '.join(group_sql)}" if group_sql else ""
        ordered = f" ORDER BY {order}" if order else ""
        sql = f"SELECT {', '.join(figures.sql)} {source}{groups}{ordered}{limit}"
    return CountPlan(sql, values, figures.names, bare)


def _figures(query: Query, scope: Scope, group_sql: Sequence[str]) -> _Figures:
    figures = _Figures()
    for item in query.selected:
        if isinstance(item, Subquery):
            raise malformed(query.text, item.at, "a child query can't stand in a grouped query")
        what = item.what
        if isinstance(what, Count):
            sql, kind = _count_sql(what, scope), None
            name = item.alias or f"expr{figures.unnamed}"
            figures.unnamed += item.alias is None
            figures.counts[name.lower()] = sql
        else:
            column = scope.column(what)
            sql, kind = column.sql, column.field.kind
            name = item.alias or column.field.name
            if sql not in group_sql:
                message = f"Field must be grouped or aggregated: {column.field.name}"
                raise malformed(query.text, what.at, message)
        if name.lower() in (taken.lower() for taken, _ in figures.names):
            raise malformed(query.text, what.at, f"duplicate alias: {name}")
        figures.names.append((name, kind))
        figures.sql.append(sql)
    return figures


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


def _limit(query: Query) -> str:
    if query.offset is not None:
        return f" LIMIT {-1 if query.limit is None else query.limit} OFFSET {query.offset}"
    return "" if query.limit is None else f" LIMIT {query.limit}"


def _where(query: Query, scope: Scope, values: list[Value], now: int) -> str:
    where = "1" if query.where is None else condition_sql(query.where, scope, values)
    if scope.root.sobject.per_tenant:
        where = f"t.tenant = '{scope.schema.tenant}' AND ({where})"
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
