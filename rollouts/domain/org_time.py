"""An org's own time: which zones its clocks may be in, how that is known, and when it is open."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from functools import lru_cache

from rollouts.domain.places import (
    ANYWHERE,
    country_of,
    zone_in,
    zones_of_country,
    zones_of_instance,
)
from rollouts.domain.spans import Span, Spans, without
from rollouts.domain.states import zones_of_state
from rollouts.domain.windows import Window

# Nights of the week and the weekend; the source is the table of defaults in docs/planning.md.
DEFAULT_WINDOW = "Fri 22:00-Sun 18:00, Mon-Thu 01:00-05:00"


class ZoneSource(StrEnum):
    """Where the knowledge of an org's zone comes from, the surest first."""

    PERSON = "person"
    CRM = "crm"
    ADDRESS = "address"
    INSTANCE = "instance"
    GUESS = "guess"


@dataclass(frozen=True, slots=True)
class OrgTime:
    """When an org may be upgraded.

    ``zones`` are all that it may be in (never none), ``window_from`` says whose window it is:
    "this org", "Acme Ltd", "region DEU" or "the default".
    """

    zones: tuple[str, ...]
    source: ZoneSource
    window: Window
    window_from: str


@lru_cache(maxsize=65_536)
def zones_for(
    *, person: str = "", crm: str = "", country: str = "", state: str = "", instance: str = ""
) -> tuple[tuple[str, ...], ZoneSource]:
    """Return the zones that an org may be in, by the surest that is known of it.

    Args:
        person: a zone's name that a person gave.
        crm: what the customer's account says of its zone, in any words.
        country: what the customer's account says of its country, in any words.
        state: what it says of its state; it narrows a wide country down.
        instance: Salesforce's name of the org's instance.
    """
    if person:
        return (person,), ZoneSource.PERSON
    if named := zone_in(crm):
        return (named,), ZoneSource.CRM
    code = country_of(country)
    if found := zones_of_state(code, state) or zones_of_country(code):
        return found, ZoneSource.ADDRESS
    if found := zones_of_instance(instance):
        return found, ZoneSource.INSTANCE
    return ANYWHERE, ZoneSource.GUESS


def open_spans(time: OrgTime, closed: Spans, within: Span) -> Spans:
    """Return when an org may be upgraded: inside its window and outside all that is closed.

    ``closed`` is sorted and without overlaps, as `spans.union` makes it. Raises UnknownZone.
    """
    return without(_inside(time.window, time.zones, within), closed)


@lru_cache(maxsize=4096)
def _inside(window: Window, zones: Sequence[str], within: Span) -> Spans:
    """Remember what many orgs share."""
    return window.spans(zones, within)
