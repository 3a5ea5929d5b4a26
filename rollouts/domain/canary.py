"""What a canary can show, and what it can't: said before anybody relies on it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from rollouts.domain.strata import UNKNOWN, Described, Stratum, in_words, stratum

# The places of `strata.in_words`, as a sentence names an org in one.
_DESCRIBED = (
    "on {value}",
    "in region {value}",
    "with edition {value}",
    "with {value}",
    "with a {value} licence",
)
_OF_WHICH_UNKNOWN = ("version", "region", "edition", "size", "licence")
# A group that is a smaller part than this of what comes after is not missed by name.
NAMED_FROM_PERCENT = 5.0
CERTAINTY = 0.95
CUSTOMISED = (
    "What customers have customised is not known to us: a fault that only some customisation "
    "brings out is met by chance."
)


def rules_out(orgs: int) -> float:
    """Return the failure rate in percent above which so many orgs would show a failure.

    With 95 % certainty: the exact form of the rule of three, 1 - 0.05 ** (1 / n).
    """
    return 100.0 * (1.0 - (1.0 - CERTAINTY) ** (1.0 / orgs)) if orgs > 0 else 100.0


def says(canary: Sequence[Described], after: Sequence[Described]) -> tuple[str, ...]:
    """Say in sentences what this canary can and can't tell about the production orgs after it."""
    if not canary:
        return ()
    subject = f"{len(canary)} orgs without a failure rule" if len(canary) > 1 else "1 org rules"
    rate = f"{subject} out rates above {rules_out(len(canary)):.0f} %"
    # There are few strata, however many orgs there are.
    inside, later = Counter(map(stratum, canary)), Counter(map(stratum, after))
    said = [*_missing(inside, later), *_unknown(inside + later)]
    return (f"{rate}; a rarer fault can pass unseen.", *said, CUSTOMISED)


def _missing(inside: Counter[Stratum], later: Counter[Stratum]) -> list[str]:
    there, orgs = _columns(inside), later.total()
    return [
        f"No org {_DESCRIBED[place].format(value=value)} is in the canary; "
        f"{100 * count / orgs:.0f} % of the production orgs after it are such."
        for place, column in enumerate(_columns(later))
        for value, count in sorted(column.items())
        if value not in there[place]
        and value != UNKNOWN
        and 100 * count >= NAMED_FROM_PERCENT * orgs
    ]


def _unknown(production: Counter[Stratum]) -> list[str]:
    orgs = production.total()
    parts = [
        f"the {name} of {100 * column[UNKNOWN] / orgs:.0f} %"
        for name, column in zip(_OF_WHICH_UNKNOWN, _columns(production), strict=True)
        if 100 * column[UNKNOWN] >= NAMED_FROM_PERCENT * orgs
    ]
    if not parts:
        return []
    return [f"Not known, and so not balanced: {', '.join(parts)} of the production orgs."]


def _columns(strata: Counter[Stratum]) -> list[Counter[str]]:
    """Count the words of each part of the strata."""
    columns: list[Counter[str]] = [Counter() for _ in _DESCRIBED]
    for found, count in strata.items():
        for column, word in zip(columns, in_words(found), strict=True):
            column[word] += count
    return columns
