"""The My Domain of an org, out of an address that somebody pasted.

The shapes are those of Salesforce's help, "My Domain URL Formats": the org's own label stands
first, a sandbox's name behind two hyphens, then perhaps the kind of org, then the service.
"""

from __future__ import annotations

import re

_LABEL = re.compile(r"[a-z0-9](?:[a-z0-9-]{0,78}[a-z0-9])?")
_HOST = re.compile(
    r"(?:https?://)?(?P<label>[a-z0-9-]{1,80})"
    r"(?:\.(?:sandbox|develop|scratch|demo|patch|trailblaze|free))?"
    r"\.(?:my\.salesforce|my\.salesforce-setup|lightning\.force|my\.site|my\.salesforce-sites)\.com"
    r"(?:[:/?#]\S*)?",
    re.IGNORECASE,
)


def my_domain(address: str) -> str:
    """Return the label of an org's address, in small letters (``acme--uat``), or ""."""
    found = _HOST.fullmatch(address.strip())
    return label_of(found["label"]) if found else ""


def label_of(text: str) -> str:
    """Return a label as it is kept, or "" when the text can't be one."""
    label = text.strip().lower()
    return label if _LABEL.fullmatch(label) else ""


def words_of(label: str) -> str:
    """Return what a label says of its customer's name: ``acme-widgets--uat`` is “acme widgets”."""
    return label.split("--", maxsplit=1)[0].replace("-", " ").strip()
