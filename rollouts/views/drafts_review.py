"""Step 5 of a draft: everything at a glance, and the button that makes the rollout."""

from __future__ import annotations

from django.contrib import messages
from django.http import HttpResponse
from django.urls import reverse

from rollouts.access import Request, may
from rollouts.domain.permissions import Permission
from rollouts.models import Draft
from rollouts.pipeline import drafts, preflight, reviewing
from rollouts.pipeline.transitions import Refusal
from rollouts.views import drafts as frame
from rollouts.views.acts import ASK_OR_ACT, see

STEP = "review"
PREFIX = "reason-"


@ASK_OR_ACT
@may(Permission.LOOK)
def review(request: Request, pk: int) -> HttpResponse:
    """Show each part with a way back to it; the button stores a rollout and pushes nothing."""
    draft = frame.find(pk)
    if request.method == "POST" and "look" in request.POST:
        return _look_again(request, draft)
    if request.method == "POST":
        return _create(request, draft)
    return frame.step_page(request, draft, STEP, _context(request, draft))


def _context(request: Request, draft: Draft) -> dict[str, object]:
    return {
        "older": drafts.older_of(draft),
        "schedule": drafts.schedule_of(draft),
        "looked": preflight.of_draft(draft, request.now),
        "reasons": draft.reasons | _typed(request),
    }


def _typed(request: Request) -> dict[str, str]:
    return {
        name.removeprefix(PREFIX): str(text)
        for name, text in request.POST.items()
        if name.startswith(PREFIX)
    }


def _look_again(request: Request, draft: Draft) -> HttpResponse:
    """Keep what was typed and show the plan as it is now."""
    frame.must_plan(request)
    try:
        reviewing.keep_reasons(
            draft, _typed(request), rev=frame.seen_rev(request), by=request.user, now=request.now
        )
    except Refusal as refused:
        return frame.step_page(request, draft, STEP, _context(request, draft), refused=refused)
    return see(frame.address(draft, STEP))


def _create(request: Request, draft: Draft) -> HttpResponse:
    """Make the rollout; a second press of the button leads to the one that was made."""
    frame.must_plan(request)
    if draft.rollout:
        return see(reverse("rollout", args=[draft.rollout.slug]))
    try:
        made, stopped = reviewing.create(
            draft,
            _typed(request),
            rev=frame.seen_rev(request),
            by=request.user,
            now=request.now,
            confirmed=request.POST.get("confirmed", ""),
        )
    except Refusal as refused:
        return frame.step_page(request, draft, STEP, _context(request, draft), refused=refused)
    if stopped and made.supersedes:
        messages.success(request, f"{made.supersedes.slug} is being aborted: {stopped.sentence}")
    return see(reverse("rollout", args=[made.slug]))
