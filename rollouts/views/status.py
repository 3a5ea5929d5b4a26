"""Is Pushboard itself well: what was last read, which parts beat, what Salesforce answers."""

from __future__ import annotations

from django.contrib import messages
from django.http import HttpResponse
from django.urls import reverse
from django.views.decorators.http import require_POST, require_safe

from rollouts import tasks
from rollouts.access import Request, can, may
from rollouts.domain.permissions import Permission
from rollouts.models import Connection, Stranger, SyncRun
from rollouts.views.acts import ring, see
from rollouts.views.shell import health_of
from rollouts.views.show import show

SYNCS_SHOWN = 10
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
            "connections": Connection.objects.order_by("name"),
            "syncs": SyncRun.objects.select_related("package").order_by("-read_at")[:SYNCS_SHOWN],
            "may_sync": can(request, Permission.SYNC),
            "strangers": Stranger.objects.open().order_by("-first_seen_at")[:STRANGERS_SHOWN],
        },
    )


@require_POST
@may(Permission.SYNC)
def sync(request: Request) -> HttpResponse:
    """Ring the bell of the sync; the worker reads and this page shows it."""
    ring(tasks.sync)
    messages.success(request, "Asked for a sync. It shows here when it has ended.")
    return see(reverse("status"))
