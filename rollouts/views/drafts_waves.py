"""Step 3 of a draft: the waves that the policy cuts."""

from __future__ import annotations

from django.http import HttpResponse

from rollouts.access import Request, may
from rollouts.domain.permissions import Permission
from rollouts.pipeline.transitions import Refusal
from rollouts.views import drafts as frame
from rollouts.views.acts import ASK_OR_ACT

STEP = "waves"


@ASK_OR_ACT
@may(Permission.LOOK)
def waves(request: Request, pk: int) -> HttpResponse:
    """Show the cut."""
    draft = frame.find(pk)
    if request.method == "POST":
        try:
            draft = frame.keep(request, draft, STEP)
        except Refusal as refused:
            return frame.step_page(request, draft, STEP, {}, refused=refused)
        return frame.onward(request, draft, STEP)
    return frame.step_page(request, draft, STEP, {})
