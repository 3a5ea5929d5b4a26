"""The ORM, told to remember: the SQL of a query's shape is written once.

Batteries ask the same few hundred questions millions of times, and half of their time goes into
writing the same SQL anew. Here a statement is remembered by the shape of its query: model, tables,
joins, conditions without their values, columns, order, slice. Every value is still prepared by its
own field, and every statement still sent and answered, as in life.

What may be remembered is a list of what is known to be safe; an attribute, a lookup or an
expression that is not on it is written as Django writes it. A shape is remembered only if the
values found by walking it are, in order and in type, those that Django's own writing gave.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from django.core.exceptions import EmptyResultSet, FullResultSet
from django.db.models import Count, Exists, F, OrderBy, Subquery, Value, lookups
from django.db.models.expressions import Col, CombinedExpression, Star
from django.db.models.fields import related_lookups
from django.db.models.sql.compiler import SQLCompiler, SQLUpdateCompiler
from django.db.models.sql.query import Query
from django.db.models.sql.where import WhereNode

# Conditions whose text depends on nothing but their kind, their column and their placeholders.
_LOOKUPS = frozenset(
    (
        *(lookups.Exact, lookups.In, lookups.IsNull),
        *(lookups.GreaterThan, lookups.GreaterThanOrEqual),
        *(lookups.LessThan, lookups.LessThanOrEqual),
        *(lookups.IntegerFieldExact, lookups.IntegerGreaterThan, lookups.IntegerLessThan),
        *(lookups.IntegerGreaterThanOrEqual, lookups.IntegerLessThanOrEqual),
        *(related_lookups.RelatedExact, related_lookups.RelatedIn, related_lookups.RelatedIsNull),
    )
)
# Of a query: what is part of its shape as it is, what must be empty, what follows from the rest.
_AS_IT_IS = (
    *("model", "alias_cols", "default_cols", "default_ordering", "standard_ordering"),
    *("low_mark", "high_mark", "distinct", "distinct_fields", "max_depth", "values_select"),
    *("select_for_update", "select_for_update_nowait", "select_for_update_skip_locked"),
    *("select_for_update_of", "select_for_no_key_update", "deferred_loading", "subquery"),
    *("alias_prefix", "subq_aliases", "_db"),
)
_EMPTY = (
    *("extra", "_filtered_relations", "combinator", "combined_queries"),
    *("extra_select_mask", "extra_tables", "extra_order_by", "explain_info"),
    *("related_ids", "related_updates"),
)
_WALKED = (
    *(
        "alias_refcount",
        "alias_map",
        "external_aliases",
        "where",
        "annotations",
        "select",
        "group_by",
        "order_by",
    ),
    *("select_related", "selected", "annotation_select_mask", "values"),
)
_FOLLOWS = (
    *("table_map", "used_aliases", "_annotation_select_cache", "_extra_select_cache"),
    *("base_table", "filter_is_sticky", "_lookup_joins"),
    *("contains_aggregate", "contains_over_clause"),
)
_NAMES = frozenset((*_AS_IT_IS, *_EMPTY, *_WALKED, *_FOLLOWS))


class _Odd(Exception):
    """Not on the list of what may be remembered."""


@dataclass(slots=True)
class _Known:
    """A statement, and what reading its answer needs to know."""

    sql: str | None  # None: nothing can fit, and nobody is asked
    before: tuple[object, ...]  # values that belong to the shape, ahead of the conditions'
    query: object  # keeps alive what the shape names by identity
    facts: dict[str, Any]
    fields: list[Any]
    converters: Any = None


_known: dict[object, _Known | None] = {}
_FACTS = ("select", "klass_info", "annotation_col_map", "col_count", "has_extra_select")


def remember(put: Callable[[Any, str, Any], None] = setattr) -> None:
    """Let this process remember from now on; a test puts it there for a while only."""
    put(SQLCompiler, "as_sql", _remembering(SQLCompiler.as_sql))
    put(SQLCompiler, "get_converters", _converting(SQLCompiler.get_converters))
    put(SQLUpdateCompiler, "as_sql", _remembering(SQLUpdateCompiler.as_sql))


def _remembering(written: Callable[..., Any]) -> Callable[..., Any]:
    """Give a compiler's ``as_sql``, but with a memory."""

    def as_sql(compiler: Any, *args: Any, **kwargs: Any) -> Any:
        if args or kwargs:
            return written(compiler, *args, **kwargs)
        given: list[Any] = []
        try:
            shape = _shape(compiler, given)
            known = _known.get(shape)
        except (_Odd, TypeError):
            return written(compiler)
        if known is None:
            if shape in _known:
                return written(compiler)
            kept = compiler.query.clone()
            try:
                sql, values = written(compiler)
            except EmptyResultSet:
                _known[shape] = _learnt(compiler, kept, None, given, given)
                raise
            _known[shape] = _learnt(compiler, kept, sql, values, given)
            return sql, values
        vars(compiler).update(known.facts, _swift=known)
        if known.sql is None:
            raise EmptyResultSet
        return known.sql, (*known.before, *given)

    return as_sql


