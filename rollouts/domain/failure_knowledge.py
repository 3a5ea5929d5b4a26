"""What each kind of failed push usually means, what to do about it, and if a retry can help.

The eight error types are those of Salesforce's object reference of PackagePushError. It lists their
names and explains none, so each entry says where its meaning comes from: ``REPORTED`` where
texts of real failures are public, ``INFERRED`` where only the name and our own experience speak.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from rollouts.domain.failures import (
    NO_ERROR,
    NOT_SEEN,
    PLACE,
    SEPARATOR,
    FailureKind,
    is_customers_block,
    type_of,
)

# Part of the signature of every failure that came without an error row.
SILENT = f"None{SEPARATOR}{NO_ERROR.title}"
REFERENCE = "Salesforce object reference, PackagePushError"
REPORTED = "texts of failed pushes that others have published"
INFERRED = "the name of the type; no sample is public"


class Retry(StrEnum):
    """Whether pushing the same org again, with nothing changed, can help."""

    YES = "yes"
    ONCE = "once"
    NO = "no"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class Knowledge:
    """What is known of a kind of failure; all but ``retry`` are sentences.

    ``advice`` is the retry in a few words, for a table's cell; ``source`` says who says so.
    """

    means: str
    do: str
    retry: Retry
    advice: str
    source: str


_BLOCK = Knowledge(
    "The customer's administrator does not accept push upgrades of this package. The org was not "
    "touched.",
    "Send the customer the text below. Nothing here can lift the block; a retry fails the same.",
    Retry.NO,
    "no, ask the customer",
    f"{REFERENCE} (PushUpgradeCustomization)",
)
_NOT_SEEN = Knowledge(
    "Salesforce reports success, and the org was not seen on the new version within a day.",
    "Look at the org: refresh it from its page, or ask the customer which version Setup shows.",
    Retry.NO,
    "no, look at the org first",
    "Pushboard's own rule: success counts when the version was read back",
)
_SILENT = Knowledge(
    "Salesforce says that the push failed and gives no reason.",
    "Retry once. If it fails again, open a case at Salesforce with the job's ID.",
    Retry.ONCE,
    "once, then a case",
    REPORTED,
)
_NEW = Knowledge(
    "An error type that Pushboard does not know.",
    "Read Salesforce's text below, and say in the note what it turned out to be.",
    Retry.UNKNOWN,
    "unknown, read the text",
    "none: the type is not in Salesforce's object reference",
)

_BY_TYPE: dict[str, Knowledge] = {
    "LockingFailure": Knowledge(
        "Another installation or deployment held the org when the push came.",
        "Nothing. It is tried again by itself within the approved rule, after half an hour.",
        Retry.YES,
        "yes, after 30 min",
        INFERRED,
    ),
    "UnclassifiedError": Knowledge(
        "An error inside Salesforce, or in the package's own install script.",
        "Read the text: an Apex stack is ours to mend. An error number without one is Salesforce's:"
        " retry once, then open a case with the number.",
        Retry.ONCE,
        "once, then a case",
        REPORTED,
    ),
    "LimitExceeded": Knowledge(
        "The org would go over one of its limits, such as custom objects, tabs or fields.",
        "Ask the customer to make room or to have the limit raised, then retry.",
        Retry.NO,
        "no, needs a fix",
        INFERRED,
    ),
    "FeatureMissing": Knowledge(
        "The org's edition or settings lack a feature that the package requires.",
        "Ask the customer to switch the feature on, or leave the org out with that reason.",
        Retry.NO,
        "no, needs a fix",
        INFERRED,
    ),
    "ApexTestFailure": Knowledge(
        "A test fails in the org with the new version. In several orgs it is the package's fault.",
        "Look whether these orgs share an automation. Do not retry unchanged.",
        Retry.NO,
        "no, needs a fix",
        REPORTED,
    ),
    "DeployError": Knowledge(
        "A part of the package could not be put into the org.",
        "Read which part. Some clear by themselves; in several orgs it is the package's fault.",
        Retry.NO,
        "no, needs a fix",
        REPORTED,
    ),
    "IneligibleUpgrade": Knowledge(
        "The org may not have this version: a package it depends on is too old, it has a beta, or "
        "what was known of it is stale.",
        "Sync, then look at the org. If another package is too old, upgrade that one first.",
        Retry.NO,
        "no, check the org again",
        REPORTED,
    ),
    "PACError": Knowledge(
        "Salesforce does not document this type.",
        "Read the text below. If it says nothing, open a case with the job's ID.",
        Retry.UNKNOWN,
        "unknown, read the text",
        f"{REFERENCE}, which lists the name only",
    ),
}
# Titles that say more than their type; part of the title in small letters, in order.
_BY_TITLE: tuple[tuple[str, Knowledge], ...] = (
    (
        "package uninstalled",
        Knowledge(
            "The package was uninstalled before the push came.",
            "Nothing. The next sync takes the org off the list.",
            Retry.NO,
            "no, it is gone",
            REPORTED,
        ),
    ),
    (
        "subscription expired",
        Knowledge(
            "The org's own Salesforce subscription has ended.",
            "Nothing to push to. Ask the account's owner whether the customer has left.",
            Retry.NO,
            "no, the org has expired",
            REPORTED,
        ),
    ),
    (
        "dependent package",
        Knowledge(
            "A package that this one depends on is too old in the org.",
            "Upgrade that package there first, then retry.",
            Retry.NO,
            "no, another package first",
            REPORTED,
        ),
    ),
    (
        "exclusion list",
        Knowledge(
            "The org is on the package's push exclusion list at Salesforce.",
            "Take it off that list, or exclude the org here too.",
            Retry.NO,
            "no, it is excluded there",
            f"{REFERENCE} (push exclusion)",
        ),
    ),
    (
        "beta",
        Knowledge(
            "The org has a beta of the package, which no push replaces.",
            "The customer uninstalls the beta first.",
            Retry.NO,
            "no, the beta must go first",
            REPORTED,
        ),
    ),
)
_PASSING = Retry.YES, "yes, after 30 min"


def knowledge(signed: str, kind: FailureKind) -> Knowledge:
    """Return what is known of the failures with this signature.

    ``kind`` is how the engine classified them: what it takes for passing is worth a retry, whatever
    its type.
    """
    if signed == NOT_SEEN:
        return _NOT_SEEN
    if is_customers_block(signed):
        return _BLOCK
    known = _of(signed)
    if kind is FailureKind.TRANSIENT and known.retry is not Retry.YES:
        retry, advice = _PASSING
        do = "Nothing at first: it is tried again by itself within the approved rule. " + known.do
        return Knowledge(known.means, do, retry, advice, known.source)
    return known


def _of(signed: str) -> Knowledge:
    parts = signed.casefold().split(SEPARATOR)
    said = " ".join(parts[1:])
    for part, known in _BY_TITLE:
        if part in said:
            return known
    if SILENT in signed:
        return _SILENT
    return _BY_TYPE.get(type_of(signed), _NEW)


def title_of(signed: str) -> str:
    """Name a kind of failure for people: title and first line of the text, cut where it gets long.

    Titles alone won't do: failures that have nothing in common share “Unexpected Error”.
    """
    if signed == NOT_SEEN:
        return "Reported as upgraded, never seen"
    if SILENT in signed:
        return "Salesforce gave no reason"
    parts = [part for part in signed.split(SEPARATOR) if part != "None"]
    body = [part for part in parts if part != type_of(signed) and not part.startswith(PLACE)]
    place = next((part for part in parts if part.startswith(PLACE)), "")
    title = ": ".join(body) or type_of(signed) or signed
    short = title if len(title) <= _LONGEST else f"{title[:_LONGEST].rstrip()}…"
    return f"{short} ({place})" if place else short


_LONGEST = 90
