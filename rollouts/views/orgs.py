"""Which version has this org? Asked by support, on the phone, many times a day."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from django.http import Http404, HttpResponse
from django.shortcuts import redirect
from django.urls import reverse
from django.views.decorators.http import require_POST, require_safe

from rollouts.access import Request, can, may
from rollouts.domain import ids
from rollouts.domain.permissions import Permission
from rollouts.forms_orgs import MarkForm
from rollouts.models import Account, Attempt, Org, Target
from rollouts.pipeline import customers, exclusions, history, licences, lookup, marks, refresh
from rollouts.pipeline.report.hours import hours_of
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
    attempts: list[Attempt] = list(lookup.attempts(found))
    changes = history.of_org(found)
    family = Org.objects.filter(parent_key=found.key) if found.is_production else Org.objects.none()
    return {
        "org": found,
        "may_sync": can(request, Permission.SYNC),
        "may_plan": can(request, Permission.PLAN),
        "may_exclude": can(request, Permission.EXCLUDE),
        **_said(found, request.now),
        "licences": licences.of_org(found),
        "answers": lookup.org_answer(found, request.now),
        "changes": changes,
        "seen_at": history.last_seen(found, changes),
        "attempts": attempts,
        "errors": [attempt for attempt in attempts if attempt.errors.all()],
        "targets": Target.objects.filter(org=found)
        .select_related("wave", "rollout__to_version")
        .order_by("-rollout__created_at")[:10],
        "parent": Org.objects.filter(key=found.parent_key).first() if found.parent_key else None,
        "family": family.order_by("name"),
        "hours": hours_of(found, request.now),
        "may_keep": can(request, Permission.KEEP_CALENDAR),
    }


def _said(found: Org, now: datetime) -> dict[str, object]:
    """Gather what people say of an org: whose it is, its marks, and why it must not be pushed."""
    owned = customers.owners_of({found.pk: (found.key, found.parent_key)}).get(found.pk)
    account = Account.objects.get(pk=owned.account) if owned else None
    standing, taken_off = marks.told_of(found, account)
    return {
        "account": account,
        "account_by": customers.BY_WORDS[owned.by] if owned else "",
        "said": marks.sum_of(standing),
        "standing": standing,
        "taken_off": taken_off,
        "mark_form": MarkForm(auto_id="mark_%s"),
        "exclusions": exclusions.of_org(found, account, now),
    }
