"""Tags of the pages that look ahead: a finding's link, its shape and its word."""

from __future__ import annotations

from django import template
from django.urls import NoReverseMatch, reverse

from rollouts.domain.findings import Finding, Level

register = template.Library()

_FACES = {
    Level.BLOCK: ("fail", "failed", "in the way"),
    Level.WARN: ("need", "warn", "needs a reason"),
    Level.OK: ("ok", "ok", "ok"),
}


@register.filter
def tone(level: Level) -> str:
    """Return the tone's name of a level."""
    return _FACES[level][0]


@register.filter
def shape(level: Level) -> str:
    """Return the icon's name of a level."""
    return _FACES[level][1]


@register.filter
def word(level: Level) -> str:
    """Say a level in words."""
    return _FACES[level][2]


@register.filter
def fix_url(finding: Finding) -> str:
    """Return the page where a finding is mended, or "" when there is none."""
    if not finding.fix_url_name:
        return ""
    try:
        return reverse(finding.fix_url_name, args=finding.fix_args)
    except NoReverseMatch:
        return ""


@register.filter
def answer(reasons: dict[str, str], code: str) -> str:
    """Return what was typed for a warning."""
    return reasons.get(code, "")
