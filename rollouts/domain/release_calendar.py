"""The freezes that come along: ends of quarters, the end of the year, Salesforce's releases.

Salesforce upgrades its instances to a major release on a few weekends, group by group, three
times a year. Which instance is in which group is public only on Trust, so every weekend is closed
to all until somebody names the instances or Trust's own data are read. Where the dates come from,
and how sure each is, stands beside it here and on the calendar's page.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime, time, timedelta

from rollouts.domain.freezes import FiscalEnd, Once, Period, Rule, Scope, Yearly

# When a person last held these against their sources.
REVIEWED = date(2026, 11, 23)
# Sandboxes' instances end in S, those of older ones begin with CS.
SANDBOXES = frozenset({"*S", "CS*"})
# From Friday noon UTC, when the night begins in Auckland, until Sunday noon, when the last instance
# in America has had its night.
_BEGINS, _LASTS = time.fromisoformat("12:00"), timedelta(days=2)
_HABIT = "Pushboard's default; frozen by most who push to companies"
_AS_BEFORE = "guessed: the same weekend as a year before"
_TRUST = "Salesforce Trust, api.status.salesforce.com, as it listed one European instance"


@dataclass(frozen=True, slots=True)
class BuiltIn:
    """A freeze that comes along; ``key`` stays the same for ever, so that it comes only once."""

    key: str
    name: str
    rule: Rule
    source: str
    guessed: bool = False
    scope: Scope = Scope.ALL
    among: frozenset[str] = frozenset()
    zone: str = ""


def _weekend(
    release: str, what: str, friday: date, source: str, *, sandboxes: bool = False
) -> BuiltIn:
    start = datetime.combine(friday, _BEGINS)
    return BuiltIn(
        key=f"{release.lower().replace(' ', '-').replace(chr(39), '')}-{friday.isoformat()}",
        name=f"Salesforce {release}, {what}",
        rule=Once(start, start + _LASTS),
        source=source,
        guessed=source is not _TRUST,
        scope=Scope.INSTANCE if sandboxes else Scope.ALL,
        among=SANDBOXES if sandboxes else frozenset(),
        zone="UTC",
    )


_PREVIEW, _FIRST = "preview of sandboxes", "first group of production"
_SECOND, _LAST = "second group of production", "last group of production"
BUILT_IN = (
    BuiltIn("quarter-end", "End of the fiscal quarter", FiscalEnd(Period.QUARTER, 3, 1), _HABIT),
    BuiltIn("christmas", "Christmas", Yearly((12, 24), (12, 26)), _HABIT),
    BuiltIn("new-year", "Turn of the year", Yearly((12, 31), (1, 1)), _HABIT),
    _weekend("Spring '27", _PREVIEW, date(2027, 1, 8), _AS_BEFORE, sandboxes=True),
    _weekend("Spring '27", _FIRST, date(2027, 1, 15), _AS_BEFORE),
    _weekend("Spring '27", _SECOND, date(2027, 2, 12), _AS_BEFORE),
    _weekend("Spring '27", _LAST, date(2027, 2, 19), _TRUST),
    _weekend("Summer '27", _PREVIEW, date(2027, 5, 7), _AS_BEFORE, sandboxes=True),
    _weekend("Summer '27", _FIRST, date(2027, 5, 14), _AS_BEFORE),
    _weekend("Summer '27", _SECOND, date(2027, 6, 4), _AS_BEFORE),
    _weekend("Summer '27", _LAST, date(2027, 6, 11), _AS_BEFORE),
    _weekend("Winter '28", _PREVIEW, date(2027, 9, 3), _AS_BEFORE, sandboxes=True),
    _weekend("Winter '28", _FIRST, date(2027, 9, 17), _AS_BEFORE),
    _weekend("Winter '28", _SECOND, date(2027, 10, 1), _AS_BEFORE),
    _weekend("Winter '28", _LAST, date(2027, 10, 8), _AS_BEFORE),
)
