"""What a canary can show, and what it can't: said before anybody relies on it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from rollouts.domain.strata import UNKNOWN, Described, stratum

# The places of `strata.stratum`, as a sentence names an org in one.
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
    return (
        f"{rate}; a rarer fault can pass unseen.",
        *_missing(canary, after),
        *_unknown([*canary, *after]),
        CUSTOMISED,
    )


def _missing(canary: Sequence[Described], after: Sequence[Described]) -> list[str]:
    there = [set(values) for values in zip(*map(stratum, canary), strict=True)]
    columns = zip(*map(stratum, after), strict=True) if after else ()
    return [
        f"No org {_DESCRIBED[place].format(value=value)} is in the canary; "
        f"{100 * count / len(after):.0f} % of the production orgs after it are such."
        for place, column in enumerate(columns)
        for value, count in sorted(Counter(column).items())
        if value not in there[place]
        and value != UNKNOWN
        and 100 * count >= NAMED_FROM_PERCENT * len(after)
    ]


def _unknown(production: Sequence[Described]) -> list[str]:
    columns = list(zip(*map(stratum, production), strict=True))
    parts = [
        f"the {name} of {100 * column.count(UNKNOWN) / len(production):.0f} %"
        for name, column in zip(_OF_WHICH_UNKNOWN, columns, strict=True)
        if 100 * column.count(UNKNOWN) >= NAMED_FROM_PERCENT * len(production)
    ]
    if not parts:
        return []
    return [f"Not known, and so not balanced: {', '.join(parts)} of the production orgs."]
