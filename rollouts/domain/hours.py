"""When one org may be pushed: inside the hours agreed, inside those of today, outside freezes.

A yes is given to the hours as they were frozen. They may have changed since, and freezes may have
come: the stricter of both counts, so that nobody is pushed at a time that either of them forbids.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from rollouts.domain.freezes import ClosedSpan, together
from rollouts.domain.schedule import in_utc
from rollouts.domain.spans import Span, Spans, overlap, without
from rollouts.domain.starts import SECOND
from rollouts.domain.walls import UnknownZone
from rollouts.domain.windows import BadWindow, Window

OUTSIDE = "outside the window"


@dataclass(frozen=True, slots=True)
class Rule:
    """A window by the clocks of the zones that an org may be in."""

    window: Window
    zones: tuple[str, ...]

    def spans(self, within: Span) -> Spans:
        """Return when it is open. Raises UnknownZone and BadWindow."""
        # What is always open needs no zone, and nobody's is looked up for it.
        return (within,) if self.window.always else self.window.spans(self.zones, within)


@dataclass(frozen=True, slots=True)
class Hours:
    """Every rule must be open, and nothing of ``closed`` may hold: agreed, today's and freezes."""

    rules: tuple[Rule, ...]
    closed: tuple[ClosedSpan, ...] = ()

    def window(self, within: Span) -> Spans:
        """Return when its windows are open, whatever is frozen. Raises UnknownZone, BadWindow."""
        found: Spans = (within,)
        for rule in self.rules:
            found = overlap(found, rule.spans(within))
        return found

    def spans(self, within: Span) -> Spans:
        """Return when it may be pushed. Raises UnknownZone and BadWindow."""
        return without(self.window(within), together(self.closed))


def refusal(hours: Hours, start: datetime, not_after: datetime) -> str:
    """Say why Salesforce may not start an org at any moment from one to the other, or ""."""
    start = in_utc(start)
    within = Span(start, max(start, in_utc(not_after)) + SECOND)
    try:
        opened = hours.window(within)
    except (UnknownZone, BadWindow) as unreadable:
        return f"its hours can't be read: {unreadable}"
    if opened != (within,):
        return OUTSIDE
    for one in hours.closed:
        if overlap((one.span,), (within,)):
            return f"frozen by “{one.because}”"
    return ""


def refusals(hours: Iterable[Hours | None], start: datetime, not_after: datetime) -> list[str]:
    """Say why a batch may not start then, each reason once with its number of orgs.

    None stands for an org whose hours nobody knows.
    """
    counted = Counter(hours)
    why: Counter[str] = Counter()
    for one, orgs in counted.items():
        reason = "its hours are not known" if one is None else refusal(one, start, not_after)
        if reason:
            why[reason] += orgs
    return [
        f"{orgs} {'org is' if orgs == 1 else 'orgs are'} {_said(reason)}"
        for reason, orgs in sorted(why.items())
    ]


def _said(reason: str) -> str:
    return reason if reason == OUTSIDE or reason.startswith("frozen") else f"held: {reason}"
