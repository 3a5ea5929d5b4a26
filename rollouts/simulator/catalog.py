"""The two packages of the invented vendor Harborline, and their versions."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True, slots=True)
class VersionPlan:
    """One version; `share` is its weight among the installations at the start of the world."""

    number: str
    name: str
    share: float = 0.0
    build: int = 1
    beta: bool = False
    deprecated: bool = False
    defect: bool = False


@dataclass(frozen=True, slots=True)
class PackagePlan:
    """One package. `installed` is the share of subscriber orgs that have it."""

    name: str
    namespace: str
    category: str
    installed: float
    versions: tuple[VersionPlan, ...]

    @property
    def usual_version(self) -> str:
        """The number of the version most orgs have."""
        return max(self.versions, key=lambda version: version.share).number


HARBOR: Final = PackagePlan(
    "Harbor",
    "hbr",
    "Package",
    0.94,
    (
        VersionPlan("3.9.0", "Harbor Winter '25", 2.0, build=7, deprecated=True),
        VersionPlan("4.0.3", "Harbor Spring '25 (3)", 8.0, build=3),
        VersionPlan("4.1.0", "Harbor Summer '25", 12.0, build=5),
        VersionPlan("4.2.0", "Harbor Winter '26", 14.0, build=4),
        VersionPlan("4.2.1", "Harbor Winter '26 (1)", 62.0, build=2),
        VersionPlan("4.2.2", "Harbor Winter '26 (2)", build=2),
        VersionPlan("4.3.0", "Harbor Spring '26", 1.0, build=6),
        # The release that shows why canaries exist: its tests fail in some sandboxes.
        VersionPlan("4.4.0", "Harbor Summer '26", build=9, defect=True),
        VersionPlan("4.5.0", "Harbor Winter '27 (Beta 1)", 0.6, beta=True),
    ),
)

TRACKER: Final = PackagePlan(
    "Tracker",
    "trk",
    "Package2",
    0.28,
    (
        VersionPlan("2.0.4", "Tracker 2.0", 9.0, build=2),
        VersionPlan("2.1.0", "Tracker 2.1", 31.0, build=4),
        VersionPlan("2.1.1", "Tracker 2.1 patch", 58.0),
        VersionPlan("2.2.0", "Tracker 2.2", 2.0, build=3),
        VersionPlan("3.0.0", "Tracker 3", build=8),
        VersionPlan("3.1.0", "Tracker 3.1 preview", beta=True),
    ),
)

VENDOR: Final = "Harborline"
