"""Many rows in one statement, without an object for each: for syncs of tens of thousands.

`bulk_create` makes an object and prepares each field of each row, which costs more than the
database's own work. Here values go as they are, in columns.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from django.db import connection, models

# Bounds what one statement holds in memory.
_AT_ONCE = 5_000


def insert_rows(
    model: type[models.Model],
    names: Sequence[str],
    rows: Sequence[Sequence[Any]],
    *,
    same: Mapping[str, Any] | None = None,
) -> None:
    """Insert rows; in the caller's transaction.

    Args:
        model: whose table; the database sets its key.
        names: the fields that ``rows`` bring, in their order. Each value is text, a number, a
            truth or None, as the column holds it; keys for foreign fields.
        rows: one sequence of values for each row; days and instants may be among them.
        same: fields that have one value in all rows; any kind of value.

    Fields that are named in neither get their default.
    """
    if not rows:
        return
    filled = dict(same or {})
    for field in model._meta.concrete_fields:  # noqa: SLF001 - its public name
        if not field.primary_key and field.name not in names and field.name not in filled:
            filled[field.name] = field.get_default()
    columns = [_field(model, name) for name in (*names, *filled)]
    constant = [
        field.get_db_prep_save(value, connection)
        for field, value in zip(columns[len(names) :], filled.values(), strict=True)
    ]
    quote = connection.ops.quote_name
    table = quote(model._meta.db_table)  # noqa: SLF001 - its public name
    into = f"{table} ({', '.join(quote(str(field.column)) for field in columns)})"
    write = _copied if connection.vendor == "postgresql" else _in_rows
    given = columns[: len(names)]
    for start in range(0, len(rows), _AT_ONCE):
        write(into, given, _timed(given, rows[start : start + _AT_ONCE]), constant)


def _timed(
    fields: Sequence[models.Field[Any, Any]], rows: Sequence[Sequence[Any]]
) -> Sequence[Sequence[Any]]:
    """Write days and instants as the database at hand keeps them; all else goes as it is."""
    timed = {place: field for place, field in enumerate(fields)
             if isinstance(field, models.DateField)}  # fmt: skip
    if not timed:
        return rows
    kept: dict[Any, Any] = {}
    made = []
    for row in rows:
        values = list(row)
        for place, field in timed.items():
            value = values[place]
            if (place, value) not in kept:
                kept[place, value] = field.get_db_prep_save(value, connection)
            values[place] = kept[place, value]
        made.append(values)
    return made


def _field(model: type[models.Model], name: str) -> models.Field[Any, Any]:
    field = model._meta.get_field(name)  # noqa: SLF001 - its public name
    if not isinstance(field, models.Field):
        raise TypeError(f"{name} is no column of {model.__name__}")
    return field


# The text of every statement is made of names from our own models; values are always parameters.
def _copied(
    into: str,
    _: Sequence[models.Field[Any, Any]],
    rows: Sequence[Sequence[Any]],
    constant: Sequence[Any],
) -> None:
    with connection.cursor() as cursor, cursor.copy(f"COPY {into} FROM STDIN") as copy:
        for row in rows:
            copy.write_row((*row, *constant))


def _in_rows(
    into: str,
    fields: Sequence[models.Field[Any, Any]],
    rows: Sequence[Sequence[Any]],
    constant: Sequence[Any],
) -> None:
    places = ", ".join(["%s"] * (len(fields) + len(constant)))
    with connection.cursor() as cursor:
        cursor.executemany(
            f"INSERT INTO {into} VALUES ({places})",  # noqa: S608 - our own names
            [(*row, *constant) for row in rows],
        )


def update_rows(
    model: type[models.Model],
    names: Sequence[str],
    rows: Sequence[Sequence[Any]],
    *,
    same: Mapping[str, Any] | None = None,
) -> None:
    """Update rows by their keys; in the caller's transaction.

    Args:
        model: whose table.
        names: the fields that ``rows`` bring after the key.
        rows: for each row its key and the values, as for `insert_rows`.
        same: fields that get one value in all rows.
    """
    fields = [_field(model, name) for name in names]
    fixed = [_field(model, name) for name in (same or {})]
    constant = [
        field.get_db_prep_save(value, connection)
        for field, value in zip(fixed, (same or {}).values(), strict=True)
    ]
    quote = connection.ops.quote_name
    table = quote(model._meta.db_table)  # noqa: SLF001 - its public name
    key = model._meta.pk  # noqa: SLF001 - its public name
    always = [f"{quote(str(field.column))} = %s" for field in fixed]
    write = _change_in_columns if connection.vendor == "postgresql" else _change_in_rows
    for start in range(0, len(rows), _AT_ONCE):
        write(table, [key, *fields], always, rows[start : start + _AT_ONCE], constant)


def _change_in_columns(
    table: str,
    fields: Sequence[Any],
    always: Sequence[str],
    rows: Sequence[Sequence[Any]],
    constant: Sequence[Any],
) -> None:
    quote = connection.ops.quote_name
    names = [f"c{number}" for number in range(len(fields))]
    arrays = ", ".join(
        f"%s::{field.rel_db_type(connection) if field.primary_key else field.db_type(connection)}[]"
        for field in fields
    )
    sets = [
        f"{quote(field.column)} = v.{name}"
        for field, name in zip(fields[1:], names[1:], strict=True)
    ]
    sql = (
        f"UPDATE {table} SET {', '.join([*always, *sets])} "  # noqa: S608 - our own names
        f"FROM UNNEST({arrays}) AS v({', '.join(names)}) "
        f"WHERE {table}.{quote(fields[0].column)} = v.c0"
    )
    with connection.cursor() as cursor:
        cursor.execute(sql, [*constant, *(list(column) for column in zip(*rows, strict=True))])


def _change_in_rows(
    table: str,
    fields: Sequence[Any],
    always: Sequence[str],
    rows: Sequence[Sequence[Any]],
    constant: Sequence[Any],
) -> None:
    quote = connection.ops.quote_name
    sets = [*always, *(f"{quote(field.column)} = %s" for field in fields[1:])]
    with connection.cursor() as cursor:
        cursor.executemany(
            f"UPDATE {table} SET {', '.join(sets)} WHERE {quote(fields[0].column)} = %s",  # noqa: S608 - our own names
            [(*constant, *values, key) for key, *values in rows],
        )
