"""What support reads out about an org, and the shapes of proofs."""

from __future__ import annotations

from django import template

from rollouts.models import Since, VersionChange
from rollouts.pipeline.lookup import Answer
from rollouts.templatetags.pushboard import clock, day

register = template.Library()

_PROOF = {
    Since.PUSH: ("verified", "ok", "pushed by us, seen in the org"),
    Since.SEEN: ("observed", "idle", "seen; not pushed by us"),
    Since.FIRST_SEEN: ("plus", "idle", "first seen"),
}


@register.filter
def is_newest(answer: Answer) -> bool:
    """Say whether nothing newer could be pushed."""
    return answer.newest is None or answer.version.number >= answer.newest.number


@register.filter
def is_gone(answer: Answer) -> bool:
    """Say whether the package is no longer installed."""
    return answer.installation.gone_at is not None


@register.filter
def spoken(answer: Answer) -> str:
    """Write the answer as sentences that stand alone in a case comment, zone and age included."""
    org = answer.installation.org
    had = "had" if is_gone(answer) else "has"
    read = f"{day(answer.read_at)}, {answer.read_at:%H:%M} UTC"
    return (
        f"{org.name} ({org.key}) {had} {answer.version.package.name} {answer.version.label}, "
        f"{answer.since}. {answer.why_not} Read from Salesforce on {read}."
    )


@register.filter
def proof_icon(proof: str) -> str:
    """Return the shape of a proof."""
    return _PROOF[Since(proof)][0]


@register.filter
def proof_tone(proof: str) -> str:
    """Return the tone of a proof."""
    return _PROOF[Since(proof)][1]


@register.filter
def proof_words(change: VersionChange) -> str:
    """Say how the change came to be known."""
    return _PROOF[Since(change.proof)][2]


@register.filter
def span_words(change: VersionChange) -> str:
    """Write when a change happened: a moment if proven, else the two reads around it."""
    if change.after and change.proof != Since.PUSH:
        return f"{clock(change.after)} to {clock(change.before)}"
    return clock(change.before)
