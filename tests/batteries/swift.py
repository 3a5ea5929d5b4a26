"""The ORM, told to remember: what a plain select of a model looks like is worked out once.

Batteries ask the same few hundred questions millions of times, and half of their time goes into
writing the same SQL anew. Only the list of columns is remembered, of queries that take all of a
model's columns and nothing else; every query is still written, sent and answered as in life.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from django.db.models.sql.compiler import SQLCompiler

_known: dict[tuple[object, ...], tuple[list[Any], list[int]]] = {}


def remember() -> None:
    """Let this process remember columns from now on."""
    vars_of: Any = SQLCompiler
    vars_of.get_select = remembering(SQLCompiler.get_select)


def remembering(written: Callable[..., Any]) -> Callable[..., Any]:
    """Give the compiler's ``get_select``, but with a memory."""

    def get_select(compiler: Any, with_col_aliases: bool = False) -> Any:
        query = compiler.query
        plain = (
            query.default_cols
            and not query.annotation_select
            and not query.extra_select
            and query.selected is None
            and not query.select_related
            and not query.deferred_loading[0]
            and query.deferred_loading[1]
            and not with_col_aliases
        )
        if not plain:
            return written(compiler, with_col_aliases)
        # The alias of the model's own table is part of every column's text.
        key = (query.model, query.get_initial_alias(), compiler.using)
        if key not in _known:
            select, info, _ = written(compiler, with_col_aliases)
            _known[key] = (select, (info or {})["select_fields"])
        select, fields = _known[key]
        return list(select), {"model": query.model, "select_fields": list(fields)}, {}

    return get_select
