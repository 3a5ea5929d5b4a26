"""Hands on the wheel of one rollout: pause, halt, resume, abort.

Stopping asks for nothing: the reason may follow. What a move reaches is read again at the moment
of the act; the page before it only says what would happen if it happened now.
"""

from __future__ import annotations

from django.http import HttpResponse
from django.urls import reverse
from django.views.decorators.http import require_POST

from rollouts.access import Request, may
from rollouts.domain.permissions import Permission
from rollouts.forms import ReasonForm, ResumeForm, StopForm
from rollouts.models import Rollout
from rollouts.pipeline import control, report
from rollouts.pipeline.transitions import Refusal
from rollouts.views.acts import ASK_OR_ACT, OK, UNPROCESSABLE, act, posted, status_of
from rollouts.views.rollouts import find, refused
from rollouts.views.show import show


@require_POST
@may(Permission.PAUSE)
def pause(request: Request, slug: str) -> HttpResponse:
    """Pause at once: nothing new is armed; what is armed or running goes on."""
    found = find(slug)
    return act(
        request,
        lambda: control.pause(found, by=request.user, reason=_reason(request), now=request.now),
        done="Paused. Nothing new is armed; what Salesforce already has goes on.",
        to=reverse("rollout", args=[slug]),
        refused=lambda refusal: refused(request, found, refusal),
    )


@require_POST
@may(Permission.LIFT_PAUSE)
def lift_pause(request: Request, slug: str) -> HttpResponse:
    """Lift a pause: due batches are armed again, with every rule checked."""
    found = find(slug)
    return act(
        request,
        lambda: control.lift_pause(
            found, by=request.user, reason=_reason(request) or "to go on", now=request.now
        ),
        done="Pause lifted.",
        to=reverse("rollout", args=[slug]),
        refused=lambda refusal: refused(request, found, refusal),
    )


@ASK_OR_ACT
@may(Permission.HALT)
def halt(request: Request, slug: str) -> HttpResponse:
    """Show what a halt calls back and what will finish anyway; on POST do it."""
    found = find(slug)
    form = StopForm(posted(request))
    if not form.is_valid():
        return _ask(request, found, "rollouts/halt.html", form)
    return act(
        request,
        lambda: control.halt(
            found, by=request.user, reason=form.cleaned_data["reason"], now=request.now
        ),
        done=lambda stopped: f"Halted: {stopped.sentence}",
        to=reverse("rollout", args=[slug]),
        refused=lambda refusal: _again(request, found, "rollouts/halt.html", form, refusal),
    )


@ASK_OR_ACT
@may(Permission.ABORT)
def abort(request: Request, slug: str) -> HttpResponse:
    """End a rollout for good, with a reason."""
    found = find(slug)
    form = ReasonForm(posted(request))
    if not form.is_valid():
        return _ask(request, found, "rollouts/abort.html", form)
    return act(
        request,
        lambda: control.abort(
            found, by=request.user, reason=form.cleaned_data["reason"], now=request.now
        ),
        done=lambda stopped: (
            f"Aborting: {stopped.sentence} It ends when nothing of it can start any more."
        ),
        to=reverse("rollout", args=[slug]),
        refused=lambda refusal: _again(request, found, "rollouts/abort.html", form, refusal),
    )


@ASK_OR_ACT
@may(Permission.RESUME)
def resume(request: Request, slug: str) -> HttpResponse:
    """Lift a halt with a reason and the failures accepted; this pushes nothing by itself."""
    found = find(slug)
    failed = control.failures_so_far(found, request.now)
    form = ResumeForm(posted(request), failed=failed)
    if not form.is_valid():
        return _ask(request, found, "rollouts/resume.html", form)
    return act(
        request,
        lambda: control.resume(
            found,
            by=request.user,
            reason=form.cleaned_data["reason"],
            acknowledged=form.cleaned_data["acknowledged"],
            now=request.now,
        ),
        done="Resumed. Called-back orgs need a new frozen list and a new approval.",
        to=reverse("rollout", args=[slug]),
        refused=lambda refusal: _again(request, found, "rollouts/resume.html", form, refusal),
    )


def _reason(request: Request) -> str:
    return request.POST.get("reason", "").strip()[:2000]


def _ask(
    request: Request, found: Rollout, template: str, form: ReasonForm | StopForm | ResumeForm
) -> HttpResponse:
    status = UNPROCESSABLE if form.is_bound else OK
    return show(request, template, _context(found, form), status=status)


def _again(
    request: Request,
    found: Rollout,
    template: str,
    form: ReasonForm | StopForm | ResumeForm,
    refusal: Refusal,
) -> HttpResponse:
    """Show the same page with the refusal; what was typed is kept."""
    found.refresh_from_db()
    context = _context(found, form) | {"refusal": refusal}
    return show(request, template, context, status=status_of(refusal))


def _context(found: Rollout, form: ReasonForm | StopForm | ResumeForm) -> dict[str, object]:
    return {
        "rollout": found,
        "form": form,
        "problems": sum(len(errors) for errors in form.errors.values()),
        "reach": control.reach(found),
        "counts": report.counts(found),
        "failures": report.failures(found),
    }
