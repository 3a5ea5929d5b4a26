"""The orgs that the simulated Salesforce has: a planner has such a list from the customer base."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

_ROWS = """
SELECT s.org_key, s.org_name, s.org_type = 'Sandbox', s.is_own, p.name,
       v.major || '.' || v.minor || '.' || v.patch,
       (s.org_status = 'Active' OR s.is_own) AND s.has_restriction = 0
       AND v.release_state = 'Released'
FROM subscriber s JOIN package p ON p.id = s.package_id JOIN version v ON v.id = s.version_id
ORDER BY s.id
"""


_SPOKEN_OF = """
SELECT key FROM rollouts_org WHERE id IN (
    SELECT org_id FROM rollouts_mark UNION SELECT org_id FROM rollouts_exclusion
)
"""


@dataclass(frozen=True, slots=True)
class Subscriber:
    """One org: its 15-character id and what it has of one package."""

    key: str
    name: str
    is_sandbox: bool
    is_own: bool
    package: str
    version: str
    can_be_pushed: bool


class Fleet:
    """Hands out orgs, each at most once: an org can be in one open rollout at a time."""

    def __init__(self, world: Path, database: Path) -> None:
        """``world`` is the simulator's database, ``database`` Pushboard's own."""
        self._world = world
        # Volunteers, never-first and excluded orgs go other ways than the stories tell.
        with closing(sqlite3.connect(f"file:{database}?mode=ro", uri=True)) as rows:
            self._given = {key[:15] for (key,) in rows.execute(_SPOKEN_OF)}

    def all(self) -> list[Subscriber]:
        """Every org with every package that it has, as Salesforce has it now."""
        # A connection's own `with` commits and leaves it open.
        with closing(sqlite3.connect(f"file:{self._world}?mode=ro", uri=True)) as world:
            rows = world.execute(_ROWS).fetchall()
        return [
            Subscriber(key, name, bool(sandbox), bool(own), package, version, bool(fit))
            for key, name, sandbox, own, package, version, fit in rows
        ]

    def own(self, package: str = "Harbor") -> list[Subscriber]:
        """Take our own orgs."""
        return self._give([org for org in self.all() if org.package == package and org.is_own])

    def customers(
        self,
        count: int,
        *,
        sandboxes: bool,
        on: tuple[str, ...] = ("4.2.0", "4.2.1"),
        package: str = "Harbor",
        named: tuple[str, ...] = ("",),
    ) -> list[Subscriber]:
        """Take so many customers' orgs on one of these versions, with one of these in the name."""
        fitting = [
            org
            for org in self.all()
            if org.can_be_pushed
            and org.package == package
            and org.version in on
            and org.is_sandbox == sandboxes
            and not org.is_own
            and any(part in org.name for part in named)
            and org.key not in self._given
        ]
        assert len(fitting) >= count, "the simulated world has too few orgs for this story"
        return self._give(fitting[:count])

    def _give(self, orgs: list[Subscriber]) -> list[Subscriber]:
        self._given.update(org.key for org in orgs)
        return orgs
