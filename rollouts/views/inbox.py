"""The inbox of a rollout: late joiners and orgs that changed, each with a decision to make."""

from __future__ import annotations

from django.core.exceptions import PermissionDenied
from django.core.paginator import Paginator
from django.db.models import QuerySet
from django.http import HttpResponse
from django.shortcuts import get_object_or_404
from django.urls import reverse

from rollouts.access import Request, can, may, refusal
from rollouts.domain.permissions import Permission
from rollouts.models import DriftItem, Rollout
from rollouts.models.drift import Decision
from rollouts.pipeline import drift
from rollouts.pipeline.transitions import Refusal
from rollouts.views.acts import ASK_OR_ACT, OK, UNPROCESSABLE, act, status_of
from rollouts.views.show import show

SHOWN = 100
LABELS = {
    Decision.ADD: "Add to the next wave",
    Decision.KEEP: "Keep, I know",
    Decision.LEAVE_OUT: "Leave out",
    Decision.LATER: "Next rollout",
}


@ASK_OR_ACT
@may(Permission.LOOK)
def inbox(request: Request, slug: str) -> HttpResponse:
    """Show what changed since the plan; nothing of it is in the rollout before somebody decides."""
    rows = Rollout.objects.select_related("to_version__package", "author")
    rollout = get_object_or_404(rows, slug=slug)
    if request.method != "POST":
        return _page(request, rollout)
    if not can(request, Permission.PLAN):
        raise PermissionDenied(refusal(Permission.PLAN))
    wanted = request.POST.get("decision", "")
    ticked = [int(one) for one in request.POST.getlist("items") if one.isdecimal()]
    if wanted not in {one.value for one in LABELS}:
        return _page(request, rollout, status=UNPROCESSABLE)
    decision = Decision(wanted)
    return act(
        request,
        lambda: drift.decide(rollout, ticked, decision, by=request.user, now=request.now),
        done=lambda count: f"{count} orgs: {decision.label}.",
        to=reverse("rollout-inbox", args=[slug]),
        refused=lambda refused: _page(request, rollout, refused=refused, status=status_of(refused)),
    )


def _page(
    request: Request, rollout: Rollout, *, refused: Refusal | None = None, status: int = OK
) -> HttpResponse:
    waiting = DriftItem.objects.open().filter(rollout=rollout).select_related("org")
    joined = waiting.filter(what=drift.JOINED)
    changed = waiting.exclude(what=drift.JOINED)
    number = request.GET.get("page")
    context = {
        "rollout": rollout,
        "refusal": refused,
        "may_change": can(request, Permission.PLAN),
        "parts": [
            _part("joined", "Late joiners", joined, drift.FOR_JOINED, number),
            _part("changed", "Changed since the plan", changed, drift.FOR_CHANGED, number),
        ],
        "decided": DriftItem.objects.filter(rollout=rollout)
        .exclude(decided_at=None)
        .select_related("org", "decided_by")
        .order_by("-decided_at")[:SHOWN],
    }
    return show(request, "rollouts/inbox.html", context, status=status)


def _part(
    name: str,
    title: str,
    rows: QuerySet[DriftItem],
    decisions: tuple[Decision, ...],
    number: str | None,
) -> dict[str, object]:
    page = Paginator(rows, SHOWN).get_page(number)
    return {
        "name": name,
        "title": title,
        "page": page,
        "lines": [(item, drift.words(item.what)) for item in page],
        "decisions": [(one.value, LABELS[one]) for one in decisions],
    }
