"""Orders orgs so that any stretch of the list is like the whole: for the canary and the waves."""

from __future__ import annotations

import bisect
import hashlib
from collections.abc import Callable, Iterable, Sequence
from typing import Protocol, TypeVar

from rollouts.domain.business_days import region
from rollouts.domain.versions import Number

# Seats: a site of one team, of a department, of a company.
SIZES = ((1, "1 to 20 seats"), (21, "21 to 200 seats"), (201, "more than 200 seats"))
_LEAST = [least for least, _ in SIZES]
UNKNOWN = "unknown"
# Multiples of this fraction of a turn (the golden section) are spread evenly over the turn however
# many there are; of a whole turn of 2**64 it is this many.
_TURN, _GOLDEN = 1 << 64, 0x9E3779B97F4A7C15


class Described(Protocol):
    """What is known of an org that makes it like others or unlike them."""

    @property
    def org(self) -> str:
        """Its 18-character id."""

    @property
    def number(self) -> Number:
        """The version that it has."""

    @property
    def instance(self) -> str:
        """Salesforce's name of where it runs."""

    @property
    def region(self) -> str:
        """The region of its time zone, or ""."""

    @property
    def edition(self) -> str:
        """Its edition, or ""."""

    @property
    def size(self) -> int:
        """Its seats; 0 when nobody knows."""

    @property
    def trial(self) -> bool:
        """Whether its licence is a trial."""


One = TypeVar("One", bound=Described)


Stratum = tuple[Number, str, str, int, bool]


def stratum(one: Described) -> Stratum:
    """Return from-version, region, edition, class of size and whether it is a trial."""
    return (
        one.number,
        one.region or region(one.instance),
        one.edition,
        bisect.bisect(_LEAST, one.size),
        one.trial,
    )


def in_words(found: Stratum) -> tuple[str, str, str, str, str]:
    """Say each part of a stratum, such as “4.2.0” and “21 to 200 seats”."""
    number, where, edition, size, trial = found
    return (
        str(number),
        where or UNKNOWN,
        edition or UNKNOWN,
        SIZES[size - 1][1] if size else UNKNOWN,
        "trial" if trial else "paid",
    )


def _by_chance(seed: str) -> Callable[[Described], bytes]:
    """Return the only chance there is in a plan: a hash of the seed and the org's id."""
    sown = hashlib.sha256(f"{seed}:".encode())

    def key(one: Described) -> bytes:
        hashed = sown.copy()
        hashed.update(one.org.encode())
        return hashed.digest()

    return key


def shuffled(part: Iterable[One], seed: str) -> list[One]:
    """Order by chance alone."""
    return sorted(part, key=_by_chance(seed))


def spread(part: Sequence[One], seed: str) -> list[One]:
    """Order orgs so that each stretch of the list holds each stratum in about its share.

    All are laid out stratum by stratum, then taken at even distances (multiples of the golden
    section), beginning where the seed says. Rare strata are met too, in proportion of all the
    rare ones together. Takes n log n; the same for the same orgs in any order.
    """
    laid = sorted(shuffled(part, seed), key=stratum)
    begin = int.from_bytes(hashlib.sha256(seed.encode()).digest()[:8], "big")
    turns = [(begin + place * _GOLDEN) % _TURN for place in range(len(laid))]
    return [laid[place] for place in sorted(range(len(laid)), key=turns.__getitem__)]
