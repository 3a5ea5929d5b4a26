"""Freezes: the list, one of them, a new one, a change; and what two people set aside."""

from __future__ import annotations

from datetime import timedelta

from django.db.models import Q
from django.http import HttpResponse
from django.shortcuts import get_object_or_404
from django.urls import reverse
from django.views.decorators.http import require_POST, require_safe

from rollouts.access import Request, can, may
from rollouts.domain.freeze_rules import read
from rollouts.domain.freezes import BadFreeze, FiscalEnd, Once, Rule, Weekly, Yearly
from rollouts.domain.permissions import Permission
from rollouts.domain.places import ANYWHERE
from rollouts.forms_calendar import MONTHS, FreezeForm, OverrideForm
from rollouts.models import Event, FreezeOverride, FreezeRow
from rollouts.pipeline import calendar
from rollouts.pipeline.report.calendar import REVIEW_AFTER
from rollouts.pipeline.transitions import Refusal
from rollouts.views import maintenance
from rollouts.views.acts import ASK_OR_ACT, OK, UNPROCESSABLE, act, posted, status_of
from rollouts.views.show import show

ENDED_SHOWN = timedelta(days=90)


def when(row: FreezeRow) -> str:
    """Say when a freeze closes, or that nobody can tell."""
    try:
        return calendar.sentence(row, read(row.rule))
    except BadFreeze as bad:
        return f"{bad}; until it is ended everything is closed"


def for_whom(row: FreezeRow) -> str:
    """Say for whom it is."""
    if row.scope == "all":
        return "all orgs"
    named = [str(one) for one in row.among]
    more = f" and {len(named) - 5} more" if len(named) > 5 else ""  # noqa: PLR2004 - shown
    return f"{row.scope} {', '.join(named[:5])}{more}"


@require_safe
@may(Permission.LOOK)
def freezes(request: Request) -> HttpResponse:
    """List what holds, and what has ended lately."""
    rows = FreezeRow.objects.filter(
        Q(ended_at=None) | Q(ended_at__gt=request.now - ENDED_SHOWN)
    ).select_related("by", "ended_by", "reviewed_by")
    lines = [
        {
            "row": row,
            "when": when(row),
            "for_whom": for_whom(row),
            "stale": row.reviewed_at is None or request.now - row.reviewed_at > REVIEW_AFTER,
        }
        for row in rows.order_by("built_in", "pk")
    ]
    context = {
        "lines": [line for line in lines if line["row"].ended_at is None],  # type: ignore[attr-defined]
        "ended": [line for line in lines if line["row"].ended_at is not None],  # type: ignore[attr-defined]
        "may_close": can(request, Permission.CLOSE_CALENDAR),
    }
    return show(request, "calendar/freezes.html", context)


@ASK_OR_ACT
@may(Permission.CLOSE_CALENDAR)
def new(request: Request) -> HttpResponse:
    """Ask for a new freeze, and add it."""
    return _form(request, FreezeForm(posted(request)), None)


@ASK_OR_ACT
@may(Permission.CLOSE_CALENDAR)
def change(request: Request, pk: int) -> HttpResponse:
    """Ask what should hold instead; the older freeze ends when an approver has confirmed it."""
    row = _find(pk)
    form = FreezeForm(posted(request), initial=_initial(row))
    return _form(request, form, row)


def _form(request: Request, form: FreezeForm, old: FreezeRow | None) -> HttpResponse:
    if request.method != "POST" or not form.is_valid():
        return _ask(request, form, old, OK if request.method != "POST" else UNPROCESSABLE)
    done = "Added. It holds from now on, for everything that has not started."
    if old is not None:
        done = "Added. The older one holds too until another person, an approver, confirms its end."
    return act(
        request,
        lambda: calendar.add_freeze(
            form.spec(), by=request.user, reason=form.cleaned_data["reason"], now=request.now,
            replaces=old,
        ),
        done=done,
        to=reverse("freezes"),
        refused=lambda refusal: _ask(request, form, old, status_of(refusal), refusal),
    )  # fmt: skip


def _ask(
    request: Request,
    form: FreezeForm,
    old: FreezeRow | None,
    status: int,
    refusal: Refusal | None = None,
) -> HttpResponse:
    context = {
        "form": form, "old": old, "refusal": refusal, "zones": ANYWHERE,
        "problems": sum(map(len, form.errors.values())),
    }  # fmt: skip
    return show(request, "calendar/freeze_form.html", context, status=status)


def _initial(row: FreezeRow) -> dict[str, object]:
    """Fill the form with what holds now."""
    known: dict[str, object] = {
        "name": row.name, "zone": row.zone, "scope": row.scope, "source": row.source,
        "among": "\n".join(map(str, row.among)),
    }  # fmt: skip
    try:
        return known | _of_rule(read(row.rule))
    except BadFreeze:
        return known


