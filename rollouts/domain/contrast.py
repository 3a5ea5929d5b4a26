"""What failed orgs have in common and upgraded ones have not. A difference, never a cause.

A value is told only when most failed orgs have it, when its share among them is far above that
among upgraded orgs, and when chance alone seldom makes such a difference: the Wilson intervals of
the two shares (95 %) do not touch.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from rollouts.domain.judging import wilson_lower, wilson_upper

Z = 1.96
# One org has everything in common with itself.
LEAST_FAILED = 2
LEAST_UPGRADED = 5
SHARED_BY = 0.8
DIFFERENCE = 0.4

# What is known of some orgs: by trait, its values from the narrowest to the widest, such as
# {"came from": ("4.1.0", "4.1.x")}. A value that nobody knows is left out.
Traits = Mapping[str, tuple[str, ...]]


@dataclass(frozen=True, slots=True)
class Contrast:
    """One value of one trait, with how many orgs of either side have it."""

    trait: str
    value: str
    failed: int
    of_failed: int
    upgraded: int
    of_upgraded: int

    @property
    def difference(self) -> float:
        """How much larger its share is among the failed (0..1)."""
        return self.failed / self.of_failed - self.upgraded / self.of_upgraded


def contrasts(
    failed: Iterable[tuple[Traits, int]], upgraded: Iterable[tuple[Traits, int]]
) -> list[Contrast]:
    """Return the large differences, the largest first, one for each trait.

    Each side comes as groups of orgs that are alike, with how many they are.
    """
    theirs, of_failed = _counted(failed)
    others, of_upgraded = _counted(upgraded)
    if of_failed < LEAST_FAILED or of_upgraded < LEAST_UPGRADED:
        return []
    best: dict[str, Contrast] = {}
    for (trait, value), count in theirs.items():
        one = Contrast(trait, value, count, of_failed, others[trait, value], of_upgraded)
        known = best.get(trait)
        # Values come from the narrowest on: a wider one must say more to be told instead.
        if _is_large(one) and (known is None or one.difference > known.difference):
            best[trait] = one
    return sorted(best.values(), key=lambda one: -one.difference)


def _counted(groups: Iterable[tuple[Traits, int]]) -> tuple[Counter[tuple[str, str]], int]:
    counted: Counter[tuple[str, str]] = Counter()
    total = 0
    for traits, orgs in groups:
        total += orgs
        for trait, values in traits.items():
            for value in dict.fromkeys(values):
                if value:
                    counted[trait, value] += orgs
    return counted, total


def _is_large(one: Contrast) -> bool:
    if one.failed < SHARED_BY * one.of_failed or one.difference < DIFFERENCE:
        return False
    least = wilson_lower(one.failed, one.of_failed, Z)
    return least > wilson_upper(one.upgraded, one.of_upgraded, Z)