def _learnt(
    compiler: Any, query: object, sql: str | None, values: Any, given: list[Any]
) -> _Known | None:
    """What is known from now on; None: a statement whose values can't be found by walking."""
    ahead = len(values) - len(given)
    if ahead < 0 or sql == "" or [*map(_typed, values[ahead:])] != [*map(_typed, given)]:
        return None
    if ahead and not compiler.query.annotations:
        return None
    facts = {name: vars(compiler)[name] for name in _FACTS if name in vars(compiler)}
    fields = [one[0] for one in (facts.get("select") or ())[: facts.get("col_count", 0)]]
    return _Known(sql, tuple(values[:ahead]), query, facts, fields)


def _typed(value: Any) -> tuple[type, object]:
    return type(value), value


def _converting(written: Callable[..., Any]) -> Callable[..., Any]:
    """Give the compiler's ``get_converters``, worked out once for each statement."""

    def get_converters(compiler: Any, expressions: Any) -> Any:
        known: _Known | None = vars(compiler).get("_swift")
        if known is None or not _same(expressions, known.fields):
            return written(compiler, expressions)
        if known.converters is None:
            known.converters = written(compiler, expressions)
        return known.converters

    return get_converters


def _same(some: Any, others: list[Any]) -> bool:
    return len(some) == len(others) and all(map(_is, some, others))


def _is(one: object, other: object) -> bool:
    return one is other


# --- shapes -------------------------------------------------------------------------------------


def _shape(compiler: Any, given: list[Any]) -> object:
    """A query's shape; the values of its conditions go to ``given``, in the order of the text."""
    using = type(compiler), compiler.using, compiler.elide_empty
    return *using, *_question(compiler, compiler.query, given)


def _question(compiler: Any, query: Any, given: list[Any]) -> tuple[object, ...]:
    own = vars(query)
    if not _NAMES.issuperset(own):
        raise _Odd
    for name in _EMPTY:
        if own.get(name):
            raise _Odd
    if own.get("select_for_update") and compiler.connection.get_autocommit():
        raise _Odd
    get = own.get
    return (
        *[get(name) for name in _AS_IT_IS],
        tuple(query.alias_refcount.items()),
        tuple(query.external_aliases.items()),
        tuple([_table(one) for one in query.alias_map.values()]),
        _values(compiler, own["values"], given) if get("values") else None,
        tuple([(n, _expression(compiler, one, given)) for n, one in query.annotations.items()]),
        tuple([_column(one) for one in query.select]),
        _grouping(query.group_by),
        tuple([_ordering(one) for one in query.order_by]),
        _nested(query.select_related),
        tuple(query.selected.items()) if query.selected else query.selected,
        None if query.annotation_select_mask is None else tuple(query.annotation_select_mask),
        _conditions(compiler, query.where, given),
    )


def _table(one: Any) -> object:
    kind = type(one)
    if one.join_type is None:
        return kind, one.table_name, one.table_alias
    if one.filtered_relation is not None:
        raise _Odd
    return (
        *(kind, one.table_name, one.table_alias, one.parent_alias),
        *(one.join_type, id(one.join_field)),
    )


