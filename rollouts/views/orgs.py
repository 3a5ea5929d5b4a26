"""Which version has this org? Asked by support, on the phone, many times a day."""

from __future__ import annotations

from dataclasses import dataclass

from django.http import Http404, HttpResponse
from django.shortcuts import redirect
from django.views.decorators.http import require_safe

from rollouts.access import Request, may
from rollouts.domain import ids
from rollouts.domain.permissions import Permission
from rollouts.models import Attempt, Org, Target
from rollouts.pipeline import lookup
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
    hits = [Hit(org, lookup.org_answer(org, request.now)) for org in _few(found)]
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
    found = Org.objects.filter(key=key).first()
    if found is None:
        raise Http404(f"No org {key} is known here.")
    return show(request, "orgs/detail.html", _detail(request, found))


def _detail(request: Request, found: Org) -> dict[str, object]:
    attempts: list[Attempt] = list(lookup.attempts(found))
    family = Org.objects.filter(parent_key=found.key) if found.is_production else Org.objects.none()
    return {
        "org": found,
        "answers": lookup.org_answer(found, request.now),
        "changes": lookup.history(found),
        "attempts": attempts,
        "errors": [attempt for attempt in attempts if attempt.errors.all()],
        "targets": Target.objects.filter(org=found)
        .select_related("wave", "rollout__to_version")
        .order_by("-rollout__created_at")[:10],
        "parent": Org.objects.filter(key=found.parent_key).first() if found.parent_key else None,
        "family": family.order_by("name"),
        "exclusions": found.exclusions.in_force(request.now).select_related("by"),
    }
