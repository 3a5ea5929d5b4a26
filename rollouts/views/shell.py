"""What every page wears: who is here, is all well, is anything stopped, how old are the data."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.conf import settings
from django.db.models import Max, Min, Q
from django.http import HttpRequest
from django.urls import reverse
from django.utils.functional import SimpleLazyObject

from rollouts.access import Request, can, known
from rollouts.domain.connecting import OrgRole
from rollouts.domain.lifecycle import ROLLOUT_RUNS, BatchState
from rollouts.domain.permissions import Permission
from rollouts.models import Batch, Deployment, Hold, HoldKind, Rollout
from rollouts.pipeline import clock, report
from rollouts.views import preferences

VERSION = "0.1.0"
# After "g"; each is the letter that the page's own word offers.
KEYS = {
    "home": "h", "find": "o", "orgs": "o", "rollouts": "r", "audiences": "a", "exclusions": "e",
    "failures": "f", "calendar": "c", "packages": "p", "audit": "u", "connections": "n",
    "status": "s",
}  # fmt: skip
# Real seconds after which a read is late: twice what is usual. Syncs of a demo ring faster than a
# busy machine can follow, hence the least.
PUSHES_LATE_AFTER = 60.0
LEAST_SYNC = 60.0
AT_WORK = (BatchState.ARMING.value, BatchState.ARMED.value, BatchState.RUNNING.value)


@dataclass(frozen=True, slots=True)
class Tab:
    """One entry of the main navigation; ``key`` leads there after "g"."""

    label: str
    url: str
    is_current: bool
    at_end: bool = False
    key: str = ""


@dataclass(frozen=True, slots=True)
class Lamp:
    """Health in one shape and one line; ``level`` is ok, late or down."""

    level: str
    icon: str
    text: str


@dataclass(frozen=True, slots=True)
class Banner:
    """A line across every page: what is the case, what that means, where to look."""

    kind: str
    icon: str
    title: str
    text: str
    url: str = ""
    link: str = ""


def shell(request: HttpRequest) -> dict[str, Any]:
    """Context processor: `shell`, worked out only when a template asks for it."""
    return {
        "shell": SimpleLazyObject(
            lambda: _build(known(request), signed_in=request.user.is_authenticated)
        )
    }


def health_of(request: Request) -> report.Health:
    """Read health once per request, for the page and for what surrounds it."""
    if not hasattr(request, "health"):
        request.health = report.health(request.now)
    return request.health


def _build(request: Request, *, signed_in: bool) -> dict[str, Any]:
    factor = clock.pace().factor
    built: dict[str, Any] = {
        "now": request.now,
        "factor": factor,
        "factor_words": f"{factor:g}",
        "simulation": settings.SIMULATION,
        "version": VERSION,
        "banners": [],
        "dev_hosts": ", ".join(settings.DEV_ALLOWED_HOSTS),
        "ca_bundle": settings.SALESFORCE["ca_bundle"],
    }
    if not signed_in:
        return built
    health = health_of(request)
    stop = (
        Hold.objects.in_force().filter(kind=HoldKind.STOP_EVERYTHING).select_related("by").first()
    )
    runs = Batch.objects.filter(state__in=AT_WORK).exists()
    restored = Deployment.objects.exclude(restored_at=None).first()
    return built | {
        "person": request.user,
        "role_words": ", ".join(sorted(role.value for role in request.roles)) or "no role yet",
        "may_stop": can(request, Permission.STOP_EVERYTHING),
        "may_plan": can(request, Permission.PLAN),
        "anything_runs": runs,
        **preferences.of(request),
        "lamp": _lamp(health, stop),
        "banners": _banners(health, stop, restored),
        "tabs": _tabs(request.path),
        "orgs_read_at": _oldest(health.sync_as_of.values()),
        "orgs_late_after": 2 * max(settings.SYNC_SECONDS, LEAST_SYNC),
        "pushes_read_at": _pushes_read_at(),
        "pushes_late_after": PUSHES_LATE_AFTER if runs else 0,
    }


def _tabs(path: str) -> list[Tab]:
    entries = (
        ("Home", "home", "/"),
        ("Orgs", "orgs", "/find/"),
        ("Rollouts", "rollouts", None),
        ("Failures", "failures", None),
        ("Audiences", "audiences", "/lists/"),
        ("Exclusions", "exclusions", None),
        ("Calendar", "calendar", None),
        ("Packages", "packages", None),
        ("Audit", "audit", None),
    )
    tabs = []
    for label, name, also in entries:
        url = reverse(name)
        inside = path == url if url == "/" else path.startswith(url)
        tabs.append(
            Tab(
                label,
                url,
                inside or (also not in (None, "/") and path.startswith(str(also))),
                key=KEYS.get(name, ""),
            )
        )
    links = reverse("connections")
    return [
        *tabs,
        Tab("Connections", links, path.startswith(links), at_end=True, key=KEYS["connections"]),
        Tab("Status", reverse("status"), path.startswith(reverse("status")), key=KEYS["status"]),
    ]


def _lamp(health: report.Health, stop: Hold | None) -> Lamp:
    if stop:
        return Lamp("down", "stop", "Everything is stopped")
    if health.tone == "ok":
        return Lamp("ok", "ok", health.words)
    short, _ = _halves(health.words)
    return Lamp("late" if health.tone == "need" else "down", "warn", short)


def _halves(words: str) -> tuple[str, str]:
    """Part "what is the case: what that means" for a lamp and for a banner."""
    what, _, means = words.replace("; ", ": ").partition(": ")
    return what, means[:1].upper() + means[1:]


def _banners(health: report.Health, stop: Hold | None, restored: Deployment | None) -> list[Banner]:
    """List a few lines, the most serious first."""
    lines = []
    if stop:
        why = f"Reason: {stop.reason}" if stop.reason else "Reason not given yet."
        lines.append(
            Banner(
                "stop",
                "stop",
                "Everything is stopped.",
                f"{stop.by} pressed it. Nothing new starts. {why}",
                reverse("stop"),
                "Look",
            )
        )
    if restored:
        lines.append(
            Banner(
                "stop",
                "warn",
                "The database was put back to an older state.",
                "Pushboard only reads: nothing is prepared or armed, and every way to stop works. "
                "Whoever runs this installation ends it with “manage.py reconcile "
                "--after-restore”, which matches every push request at Salesforce. "
                f"Noticed because {restored.restored_why}.",
                reverse("status"),
                "Status",
            )
        )
    if health.tone != "ok":
        what, means = _halves(health.words)
        text = f"{means}." if means else "Every way to stop still works."
        lines.append(Banner("", "warn", f"{what}.", text, reverse("status"), "Status"))
    observing = [
        link.name
        for link in health.connections
        if not link.pushes and link.role != OrgRole.LMO.value
    ]
    if observing:
        named = " and ".join(f"“{name}”" for name in observing)
        lines.append(
            Banner(
                "idle",
                "observed",
                "Observe mode.",
                f"Pushboard reads {named} and sends nothing there; no push can start.",
                reverse("connections"),
                "Connections",
            )
        )
    return lines


def _oldest(moments: Any) -> datetime | None:
    known_moments = [moment for moment in moments if moment]
    return min(known_moments, default=None)


def _pushes_read_at() -> datetime | None:
    """Return the age of the oldest rollout that still moves, else of the last that did."""
    runs = Q(state__in=[state.value for state in ROLLOUT_RUNS])
    read = Rollout.objects.aggregate(oldest=Min("sf_as_of", filter=runs), last=Max("sf_as_of"))
    found: datetime | None = read["oldest"] or read["last"]
    return found
