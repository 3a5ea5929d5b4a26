"""Home: what needs me, what moves, what happened, is all well."""

from __future__ import annotations

from django.db.models import QuerySet
from django.http import HttpResponse
from django.views.decorators.http import require_safe

from rollouts.access import Request, can, may
from rollouts.domain.permissions import Permission
from rollouts.models import Event, Rollout
from rollouts.pipeline import report
from rollouts.views.reading import Line, line
from rollouts.views.shell import health_of
from rollouts.views.show import show, stamped, unchanged

ACTIVE_SHOWN = 5
EVENTS_SHOWN = 8
MERE_PROGRESS = ("progress", "confirm")


@require_safe
@may(Permission.LOOK)
def home(request: Request) -> HttpResponse:
    """Show the four answers; the live part is everything below the greeting."""
    stamp = stamped(request, report.stamp_of_all())
    if same := unchanged(request, stamp):
        return same
    rollouts = list(_running()[: ACTIVE_SHOWN + 1])
    return show(
        request,
        "home/home.html",
        {
            "stamp": stamp,
            "needs": report.needs(request.user, request.now),
            "lines": [line(rollout, request.now) for rollout in rollouts[:ACTIVE_SHOWN]],
            "more": len(rollouts) > ACTIVE_SHOWN,
            "last": None if rollouts else _last(request),
            "events": _events(),
            "health": health_of(request),
            "stuck": report.stuck(request.now),
            "may_plan": can(request, Permission.PLAN),
        },
    )


def _running() -> QuerySet[Rollout]:
    return (
        Rollout.objects.running()
        .select_related("to_version__package", "author")
        .order_by("-created_at")
    )


def _last(request: Request) -> Line | None:
    ended = Rollout.objects.ended().select_related("to_version__package", "author")
    newest = ended.order_by("-ended_at").first()
    return line(newest, request.now) if newest else None


def _events() -> QuerySet[Event]:
    """List the newest lines of history that are more than mere progress."""
    told = Event.objects.exclude(action__in=MERE_PROGRESS).select_related("rollout")
    return told.order_by("-sequence")[:EVENTS_SHOWN]
