"""Is Pushboard itself well: what was last read, which parts beat, what Salesforce answers."""

from __future__ import annotations

from django.contrib import messages
from django.http import Http404, HttpResponse
from django.urls import reverse
from django.views.decorators.http import require_POST, require_safe

from rollouts import tasks
from rollouts.access import Request, can, may
from rollouts.domain.permissions import Permission
from rollouts.forms import ReasonForm
from rollouts.models import Connection, Org, Stranger, SyncRun
from rollouts.pipeline import letting
from rollouts.views.acts import ASK_OR_ACT, UNPROCESSABLE, act, posted, ring, see, status_of
from rollouts.views.shell import health_of
from rollouts.views.show import show

SYNCS_SHOWN, ORGS_SHOWN = 10, 20
STRANGERS_SHOWN = 20


@require_safe
@may(Permission.LOOK)
def status(request: Request) -> HttpResponse:
    """Show each part with what follows when it is down."""
    return show(
        request,
        "status/status.html",
        {
            "health": health_of(request),
            "connections": Connection.objects.ready().order_by("name"),
            "syncs": SyncRun.objects.select_related("package").order_by("-read_at")[:SYNCS_SHOWN],
            "may_sync": can(request, Permission.SYNC),
            "strangers": Stranger.objects.open().order_by("-first_seen_at")[:STRANGERS_SHOWN],
            "may_let_through": can(request, Permission.LET_SYNC_THROUGH),
        },
    )


@require_POST
@may(Permission.SYNC)
def sync(request: Request) -> HttpResponse:
    """Ring the bell of the sync; the worker reads and this page shows it."""
    ring(tasks.sync)
    messages.success(request, "Asked for a sync. It shows here when it has ended.")
    return see(reverse("status"))


@ASK_OR_ACT
@may(Permission.LET_SYNC_THROUGH)
def let_through(request: Request, pk: int) -> HttpResponse:
    """Let the next full reading retire as many orgs as a refused one would have."""
    run = SyncRun.objects.select_related("package").filter(pk=pk).first()
    if run is None or run.would_retire is None:
        raise Http404("No refused sync is known under this number.")
    form = ReasonForm(posted(request))

    def page(code: int = 200, refusal: str = "") -> HttpResponse:
        known = {
            "run": run,
            "form": form,
            "refusal": refusal,
            "orgs": Org.objects.filter(key__in=run.missing[:ORGS_SHOWN]).order_by("name"),
            "open": letting.waiting(run) is not None,
        }
        return show(request, "status/let_through.html", known, status=code)

    if request.method != "POST":
        return page()
    seen = request.POST.get("seen", "")
    if not form.is_valid() or not seen.isdecimal():
        return page(UNPROCESSABLE)
    return act(
        request,
        lambda: letting.let_through(
            run, seen=int(seen), reason=form.cleaned_data["reason"], by=request.user,
            now=request.now,
        ),
        done="The next full sync may retire them. It shows here when it has ended.",
        to=reverse("status"),
        refused=lambda refusal: page(status_of(refusal), str(refusal)),
    )  # fmt: skip
