"""The orgs of one world, each with its own sign-in, objects and allowance of calls.

A world has two: the vendor's own org, which is a Dev Hub or a packaging org, and the one with the
License Management App. What is pushed in the first is seen, later, in the licences of the second.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

from .messages import Request, Response
from .options import Options, Role
from .org_schema import OrgSchema
from .world import OTHER_USERNAMES

Handle = Callable[[Request], Response]


@dataclass(frozen=True, slots=True)
class Face:
    """What one org is and shows."""

    options: Options
    schema: OrgSchema

    @classmethod
    def of(cls, options: Options) -> Face:
        """The face that these options make."""
        return cls(options, OrgSchema(options))


@dataclass(frozen=True, slots=True)
class OrgFace:
    """One org of a simulator, in process; a server can be put before it as well."""

    role: Role
    answer: Handle

    def handle(self, request: Request) -> Response:
        """Answer one request to this org."""
        return self.answer(replace(request, role=self.role.value))


def faces(options: Options) -> dict[Role, Face]:
    """The faces by role, the main one first."""
    main = options.role
    other = Role.DEV_HUB if main is Role.LMO else Role.LMO
    username = OTHER_USERNAMES[other.tenant]
    return {
        main: Face.of(options),
        other: Face.of(replace(options, role=other, username=username)),
    }
