"""Salesforce record ids: 15 characters that mean something by their case, or 18 with a checksum.

The last three characters of the long form say which of the first fifteen are upper case, so that
the id survives tools that fold case. Everything in here is public and stable platform behaviour.
"""

from __future__ import annotations

from typing import Final

ALPHABET: Final = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
CHECKSUM: Final = "ABCDEFGHIJKLMNOPQRSTUVWXYZ012345"
POD: Final = "5g0"

_ALPHABET_SET: Final = frozenset(ALPHABET)


class BadId(ValueError):
    """The text is no Salesforce id: wrong length, foreign characters or a wrong checksum."""


def checksum(short: str) -> str:
    """The three characters that follow the first fifteen in the long form."""
    letters = []
    for start in (0, 5, 10):
        bits = sum(1 << place for place in range(5) if "A" <= short[start + place] <= "Z")
        letters.append(CHECKSUM[bits])
    return "".join(letters)


def long_id(text: str) -> str:
    """The 18-character form of an id given in either form. Raises BadId."""
    if len(text) not in (15, 18) or not _ALPHABET_SET.issuperset(text):
        raise BadId(text)
    short = text[:15]
    full = short + checksum(short)
    if text not in (short, full):
        raise BadId(text)
    return full


def short_id(text: str) -> str:
    """The 15-character form of an id given in either form. Raises BadId."""
    return long_id(text)[:15]


def numbered_id(prefix: str, number: int) -> str:
    """The long id of the record with this running number; distinct numbers give distinct ids."""
    digits = ""
    rest = number
    while rest:
        rest, digit = divmod(rest, 62)
        digits = ALPHABET[digit] + digits
    return long_id(prefix + POD + digits.rjust(9, "0"))
