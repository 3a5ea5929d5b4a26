"""The frame of a draft's five steps: progress, saving, conflicts, and the plan so far.

Each step has a view module of its own. It calls `find`, stores with `keep` and answers with
`step_page`; everybody may read a draft, and every planner may change it.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.views.decorators.http import require_POST, require_safe

from rollouts.access import Request, can, may, refusal, wants_fragment
from rollouts.domain.permissions import Permission
from rollouts.models import Draft
from rollouts.pipeline import drafts, plan_so_far
from rollouts.pipeline.transitions import Refusal
from rollouts.views.acts import OK, see, status_of
from rollouts.views.show import show, varied

_REV = re.compile(r"[0-9]{1,9}")
LABELS = {
    "version": "Version",
    "audience": "Audience",
    "waves": "Waves",
    "schedule": "Schedule and guardrails",
    "review": "Review",
}


@dataclass(frozen=True, slots=True)
class Step:
    """One of the five in the progress list; ``url`` is empty while it can't be opened yet."""

    number: int
    label: str
    url: str
    is_current: bool


def address(draft: Draft, step: str) -> str:
    """Return where a step of the draft is."""
    return reverse(f"draft-{step}", args=[draft.pk])


def progress(draft: Draft | None, current: str) -> list[Step]:
    """List the steps; without a draft only the first can be opened."""
    return [
        Step(number, LABELS[name], address(draft, name) if draft else "", name == current)
        for number, name in enumerate(drafts.STEPS, start=1)
    ]


def find(pk: int) -> Draft:
    """Fetch a draft with what its pages name, or answer 404."""
    rows = Draft.objects.select_related(
        "to_version__package", "author", "changed_by", "rollout", "take_over__to_version__package"
    )
    return get_object_or_404(rows, pk=pk)


def must_plan(request: Request) -> None:
    """Let only planners change anything; what is shown without that is only to read."""
    if not can(request, Permission.PLAN):
        raise PermissionDenied(refusal(Permission.PLAN))


def keep(request: Request, draft: Draft, step: str, **changes: Any) -> Draft:
    """Store what the step holds; raises Refusal, a Conflict when somebody else was first."""
    must_plan(request)
    return drafts.save(
        draft, rev=seen_rev(request), step=step, by=request.user, now=request.now, **changes
    )


def seen_rev(request: Request) -> int:
    """Return the rev that the page was made from; a form without one is refused."""
    typed = request.POST.get("rev", "")
    if not _REV.fullmatch(typed):
        raise Refusal("This form has no number of changes in it. Open the draft again.")
    return int(typed)


def onward(request: Request, draft: Draft, step: str) -> HttpResponse:
    """Answer a change: the plan so far to an autosave, else the next step or this one again."""
    if wants_fragment(request):
        return saved(request, draft, step)
    if "next" not in request.POST:
        return see(address(draft, step))
    return see(address(draft, drafts.STEPS[drafts.STEPS.index(step) + 1]))


def saved(
    request: Request, draft: Draft, step: str, *, problem: object = "", status: int = OK
) -> HttpResponse:
    """Answer an autosave: the column beside the form, the new rev, and whether it was stored."""
    context = frame(request, draft, step) | {"problem": problem}
    return varied(render(request, "rollouts/_draft_saved.html", context, status=status))


def step_page(
    request: Request,
    draft: Draft,
    step: str,
    context: Mapping[str, object],
    *,
    refused: Refusal | None = None,
    status: int = OK,
) -> HttpResponse:
    """Render a step's page. After a refusal the form keeps what was typed.

    After a conflict the page carries the newest rev: sending again is then a decision.
    """
    if refused:
        draft, status = find(draft.pk), status_of(refused)
    if wants_fragment(request) and request.method == "POST":
        problem = refused or "Not saved yet: something in the form is to be mended first."
        return saved(request, draft, step, problem=problem, status=status)
    shown = dict(context) | frame(request, draft, step, context.get("plan"))
    shown["refusal"] = refused
    return show(request, f"rollouts/draft_{step}.html", shown, status=status)


def frame(request: Request, draft: Draft, step: str, plan: object = None) -> dict[str, object]:
    """Read what every step shows around its form; ``plan``, if it was worked out already."""
    before = drafts.STEPS[max(0, drafts.STEPS.index(step) - 1)]
    return {
        "draft": draft,
        "version": draft.to_version,
        "version_name": str(draft.to_version),
        "step": step,
        "steps": progress(draft, step),
        "here": address(draft, step),
        "back": LABELS[before].split()[0].lower(),
        "back_url": address(draft, before),
        "plan": plan or plan_so_far.of(draft, request.now),
        "may_change": draft.is_open and can(request, Permission.PLAN),
    }


@require_safe
@may(Permission.LOOK)
def drafts_list(request: Request) -> HttpResponse:
    """List the open drafts, the latest change first."""
    rows = Draft.objects.open().select_related("to_version__package", "author", "changed_by")
    context = {"drafts": rows, "may_plan": can(request, Permission.PLAN)}
    return show(request, "rollouts/drafts.html", context)


@require_safe
@may(Permission.LOOK)
def draft(_: Request, pk: int) -> HttpResponse:
    """Lead to where one goes on: the review, which links to every step; or to the rollout."""
    found = find(pk)
    if found.rollout:
        return redirect("rollout", found.rollout.slug)
    return redirect("draft-review", found.pk)


@require_POST
@may(Permission.PLAN)
def drop(request: Request, pk: int) -> HttpResponse:
    """Throw the draft away."""
    found = find(pk)
    try:
        drafts.drop(found, by=request.user, now=request.now)
    except Refusal as refused:
        messages.error(request, str(refused))
        return see(reverse("draft", args=[pk]))
    messages.success(request, f"Draft {found.pk}, {found.to_version}, is thrown away.")
    return see(reverse("drafts"))
