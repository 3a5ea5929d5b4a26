"""Names of one query, found in the schema: columns, joins, and what each may be used for."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Final

from rollouts.simulator.fields import Field, SObject
from rollouts.simulator.org_schema import OrgSchema
from rollouts.simulator.refusals import Refusal

from .tokens import malformed, pointed
from .tree import Path

DEEPEST_PATH: Final = 5


@dataclass(slots=True)
class Table:
    """An object as one query sees it, under a table alias."""

    sobject: SObject
    alias: str
    parents: dict[str, Table] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Column:
    """A field reached from the query's object.

    `trail` names the relationships on the way, canonically, each with the table it leads to.
    """

    field: Field
    table: Table
    trail: tuple[tuple[str, Table], ...]

    @property
    def sql(self) -> str:
        """The SQL of this column."""
        return self.field.column.format(t=self.table.alias)


class Scope:
    """Resolves paths from one object and remembers the joins they need."""

    def __init__(self, schema: OrgSchema, sobject: SObject, api: int, text: str) -> None:
        self.schema = schema
        self.api = api
        self.text = text
        self.root = Table(sobject, "t")
        self.joins: list[str] = []

    def column(self, path: Path) -> Column:
        """The column behind a path. Raises Refusal."""
        names = path.names
        # The object's own name may stand in front, as in `PackagePushJob.Status`.
        if len(names) > 1 and names[0].lower() == self.root.sobject.name.lower():
            own_parent = self.root.sobject.parent(names[0], self.api)
            names = names if own_parent else names[1:]
        if len(names) - 1 > DEEPEST_PATH:
            raise malformed(self.text, path.at, "Relationship paths may have five steps at most")
        table = self.root
        trail: list[tuple[str, Table]] = []
        for name in names[:-1]:
            table, relationship = self._step(table, name, path)
            trail.append((relationship, table))
        found = table.sobject.field(names[-1], self.api)
        if found is None:
            raise Refusal(
                400,
                "INVALID_FIELD",
                pointed(
                    self.text,
                    path.at,
                    f"No such column '{names[-1]}' on entity '{table.sobject.name}'. If you are "
                    "attempting to use a custom field, be sure to append the '__c' after the "
                    "custom field name. Please reference your WSDL or the describe call for the "
                    "appropriate names.",
                ),
            )
        return Column(found, table, tuple(trail))

    def _step(self, table: Table, name: str, path: Path) -> tuple[Table, str]:
        reference = table.sobject.parent(name, self.api)
        parent = self.schema.find(reference.refers_to) if reference else None
        if reference is None or parent is None:
            raise Refusal(
                400,
                "INVALID_FIELD",
                pointed(
                    self.text,
                    path.at,
                    f"Didn't understand relationship '{name}' in field path. If you are attempting "
                    "to use a custom relationship, be sure to append the '__r' after the custom "
                    "relationship name. Please reference your WSDL or the describe call for the "
                    "appropriate names.",
                ),
            )
        relationship = reference.relationship
        if relationship not in table.parents:
            alias = f"p{len(self.joins)}"
            table.parents[relationship] = Table(parent, alias)
            column = reference.column.format(t=table.alias)
            self.joins.append(f"LEFT JOIN {parent.table} {alias} ON {alias}.id = {column}")
        return table.parents[relationship], relationship

    def filterable(self, path: Path) -> Column:
        """The column, if WHERE may use it."""
        column = self.column(path)
        if "W" not in column.field.can:
            raise Refusal(
                400,
                "INVALID_FIELD",
                pointed(
                    self.text,
                    path.at,
                    f"field '{column.field.name}' can not be filtered in a query call",
                ),
            )
        return column

    def sortable(self, path: Path) -> Column:
        """The column, if ORDER BY may use it."""
        column = self.column(path)
        if "O" not in column.field.can:
            raise malformed(
                self.text,
                path.at,
                f"field '{column.field.name}' can not be sorted in a query call",
            )
        return column

    def groupable(self, path: Path) -> Column:
        """The column, if GROUP BY may use it."""
        column = self.column(path)
        if "G" not in column.field.can:
            raise malformed(
                self.text,
                path.at,
                f"field '{column.field.name}' can not be grouped in a query call",
            )
        return column
