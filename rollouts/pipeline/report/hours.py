"""One org's own time, for its page: where it is, how that is known, when it is open next."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from rollouts.domain.org_time import OrgTime, ZoneSource, open_spans
from rollouts.domain.spans import Span
from rollouts.domain.walls import wall
from rollouts.domain.windows import BadWindow
from rollouts.models import Account, Org
from rollouts.pipeline.freezes import ClosedSpan, closed_for, together
from rollouts.pipeline.zones import whereabouts_of

AHEAD = timedelta(days=28)
SOURCES = {
    ZoneSource.PERSON: "a person said so",
    ZoneSource.CRM: "by the time zone of its account",
    ZoneSource.ADDRESS: "by the address of its account",
    ZoneSource.INSTANCE: "by the name of its instance; the customer may sit elsewhere",
    ZoneSource.GUESS: "nothing is known, so it is taken to be anywhere",
}


@dataclass(frozen=True, slots=True)
class Hours:
    """What a page says of an org's time; ``opens`` is None when it stays closed for four weeks."""

    time: OrgTime
    source: str
    there: datetime
    opens: Span | None
    closed: tuple[ClosedSpan, ...]


def hours_of(org: Org, account: Account | None, now: datetime) -> Hours | str:
    """Return the time of an org of this customer as of now, or a sentence why it can't be told."""
    start = now.astimezone(UTC)
    within = Span(start, start + AHEAD)
    try:
        place = whereabouts_of(org, account)
    except BadWindow as bad:
        return f"Its window can't be read, so nothing is pushed to it: {bad}"
    time = place.time
    closed = closed_for([org.pk], None, within, now, places={org.pk: place})[org.pk]
    opens = next(iter(open_spans(time, together(closed), within)), None)
    return Hours(
        time=time,
        source=SOURCES[time.source],
        there=wall(now, time.zones[0]),
        opens=opens,
        closed=closed[:5],
    )
