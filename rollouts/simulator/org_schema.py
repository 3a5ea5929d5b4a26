"""Which objects and fields this particular org shows, by its role and its switches."""

from __future__ import annotations

from dataclasses import replace

from .fields import SObject
from .lma_schema import NEWER_NAMES
from .options import Options, Role
from .schema import CREATED_FIELDS, PUSH_REQUEST, SOBJECTS


class OrgSchema:
    """The objects of one org, found by name in any letter case or by id prefix."""

    def __init__(self, options: Options) -> None:
        self.tenant = options.role.tenant
        self._objects: dict[str, SObject] = {}
        for sobject in SOBJECTS:
            if _there(sobject, options):
                self._objects[sobject.name.lower()] = _shown(sobject, options)

    def find(self, name: str) -> SObject | None:
        """The object of that name, if this org has it."""
        return self._objects.get(name.lower())

    def all(self) -> list[SObject]:
        """Every object of this org."""
        return list(self._objects.values())


def _there(sobject: SObject, options: Options) -> bool:
    if sobject.needs_push:
        unseen = not options.push_permission and not (
            options.unknowns.missing_permission_shows_objects
        )
        return options.push_enabled and options.role is not Role.LMO and not unseen
    if sobject.needs_dev_hub:
        return options.role is Role.DEV_HUB
    if sobject.needs_lma:
        return options.role is Role.LMO or options.lma
    return True


def _shown(sobject: SObject, options: Options) -> SObject:
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
    if options.unknowns.old_licence_names:
        fields = tuple(field for field in fields if field.name not in NEWER_NAMES)
    locked = sobject.writable and not options.push_permission
    return replace(sobject, fields=fields, locked=locked)
