"""Entries of the history on pages: the sentence with its link, times by a chosen clock."""

from __future__ import annotations

import json
from datetime import datetime, tzinfo

from django import template
from django.urls import reverse
from django.utils.html import format_html
from django.utils.safestring import SafeString

from rollouts.domain import ids
from rollouts.pipeline.trail import Line
from rollouts.templatetags.history import story

register = template.Library()


@register.simple_tag
def did(line: Line) -> SafeString:
    """Say what was done, with a link to what it was done to, where that has a page."""
    before, _, after = line.told.words.partition("{it}")
    if "{it}" not in line.told.words:
        return format_html("{}", before)
    address = _address(line)
    thing = format_html('<a href="{}"><bdi>{}</bdi></a>', address, line.it) if address else None
    return format_html("{}{}{}", before, thing or format_html("<bdi>{}</bdi>", line.it), after)


def _address(line: Line) -> str:
    event = line.event
    kind, _, rest = event.subject.partition(" ")
    if kind == "failure":
        return reverse("failure", args=[rest])
    if event.rollout is not None:
        if event.wave is not None:
            return reverse("wave", args=[event.rollout.slug, event.wave.number])
        return reverse("rollout", args=[event.rollout.slug])
    number = rest.partition(" ")[0]
    if kind == "connection" and number.isdigit():
        return reverse("connection", args=[int(number)])
    if kind != "org":
        return ""
    try:
        return reverse("org", args=[ids.org_id(rest)])
    except ids.BadId:
        return ""


@register.filter
def mark_of(line: Line) -> str:
    """Return the shape that goes with an entry."""
    return story(line.event).icon


@register.filter
def tone_of(line: Line) -> str:
    """Return the tone that goes with an entry."""
    return story(line.event).tone


@register.filter
def in_zone(moment: datetime, zone: tzinfo) -> str:
    """Write a moment by the clocks of a zone, with the zone's own short name."""
    there = moment.astimezone(zone)
    return f"{there:%a} {there.day} {there:%b %Y, %H:%M %Z}"


@register.filter
def pretty(text: str) -> str:
    """Lay exact JSON out for reading; what was cut stays as it is."""
    try:
        return json.dumps(json.loads(text), indent=2, ensure_ascii=False, sort_keys=True)
    except ValueError:
        return text


@register.filter
def safe_did(line: Line) -> str:
    """Say what was done without a name, for people outside: waves have numbers, the rest none."""
    subject = line.event.subject
    if line.event.rollout is not None:
        wave, _, batch = subject.partition(" batch ")
        thing = f"batch {batch} of {wave}" if batch else wave
        thing = thing if subject.startswith("wave ") else "the rollout"
    else:
        thing = "freeze" if subject.startswith("freeze") else ""
    words = line.told.words
    return (words if thing else words.replace(": {it}", "")).format(it=thing or "it")
