"""What a failed push means: its kind, its signature, whether a retry can help.

Error types, titles and texts are those that Salesforce's object reference lists and that tools
in production recorded. A failed job may carry several errors, or none at all.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum


class FailureKind(StrEnum):
    """Whose turn it is after a failure."""

    TRANSIENT = "transient"
    SUBSCRIBER = "subscriber"
    PACKAGE = "package"
    REJECTED = "rejected"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class Failure:
    """One PackagePushError as received."""

    type: str
    title: str = ""
    message: str = ""
    details: str = ""


_BY_TYPE = {
    "LockingFailure": FailureKind.TRANSIENT,
    "FeatureMissing": FailureKind.SUBSCRIBER,
    "LimitExceeded": FailureKind.SUBSCRIBER,
    "IneligibleUpgrade": FailureKind.REJECTED,
    "DeployError": FailureKind.SUBSCRIBER,
    "ApexTestFailure": FailureKind.SUBSCRIBER,
    "PACError": FailureKind.SUBSCRIBER,
    "UnclassifiedError": FailureKind.UNKNOWN,
}
# A lock, not a block: who is blocked waits in vain.
_WAIT = re.compile(
    r"not yet available|\b(?:dead)?lock|timed? ?out|ORA-04021|unexpected failure", re.IGNORECASE
)
# What differs from org to org in the same failure, in the order in which it is struck out.
_ADDRESS = re.compile(r"\bhttps?://\S+|[\w.+-]+@[\w-]+(?:\.[\w-]+)+", re.IGNORECASE)
_QUOTED = re.compile(r"'[^']{1,80}'|\"[^\"]{1,80}\"")
_ID = re.compile(r"\b(?=(?:[A-Za-z]*\d){3})[A-Za-z0-9]{15}(?:[A-Za-z0-9]{3})?\b")
_MONTH = r"(?:Jan|Feb|Mar|Apr|May|Jun|Jul|Aug|Sep|Oct|Nov|Dec)[a-z]*"
_TIME = re.compile(
    r"\b\d{4}-\d\d-\d\d(?:[T ][\d:.]+(?:Z|[+-][\d:]+)?)?"
    rf"|\b(?:(?:Mon|Tue|Wed|Thu|Fri|Sat|Sun)[a-z]*,? )?(?:\d{{1,2}}\.? {_MONTH}|{_MONTH} \d{{1,2}})"
    r"(?:,? \d{4})?(?:,? \d{1,2}:\d\d(?::\d\d)?(?: ?[AP]M)?(?: [A-Z]{3,4}\b)?)?"
)
_NUMBER = re.compile(r"-?\d[\d.,-]*")
# A shorter name of an org may be an ordinary word of every message.
_NAME_FROM = 5
# "731858695-80805 (-151184096)": the number of this one error, and of the place in Salesforce's
# program that it came from. In this form both stand in recorded push errors.
_ERROR_ID = re.compile(r"(\d[\d-]{4,}) \((-?\d{4,})\)")
_BLOCKED = re.compile(
    r"push upgrades? (?:is |are )?blocked|restrict\w* push upgrades?", re.IGNORECASE
)
# One org with such a failure has its own trouble; several with the very same one have ours.
_OURS_WHEN_REPEATED = ("DeployError", "ApexTestFailure", "PACError")
SEVERAL = 2
SEPARATOR = " | "
PLACE = "place "
_STRUCK_OUT = (
    (_ADDRESS, "…"), (_QUOTED, "…"), (_ID, "…"), (_TIME, "…"), (_NUMBER, "#"),
)  # fmt: skip
NO_ERROR = Failure("", "No error recorded", "Salesforce reports a failure without an error row.")
# Not a failure that Salesforce reports: it says success, and nobody saw the version in the org.
NOT_SEEN = "success reported, version not seen"


@dataclass(frozen=True, slots=True)
class ErrorId:
    """What Salesforce's support looks an internal error up by; ``place`` is the same each time."""

    number: str
    place: str

    def __str__(self) -> str:
        return f"{self.number} ({self.place})"


def error_id(text: str) -> ErrorId | None:
    """Return the first error number that a text of Salesforce names, with its place."""
    found = _ERROR_ID.search(text)
    return ErrorId(found[1], found[2]) if found else None


def is_customers_block(signed: str) -> bool:
    """Say whether a signature tells that the customer does not accept push upgrades.

    Nothing has failed then: the org was not touched, and nobody but the customer can lift it.
    """
    return _BLOCKED.search(signed) is not None


def type_of(signed: str) -> str:
    """Return the error type in a signature, or "" when Salesforce named none."""
    lead = signed.split(SEPARATOR, 1)[0]
    return lead if lead in _BY_TYPE else ""


def classify(errors: Sequence[Failure], *, org: str = "") -> tuple[FailureKind, str]:
    """Return (kind, signature) of a failed push from its errors, the first one leading.

    ``org`` is the org's name, which is no part of what its failure shares with others.
    """
    lead = errors[0] if errors else NO_ERROR
    kind = _BY_TYPE.get(lead.type, FailureKind.UNKNOWN)
    text = f"{lead.title} {lead.message}"
    if is_customers_block(text):
        kind = FailureKind.SUBSCRIBER
    elif kind in (FailureKind.REJECTED, FailureKind.UNKNOWN) and _WAIT.search(text):
        kind = FailureKind.TRANSIENT
    return kind, signature(lead, org=org)


def signature(failure: Failure, *, org: str = "") -> str:
    """Return what the same failure in another org would share: type, title, first line, place.

    Ids, times, addresses, numbers, quoted names and the org's own name are struck out, or each org
    would have a kind of failure of its own. Of an internal error's two numbers the second stays.
    This is the one key that failures are judged, shown and remembered by.
    """
    first_line = failure.message.strip().splitlines()[0] if failure.message.strip() else ""
    words = _alike(first_line, org)[:120]
    internal = error_id(failure.message)
    place = f"{PLACE}{internal.place}" if internal else ""
    parts = (failure.type or "None", _alike(failure.title, org), words, place)
    return SEPARATOR.join(part for part in parts if part)


def _alike(text: str, org: str) -> str:
    """Strike out what differs from org to org."""
    name = " ".join(org.split())
    text = " ".join(text.split())
    if len(name) >= _NAME_FROM:
        text = re.sub(rf"(?<!\w){re.escape(name)}(?!\w)", "…", text, flags=re.IGNORECASE)
    for pattern, mark in _STRUCK_OUT:
        text = pattern.sub(mark, text)
    return text


def kind_among(kind: FailureKind, text: str, orgs: int) -> FailureKind:
    """Return what a signature means once it is known in how many orgs it was seen.

    A failing test or deployment that repeats in several orgs is the package's fault, not theirs.
    """
    repeats = orgs >= SEVERAL and text.split(SEPARATOR, 1)[0] in _OURS_WHEN_REPEATED
    return FailureKind.PACKAGE if repeats and kind is FailureKind.SUBSCRIBER else kind
