"""Which objects and fields this particular org shows, by its role and its switches."""

from __future__ import annotations

from dataclasses import replace

from .options import Options, Role
from .schema import CREATED_FIELDS, PUSH_REQUEST, SOBJECTS, SObject


class OrgSchema:
    """The objects of one org, found by name in any letter case or by id prefix."""

    def __init__(self, options: Options) -> None:
        self._objects: dict[str, SObject] = {}
        for sobject in SOBJECTS:
            if sobject.needs_push and not options.push_enabled:
                continue
            if sobject.needs_dev_hub and options.role is not Role.DEV_HUB:
                continue
            shown = _with_spelling(sobject, options)
            self._objects[sobject.name.lower()] = shown

    def find(self, name: str) -> SObject | None:
        """The object of that name, if this org has it."""
        return self._objects.get(name.lower())

    def all(self) -> list[SObject]:
        """Every object of this org."""
        return list(self._objects.values())


def _with_spelling(sobject: SObject, options: Options) -> SObject:
    fields = sobject.fields
    if options.unknowns.spaced_in_progress:
        fields = tuple(
            replace(
                field,
                picklist=tuple(
                    options.in_progress if value == "InProgress" else value
                    for value in field.picklist
                ),
            )
            for field in fields
        )
    if options.unknowns.created_date_readable and sobject.name == PUSH_REQUEST.name:
        fields += CREATED_FIELDS
    return replace(sobject, fields=fields)
