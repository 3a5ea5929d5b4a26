"""The reason that may follow: a page of its own, so that no live part wipes what is typed."""

from __future__ import annotations

from django.http import HttpResponse
from django.urls import reverse

from rollouts.access import Request, may
from rollouts.domain.permissions import Permission
from rollouts.forms import ReasonForm
from rollouts.models import Rollout
from rollouts.pipeline import reasons
from rollouts.pipeline.transitions import Refusal
from rollouts.views.acts import ASK_OR_ACT, OK, UNPROCESSABLE, act, posted, status_of
from rollouts.views.rollouts import find
from rollouts.views.show import show


@ASK_OR_ACT
@may(Permission.HALT)
def rollout_reason(request: Request, slug: str) -> HttpResponse:
    """Give the reason of a pause or a halt that was made without one."""
    return _page(request, find(slug), reverse("rollout", args=[slug]))


@ASK_OR_ACT
@may(Permission.STOP_EVERYTHING)
def stop_reason(request: Request) -> HttpResponse:
    """Give the reason why everything was stopped."""
    return _page(request, None, reverse("stop"))


def _page(request: Request, found: Rollout | None, back: str) -> HttpResponse:
    form = ReasonForm(posted(request))

    def shown(status: int, refusal: Refusal | None = None) -> HttpResponse:
        context = {
            "rollout": found,
            "what": reasons.owed(found) or "nothing is owed",
            "form": form,
            "problems": sum(len(errors) for errors in form.errors.values()),
            "refusal": refusal,
            "back": back,
        }
        return show(request, "rollouts/reason.html", context, status=status)

    if not form.is_valid():
        return shown(UNPROCESSABLE if form.is_bound else OK)
    return act(
        request,
        lambda: reasons.give(
            found, by=request.user, reason=form.cleaned_data["reason"], now=request.now
        ),
        done="The reason is in the history.",
        to=back,
        refused=lambda refusal: shown(status_of(refusal), refusal),
    )
