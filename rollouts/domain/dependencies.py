"""B only after A: which orgs of a wave lack a package that the version to push needs.

Salesforce offers no order between packages: a push to an org whose base package is too old fails
there with IneligibleUpgrade. So the need is kept here, by people, and looked at before each start.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from rollouts.domain.versions import Number


@dataclass(frozen=True, slots=True)
class Need:
    """One package needs another at some version or newer; ``package`` names the needed one."""

    package: str
    at_least: Number


@dataclass(frozen=True, slots=True)
class Lacking:
    """Orgs that a need is not met in. ``absent`` of them do not have the package at all."""

    need: Need
    orgs: tuple[str, ...]
    absent: int = 0


def lacking(
    orgs: Iterable[str], needs: Iterable[Need], installed: Mapping[tuple[str, str], Number]
) -> tuple[Lacking, ...]:
    """Say which orgs lack what; ``installed`` maps (org, package) to the version seen there.

    A need that every org meets gives nothing. An org in which the needed package was never seen
    counts as lacking it: unknown means hold.
    """
    found = []
    named = tuple(orgs)
    for need in needs:
        without = [org for org in named if not _met(installed.get((org, need.package)), need)]
        if without:
            absent = sum((org, need.package) not in installed for org in without)
            found.append(Lacking(need, tuple(without), absent))
    return tuple(found)


def _met(number: Number | None, need: Need) -> bool:
    return number is not None and number >= need.at_least


def circle(package: str, needs: str, known: Mapping[str, Iterable[str]]) -> bool:
    """Say whether a new need would make two packages wait for each other.

    ``known`` maps a package to those that it needs already.
    """
    seen, ahead = set[str](), [needs]
    while ahead:
        one = ahead.pop()
        if one == package:
            return True
        if one not in seen:
            seen.add(one)
            ahead += known.get(one, ())
    return False