def _of_rule(rule: Rule) -> dict[str, object]:
    match rule:
        case Once():
            return {
                "kind": "once",
                "start": rule.start.isoformat(timespec="minutes"),
                "end": rule.end.isoformat(timespec="minutes"),
            }
        case Weekly():
            return {"kind": "weekly", "hours": str(rule.hours)}
        case Yearly():
            first, last = (f"{day} {MONTHS[month - 1]}" for month, day in (rule.first, rule.last))
            return {"kind": "yearly", "first_day": first, "last_day": last}
        case FiscalEnd():
            return {
                "kind": "fiscal", "period": rule.period.value, "before": rule.before,
                "after": rule.after, "year_starts": rule.year_starts,
            }  # fmt: skip


@require_safe
@may(Permission.LOOK)
def freeze(request: Request, pk: int) -> HttpResponse:
    """Show one freeze: when, for whom, whence, how sure, and who did what to it."""
    return _page(request, _find(pk), OverrideForm())


@require_POST
@may(Permission.KEEP_CALENDAR)
def review(request: Request, pk: int) -> HttpResponse:
    """Note that this person has held the dates against their source."""
    row = _find(pk)
    return act(
        request,
        lambda: calendar.review_freeze(row, by=request.user, now=request.now),
        done="Noted that you have looked at its dates.",
        to=reverse("freeze", args=[pk]),
        refused=lambda refusal: _page(request, row, OverrideForm(), refusal=refusal),
    )


@require_POST
@may(Permission.ASK_OVERRIDE)
def ask(request: Request, pk: int) -> HttpResponse:
    """Ask that it be set aside or end; an approver other than the asker confirms."""
    row, form = _find(pk), OverrideForm(request.POST)
    if not form.is_valid():
        return _page(request, row, form, status=UNPROCESSABLE)
    given = form.cleaned_data
    return act(
        request,
        lambda: calendar.ask_override(
            row, until=given["until"], package=given["package"], by=request.user,
            reason=given["reason"], now=request.now,
        ),
        done="Asked. Nothing is open before an approver other than you confirms it.",
        to=reverse("freeze", args=[pk]),
        refused=lambda refusal: _page(request, row, form, refusal=refusal),
    )  # fmt: skip


@require_POST
@may(Permission.CONFIRM_OVERRIDE)
def confirm(request: Request, pk: int) -> HttpResponse:
    """Confirm another person's wish."""
    asked = get_object_or_404(FreezeOverride, pk=pk)
    done = "It has ended." if asked.until is None else "It is set aside until then."
    return act(
        request,
        lambda: calendar.confirm_override(asked, by=request.user, now=request.now),
        done=f"Confirmed. {done}",
        to=_of(asked),
        refused=lambda refusal: _refused(request, asked, refusal),
    )


@require_POST
@may(Permission.CLOSE_CALENDAR)
def take_back(request: Request, pk: int) -> HttpResponse:
    """Let the freeze hold again at once."""
    asked = get_object_or_404(FreezeOverride, pk=pk)
    return act(
        request,
        lambda: calendar.take_back(asked, by=request.user, now=request.now),
        done="Taken back. It holds as before.",
        to=_of(asked),
        refused=lambda refusal: _refused(request, asked, refusal),
    )


def _of(asked: FreezeOverride) -> str:
    name = "freeze" if asked.freeze_id else "maintenance-one"
    return reverse(name, args=[asked.freeze_id or asked.maintenance_id])


def _refused(request: Request, asked: FreezeOverride, refusal: Refusal) -> HttpResponse:
    if asked.freeze is not None:
        return _page(request, asked.freeze, OverrideForm(), refusal=refusal)
    assert asked.maintenance is not None  # noqa: S101 - the database has one of both
    return maintenance.page(request, asked.maintenance, refusal=refusal)


def _find(pk: int) -> FreezeRow:
    return get_object_or_404(
        FreezeRow.objects.select_related("by", "ended_by", "reviewed_by"), pk=pk
    )


def _page(
    request: Request,
    row: FreezeRow,
    form: OverrideForm,
    *,
    refusal: Refusal | None = None,
    status: int = OK,
) -> HttpResponse:
    events = Event.objects.filter(action__in=calendar.ACTS, detail__freeze=row.pk).order_by(
        "-sequence"
    )
    overrides = row.overrides.select_related("asked_by", "confirmed_by", "ended_by", "package")
    context = {
        "row": row,
        "when": when(row),
        "for_whom": for_whom(row),
        "stale": row.reviewed_at is None or request.now - row.reviewed_at > REVIEW_AFTER,
        "overrides": overrides.order_by("-asked_at"),
        "events": events[:50],
        "form": form,
        "problems": sum(map(len, form.errors.values())),
        "refusal": refusal,
        "may_close": can(request, Permission.CLOSE_CALENDAR),
        "may_keep": can(request, Permission.KEEP_CALENDAR),
        "may_ask": can(request, Permission.ASK_OVERRIDE),
        "may_confirm": can(request, Permission.CONFIRM_OVERRIDE),
        "now": request.now,
    }
    return show(
        request, "calendar/freeze.html", context, status=status_of(refusal) if refusal else status
    )
