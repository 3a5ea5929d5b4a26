"""Package version numbers: order, names and the kind of jump between two of them."""

from __future__ import annotations

from enum import StrEnum
from typing import NamedTuple


class Number(NamedTuple):
    """A version number; compares as numbers do, so 4.10 is above 4.9."""

    major: int
    minor: int
    patch: int = 0
    build: int = 0

    def __str__(self) -> str:
        return f"{self.major}.{self.minor}.{self.patch}"

    @property
    def release(self) -> tuple[int, int, int]:
        """The number without its build: what customers and push permissions go by."""
        return (self.major, self.minor, self.patch)


class Jump(StrEnum):
    """How far a push takes an org. A minor needs Salesforce's Push Major as well as a major."""

    PATCH = "patch"
    MINOR = "minor"
    MAJOR = "major"


_RANK = {Jump.PATCH: 0, Jump.MINOR: 1, Jump.MAJOR: 2}


def jump(installed: Number, to: Number) -> Jump:
    """Say how far it is from the installed version to the target version."""
    if installed.major != to.major:
        return Jump.MAJOR
    if installed.minor != to.minor:
        return Jump.MINOR
    return Jump.PATCH


def largest_jump(installed: list[Number], to: Number) -> Jump:
    """Return the kind of a rollout: the largest jump of any of its orgs (patch for none)."""
    jumps = {jump(number, to) for number in installed}
    return max(jumps, key=_RANK.__getitem__, default=Jump.PATCH)


def push_refusal(*, released: bool, deprecated: bool) -> str:
    """Say why Salesforce would not push this version to anybody, or "" if it would."""
    if not released:
        return "it is a beta; only a released version can be pushed"
    if deprecated:
        return "it is deprecated; choose a version that is still offered"
    return ""
