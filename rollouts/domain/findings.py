"""Findings of a preflight, and the facts that its questions are asked of."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from rollouts.domain.forecast import Forecast
from rollouts.domain.policy import Policy
from rollouts.domain.versions import Jump


class Level(StrEnum):
    """How much a finding weighs."""

    BLOCK = "block"
    WARN = "warn"
    OK = "ok"


@dataclass(frozen=True, slots=True)
class Finding:
    """One answer: how much it weighs, what is so, what to do, and the page where that is done."""

    level: Level
    code: str
    sentence: str
    do: str = ""
    fix_url_name: str = ""
    fix_args: tuple[str | int, ...] = ()

    @property
    def needs_reason(self) -> bool:
        """Whether somebody must say why they go on."""
        return self.level is Level.WARN


@dataclass(frozen=True, slots=True)
class Link:
    """The connection that would push. ``permission`` and ``reviewed``: None when not asked."""

    pk: int
    name: str
    pushes: bool
    live: bool
    permission: bool | None
    reviewed: bool | None
    calls_left: int | None
    calls_limit: int | None


@dataclass(frozen=True, slots=True)
class Missing:
    """Orgs of a wave in which a package that the version needs is not there or too old."""

    wave: int
    orgs: int
    absent: int
    package: str
    at_least: str


@dataclass(frozen=True, slots=True)
class Facts:
    """Everything that the questions are asked of. Counts are orgs; ages are moments.

    ``changed_at`` is when Salesforce last changed the version, so it was promoted by then;
    ``platform_release`` is the latest major Salesforce release that reached instances of these
    orgs, ``release_ahead`` the next that falls into the plan's time; ``unseen`` maps a kind of
    production org that no canary org is like to its share in percent. ``frozen`` lists freezes
    that close something of the plan's time, with how many orgs each.
    """

    namespace: str
    version: str
    refusal: str
    kind: Jump
    changed_at: datetime | None
    newer: str
    link: Link
    forecast: Forecast
    policy: Policy
    begin: datetime
    data_as_of: datetime | None
    now: datetime
    orgs: int
    own: int
    own_current: int
    canary: int
    unseen: Mapping[str, float]
    platform_release: tuple[str, datetime] | None = None
    release_ahead: tuple[str, datetime] | None = None
    calendar_known: bool = True
    elsewhere: tuple[tuple[str, int], ...] = ()
    beside: tuple[str, ...] = ()
    missing: tuple[Missing, ...] = ()
    migrating: int = 0
    frozen: tuple[tuple[str, int], ...] = ()
    guessed: int = 0
    majors_enabled: bool | None = None


def blocks(findings: Iterable[Finding]) -> list[Finding]:
    """Return what must be mended first."""
    return [finding for finding in findings if finding.level is Level.BLOCK]


def unanswered(findings: Iterable[Finding], reasons: Mapping[str, str]) -> list[Finding]:
    """Return the warnings for which nobody has said yet why to go on."""
    return [
        finding
        for finding in findings
        if finding.needs_reason and not reasons.get(finding.code, "").strip()
    ]


def ok(code: str, sentence: str, url: str = "", args: tuple[str | int, ...] = ()) -> Finding:
    """All is well, and why."""
    return Finding(Level.OK, code, sentence, "", url, args)


def warn(
    code: str, sentence: str, do: str, url: str = "", args: tuple[str | int, ...] = ()
) -> Finding:
    """Go on only with a reason."""
    return Finding(Level.WARN, code, sentence, do, url, args)


def block(
    code: str, sentence: str, do: str, url: str = "", args: tuple[str | int, ...] = ()
) -> Finding:
    """Mend this first."""
    return Finding(Level.BLOCK, code, sentence, do, url, args)
