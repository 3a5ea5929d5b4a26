"""The calendar: what is closed, what starts, what collides, by whose clocks."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta

from django.http import HttpResponse
from django.urls import reverse
from django.utils.http import urlencode
from django.views.decorators.http import require_safe

from rollouts.access import Request, can, may
from rollouts.domain.permissions import Permission
from rollouts.domain.places import ANYWHERE, zone_in
from rollouts.domain.spans import Span
from rollouts.domain.walls import wall
from rollouts.domain.windows import BadWindow
from rollouts.models import TrustRead
from rollouts.pipeline.calendar import waiting
from rollouts.pipeline.report.calendar import Entry, calendar
from rollouts.views.calendar_picture import picture
from rollouts.views.show import show

WEEKS = (1, 4, 13)
_USUAL = 4
_ZONES_NAMED = 3
_A_YEAR = timedelta(days=366)
ICONS = {"freeze": "frozen", "release": "cloud", "maintenance": "cloud", "batch": "queued"}
WORDS = {
    "freeze": "Freeze",
    "release": "Release",
    "maintenance": "Salesforce maintenance",
    "batch": "Batch",
}


@dataclass(frozen=True, slots=True)
class Row:
    """One line of the list, as it is read."""

    entry: Entry
    word: str
    icon: str
    url: str
    their: str
    yours: str


@dataclass(frozen=True, slots=True)
class View:
    """Which stretch is shown, by whose clocks."""

    first: date
    weeks: int
    zone: str

    @property
    def within(self) -> Span:
        """Return the stretch, from Monday midnight UTC."""
        start = datetime(self.first.year, self.first.month, self.first.day, tzinfo=UTC)
        return Span(start, start + timedelta(weeks=self.weeks))

    def url(self, *, weeks: int = 0, shift: int = 0, today: bool = False) -> str:
        """Return the address of the same view, moved or longer."""
        asked: dict[str, str | int] = {"weeks": weeks or self.weeks}
        if not today:
            asked["from"] = (self.first + timedelta(weeks=shift * self.weeks)).isoformat()
        if self.zone != "UTC":
            asked["tz"] = self.zone
        return f"{reverse('calendar')}?{urlencode(asked)}"


@require_safe
@may(Permission.LOOK)
def calendar_page(request: Request) -> HttpResponse:
    """Show some weeks as a list, and beside it as a picture with a lane for each zone."""
    view = _view(request)
    context: dict[str, object] = {
        "view": view,
        "last": view.within.end - timedelta(days=1),
        "earlier": view.url(shift=-1),
        "later": view.url(shift=1),
        "today": view.url(today=True),
        "lengths": [(weeks, view.url(weeks=weeks), weeks == view.weeks) for weeks in WEEKS],
        "waiting": list(waiting()),
        "trust": TrustRead.objects.first(),
        "may_confirm": can(request, Permission.CONFIRM_OVERRIDE),
        "may_close": can(request, Permission.CLOSE_CALENDAR),
        "may_keep": can(request, Permission.KEEP_CALENDAR),
    }
    try:
        shown = calendar(view.within, request.now)
    except BadWindow as bad:
        return show(request, "calendar/calendar.html", context | {"broken": str(bad)})
    zones = [lane.zone for lane in shown.lanes]
    context |= {
        "shown": shown,
        "rows": [_row(entry, view.zone) for entry in shown.entries],
        "conflicts": [_row(entry, view.zone) for entry in shown.entries if entry.conflict],
        "picture": picture(shown, view.zone) if shown.lanes else None,
        "zones": list(dict.fromkeys(["UTC", view.zone, *zones, *ANYWHERE])),
    }
    return show(request, "calendar/calendar.html", context)


def _view(request: Request) -> View:
    """Read what was asked for; nonsense is left at its default."""
    try:
        first = date.fromisoformat(request.GET.get("from", ""))
    except ValueError:
        first = request.now.date()
    if abs(first - request.now.date()) > 3 * _A_YEAR:
        first = request.now.date()
    text = request.GET.get("weeks", "")
    weeks = int(text) if text in {str(number) for number in WEEKS} else _USUAL
    zone = zone_in(request.GET.get("tz", "")) or "UTC"
    return View(first - timedelta(days=first.weekday()), weeks, zone)


def _row(entry: Entry, yours: str) -> Row:
    name, args = entry.url_of
    return Row(
        entry=entry,
        word=WORDS[entry.kind],
        icon=ICONS[entry.kind],
        url=reverse(name, args=args),
        their=_their(entry),
        yours=between(entry.span, yours),
    )


def _their(entry: Entry) -> str:
    """Say the hours by the clocks of those whom it concerns."""
    if entry.own_clocks:
        own = next((spans[0] for spans in entry.by_zone.values() if spans), entry.span)
        return f"{between(own, entry.zones[0])}, each org's own clock"
    named = entry.zones[:_ZONES_NAMED] if entry.kind == "batch" else entry.zones[:1]
    said = [f"{between(entry.span, name)} {place(name)}" for name in named]
    more = len(entry.zones) - len(named)
    return "; ".join(said) + (f"; and {more} more zones" if more and entry.kind == "batch" else "")


def between(span: Span, zone: str) -> str:
    """Say a span by the clocks of a zone; the day of its end only where it is another."""
    start, end = wall(span.start, zone), wall(span.end, zone)
    first = f"{start:%a} {start.day} {start:%b} {start:%H:%M}"
    last = "" if start.date() == end.date() else f"{end:%a} {end.day} {end:%b} "
    return f"{first} to {last}{end:%H:%M}"


def place(zone: str) -> str:
    """Name a zone as people do: its town."""
    return zone.rsplit("/", 1)[-1].replace("_", " ")