def _column(one: Any) -> tuple[object, ...]:
    if type(one) is not Col:
        raise _Odd
    return one.alias, id(one.target), id(one.output_field)


def _expression(compiler: Any, one: Any, given: list[Any]) -> object:
    kind: type = type(one)
    if kind is Subquery and not one.extra and one.template == Subquery.template:
        return Subquery, _question(compiler, one.query, given)
    if kind is Value and type(one.value) is int:
        return one.value, type(vars(one).get("output_field"))
    if kind is not Count or one.filter is not None or getattr(one, "order_by", None):
        raise _Odd
    if one.extra or getattr(one, "default", None) is not None:
        raise _Odd
    counted = [part for part in one.get_source_expressions() if part is not None]
    return Count, one.distinct, tuple(["*" if type(p) is Star else _column(p) for p in counted])


def _grouping(columns: Any) -> object:
    return tuple([_column(one) for one in columns]) if type(columns) is tuple else columns


def _ordering(one: Any) -> object:
    if type(one) is str:
        return one
    column: Any = getattr(one, "expression", None)
    if type(one) is not OrderBy or type(column) is not F:
        raise _Odd
    return vars(column)["name"], one.descending, one.nulls_first, one.nulls_last


def _nested(related: Any) -> object:
    if not isinstance(related, dict):
        return related
    return tuple([(name, _nested(inner)) for name, inner in related.items()])


def _conditions(compiler: Any, node: Any, given: list[Any]) -> object:
    children = []
    for child in node.children:
        kind = type(child)
        if kind is WhereNode:
            children.append(_conditions(compiler, child, given))
        elif kind in _LOOKUPS:
            children.append(_condition(compiler, child, given))
        elif kind is Exists:
            given.append(1)  # what such a subquery selects
            children.append((Exists, _question(compiler, child.query, given)))
        else:
            raise _Odd
    return node.connector, node.negated, node.resolved, tuple(children)


def _condition(compiler: Any, one: Any, given: list[Any]) -> object:
    lhs, rhs = one.lhs, one.rhs
    if type(lhs) is not Col or one.bilateral_transforms:
        raise _Odd
    column = lhs.alias, id(lhs.target), id(lhs.output_field)
    # Whether a column is empty, and a yes or no, are part of the text.
    if isinstance(rhs, bool):
        return type(one), column, rhs
    if type(rhs) is Query:
        return type(one), column, _question(compiler, rhs, given)
    if hasattr(rhs, "as_sql"):
        return type(one), column, _column(rhs)
    try:
        sql, values = one.process_rhs(compiler, compiler.connection)
    except (EmptyResultSet, FullResultSet) as fits:
        return type(one), column, type(fits)
    for value in values:
        if hasattr(value, "as_sql"):
            raise _Odd
    given.extend(values)
    return type(one), column, sql


def _values(compiler: Any, values: Any, given: list[Any]) -> object:
    """What an update sets: columns with plain values, or a column and a number more."""
    if compiler.query.annotations or len(compiler.query.alias_map) > 1:
        raise _Odd
    shapes: list[object] = []
    for field, _, value in values:
        if hasattr(field, "get_placeholder"):
            raise _Odd
        if type(value) is CombinedExpression:
            shapes.append((id(field), *_sum(compiler, value, given)))
            continue
        if hasattr(value, "resolve_expression"):
            raise _Odd
        plain = value.prepare_database_save(field) if field.remote_field and hasattr(
            value, "prepare_database_save"
        ) else value  # fmt: skip
        ready = field.get_db_prep_save(plain, connection=compiler.connection)
        if hasattr(ready, "as_sql"):
            raise _Odd
        if ready is not None:
            given.append(ready)
        shapes.append((id(field), ready is None))
    return tuple(shapes)


def _sum(compiler: Any, value: Any, given: list[Any]) -> tuple[object, ...]:
    if type(value.rhs) is not Value or type(value.rhs.value) is not int:
        raise _Odd
    sql, values = value.rhs.as_sql(compiler, compiler.connection)
    if sql != "%s":
        raise _Odd
    given.extend(values)
    return *_column(value.lhs), value.connector
