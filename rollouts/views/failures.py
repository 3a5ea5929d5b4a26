"""Failures by kind, over all rollouts or in one: what they mean, whose they are, what to do."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.db.models import Max
from django.http import HttpResponse
from django.views.decorators.http import require_safe

from rollouts.access import Request, may
from rollouts.domain.permissions import Permission
from rollouts.domain.triage import WORDS, TriageState
from rollouts.models import Rollout
from rollouts.pipeline import blockers, report
from rollouts.pipeline.failing import Now
from rollouts.pipeline.report.kinds import Kind, overview
from rollouts.views import listing
from rollouts.views.downloads import csv_answer
from rollouts.views.rollouts import find
from rollouts.views.show import show, stamped, unchanged

BARS_SHOWN = 8
NO_TYPE = "none"
COLUMNS = (
    ("Kind", "kind"), ("Type", "type"), ("Orgs#", "orgs"), ("Seen in", ""),
    ("First, last seen", "last"), ("Spread#", "spread"), ("Retry?", "retry"), ("State", "state"),
    ("Owner", "owner"),
)  # fmt: skip
_ORDER = list(TriageState)
SORTS: dict[str, Callable[[Kind], Any]] = {
    "kind": lambda kind: kind.title.casefold(),
    "type": lambda kind: (kind.type, kind.title.casefold()),
    "orgs": lambda kind: kind.orgs,
    "last": lambda kind: kind.last_at,
    "spread": lambda kind: kind.orgs / max(1, kind.tried),
    "retry": lambda kind: kind.known.advice,
    "state": lambda kind: _ORDER.index(kind.state),
    "owner": lambda kind: str(kind.triage.owner or "~") if kind.triage else "~",
}
SHOWS: dict[str, tuple[str, Callable[[Kind], bool]]] = {
    "open": ("To do", lambda kind: kind.is_open),
    "new": ("New", lambda kind: kind.state is TriageState.NEW),
    "all": ("All", lambda kind: not kind.is_block),
}
BLOCKED = "blocked"
BARRED = Now.BLOCKED


@dataclass(frozen=True, slots=True)
class Bar:
    """One kind in the picture; the numbers are percent of its whole width."""

    kind: Kind
    open: str
    upgraded: str
    upgraded_from: str
    rest: str
    rest_from: str


@require_safe
@may(Permission.LOOK)
def failures(request: Request, slug: str = "") -> HttpResponse:
    """List the kinds of failure, or the orgs whose customers block pushes; also as CSV."""
    if tidy := listing.tidied(request):
        return tidy
    stamp = stamped(request, report.stamp_of(slug) if slug else report.stamp_of_all())
    if same := unchanged(request, stamp):
        return same
    rollout = find(slug) if slug else None
    seen = overview(rollout)
    kinds = [kind for kind in seen.kinds if not kind.is_block]
    shown = request.GET.get("show", "")
    shown = shown if shown in {*SHOWS, BLOCKED} else "open"
    sort = listing.sort_of(request, SORTS, "")
    told = {(one.org, one.package) for kind in seen.kinds for one in kind.hits if one.now is BARRED}
    barring = blockers.barring(rollout, told)
    chosen = [] if shown == BLOCKED else _chosen(request, kinds, shown)
    rows: list[Any] = blockers.blockers(barring) if shown == BLOCKED else _ordered(chosen, sort)
    if request.GET.get("as") == "csv":
        name = f"failures-{slug}" if slug else "failures"
        return _blocked_csv(name, rows) if shown == BLOCKED else _csv(name, rows)
    page = listing.page_of(request, rows, len(rows))
    context = {
        "rollout": rollout,
        "stamp": stamp,
        "seen": seen,
        "tabs": [
            *((name, label, sum(map(test, kinds))) for name, (label, test) in SHOWS.items()),
            (BLOCKED, "Blocked by customers", len(barring)),
        ],
        "shown": shown,
        "page": page,
        "sizes": listing.sizes(request, page),
        "heads": listing.heads(request, COLUMNS, sort),
        "bars": _bars(chosen),
        "types": sorted({kind.type or NO_TYPE for kind in kinds}),
        "type": request.GET.get("type", ""),
        "q": request.GET.get("q", ""),
        "sort": request.GET.get("sort", ""),
        "is_filtered": bool(request.GET.get("type") or request.GET.get("q")),
        "csv": listing.instead(request),
        "is_live": _is_live(rollout),
        "as_of": rollout.sf_as_of if rollout else _read_at(),
    }
    return show(request, "failures/list.html", context)


def _is_live(rollout: Rollout | None) -> bool:
    """Whether a failure may be added while somebody reads."""
    return rollout.ended_at is None if rollout else Rollout.objects.running().exists()


def _read_at() -> datetime | None:
    found: datetime | None = Rollout.objects.aggregate(at=Max("sf_as_of"))["at"]
    return found


def _chosen(request: Request, kinds: list[Kind], shown: str) -> list[Kind]:
    """Narrow the kinds to a tab, a type and words."""
    wanted, words = request.GET.get("type", ""), request.GET.get("q", "").casefold().split()
    return [
        kind
        for kind in kinds
        if SHOWS[shown][1](kind)
        and wanted in ("", kind.type or NO_TYPE)
        and all(word in f"{kind.signature} {kind.package.name}".casefold() for word in words)
    ]


def _ordered(kinds: list[Kind], sort: str) -> list[Kind]:
    """Put new ones first and then the biggest, or sort by one column."""
    if not sort:
        return sorted(kinds, key=lambda kind: (kind.state is not TriageState.NEW, -kind.orgs))
    value = SORTS[sort.removeprefix("-")]
    return sorted(kinds, key=value, reverse=sort.startswith("-"))


def _bars(kinds: list[Kind]) -> list[Bar]:
    """Draw the biggest kinds, each as a share of the biggest."""
    biggest = sorted(kinds, key=lambda kind: -kind.orgs)[:BARS_SHOWN]
    most = max((kind.orgs for kind in biggest), default=1)

    def percent(orgs: int) -> str:
        return f"{100 * orgs / most:.2f}%"

    return [
        Bar(
            kind,
            percent(kind.open),
            percent(kind.upgraded),
            percent(kind.open),
            percent(kind.orgs - kind.open - kind.upgraded),
            percent(kind.open + kind.upgraded),
        )
        for kind in biggest
    ]


def _csv(name: str, kinds: list[Kind]) -> HttpResponse:
    return csv_answer(
        name,
        (
            "Kind", "Type", "Package", "Signature", "Orgs", "Open", "Upgraded since", "Blocked",
            "Orgs tried", "Seen in", "First seen (UTC)", "Last seen (UTC)", "Retry advice", "State",
            "Owner", "Link", "Note",
        ),
        (
            (
                kind.title, kind.type, kind.package.name, kind.signature, kind.orgs, kind.open,
                kind.upgraded, kind.blocked, kind.tried,
                "; ".join(f"{slug}: {', '.join(map(str, waves))}" for slug, waves in kind.places),
                kind.first_at, kind.last_at, kind.known.advice, WORDS[kind.state],
                kind.triage.owner if kind.triage else "", kind.triage.link if kind.triage else "",
                kind.triage.note if kind.triage else "",
            )
            for kind in kinds
        ),
    )  # fmt: skip


def _blocked_csv(name: str, rows: list[blockers.Blocker]) -> HttpResponse:
    return csv_answer(
        f"{name}-blocked", blockers.CSV_HEADER, (blockers.csv_row(one) for one in rows)
    )
