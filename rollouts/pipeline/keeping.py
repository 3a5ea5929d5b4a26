"""Each org's hours for one frozen list: as they were approved, as they are today, less freezes."""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Collection, Iterable, Mapping
from dataclasses import replace
from datetime import datetime, timedelta

from rollouts.domain.freezes import ClosedSpan
from rollouts.domain.hours import Hours, Rule, refusals
from rollouts.domain.lifecycle import ATTEMPT_LIVE
from rollouts.domain.org_time import OrgTime
from rollouts.domain.schedule import Schedule, in_utc
from rollouts.domain.spans import Span
from rollouts.domain.walls import UnknownZone, zone
from rollouts.domain.windows import BadWindow, parse
from rollouts.models import Batch, FrozenList, FrozenOrg
from rollouts.pipeline.freezes import closed_for
from rollouts.pipeline.zones import DEFAULT, Whereabouts, org_times, whereabouts

log = logging.getLogger(__name__)
_LIVE = [state.value for state in ATTEMPT_LIVE]
_AT_ONCE = 900
_HOUR = timedelta(hours=1)


def times_of(orgs: Collection[int], schedule: Schedule, now: datetime) -> dict[int, OrgTime]:
    """Return today's time of each org, with the schedule's window in place of the default.

    Raises BadWindow when a stored window can't be read.
    """
    return _instead(org_times(orgs, now), schedule)


def _instead(found: dict[int, OrgTime], schedule: Schedule) -> dict[int, OrgTime]:
    stand_in = schedule.instead()
    if stand_in is None:
        return found
    made: dict[int, OrgTime] = {}
    for pk, time in found.items():
        if time.window_from == DEFAULT and id(time) not in made:
            made[id(time)] = replace(time, window=stand_in, window_from="this rollout")
        found[pk] = made.get(id(time), time)
    return found


def as_frozen(time: OrgTime) -> tuple[str, str, str]:
    """Return window, zones by commas, and where these come from, as a list keeps them."""
    return str(time.window), ",".join(time.zones), time.source.value


def drift(frozen: FrozenList, now: datetime) -> list[str]:
    """Say which hours are not those that were frozen; both count until the list is made anew."""
    rows = {
        org: (window, zones or "") for org, window, zones in _rows(frozen, ()) if window is not None
    }
    changed: Counter[str] = Counter()
    try:
        today = times_of(list(rows), frozen.wave.rollout.when, now)
    except BadWindow as unreadable:
        return [f"a stored window can't be read, so nothing starts: {unreadable}"]
    for pk, time in today.items():
        window, zones, _ = as_frozen(time)
        if window != rows[pk][0]:
            changed[f"hours were {rows[pk][0]}, are {window} now"] += 1
        elif zones != rows[pk][1]:
            changed[f"zone was {_short(rows[pk][1])}, is {_short(zones)} now"] += 1
    return [
        f"{orgs:,} {'org' if orgs == 1 else 'orgs'}: {what}; only what both allow is used"
        for what, orgs in changed.most_common()
    ]


def _short(zones: str) -> str:
    names = zones.split(",")
    return zones if len(names) <= 2 else f"one of {len(names)} zones"  # noqa: PLR2004


def hours_of(
    frozen: FrozenList, orgs: Collection[int], now: datetime, within: Span
) -> dict[int, Hours]:
    """Return what counts for each org of a list in a span of time, by the org's row.

    An org whose hours can't be read is left out: unknown means hold. Orgs with the same hours
    share one value, so that what is computed of it is computed once.
    """
    agreed = _agreed(frozen, orgs)
    try:
        places = whereabouts(orgs, now)
        today = {pk: place.time for pk, place in places.items()}
        today = _instead(today, frozen.wave.rollout.when)
    except BadWindow as unreadable:
        log.warning("no org's hours are known: %s", unreadable)
        return {}
    closed = closed_for(
        orgs,
        frozen.to_version.package,
        within,
        now,
        places=_either(places, agreed),
        agreed_at=frozen.frozen_at,
    )
    shared: dict[tuple[int, int, int], Hours] = {}
    found: dict[int, Hours] = {}
    for pk in orgs:
        if pk not in agreed or pk not in today or pk not in closed:
            continue
        rule, time, stops = agreed[pk], today[pk], closed[pk]
        which = id(rule), id(time), id(stops)
        if which not in shared:
            shared[which] = _hours(rule, time, stops)
        found[pk] = shared[which]
    return found


