"""What is left to do when a rollout has ended, item by item, until somebody closes the list."""

from __future__ import annotations

from django.http import Http404, HttpResponse
from django.urls import reverse
from django.views.decorators.http import require_POST, require_safe

from rollouts.access import Request, can, may
from rollouts.domain.permissions import Permission
from rollouts.forms_checks import CheckForm
from rollouts.models import Rollout
from rollouts.pipeline import checklists
from rollouts.pipeline import finish as ending
from rollouts.pipeline.transitions import Refusal
from rollouts.views.acts import OK, UNPROCESSABLE, act, status_of
from rollouts.views.checklists import ItemLine, checklist, item_lines
from rollouts.views.rollouts import find
from rollouts.views.show import show


@require_safe
@may(Permission.LOOK)
def finish(request: Request, slug: str) -> HttpResponse:
    """Show the list; before the rollout has ended it says when it opens."""
    found = find(slug)
    lines = item_lines(request, ending.items(found, request.now), is_open=ending.is_over(found))
    return _page(request, found, lines)


def _page(
    request: Request,
    found: Rollout,
    lines: list[ItemLine],
    refusal: Refusal | None = None,
    status: int = OK,
) -> HttpResponse:
    context = {
        **checklist(request, lines, refusal, act_name="rollout-check-off", act_key=found.slug),
        "rollout": found,
        "over": ending.is_over(found),
        "may_check": can(request, Permission.CHECK_OFF),
    }
    return show(request, "rollouts/finish.html", context, status=status)


@require_POST
@may(Permission.CHECK_OFF)
def check_off(request: Request, slug: str, code: str) -> HttpResponse:
    """Store a person's word on one item."""
    found = find(slug)
    items = ending.items(found, request.now)
    item = next((one for one in items if one.code == code), None)
    if item is None or not ending.is_over(found):
        raise Http404("This list has no such item, or is not open yet.")
    form = CheckForm(request.POST, item=item)
    if not form.is_valid():
        return _page(request, found, item_lines(request, items, form, code), status=UNPROCESSABLE)
    return act(
        request,
        lambda: checklists.say(
            items, code, form.word(), by=request.user, now=request.now, rollout=found
        ),
        done=f"Noted: {item.title}.",
        to=reverse("rollout-finish", args=[slug]) + f"#item-{code}",
        refused=lambda refusal: _page(
            request, found, item_lines(request, items, form, code), refusal, status_of(refusal)
        ),
    )


@require_POST
@may(Permission.CHECK_OFF)
def close_list(request: Request, slug: str) -> HttpResponse:
    """Finish the rollout, when nothing is open any more."""
    found = find(slug)
    return act(
        request,
        lambda: ending.finish(found, by=request.user, now=request.now),
        done="Finished. The list stays here to be read.",
        to=reverse("rollout-finish", args=[slug]),
        refused=lambda refusal: _page(
            request,
            found,
            item_lines(request, ending.items(found, request.now)),
            refusal,
            status_of(refusal),
        ),
    )
