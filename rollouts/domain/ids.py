"""Salesforce ids: 15 case-sensitive characters, and 18 with a checksum that survives lost case.

The last three characters encode which of the first fifteen are capitals, five at a time, least
significant first, in an alphabet of A-Z and 0-5 (Salesforce's documented scheme). Inside Pushboard
every id has 18 characters, so that the two spellings of one org can't slip past a unique index.
"""

from __future__ import annotations

import re

_ALPHABET = "ABCDEFGHIJKLMNOPQRSTUVWXYZ012345"
_SHAPE = re.compile(r"[A-Za-z0-9]+")
_TOKEN = re.compile(r"(00[Dd][A-Za-z0-9]{12,15})!\S*")
SHORT, LONG = 15, 18
ORG, PACKAGE, VERSION, REQUEST, JOB = "00D", "033", "04t", "0DV", "0DX"


class BadId(ValueError):
    """The text is not an id; the message says what is wrong with it and how to mend it."""


def checksum(short: str) -> str:
    """Return the three characters that complete a 15-character id."""
    letters = []
    for start in range(0, SHORT, 5):
        bits = sum(1 << i for i, char in enumerate(short[start : start + 5]) if char.isupper())
        letters.append(_ALPHABET[bits])
    return "".join(letters)


def long_id(text: str, *, prefix: str = "", what: str = "ID") -> str:
    """Return the 18-character form of an id given in 15 or 18 characters.

    Raises BadId when the length, an alphabet character, the prefix or the checksum is wrong.
    """
    text = text.strip()
    if not _SHAPE.fullmatch(text):
        raise BadId(f"“{text[:40]}” is not an {what}: only letters and digits belong in one")
    if len(text) not in (SHORT, LONG):
        raise BadId(f"“{text[:40]}” has {len(text)} characters; an {what} has 15 or 18")
    if prefix and text[: len(prefix)] != prefix:
        raise BadId(f"“{text}” begins with {text[:3]}; an {what} begins with {prefix}")
    short = text[:SHORT]
    complete = short + checksum(short)
    if len(text) == LONG and text.upper() != complete.upper():
        raise BadId(
            f"“{text}” is mistyped: its last three characters should be {complete[SHORT:]} "
            f"for {short}; copy the {what} again"
        )
    return complete


def repair_case(text: str) -> str:
    """Give an 18-character id whose case was lost its capitals back, from its checksum.

    Raises BadId when the text can't be an 18-character id at all.
    """
    text = text.strip()
    if len(text) != LONG or not _SHAPE.fullmatch(text):
        raise BadId(f"“{text[:40]}” can't be repaired: case is only kept in 18 characters")
    repaired = []
    for part, code in enumerate(text[SHORT:].upper()):
        bits = _ALPHABET.find(code)
        if bits < 0:
            raise BadId(f"“{text}” is mistyped: {code} can't stand in its last three characters")
        for i, char in enumerate(text[part * 5 : part * 5 + 5]):
            capital = bool(bits >> i & 1)
            if capital and not char.isalpha():
                raise BadId(f"“{text}” is mistyped: its last three characters do not fit the rest")
            repaired.append(char.upper() if capital else char.lower())
    short = "".join(repaired)
    return short + checksum(short)


def without_tokens(text: str) -> str:
    """Cut each session id (``00D...!AQ...``) behind its org id: the rest opens the org."""
    return _TOKEN.sub(r"\1", text)


def find_org_id(text: str) -> str:
    """Find the first thing that looks like an org id in pasted text, or return "".

    Session tokens are cut first, so no secret goes further.
    """
    found = re.search(
        r"(?<![A-Za-z0-9])00[Dd][A-Za-z0-9]{12}(?:[A-Za-z0-9]{3})?(?![A-Za-z0-9])",
        without_tokens(text),
    )
    return found.group(0) if found else ""


def org_id(text: str) -> str:
    """Return the 18-character org id for a 15-, an 18- or a case-lost 18-character one.

    Raises BadId with the reason. A lost case is only assumed when the given case can't be right.
    """
    text = text.strip()
    try:
        return long_id(text, prefix=ORG, what="org ID")
    except BadId:
        one_case = text == text.lower() or text == text.upper()
        if len(text) == LONG and one_case and text[:3].upper() == ORG:
            return long_id(repair_case(text), prefix=ORG, what="org ID")
        raise
