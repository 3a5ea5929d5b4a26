"""Step 4 of a draft: when it may start, and when it holds itself. The policy has defaults."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from django.forms import BoundField
from django.http import HttpResponse

from rollouts.access import Request, may
from rollouts.domain.permissions import Permission
from rollouts.domain.schedule import Schedule
from rollouts.forms import ScheduleForm
from rollouts.models import Draft
from rollouts.pipeline import drafts, plan_so_far, preflight
from rollouts.pipeline.transitions import Refusal
from rollouts.views import drafts as frame
from rollouts.views.acts import ASK_OR_ACT, UNPROCESSABLE

STEP = "schedule"
# What the preflight finds about times; everything else is for the review.
ABOUT_TIMES = ("hours", "window_fit", "freezes", "zones")


@dataclass(frozen=True, slots=True)
class Line:
    """One wave: when it is likely to start first and last, and the date that it may be given."""

    wave: plan_so_far.WaveLine
    first: datetime | None
    last: datetime | None
    unplaced: int
    field: BoundField


@ASK_OR_ACT
@may(Permission.LOOK)
def schedule(request: Request, pk: int) -> HttpResponse:
    """Show the likely starts of each wave and the guardrails; store whose hours count."""
    draft = frame.find(pk)
    so_far = plan_so_far.of(draft, request.now)
    waves = [line.number for line in so_far.lines]
    if request.method != "POST":
        form = ScheduleForm(initial=_stored(draft), waves=waves)
        return frame.step_page(request, draft, STEP, _context(request, draft, form, so_far))
    form = ScheduleForm(request.POST, waves=waves)
    if not form.is_valid():
        context = _context(request, draft, form, so_far)
        return frame.step_page(request, draft, STEP, context, status=UNPROCESSABLE)
    chosen = form.schedule()
    # What only repeats the defaults is no change.
    stored = chosen.as_json() if chosen != Schedule() else {}
    try:
        draft = frame.keep(request, draft, STEP, schedule=stored)
    except Refusal as refused:
        context = _context(request, draft, form, so_far)
        return frame.step_page(request, draft, STEP, context, refused=refused)
    return frame.onward(request, draft, STEP)


def _stored(draft: Draft) -> dict[str, object]:
    return ScheduleForm.as_typed(drafts.schedule_of(draft))


def _context(
    request: Request, draft: Draft, form: ScheduleForm, so_far: plan_so_far.PlanSoFar
) -> dict[str, object]:
    looked = preflight.of_draft(draft, request.now)
    ahead = {walk.step.number: walk for walk in looked.forecast.waves}
    lines = []
    for line in so_far.lines:
        walk = ahead.get(line.number)
        lines.append(
            Line(
                line,
                walk.first_start if walk else None,
                walk.last_start if walk else None,
                walk.unplaced if walk else 0,
                form[f"earliest-{line.number}"],
            )
        )
    return {
        "form": form,
        "plan": so_far,
        "lines": lines,
        "problems": sum(len(errors) for errors in form.errors.values()) if form.is_bound else 0,
        "findings": [one for one in looked.findings if one.code in ABOUT_TIMES],
    }
