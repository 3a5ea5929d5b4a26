"""Salesforce's maintenance: the list, a file to read it from, and one that is wrong."""

from __future__ import annotations

from django.http import HttpResponse
from django.shortcuts import get_object_or_404
from django.urls import reverse
from django.views.decorators.http import require_http_methods

from rollouts.access import Request, can, may
from rollouts.domain.permissions import Permission
from rollouts.forms import ReasonForm
from rollouts.forms_calendar import FileForm
from rollouts.models import Maintenance, TrustRead
from rollouts.pipeline import calendar
from rollouts.pipeline.maintenance import BadUpload, import_file
from rollouts.pipeline.transitions import Forbidden, Refusal, demand
from rollouts.views.acts import ASK_OR_ACT, OK, UNPROCESSABLE, act, posted, status_of
from rollouts.views.show import show

ROWS = 500


@require_http_methods(["GET", "HEAD", "POST"])
@may(Permission.LOOK)
def maintenance(request: Request) -> HttpResponse:
    """List what is planned; on POST take it from a file, whole or not at all."""
    if request.method != "POST":
        return _list(request, FileForm())
    try:
        demand(request.user, Permission.KEEP_CALENDAR, request.now)
    except Forbidden as refusal:
        return _list(request, FileForm(), refusal=refusal)
    form = FileForm(request.POST, request.FILES)
    if not form.is_valid():
        return _list(request, form, status=UNPROCESSABLE)
    data = form.content()
    return act(
        request,
        lambda: import_file(data, by=request.user, now=request.now),
        done=lambda taken: f"Read: {taken.sentence}",
        to=reverse("maintenance"),
        refused=lambda refusal: _list(request, form, refusal=refusal),
    )


def _list(
    request: Request, form: FileForm, *, refusal: Refusal | None = None, status: int = OK
) -> HttpResponse:
    rows = Maintenance.objects.in_force().filter(ends_at__gt=request.now)
    context = {
        "rows": rows.select_related("by").order_by("starts_at", "instance")[:ROWS],
        "count": rows.count(),
        "trust": TrustRead.objects.first(),
        "form": form,
        "problems": sum(map(len, form.errors.values())),
        "refusal": refusal,
        "wrong": refusal.problems if isinstance(refusal, BadUpload) else (),
        "may_keep": can(request, Permission.KEEP_CALENDAR),
    }
    code = status_of(refusal) if refusal else status
    return show(request, "calendar/maintenance.html", context, status=code)


@ASK_OR_ACT
@may(Permission.LOOK)
def one(request: Request, pk: int) -> HttpResponse:
    """Show one; on POST ask that it end because it is wrong."""
    row = get_object_or_404(Maintenance.objects.select_related("by", "ended_by"), pk=pk)
    form = ReasonForm(posted(request))
    if request.method != "POST":
        return page(request, row)
    if not form.is_valid():
        return page(request, row, form=form, status=UNPROCESSABLE)
    return act(
        request,
        lambda: calendar.ask_override(
            row, until=None, by=request.user, reason=form.cleaned_data["reason"], now=request.now
        ),
        done="Asked. It holds until an approver other than you confirms that it is wrong.",
        to=reverse("maintenance-one", args=[pk]),
        refused=lambda refusal: page(request, row, form=form, refusal=refusal),
    )


def page(
    request: Request,
    row: Maintenance,
    *,
    form: ReasonForm | None = None,
    refusal: Refusal | None = None,
    status: int = OK,
) -> HttpResponse:
    """Show one maintenance, with what was refused."""
    form = form or ReasonForm()
    overrides = row.overrides.select_related("asked_by", "confirmed_by", "ended_by", "package")
    context = {
        "row": row,
        "overrides": overrides.order_by("-asked_at"),
        "form": form,
        "problems": sum(map(len, form.errors.values())),
        "refusal": refusal,
        "may_ask": can(request, Permission.ASK_OVERRIDE),
        "may_close": can(request, Permission.CLOSE_CALENDAR),
        "may_confirm": can(request, Permission.CONFIRM_OVERRIDE),
        "now": request.now,
    }
    code = status_of(refusal) if refusal else status
    return show(request, "calendar/maintenance_one.html", context, status=code)
