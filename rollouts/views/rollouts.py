"""The list of rollouts, and the page of one that people keep open while it runs."""

from __future__ import annotations

from collections import Counter

from django.core.paginator import Paginator
from django.db.models import Q
from django.http import HttpResponse
from django.shortcuts import get_object_or_404
from django.views.decorators.http import require_safe

from rollouts.access import Request, can, may
from rollouts.domain.lifecycle import ROLLOUT_ENDS, ROLLOUT_RUNS, RolloutState
from rollouts.domain.permissions import Permission
from rollouts.domain.planner import WORDS, Because
from rollouts.models import Approval, DriftItem, Org, Rollout, Wave
from rollouts.pipeline import profiles, reasons, report
from rollouts.pipeline.transitions import Refusal
from rollouts.views import live
from rollouts.views.acts import status_of
from rollouts.views.buttons import rollout_buttons, wave_buttons
from rollouts.views.reading import batch_lines, current_wave, late_after, line, rail, squares
from rollouts.views.show import show, stamped, unchanged

ROLLOUTS_SHOWN = 20
EVENTS_SHOWN = 12
ORGS_SHOWN = 100
# On a phone these stay in reach at the foot of the screen; starting never does.
STOPS = ("pause", "halt")
TABS = {
    "active": ("Active", Q(state__in=[state.value for state in ROLLOUT_RUNS])),
    "drafts": ("Drafts", Q(state=RolloutState.DRAFT.value)),
    "ended": ("Ended", Q(state__in=[state.value for state in ROLLOUT_ENDS])),
    "all": ("All", Q()),
}


@require_safe
@may(Permission.LOOK)
def rollouts(request: Request) -> HttpResponse:
    """List rollouts, newest first, in tabs by what can still happen."""
    stamp = stamped(request, report.stamp_of_all())
    if same := unchanged(request, stamp):
        return same
    rows = Rollout.objects.select_related("to_version__package", "author").order_by("-created_at")
    chosen = request.GET.get("show", "")
    chosen = chosen if chosen in TABS else "all"
    page = Paginator(rows.filter(TABS[chosen][1]), ROLLOUTS_SHOWN).get_page(request.GET.get("page"))
    tabs = [(name, label, rows.filter(where).count()) for name, (label, where) in TABS.items()]
    return show(
        request,
        "rollouts/list.html",
        {
            "stamp": stamp,
            "is_live": chosen != "ended",
            "tabs": tabs,
            "chosen": chosen,
            "page": page,
            "lines": [line(rollout, request.now) for rollout in page],
            "may_plan": can(request, Permission.PLAN),
        },
    )


@require_safe
@may(Permission.LOOK)
def rollout(request: Request, slug: str) -> HttpResponse:
    """Show where a rollout is, whether it is healthy, and what this person can do."""
    stamp = stamped(request, report.stamp_of(slug))
    if same := unchanged(request, stamp):
        return same
    return show(request, "rollouts/detail.html", detail(request, find(slug), stamp))


@require_safe
@may(Permission.LOOK)
def left_out(request: Request, slug: str) -> HttpResponse:
    """List the orgs that are not in the plan, with the reason of each, by reason."""
    found = find(slug)
    because = request.GET.get("because", "")
    reasons = Counter(found.left_out.values())
    keys = [key for key, why in found.left_out.items() if because in ("", why)]
    page = Paginator(sorted(keys), ORGS_SHOWN).get_page(request.GET.get("page"))
    named = Org.objects.in_bulk(list(page), field_name="key")
    context = {
        "rollout": found,
        "because": because,
        "total": len(found.left_out),
        "reasons": [(why, WORDS[Because(why)], count) for why, count in reasons.most_common()],
        "page": page,
        "rows": [(key, named.get(key), WORDS[Because(found.left_out[key])]) for key in page],
    }
    return show(request, "rollouts/left_out.html", context)


def find(slug: str) -> Rollout:
    """Fetch a rollout with what every page of it names, or answer 404."""
    return get_object_or_404(
        Rollout.objects.select_related("to_version__package", "author"), slug=slug
    )


def refused(request: Request, found: Rollout, refusal: Refusal) -> HttpResponse:
    """Show the rollout as it is now, with why the move was not made."""
    context = detail(request, found, report.stamp(found)) | {"refusal": refusal}
    return show(request, "rollouts/detail.html", context, status=status_of(refusal))


def detail(request: Request, found: Rollout, stamp: str) -> dict[str, object]:
    """Read everything that the rollout page shows."""
    waves = list(found.waves.select_related("frozen_list"))
    shown = _shown(waves, request.GET.get("wave", ""))
    counted = report.wave_counts(found)
    steps = rail(found, waves, counted, shown, request.now)
    step = next((step for step in steps if step.wave == shown), None)
    counts = report.counts(found, counted)
    buttons = rollout_buttons(found, request.user, request.now)
    verdict = report.verdict(found, request.now, counted)
    return {
        "rollout": found,
        "stamp": stamp,
        "is_live": found.state not in {state.value for state in ROLLOUT_ENDS},
        "verdict": verdict,
        "said": live.of_rollout(found, waves, counts, verdict),
        "holds": report.holds(found, request.now),
        "reason_owed": reasons.owed(found) if can(request, Permission.HALT) else "",
        "counts": counts,
        "late_after": late_after(counts),
        "left_out": len(found.left_out),
        "inbox": DriftItem.objects.open().filter(rollout=found).count(),
        "review_due": profiles.review_due(found),
        "steps": steps,
        "step": step,
        "waves": len(waves),
        "strip": squares(shown, step.total) if shown and step else [],
        "batches": batch_lines(shown) if shown else [],
        "failures": report.failures(found),
        "approvals": _approvals(found),
        "events": report.timeline(found, EVENTS_SHOWN),
        "buttons": buttons,
        "stops": [button for button in buttons if button.enabled and button.name in STOPS],
        "wave_buttons": wave_buttons(shown, request.user, request.now) if shown else [],
    }


def _shown(waves: list[Wave], wanted: str) -> Wave | None:
    chosen = next((wave for wave in waves if str(wave.number) == wanted), None)
    return chosen or current_wave(waves)


def _approvals(found: Rollout) -> list[Approval]:
    return list(
        Approval.objects.filter(list__wave__rollout=found)
        .select_related("list__wave", "person")
        .order_by("-granted_at")[:8]
    )
