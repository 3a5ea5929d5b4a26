"""Words of the calendar's history."""

from __future__ import annotations

from django import template

register = template.Library()
_ACTED = {
    "add_freeze": "added",
    "review_freeze": "dates checked",
    "ask_override": "asked to set it aside",
    "override_freeze": "set aside, confirmed",
    "end_freeze": "ended, confirmed",
    "take_back_override": "taken back, holds again",
}


@register.filter
def acted(action: str) -> str:
    """Say what was done, in words."""
    return _ACTED.get(action, action.replace("_", " "))
