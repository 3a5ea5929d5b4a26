"""Whom a rollout is for: conditions on an org, as words that round-trip, and the match.

A fact that is not known fulfils no condition: nobody is in an audience by a guess. What is read
back must be understood in full; a condition that is not known here is an error and never ignored,
for an ignored condition makes an audience larger than its words say.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, fields
from datetime import date
from enum import StrEnum
from typing import Any, NamedTuple

from rollouts.domain.business_days import region
from rollouts.domain.versions import Number

OWN, PRODUCTION, SANDBOX = "own", "production", "sandbox"
TYPES = (PRODUCTION, SANDBOX, OWN)


class Ring(StrEnum):
    """How early an org goes, as people have put it; an org of which nobody spoke is usual."""

    OWN = "own"
    EARLY = "early"
    USUAL = "usual"
    LATE = "late"


class Past(StrEnum):
    """How pushes of this package to the org went so far."""

    FAILED = "failed"
    CLEAN = "clean"


class BadAudience(ValueError):
    """What was to be an audience is none; the sentence says what is wrong with it."""


class Facts(NamedTuple):
    """What is known of one org with a package. Empty words and None stand for: not known.

    ``org`` and ``customer`` are 18-character ids, ``version`` that of the installed version,
    ``failures`` counts failed pushes of the package; ``seats`` is None for a site licence too.
    """

    org: str
    number: Number
    version: str
    is_production: bool
    is_own: bool
    status: str
    instance: str
    customer: str = ""
    tags: frozenset[str] = frozenset()
    ring: str = Ring.USUAL.value
    failures: int = 0
    licence: str = ""
    ends: date | None = None
    seats: int | None = None


Condition = Callable[[Facts], bool]


@dataclass(frozen=True, slots=True)
class Audience:
    """Conditions that all must hold; an empty one says nothing, so all empty is everybody.

    ``package`` (033) says whose orgs and versions are meant, "" the rollout's own. Version and seat
    bounds are inclusive, ``ends_from`` and ``ends_to`` too: the day on which the licence ends.
    """

    package: str = ""
    types: frozenset[str] = frozenset()
    from_versions: tuple[str, ...] = ()
    version_from: str = ""
    version_to: str = ""
    statuses: frozenset[str] = frozenset()
    instance_prefix: str = ""
    regions: frozenset[str] = frozenset()
    customers: frozenset[str] = frozenset()
    tags: frozenset[str] = frozenset()
    without_tags: frozenset[str] = frozenset()
    rings: frozenset[str] = frozenset()
    past: str = ""
    licences: frozenset[str] = frozenset()
    ends_from: date | None = None
    ends_to: date | None = None
    seats_from: int | None = None
    seats_to: int | None = None
    org_ids: tuple[str, ...] = ()

    def rule_json(self) -> dict[str, object]:
        """Return the conditions that are set, in JSON's types; `read_rule` reads them back."""
        return {
            name: _written(getattr(self, name))
            for name in CONDITIONS
            if getattr(self, name) not in _EMPTY
        }

    def conditions(self) -> list[Condition]:
        """Return one test for each condition that is set.

        Raises BadAudience for a version that is no number.
        """
        return [test for make in _MAKERS for test in make(self)]

    def matches(self, facts: Facts) -> bool:
        """Say whether an org is in it."""
        return all(test(facts) for test in self.conditions())


CONDITIONS = tuple(field.name for field in fields(Audience))
_EMPTY: tuple[object, ...] = ("", None, (), frozenset())
_DAYS = ("ends_from", "ends_to")
_COUNTS = ("seats_from", "seats_to")
_TEXTS = ("package", "version_from", "version_to", "instance_prefix", "past")
_ORDERED = ("from_versions", "org_ids")
# Conditions whose words are a closed list.
_KNOWN_WORDS: dict[str, frozenset[str]] = {
    "types": frozenset(TYPES),
    "rings": frozenset(Ring),
    "past": frozenset(Past),
}


def read_rule(stored: Mapping[str, Any], *, beside: frozenset[str] = frozenset()) -> dict[str, Any]:
    """Read conditions from JSON into the arguments of `Audience`.

    Args:
        stored: what `rule_json` wrote, perhaps elsewhere or by hand.
        beside: further keys that the caller reads itself.

    Raises:
        BadAudience: a key or a word is not known, a value is of another kind, bounds are crossed.
    """
    if not isinstance(stored, Mapping):
        raise BadAudience("An audience is a set of conditions by name, and this is none.")
    strange = sorted(str(key) for key in set(stored) - set(CONDITIONS) - beside)
    if strange:
        raise BadAudience(
            f"The condition “{strange[0][:40]}” is not known here. It is not left aside, for the "
            "audience would be larger than its words say."
        )
    read: dict[str, Any] = {
        name: _read(name, stored[name]) for name in CONDITIONS if name in stored
    }
    for name, known in _KNOWN_WORDS.items():
        value: str | frozenset[str] = read.get(name) or frozenset()
        for word in [value] if isinstance(value, str) else sorted(value):
            if word not in known:
                raise BadAudience(
                    f"“{word[:40]}” is none of the {name}: {', '.join(sorted(known))}."
                )
    _refuse_crossed(read)
    return read


