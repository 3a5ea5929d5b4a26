"""Stop everything, and lift it again: one press to stop, two people to lift."""

from __future__ import annotations

from zlib import crc32

from django.http import HttpResponse
from django.urls import reverse
from django.views.decorators.http import require_POST

from rollouts.access import Request, can, may
from rollouts.domain.permissions import Permission
from rollouts.forms import ReasonForm, StopForm
from rollouts.models import Batch, Hold, HoldKind, Rollout
from rollouts.pipeline import control
from rollouts.pipeline.transitions import Refusal
from rollouts.views.acts import ASK_OR_ACT, OK, UNPROCESSABLE, act, posted, status_of
from rollouts.views.show import show, stamped, unchanged

BATCHES_SHOWN = 60


@ASK_OR_ACT
@may(Permission.LOOK)
def stop(request: Request) -> HttpResponse:
    """Say what a stop would call back; on POST stop. While stopped, show each batch's answer."""
    form = StopForm(posted(request))
    if request.method == "POST":
        reason = request.POST.get("reason", "").strip()[:2000]
        return act(
            request,
            lambda: control.stop_everything(by=request.user, reason=reason, now=request.now),
            done=lambda stopped: f"Everything is stopped: {stopped.sentence}",
            to=reverse("stop"),
            refused=lambda refusal: _page(request, form, refusal=refusal),
        )
    stamp = stamped(request, _stamp())
    if same := unchanged(request, stamp):
        return same
    return _page(request, form)


@require_POST
@may(Permission.ASK_LIFT_STOP)
def ask_lift(request: Request) -> HttpResponse:
    """Ask that the stop be lifted; an approver other than the asker must confirm."""
    form = ReasonForm(request.POST)
    if not form.is_valid():
        return _page(request, StopForm(), lift=form, status=UNPROCESSABLE)
    return act(
        request,
        lambda: control.ask_lift_stop(
            by=request.user, reason=form.cleaned_data["reason"], now=request.now
        ),
        done="Asked. An approver other than you must confirm it here.",
        to=reverse("stop"),
        refused=lambda refusal: _page(request, StopForm(), refusal=refusal, lift=form),
    )


@require_POST
@may(Permission.CONFIRM_LIFT_STOP)
def confirm_lift(request: Request) -> HttpResponse:
    """Confirm the other person's wish: the stop ends and every rollout is left paused."""
    return act(
        request,
        lambda: control.confirm_lift_stop(by=request.user, now=request.now),
        done="The stop is lifted. Every rollout is paused until somebody lifts its pause.",
        to=reverse("stop"),
        refused=lambda refusal: _page(request, StopForm(), refusal=refusal),
    )


def _in_force() -> Hold | None:
    holds = Hold.objects.in_force().filter(kind=HoldKind.STOP_EVERYTHING)
    return holds.select_related("by", "lift_asked_by").first()


def _touched(hold: Hold | None) -> list[Batch]:
    """List the batches that the stop has to do with: called back since, or still running."""
    if hold is None:
        return []
    rows = Batch.objects.select_related("wave__rollout__to_version__package")
    called = rows.filter(cancel_wanted_at__gte=hold.since)
    running = rows.filter(state="running")
    return list((called | running).order_by("wave__rollout", "wave", "number")[:BATCHES_SHOWN])


def _stamp() -> str:
    hold = _in_force()
    rows = [f"{batch.pk}{batch.state}{batch.cancel_too_late_at}" for batch in _touched(hold)]
    asked = hold.lift_asked_at if hold else None
    return str(crc32(f"{hold and hold.pk} {asked} {rows}".encode()))


def _page(
    request: Request,
    form: StopForm,
    *,
    refusal: Refusal | None = None,
    lift: ReasonForm | None = None,
    status: int = 0,
) -> HttpResponse:
    context = _answers() | {
        "form": form,
        "lift": lift or ReasonForm(),
        "refusal": refusal,
        "stamp": stamped(request, _stamp()),
        "may_stop": can(request, Permission.STOP_EVERYTHING),
        "may_ask": can(request, Permission.ASK_LIFT_STOP),
        "may_confirm": can(request, Permission.CONFIRM_LIFT_STOP),
    }
    status = status or (status_of(refusal) if refusal else OK)
    return show(request, "stop/stop.html", context, status=status)


def _answers() -> dict[str, object]:
    """Read what a stop would reach or, once pressed, what each batch has answered."""
    hold = _in_force()
    batches = _touched(hold)
    answered = [batch for batch in batches if _is_answered(batch)]
    running = Rollout.objects.running().select_related("to_version__package")
    return {
        "hold": hold,
        "reach": control.reach(None),
        "rollouts": running,
        "batches": batches,
        "answered": len(answered),
        "all_answered": len(answered) == len(batches),
    }


def _is_answered(batch: Batch) -> bool:
    """Say whether Salesforce has confirmed the recall, refused it, or ended the request."""
    return (
        batch.state in ("canceled", "abandoned", "settled") or batch.cancel_too_late_at is not None
    )