def _either(
    places: Mapping[int, Whereabouts], agreed: Mapping[int, Rule | None]
) -> dict[int, Whereabouts]:
    """Add the agreed zones to today's, so that freezes by an org's own clocks close in both.

    An org of a zone that nobody knows any more is left out.
    """
    shared: dict[tuple[int, int], OrgTime | None] = {}
    found: dict[int, Whereabouts] = {}
    for pk, place in places.items():
        rule = agreed.get(pk)
        if rule is None or rule.zones in (place.time.zones, ("",)):
            found[pk] = place
            continue
        which = id(rule), id(place.time)
        if which not in shared:
            shared[which] = _both(place.time, rule)
        time = shared[which]
        if time is not None:
            found[pk] = replace(place, time=time)
    return found


def _both(time: OrgTime, rule: Rule) -> OrgTime | None:
    try:
        for name in rule.zones:
            zone(name)
    except UnknownZone:
        return None
    return replace(time, zones=tuple(dict.fromkeys((*time.zones, *rule.zones))))


def _hours(rule: Rule | None, time: OrgTime, stops: tuple[ClosedSpan, ...]) -> Hours:
    now = Rule(time.window, time.zones)
    return Hours((now,) if rule is None or rule == now else (rule, now), stops)


def _agreed(frozen: FrozenList, orgs: Collection[int]) -> dict[int, Rule | None]:
    """Read the frozen hours; those that nobody can read are left out."""
    rules: dict[tuple[str | None, str | None], Rule | None] = {}
    found: dict[int, Rule | None] = {}
    for pk, window, zones in _rows(frozen, orgs):
        try:
            if (window, zones) not in rules:
                rules[window, zones] = _rule(frozen, window, zones)
        except BadWindow:
            continue
        found[pk] = rules[window, zones]
    return found


def _rows(
    frozen: FrozenList, orgs: Collection[int]
) -> Iterable[tuple[int, str | None, str | None]]:
    rows = FrozenOrg.objects.filter(list=frozen)
    if 0 < len(orgs) <= _AT_ONCE:
        rows = rows.filter(org__in=orgs)
    return rows.order_by().values_list("org_id", "window", "zones")


def _rule(frozen: FrozenList, window: str | None, zones: str | None) -> Rule | None:
    """Read one frozen window; a list from before windows were kept had one for all its orgs."""
    rule = Rule(parse(frozen.window if window is None else window), tuple((zones or "").split(",")))
    return None if window is None and rule.window.always else rule


def of_batch(batch: Batch, now: datetime) -> dict[str, Hours | None]:
    """Return the hours of each org still in a batch, by its id; None where nobody knows them."""
    assert batch.start_at is not None and batch.not_after is not None  # noqa: S101, PT018
    live = batch.attempts.filter(state__in=_LIVE).order_by("pk")
    keys = dict(live.values_list("org_id", "org__key"))
    start = in_utc(batch.start_at)
    within = Span(start, max(start, in_utc(batch.not_after)) + _HOUR)
    known = hours_of(batch.list, list(keys), now, within)
    return {key: known.get(pk) for pk, key in keys.items()}


def wrong(batch: Batch, now: datetime) -> str:
    """Say why an open request may not be left to start when it would, or ""."""
    if batch.start_at is None or batch.not_after is None:
        return ""
    if now > batch.not_after:
        return "Salesforce had not started it by its latest start"
    # What has passed of its time is no matter any more: it must be open from now on.
    start = max(in_utc(batch.start_at), in_utc(now))
    return "; ".join(refusals(of_batch(batch, now).values(), start, in_utc(batch.not_after)))
