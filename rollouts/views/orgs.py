"""Which version has this org? Asked by support, on the phone, many times a day."""

from __future__ import annotations

from dataclasses import dataclass, fields

from django.http import Http404, HttpResponse
from django.shortcuts import redirect
from django.urls import reverse
from django.views.decorators.http import require_POST, require_safe

from rollouts.access import Request, can, may
from rollouts.domain import ids
from rollouts.domain.permissions import Permission
from rollouts.forms_orgs import MarkForm
from rollouts.models import Org
from rollouts.pipeline import lookup, refresh
from rollouts.pipeline.report.one_org import one_org
from rollouts.pipeline.transitions import Refusal
from rollouts.views.acts import act, status_of
from rollouts.views.show import show

HITS_SHOWN = 8


@dataclass(frozen=True, slots=True)
class Hit:
    """An org that was found, with its answers, one per package."""

    org: Org
    answers: list[lookup.Answer]


@require_safe
@may(Permission.LOOK)
def find(request: Request) -> HttpResponse:
    """Answer in place: the part under the search box is this page's own answer."""
    text, note = lookup.clean(request.GET.get("q", ""))
    found = lookup.find(text) if text or note else None
    total = len(found.orgs) + found.more if found else 0
    few = _few(found)
    known = lookup.answers(few, request.now) if few else {}
    hits = [Hit(org, known[org.pk]) for org in few]
    return show(
        request,
        "orgs/find.html",
        {
            "text": text,
            "note": note or (found.note if found else ""),
            "found": found,
            "hits": hits,
            "total": total,
            "more": total - len(hits),
        },
        fragment="answers",
    )


def _few(found: lookup.Found | None) -> list[Org]:
    return list(found.orgs[:HITS_SHOWN]) if found else []


@require_safe
@may(Permission.LOOK)
def org(request: Request, key: str) -> HttpResponse:
    """Show one org: its versions and their proof, why not the newest, every push and error."""
    try:
        long = ids.org_id(key)
    except ids.BadId as bad:
        raise Http404(str(bad)) from bad
    if long != key:
        return redirect("org", long, permanent=True)
    return show(request, "orgs/detail.html", _detail(request, known_org(key)))


@require_POST
@may(Permission.SYNC)
def refresh_org(request: Request, key: str) -> HttpResponse:
    """Read this org now; the page then says what was read, or why nothing was."""
    found = known_org(key)

    def refused(refusal: Refusal) -> HttpResponse:
        detail = _detail(request, found) | {"refusal": str(refusal)}
        return show(request, "orgs/detail.html", detail, status=status_of(refusal))

    return act(
        request,
        lambda: refresh.refresh(found, by=request.user, now=request.now),
        done=str,
        to=reverse("org", args=[found.key]),
        refused=refused,
    )


def known_org(key: str) -> Org:
    """Fetch an org by its id in any of its spellings, or answer 404."""
    try:
        found = Org.objects.filter(key=ids.org_id(key)).first()
    except ids.BadId as bad:
        raise Http404(str(bad)) from bad
    if found is None:
        raise Http404(f"No org {key} is known here.")
    return found


def _detail(request: Request, found: Org) -> dict[str, object]:
    told = one_org(found, request.now)
    return {
        **{field.name: getattr(told, field.name) for field in fields(told)},
        "errors": [attempt for attempt in told.attempts if attempt.errors.all()],
        "mark_form": MarkForm(auto_id="mark_%s"),
        "may_sync": can(request, Permission.SYNC),
        "may_plan": can(request, Permission.PLAN),
        "may_exclude": can(request, Permission.EXCLUDE),
        "may_keep": can(request, Permission.KEEP_CALENDAR),
    }
