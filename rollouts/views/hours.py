"""Windows, zones and fiscal years: what holds, who said so, and a word more."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from django.db.models import QuerySet
from django.http import HttpResponse
from django.urls import reverse

from rollouts.access import Request, can, may
from rollouts.domain.org_time import DEFAULT_WINDOW
from rollouts.domain.permissions import Permission
from rollouts.domain.places import ANYWHERE
from rollouts.forms import ReasonForm
from rollouts.forms_calendar import FiscalForm, WindowForm, ZoneForm
from rollouts.models import FiscalYear, WindowRule, ZoneWord
from rollouts.pipeline import hours
from rollouts.pipeline.transitions import Refusal
from rollouts.views.acts import ASK_OR_ACT, OK, UNPROCESSABLE, act, posted, status_of
from rollouts.views.show import show

ROWS = 200


@ASK_OR_ACT
@may(Permission.LOOK)
def windows(request: Request) -> HttpResponse:
    """Show the hours in force and before; on POST say others."""
    form = WindowForm(posted(request), initial=_asked(request))
    return _page(
        request,
        form,
        "windows",
        lambda: hours.set_window(
            form.cleaned_data["whose"], form.cleaned_data["hours"], by=request.user,
            reason=form.cleaned_data["reason"], now=request.now,
        ),
    )  # fmt: skip


@ASK_OR_ACT
@may(Permission.LOOK)
def zones(request: Request) -> HttpResponse:
    """Show the zones that people gave; on POST give one, or take it back."""
    form = ZoneForm(posted(request), initial=_asked(request))
    return _page(
        request,
        form,
        "zones",
        lambda: hours.set_zone(
            form.cleaned_data["whose"], form.cleaned_data["zone"], by=request.user,
            reason=form.cleaned_data["reason"], now=request.now,
        ),
    )  # fmt: skip


@ASK_OR_ACT
@may(Permission.LOOK)
def fiscal_years(request: Request) -> HttpResponse:
    """Show the fiscal years that people gave; on POST give one."""
    form = FiscalForm(posted(request), initial=_asked(request))
    return _page(
        request,
        form,
        "fiscal-years",
        lambda: hours.set_fiscal_year(
            form.cleaned_data["whose"], form.cleaned_data["month"], by=request.user,
            reason=form.cleaned_data["reason"], now=request.now,
        ),
    )  # fmt: skip


def _asked(request: Request) -> dict[str, str]:
    """Fill in whom another page sent the person for: ``?scope=org&whose=00D...``."""
    return {name: request.GET[name][:255] for name in ("scope", "whose") if name in request.GET}


def _page(
    request: Request, form: ReasonForm, name: str, deed: Callable[[], object]
) -> HttpResponse:
    if request.method != "POST":
        return _show(request, form, name)
    if not form.is_valid():
        return _show(request, form, name, status=UNPROCESSABLE)
    return act(
        request,
        deed,
        done="Noted. Waves that are frozen from now on keep to it.",
        to=reverse(name),
        refused=lambda refusal: _show(request, form, name, refusal=refusal),
    )


def _show(
    request: Request,
    form: ReasonForm,
    name: str,
    *,
    refusal: Refusal | None = None,
    status: int = OK,
) -> HttpResponse:
    rows: QuerySet[Any]
    if name == "fiscal-years":
        rows = FiscalYear.objects.select_related("account", "by", "ended_by")
    else:
        of: type[WindowRule | ZoneWord] = WindowRule if name == "windows" else ZoneWord
        rows = of.objects.select_related("account", "org", "by", "ended_by")
    context = {
        "rows": rows.filter(ended_at=None).order_by("-since")[:ROWS],
        "ended": rows.exclude(ended_at=None).order_by("-ended_at")[:50],
        "default": DEFAULT_WINDOW,
        "zones": ANYWHERE,
        "what": name,
        "form": form,
        "problems": sum(map(len, form.errors.values())),
        "refusal": refusal,
        "may_keep": can(request, Permission.KEEP_CALENDAR),
    }
    code = status_of(refusal) if refusal else status
    return show(request, "calendar/hours.html", context, status=code)
