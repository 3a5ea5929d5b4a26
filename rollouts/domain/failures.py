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
_WAIT = re.compile(
    r"not yet available|lock|timed? ?out|ORA-04021|unexpected failure", re.IGNORECASE
)
_NUMBER = re.compile(r"-?\d[\d.,-]*")
_QUOTED = re.compile(r"'[^']{1,80}'|\"[^\"]{1,80}\"")
# One org with such a failure has its own trouble; several with the very same one have ours.
_OURS_WHEN_REPEATED = ("DeployError", "ApexTestFailure", "PACError")
SEVERAL = 2
NO_ERROR = Failure("", "No error recorded", "Salesforce reports a failure without an error row.")


def classify(errors: Sequence[Failure]) -> tuple[FailureKind, str]:
    """Return (kind, signature) of a failed push from its errors, the first one leading."""
    lead = errors[0] if errors else NO_ERROR
    kind = _BY_TYPE.get(lead.type, FailureKind.UNKNOWN)
    text = f"{lead.title} {lead.message}"
    if kind in (FailureKind.REJECTED, FailureKind.UNKNOWN) and _WAIT.search(text):
        kind = FailureKind.TRANSIENT
    return kind, signature(lead)


def signature(failure: Failure) -> str:
    """Return what the same failure in another org would share: type, title, first line.

    Numbers and quoted names are stripped, or each platform error number is a kind of its own.
    """
    first_line = failure.message.strip().splitlines()[0] if failure.message.strip() else ""
    first_line = _NUMBER.sub("#", _QUOTED.sub("…", first_line))
    words = " ".join(first_line.split())[:120]
    return " | ".join(part for part in (failure.type or "None", failure.title, words) if part)


def kind_among(kind: FailureKind, text: str, orgs: int) -> FailureKind:
    """Return what a signature means once it is known in how many orgs it was seen.

    A failing test or deployment that repeats in several orgs is the package's fault, not theirs.
    """
    repeats = orgs >= SEVERAL and text.split(" | ", 1)[0] in _OURS_WHEN_REPEATED
    return FailureKind.PACKAGE if repeats and kind is FailureKind.SUBSCRIBER else kind
