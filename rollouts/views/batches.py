"""One batch: exactly one request at Salesforce, as we decided it and as they answer."""

from __future__ import annotations

from django.core.paginator import Paginator
from django.http import HttpResponse
from django.shortcuts import get_object_or_404
from django.urls import reverse
from django.views.decorators.http import require_POST, require_safe

from rollouts.access import Request, can, may
from rollouts.domain.lifecycle import BATCH_ENDS, BATCH_RECALLABLE, BatchState
from rollouts.domain.permissions import Permission
from rollouts.forms import ReasonForm
from rollouts.models import Ask, Batch
from rollouts.pipeline import control, gone, report
from rollouts.pipeline.transitions import Refusal
from rollouts.views.acts import ASK_OR_ACT, OK, UNPROCESSABLE, act, posted, status_of
from rollouts.views.reading import LATE_AFTER
from rollouts.views.show import show, stamped, unchanged

ATTEMPTS_SHOWN = 100


@require_safe
@may(Permission.LOOK)
def batch(request: Request, slug: str, pk: int) -> HttpResponse:
    """Show the request: its id, its status as received, our state beside it, its jobs."""
    stamp = stamped(request, report.stamp_of(slug))
    if same := unchanged(request, stamp):
        return same
    context = _detail(request, _find(slug, pk)) | {"stamp": stamp}
    return show(request, "batches/detail.html", context)


@require_POST
@may(Permission.RECALL)
def recall(request: Request, slug: str, pk: int) -> HttpResponse:
    """Ask Salesforce to cancel the request; it counts as recalled when read back as Canceled."""
    found = _find(slug, pk)
    return act(
        request,
        lambda: control.recall(
            found, by=request.user, reason=request.POST.get("reason", "").strip(), now=request.now
        ),
        done=lambda stopped: f"Recall: {stopped.sentence}",
        to=reverse("batch", args=[slug, pk]),
        refused=lambda refusal: _refused(request, found, refusal),
    )


@require_POST
@may(Permission.RESOLVE_DOUBT)
def look_again(request: Request, slug: str, pk: int) -> HttpResponse:
    """Look a batch in doubt up at Salesforce once more."""
    found = _find(slug, pk)
    return act(
        request,
        lambda: control.look_again(found, by=request.user, now=request.now),
        done="Looked again; this page shows what Salesforce said.",
        to=reverse("batch", args=[slug, pk]),
        refused=lambda refusal: _refused(request, found, refusal),
    )


@ASK_OR_ACT
@may(Permission.RECALL)
def ask_gone(request: Request, slug: str, pk: int) -> HttpResponse:
    """Ask that a batch in doubt be ended, since its request is gone from Salesforce."""
    found = _find(slug, pk)
    form = ReasonForm(posted(request))

    def shown(status: int, refusal: Refusal | None = None) -> HttpResponse:
        context = _detail(request, found) | {
            "form": form,
            "problems": sum(len(errors) for errors in form.errors.values()),
            "refusal": refusal,
        }
        return show(request, "batches/gone.html", context, status=status)

    if not form.is_valid():
        return shown(UNPROCESSABLE if form.is_bound else OK)
    return act(
        request,
        lambda: gone.ask(
            found, by=request.user, reason=form.cleaned_data["reason"], now=request.now
        ),
        done="Asked. An approver other than you must confirm it here.",
        to=reverse("batch", args=[slug, pk]),
        refused=lambda refusal: shown(status_of(refusal), refusal),
    )


@require_POST
@may(Permission.RESOLVE_DOUBT)
def confirm_gone(request: Request, slug: str, pk: int) -> HttpResponse:
    """Confirm it: Salesforce is asked once more, and its orgs are free again."""
    found = _find(slug, pk)
    asked = get_object_or_404(Ask.objects.open(), batch=found)
    return act(
        request,
        lambda: gone.confirm(asked, by=request.user, now=request.now),
        done=lambda freed: f"Ended. {freed} orgs go back to their wave.",
        to=reverse("batch", args=[slug, pk]),
        refused=lambda refusal: _refused(request, found, refusal),
    )


def _find(slug: str, pk: int) -> Batch:
    rows = Batch.objects.select_related("wave__rollout__to_version__package", "list", "connection")
    return get_object_or_404(rows, wave__rollout__slug=slug, pk=pk)


def _refused(request: Request, found: Batch, refusal: Refusal) -> HttpResponse:
    found = _find(found.wave.rollout.slug, found.pk)
    context = _detail(request, found) | {
        "refusal": refusal,
        "stamp": report.stamp(found.wave.rollout),
    }
    return show(request, "batches/detail.html", context, status=status_of(refusal))


def _detail(request: Request, found: Batch) -> dict[str, object]:
    attempts = (
        found.attempts.select_related("org", "target__from_version", "version")
        .prefetch_related("errors")
        .order_by("target__place", "number")
    )
    state = BatchState(found.state)
    return {
        "rollout": found.wave.rollout,
        "wave": found.wave,
        "batch": found,
        "is_live": state not in BATCH_ENDS,
        "late_after": LATE_AFTER if state not in BATCH_ENDS else 0,
        "counts": report.batch_counts(found.wave).get(found.pk),
        "page": Paginator(attempts, ATTEMPTS_SHOWN).get_page(request.GET.get("page")),
        "calls": found.calls.order_by("sent_at"),
        "is_recallable": state in BATCH_RECALLABLE and found.cancel_wanted_at is None,
        "in_doubt": state is BatchState.IN_DOUBT,
        "may_be_gone": gone.may_ask(found),
        "asked_gone": gone.open_ask(found),
        "may_recall": can(request, Permission.RECALL),
        "may_resolve": can(request, Permission.RESOLVE_DOUBT),
    }
