"""What the database refuses, whatever the code does: rewriting history, lists and bound ids.

Triggers exist on both engines. On SQLite a later migration that remakes one of these tables
drops its triggers, so such a migration must run ``lay_down`` again; a test looks for them.
"""

from __future__ import annotations

from typing import ClassVar

from django.db import migrations
from django.db.backends.base.schema import BaseDatabaseSchemaEditor
from django.db.migrations.state import StateApps

APPEND_ONLY = ("rollouts_event", "rollouts_frozenorg", "rollouts_versionchange")
# Table, column: once it holds a value, the value stays.
WRITE_ONCE = (
    ("rollouts_batch", "sf_id"),
    ("rollouts_batch", "armed_at"),
    ("rollouts_frozenlist", "digest"),
    ("rollouts_approval", "digest"),
    ("rollouts_attempt", "approved_id"),
)


def sqlite_triggers() -> list[str]:
    """Return the statements for SQLite."""
    append_only = [
        f"CREATE TRIGGER {table}_no_{verb.lower()} BEFORE {verb} ON {table} "
        f"BEGIN SELECT RAISE(ABORT, '{table} is append-only'); END"
        for table in APPEND_ONLY
        for verb in ("UPDATE", "DELETE")
    ]
    write_once = [
        f"CREATE TRIGGER {table}_{column}_once BEFORE UPDATE OF {column} ON {table} "
        f"WHEN OLD.{column} IS NOT NULL AND NEW.{column} IS NOT OLD.{column} "
        f"BEGIN SELECT RAISE(ABORT, '{table}.{column} is written once'); END"
        for table, column in WRITE_ONCE
    ]
    return append_only + write_once


def postgres_triggers() -> list[str]:
    """Return the statements for PostgreSQL."""
    function = (
        "CREATE OR REPLACE FUNCTION rollouts_refuse() RETURNS trigger LANGUAGE plpgsql AS "
        "$$ BEGIN RAISE EXCEPTION '%', TG_ARGV[0] "
        "USING ERRCODE = 'integrity_constraint_violation'; END $$"
    )
    append_only = [
        f"CREATE TRIGGER {table}_append_only BEFORE UPDATE OR DELETE ON {table} "
        f"FOR EACH ROW EXECUTE FUNCTION rollouts_refuse('{table} is append-only')"
        for table in APPEND_ONLY
    ]
    write_once = [
        f"CREATE TRIGGER {table}_{column}_once BEFORE UPDATE OF {column} ON {table} "
        f"FOR EACH ROW WHEN (OLD.{column} IS NOT NULL "
        f"AND NEW.{column} IS DISTINCT FROM OLD.{column}) "
        f"EXECUTE FUNCTION rollouts_refuse('{table}.{column} is written once')"
        for table, column in WRITE_ONCE
    ]
    return [function, *append_only, *write_once]


def lay_down(_apps: StateApps, schema_editor: BaseDatabaseSchemaEditor) -> None:
    """Create the triggers for the engine at hand."""
    vendor = schema_editor.connection.vendor
    for statement in sqlite_triggers() if vendor == "sqlite" else postgres_triggers():
        schema_editor.execute(statement, params=None)


class Migration(migrations.Migration):
    """Lay the triggers down."""

    dependencies: ClassVar = [("rollouts", "0001_initial")]
    operations: ClassVar = [migrations.RunPython(lay_down, migrations.RunPython.noop)]
