"""What pages show of a certificate."""

from __future__ import annotations

from rollouts.salesforce.certificates import About
from rollouts.salesforce.certificates import about as read


def about(certificate: str) -> About | None:
    """Return fingerprint and end of a stored certificate, or None when there is none."""
    return read(certificate) if certificate else None
