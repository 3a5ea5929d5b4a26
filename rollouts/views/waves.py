"""One wave: its orgs, its batches, and the planner's moves on it."""

from __future__ import annotations

from collections.abc import Callable

from django.core.paginator import Paginator
from django.db.models import QuerySet
from django.http import HttpResponse
from django.shortcuts import get_object_or_404
from django.urls import reverse
from django.views.decorators.http import require_POST, require_safe

from rollouts.access import Request, may
from rollouts.domain.lifecycle import WAVE_ENDS
from rollouts.domain.permissions import Permission
from rollouts.forms import ReasonForm
from rollouts.models import Target, Wave
from rollouts.pipeline import approve, control, report, reviewing, second_try
from rollouts.pipeline.transitions import Refusal
from rollouts.views import live
from rollouts.views.acts import ASK_OR_ACT, OK, UNPROCESSABLE, act, posted, status_of
from rollouts.views.buttons import wave_buttons
from rollouts.views.reading import (
    COLUMN_STATES,
    TargetLine,
    batch_lines,
    in_column,
    late_after,
    states_of,
    target_line,
)
from rollouts.views.show import show, stamped, unchanged

TARGETS_SHOWN = 50


@require_safe
@may(Permission.LOOK)
def wave(request: Request, slug: str, number: int) -> HttpResponse:
    """Show the wave; the orgs can be filtered by the column they are counted in."""
    stamp = stamped(request, report.stamp_of(slug))
    if same := unchanged(request, stamp):
        return same
    context = detail(request, find(slug, number)) | {"stamp": stamp}
    return show(request, "waves/detail.html", context)


def find(slug: str, number: int) -> Wave:
    """Fetch a wave with its rollout, or answer 404."""
    rows = Wave.objects.select_related(
        "rollout__to_version__package", "rollout__author", "frozen_list"
    )
    return get_object_or_404(rows, rollout__slug=slug, number=number)


def detail(request: Request, found: Wave) -> dict[str, object]:
    """Read everything that the wave page shows."""
    every = report.wave_counts(found.rollout)
    counts = every.get(found.number, report.Counts())
    state = request.GET.get("state", "")
    state = state if state in COLUMN_STATES else ""
    page = Paginator(_targets(found, state), TARGETS_SHOWN).get_page(request.GET.get("page"))
    lines: list[TargetLine] = [target_line(target) for target in page]
    return {
        "rollout": found.rollout,
        "wave": found,
        "is_live": found.state not in {end.value for end in WAVE_ENDS},
        "as_of": counts.as_of,
        "counts": counts,
        "late_after": late_after(counts),
        "total": counts.total,
        "state": state,
        "tabs": [(name, counts[name]) for name in COLUMN_STATES if counts[name]],
        "page": page,
        "lines": lines,
        "batches": batch_lines(found),
        "failures": report.failures(found.rollout, wave=found),
        "wave_buttons": wave_buttons(found, request.user, request.now),
        "said": live.of_wave(found, counts),
        "lists": found.lists.select_related("frozen_by").order_by("-number"),
    }


def _targets(found: Wave, state: str) -> QuerySet[Target]:
    """Filter the orgs by the column that they are counted in."""
    rows = states_of(found).select_related("org", "from_version")
    chosen = rows.filter(in_column(state)) if state else rows
    return chosen.prefetch_related("attempts__batch")


def refused(request: Request, found: Wave, refusal: Refusal) -> HttpResponse:
    """Show the wave as it is now, with why the move was not made."""
    found = find(found.rollout.slug, found.number)
    context = detail(request, found) | {"refusal": refusal, "stamp": report.stamp(found.rollout)}
    return show(request, "waves/detail.html", context, status=status_of(refusal))


