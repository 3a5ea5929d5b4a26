"""Which version has this org? Asked by support, on the phone, many times a day."""

from __future__ import annotations

from dataclasses import dataclass, fields

from django.http import Http404, HttpResponse
from django.shortcuts import redirect
from django.urls import reverse
from django.views.decorators.http import require_POST, require_safe

from rollouts.access import Request, can, may
from rollouts.domain import ids
from rollouts.domain.my_domain import label_of
from rollouts.domain.permissions import Permission
from rollouts.forms_orgs import MarkForm
from rollouts.models import Org
from rollouts.pipeline import domains, finding, lookup, refresh
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
    found = finding.find(request.GET.get("q", ""))
    few = [*found.orgs[:HITS_SHOWN], *found.near]
    known = lookup.answers(few, request.now) if few else {}
    hits = [Hit(org, known[org.pk]) for org in found.orgs[:HITS_SHOWN]]
    total = len(found.orgs) + found.more
    typed = label_of(request.GET.get("domain", ""))
    context = {
        "domain": typed or found.domain,
        "is_linked": found.kind == "one" and found.domain != "",
        "may_link": can(request, Permission.LINK_DOMAIN),
        "text": found.text,
        "found": found,
        "hits": hits,
        "near": [Hit(org, known[org.pk]) for org in found.near],
        "total": total,
        "more": total - len(hits),
    }
    return show(request, "orgs/find.html", context, fragment="answers")


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
@may(Permission.LINK_DOMAIN)
def link_domain(request: Request, key: str) -> HttpResponse:
    """Remember that an address is this org's."""
    found = known_org(key)

    def refused(refusal: Refusal) -> HttpResponse:
        context = {"refusal": refusal, "back": reverse("find")}
        return show(request, "exclusions/refused.html", context, status=status_of(refusal))

    return act(
        request,
        lambda: domains.link(
            found, request.POST.get("domain", ""), by=request.user, now=request.now
        ),
        done=lambda made: f"{made} is this org from now on.",
        to=reverse("org", args=[found.key]),
        refused=refused,
    )


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
