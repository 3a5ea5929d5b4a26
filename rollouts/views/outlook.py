"""What a rollout is likely to come to, before anybody approves: preflight, forecast, rehearsals."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.http import HttpResponse
from django.urls import reverse
from django.utils.dateparse import parse_datetime
from django.views.decorators.http import require_POST, require_safe

from rollouts import tasks
from rollouts.access import Request, can, may
from rollouts.domain.permissions import Permission
from rollouts.models import Draft, Rehearsal, Rollout
from rollouts.pipeline import finish, preflight, rehearsing
from rollouts.pipeline import notice as notices
from rollouts.pipeline.transitions import Refusal
from rollouts.views.acts import OK, act, ring, status_of
from rollouts.views.downloads import csv_answer
from rollouts.views.rollouts import find
from rollouts.views.show import show

SHOWN = 3
_TONES = {"completed": "ok", "completed_with_failures": "need"}


@dataclass(frozen=True, slots=True)
class Played:
    """One rehearsal as the page draws it; ``is_current``: the plan is still that one."""

    row: Rehearsal
    is_current: bool
    waves: list[dict[str, Any]]
    guardrails: list[dict[str, Any]]

    @property
    def tone(self) -> str:
        """The tone of its outcome."""
        return _TONES.get(str(self.row.report.get("outcome", "")), "fail")

    @property
    def outcome(self) -> str:
        """How it ended, in words."""
        return str(self.row.report.get("outcome", "no report")).replace("_", " ")

    @property
    def lasted(self) -> timedelta | None:
        """How long the rollout took in it."""
        return rehearsing.lasted(self.row.report)

    @property
    def done(self) -> int:
        """Orgs that had the version at its end."""
        return int(self.row.report.get("states", {}).get("done", 0))


@require_safe
@may(Permission.LOOK)
def outlook(request: Request, slug: str) -> HttpResponse:
    """Show what stands in the way of what is left, what to expect, and what rehearsals said."""
    return _page(request, find(slug))


def _page(
    request: Request, found: Rollout, refusal: Refusal | None = None, status: int = OK
) -> HttpResponse:
    over = finish.is_over(found)
    looked = None if over else preflight.of_rollout(found, request.now)
    rows = found.rehearsals.select_related("rollout__to_version__package", "asked_by")[:SHOWN]
    plays = [_played(row, request.now, over=over) for row in rows]
    context = {
        "rollout": found,
        "over": over,
        "looked": looked,
        "message": notices.message(found, looked.forecast) if looked else "",
        "reasons": _reasons(found),
        "plays": plays,
        "waits": any(play.row.is_open for play in plays),
        "may_rehearse": can(request, Permission.REHEARSE) and not over,
        "refusal": refusal,
    }
    return show(request, "rollouts/outlook.html", context, status=status)


def _reasons(found: Rollout) -> dict[str, str]:
    draft = Draft.objects.filter(rollout=found).first()
    return draft.reasons if draft else {}


def _played(row: Rehearsal, now: datetime, *, over: bool) -> Played:
    return Played(
        row,
        not over and rehearsing.is_current(row, now),
        [_dated(wave, "first_start", "passed") for wave in row.report.get("waves", [])],
        [_dated(one, "at") for one in row.report.get("guardrails", [])],
    )


def _dated(found: dict[str, Any], *names: str) -> dict[str, Any]:
    return found | {name: parse_datetime(found[name]) if found[name] else None for name in names}


@require_safe
@may(Permission.LOOK)
def notice(request: Request, slug: str) -> HttpResponse:
    """Hand out the list of whom to tell, with wave and earliest start, and who is left out."""
    found = find(slug)
    told = preflight.of_rollout(found, request.now).forecast
    return csv_answer(f"{slug}-notice", notices.HEADER, notices.lines(found, told))


@require_POST
@may(Permission.REHEARSE)
def rehearse(request: Request, slug: str) -> HttpResponse:
    """Ask for a rehearsal; it runs in its own process and this page shows its report."""
    found = find(slug)

    def asked() -> Rehearsal:
        made = rehearsing.ask(found, by=request.user, now=request.now)
        ring(tasks.rehearse)
        return made

    return act(
        request,
        asked,
        done="The rehearsal is asked for. Its report shows here, in a minute or a few.",
        to=reverse("rollout-outlook", args=[slug]) + "#rehearsals",
        refused=lambda refusal: _page(request, found, refusal, status_of(refusal)),
    )