@require_POST
@may(Permission.FREEZE)
def freeze(request: Request, slug: str, number: int) -> HttpResponse:
    """Freeze the wave's list: from now on it is exactly what people approve."""
    found = find(slug, number)
    return act(
        request,
        lambda: reviewing.freeze(found, by=request.user, now=request.now),
        done=f"Wave {number} is frozen. It waits for somebody else's approval.",
        to=reverse("wave", args=[slug, number]),
        refused=lambda refusal: refused(request, found, refusal),
    )


def _reasoned(
    request: Request, found: Wave, template: str, done: str, deed: Callable[..., object]
) -> HttpResponse:
    """Ask for a reason on a page of its own, then act."""
    form = ReasonForm(posted(request))
    context = {
        "rollout": found.rollout,
        "wave": found,
        "form": form,
        "problems": sum(len(errors) for errors in form.errors.values()),
        "counts": report.wave_counts(found.rollout).get(found.number, report.Counts()),
    }
    if not form.is_valid():
        status = UNPROCESSABLE if form.is_bound else OK
        return show(request, template, context, status=status)
    reason = form.cleaned_data["reason"]
    return act(
        request,
        lambda: deed(found, by=request.user, reason=reason, now=request.now),
        done=done,
        to=reverse("wave", args=[found.rollout.slug, found.number]),
        refused=lambda refusal: show(
            request, template, context | {"refusal": refusal}, status=status_of(refusal)
        ),
    )


@ASK_OR_ACT
@may(Permission.FREEZE)
def edit(request: Request, slug: str, number: int) -> HttpResponse:
    """Open a frozen wave for changes: its list and approvals are void."""
    done = f"Wave {number} is open for changes; its approval is void."
    return _reasoned(request, find(slug, number), "waves/edit.html", done, approve.edit)


@ASK_OR_ACT
@may(Permission.WITHDRAW)
def withdraw(request: Request, slug: str, number: int) -> HttpResponse:
    """Take the approvals back before the wave has started."""
    done = f"The approval of wave {number} is withdrawn; nothing of it starts."
    return _reasoned(request, find(slug, number), "waves/withdraw.html", done, approve.withdraw)


@ASK_OR_ACT
@may(Permission.CLOSE_WAVE)
def close(request: Request, slug: str, number: int) -> HttpResponse:
    """Close a settled wave that could not pass, with a reason."""
    done = f"Wave {number} is closed with failures."
    return _reasoned(request, find(slug, number), "waves/close.html", done, control.close_wave)


@ASK_OR_ACT
@may(Permission.FREEZE)
def retry(request: Request, slug: str, number: int) -> HttpResponse:
    """Choose failed orgs for a new list of their own, with a reason."""
    found = find(slug, number)
    form = ReasonForm(posted(request))
    chosen = request.POST.getlist("orgs") if request.method == "POST" else None

    def shown(status: int, refusal: Refusal | None = None) -> HttpResponse:
        context = {
            "rollout": found.rollout,
            "wave": found,
            "form": form,
            "failed": second_try.candidates(found).order_by("place"),
            "chosen": chosen,
            "problems": sum(len(errors) for errors in form.errors.values()),
            "refusal": refusal,
        }
        return show(request, "waves/retry.html", context, status=status)

    if not form.is_valid():
        return shown(UNPROCESSABLE if form.is_bound else OK)
    return act(
        request,
        lambda: second_try.ask(
            found,
            chosen or [],
            by=request.user,
            reason=form.cleaned_data["reason"],
            now=request.now,
        ),
        done=lambda orgs: f"{orgs} orgs wait for a new list: freeze it, then somebody approves it.",
        to=reverse("wave", args=[slug, number]),
        refused=lambda refusal: shown(status_of(refusal), refusal),
    )


@ASK_OR_ACT
@may(Permission.RESUME)
def look_over(request: Request, slug: str, number: int) -> HttpResponse:
    """Clear a wave's hold for a look, with what was found."""
    done = f"Wave {number} goes on; what you found is in the trail."
    return _reasoned(request, find(slug, number), "waves/look_over.html", done, control.look_over)