def audience_of(stored: Mapping[str, Any]) -> Audience:
    """Read an audience. Raises BadAudience as `read_rule` does."""
    return Audience(**read_rule(stored))


def number_of(text: str) -> Number:
    """Read a version as people write it, 4.2 or 4.2.1 or 4.2.1.7. Raises BadAudience."""
    parts = text.strip().split(".")
    if not 2 <= len(parts) <= 4 or not all(part.isascii() and part.isdigit() for part in parts):  # noqa: PLR2004
        raise BadAudience(f"“{text[:20]}” is no version; write it as 4.2 or 4.2.1.")
    return Number(*(int(part) for part in parts))


def _read(name: str, value: object) -> object:
    wrong = BadAudience(f"The value of the condition “{name}” can't be read.")
    if name in _TEXTS:
        if not isinstance(value, str):
            raise wrong
        return value
    if name in _DAYS:
        try:
            return None if value is None else date.fromisoformat(str(value))
        except ValueError:
            raise wrong from None
    if name in _COUNTS:
        if value is None:
            return None
        if not isinstance(value, int) or isinstance(value, bool) or value < 0:
            raise wrong
        return value
    if not isinstance(value, list | tuple | frozenset | set):
        raise wrong
    if not all(isinstance(word, str) and word for word in value):
        raise wrong
    return tuple(value) if name in _ORDERED else frozenset(value)


def _refuse_crossed(read: Mapping[str, Any]) -> None:
    low, high = read.get("version_from") or "", read.get("version_to") or ""
    lowest, highest = (number_of(text) if text else None for text in (low, high))
    if lowest and highest and lowest.release > highest.release:
        raise BadAudience(f"No version is from {low} and up to {high}; exchange the two.")
    for one, other, what in (("seats_from", "seats_to", "seats"), ("ends_from", "ends_to", "day")):
        first, last = read.get(one), read.get(other)
        if first is not None and last is not None and first > last:
            raise BadAudience(f"No {what} is from {first} and up to {last}; exchange the two.")


def _written(value: object) -> object:
    if isinstance(value, date):
        return value.isoformat()
    if isinstance(value, frozenset):
        return sorted(value)
    return list(value) if isinstance(value, tuple) else value


def _among(wanted: frozenset[str], fact: Callable[[Facts], str]) -> list[Condition]:
    return [lambda facts: fact(facts) in wanted] if wanted else []


def _types(audience: Audience) -> list[Condition]:
    wanted = audience.types
    if not wanted:
        return []

    def fits(facts: Facts) -> bool:
        kind = PRODUCTION if facts.is_production else SANDBOX
        return kind in wanted or (facts.is_own and OWN in wanted)

    return [fits]


def _versions(audience: Audience) -> list[Condition]:
    exact = frozenset(audience.from_versions)
    tests = _among(exact, lambda facts: facts.version)
    if audience.version_from:
        lowest = number_of(audience.version_from)
        tests.append(lambda facts: facts.number >= lowest)
    if audience.version_to:
        # Up to 4.2.1 takes every build of 4.2.1; a build that is named is meant.
        text, highest = audience.version_to, number_of(audience.version_to)
        named = text.count(".") == 3  # noqa: PLR2004 - the fourth part is the build
        tests.append(
            lambda facts: (
                facts.number <= highest if named else facts.number.release <= highest.release
            )
        )
    return tests


def _places(audience: Audience) -> list[Condition]:
    regions = frozenset(word.upper() for word in audience.regions)
    tests = _among(regions, lambda facts: region(facts.instance))
    start = audience.instance_prefix.strip().upper()
    if start:
        tests.append(lambda facts: facts.instance.upper().startswith(start))
    return tests


def _said(audience: Audience) -> list[Condition]:
    tests = _among(audience.customers, lambda facts: facts.customer)
    tests += _among(audience.statuses, lambda facts: facts.status)
    tests += _among(audience.rings, lambda facts: facts.ring)
    if audience.tags:
        tests.append(lambda facts: not audience.tags.isdisjoint(facts.tags))
    if audience.without_tags:
        tests.append(lambda facts: audience.without_tags.isdisjoint(facts.tags))
    if audience.past:
        failed = audience.past == Past.FAILED
        tests.append(lambda facts: (facts.failures > 0) is failed)
    return tests


def _licences(audience: Audience) -> list[Condition]:
    tests = _among(audience.licences, lambda facts: facts.licence)
    first, last = audience.ends_from, audience.ends_to
    if first is not None:
        tests.append(lambda facts: facts.ends is not None and facts.ends >= first)
    if last is not None:
        tests.append(lambda facts: facts.ends is not None and facts.ends <= last)
    low, high = audience.seats_from, audience.seats_to
    if low is not None:
        tests.append(lambda facts: facts.seats is not None and facts.seats >= low)
    if high is not None:
        tests.append(lambda facts: facts.seats is not None and facts.seats <= high)
    return tests


def _listed(audience: Audience) -> list[Condition]:
    return _among(frozenset(audience.org_ids), lambda facts: facts.org)


_MAKERS = (_listed, _types, _versions, _places, _said, _licences)
