"""What the database refuses besides: a changed end, and a step that no table of states knows.

The steps are written out, because a migration must not change when the tables in the domain do; a
test compares the two. On SQLite a later migration that remakes one of these tables drops its
triggers, so such a migration must run ``lay_down`` again; a test looks for them.
"""

from __future__ import annotations

from typing import ClassVar

from django.db import migrations
from django.db.backends.base.schema import BaseDatabaseSchemaEditor
from django.db.migrations.state import StateApps

# Table: the steps that its column `state` may take, source to goals. A state without a line is an
# end and stays.
STEPS: dict[str, dict[str, tuple[str, ...]]] = {
    "rollouts_rollout": {
        "draft": ("ready", "aborting"),
        "ready": ("draft", "active", "aborting"),
        "active": ("halted", "aborting", "completed", "completed_with_failures"),
        "halted": ("active", "aborting"),
        "aborting": ("aborted",),
    },
    "rollouts_wave": {
        "planned": ("frozen", "skipped"),
        "frozen": ("planned", "approved", "baking", "skipped", "closed"),
        "approved": ("planned", "frozen", "dispatching", "skipped"),
        "dispatching": ("baking", "frozen", "skipped"),
        "baking": ("planned", "dispatching", "passed", "frozen", "skipped", "closed"),
    },
    "rollouts_batch": {
        "planned": ("reserved", "abandoned"),
        "reserved": ("created", "in_doubt", "abandoned"),
        "created": ("verified", "in_doubt", "canceled"),
        "verified": ("arming", "in_doubt", "canceled"),
        "arming": ("armed", "running", "settled", "in_doubt", "canceled"),
        "armed": ("running", "settled", "in_doubt", "canceled"),
        "running": ("settled", "in_doubt"),
        "in_doubt": ("armed", "running", "settled", "canceled", "abandoned"),
    },
    # Salesforce moves attempts and may skip any step on the way; only their ends are final, and a
    # reported success only becomes one that was seen or one that never was.
    "rollouts_attempt": {
        **{
            live: (
                "reserved", "submitted", "queued", "in_progress", "stuck",
                "succeeded", "failed", "canceled",
            )
            for live in ("reserved", "submitted", "queued", "in_progress", "stuck")
        },
        "succeeded": ("confirmed", "unconfirmed"),
    },
}  # fmt: skip
# Table, column: what Salesforce said about an end is kept as it was said.
KEPT_AT_THE_END = (
    ("rollouts_attempt", ("failed", "canceled", "confirmed", "unconfirmed"), "failure_kind"),
    ("rollouts_attempt", ("failed", "canceled", "confirmed", "unconfirmed"), "signature"),
    ("rollouts_attempt", ("failed", "confirmed", "unconfirmed"), "sf_id"),
)
APPEND_ONLY = ("rollouts_pusherror",)
NEVER_DELETED = (
    "rollouts_attempt", "rollouts_batch", "rollouts_remotecall",
    "rollouts_frozenlist", "rollouts_approval",
)  # fmt: skip
WRITE_ONCE = (
    ("rollouts_approval", "voided_at"),
    ("rollouts_frozenlist", "voided_at"),
    ("rollouts_batch", "cancel_too_late_at"),
)


def _allowed(steps: dict[str, tuple[str, ...]]) -> str:
    """Write the allowed steps as one condition on OLD.state and NEW.state."""
    return " OR ".join(
        f"(OLD.state = '{source}' AND NEW.state IN ({', '.join(repr(goal) for goal in goals)}))"
        for source, goals in steps.items()
    )


def _rules() -> list[tuple[str, str, str, str, str]]:
    """Return (trigger, table, event, condition, words), the same for both engines.

    ``<>`` stands for "differs, and null is a value", which the engines write differently.
    """
    rules = [
        (
            f"{table}_steps", table, "UPDATE OF state",
            f"NEW.state <> OLD.state AND NOT ({_allowed(steps)})",
            f"{table}.state can not go there",
        )
        for table, steps in STEPS.items()
    ]
    rules += [
        (
            f"{table}_{column}_kept", table, f"UPDATE OF {column}",
            f"OLD.state IN ({', '.join(repr(end) for end in ends)}) "
            f"AND NEW.{column} {{differs}} OLD.{column}",
            f"{table}.{column} is final",
        )
        for table, ends, column in KEPT_AT_THE_END
    ]
    rules += [
        (
            f"{table}_{column}_once", table, f"UPDATE OF {column}",
            f"OLD.{column} IS NOT NULL AND NEW.{column} {{differs}} OLD.{column}",
            f"{table}.{column} is written once",
        )
        for table, column in WRITE_ONCE
    ]
    rules += [
        (f"{table}_{verb.lower()}_never", table, verb, "", f"{table} is append-only")
        for table in APPEND_ONLY
        for verb in ("UPDATE", "DELETE")
    ]
    rules += [
        (f"{table}_delete_never", table, "DELETE", "", f"{table} is never deleted")
        for table in NEVER_DELETED
    ]
    return rules  # fmt: skip


def names() -> list[str]:
    """Name every trigger, for the test that looks for them."""
    return [name for name, *_ in _rules()]


def lay_down(_apps: StateApps, schema_editor: BaseDatabaseSchemaEditor) -> None:
    """Create the triggers for the engine at hand; `rollouts_refuse` is of 0002."""
    is_sqlite = schema_editor.connection.vendor == "sqlite"
    for name, table, event, condition, words in _rules():
        condition = condition.replace("{differs}", "IS NOT" if is_sqlite else "IS DISTINCT FROM")
        when = f"WHEN ({condition}) " if condition else ""
        if is_sqlite:
            schema_editor.execute(f"DROP TRIGGER IF EXISTS {name}", params=None)
            does = f"BEGIN SELECT RAISE(ABORT, '{words}'); END"
            each = ""
        else:
            schema_editor.execute(f"DROP TRIGGER IF EXISTS {name} ON {table}", params=None)
            does = f"EXECUTE FUNCTION rollouts_refuse('{words}')"
            each = "FOR EACH ROW "
        schema_editor.execute(
            f"CREATE TRIGGER {name} BEFORE {event} ON {table} {each}{when}{does}", params=None
        )


class Migration(migrations.Migration):
    """Lay the triggers down."""

    dependencies: ClassVar = [("rollouts", "0003_engine")]
    operations: ClassVar = [migrations.RunPython(lay_down, migrations.RunPython.noop)]
