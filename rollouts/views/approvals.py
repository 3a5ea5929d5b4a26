"""The page on which a second person agrees to exactly one frozen list."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass

from django.core.paginator import Paginator
from django.http import HttpResponse
from django.urls import reverse
from django.views.decorators.http import require_POST

from rollouts.access import Request, can, may
from rollouts.domain.forecast import failures
from rollouts.domain.lifecycle import WaveState
from rollouts.domain.permissions import Permission
from rollouts.forms import ApproveForm, ReasonForm
from rollouts.models import FrozenList, Wave
from rollouts.pipeline import approve, report, since
from rollouts.pipeline.forecasting import past_of
from rollouts.pipeline.transitions import Refusal
from rollouts.views.acts import ASK_OR_ACT, OK, UNPROCESSABLE, act, status_of
from rollouts.views.show import show
from rollouts.views.waves import find

ORGS_SHOWN = 100
# Before its first start. Later an org differs from its list because we pushed to it.
STILL_WAITING = (WaveState.FROZEN.value, WaveState.APPROVED.value)


@dataclass(frozen=True, slots=True)
class Part:
    """A share of the list: how many orgs come from one version, or stand on one instance."""

    label: str
    count: int


@ASK_OR_ACT
@may(Permission.LOOK)
def wave_approve(request: Request, slug: str, number: int) -> HttpResponse:
    """Answer what an approver asks, in order; on POST grant, if the list is still the one seen.

    Everybody may read the page. Whether this person may say yes, the pipeline decides.
    """
    found = find(slug, number)
    frozen = found.frozen_list
    if frozen is None:
        return show(request, "waves/not_frozen.html", {"rollout": found.rollout, "wave": found})
    form = _form(request, found, frozen)
    if request.method != "POST" or not form.is_valid():
        return _page(request, found, form, OK if request.method != "POST" else UNPROCESSABLE)
    return act(
        request,
        lambda: approve.approve(
            found,
            seen_digest=form.cleaned_data["digest"],
            by=request.user,
            reason=form.cleaned_data["reason"],
            now=request.now,
        ),
        done=f"You approved wave {number}, digest {frozen.short_digest}.",
        to=reverse("rollout", args=[slug]),
        refused=lambda refusal: _refused(request, found, form, refusal),
    )


@require_POST
@may(Permission.SEND_BACK)
def send_back(request: Request, slug: str, number: int) -> HttpResponse:
    """Return the wave to its planner with a reason."""
    found = find(slug, number)
    form = ReasonForm(request.POST)
    if not form.is_valid():
        return _page(request, found, _form(request, found, found.frozen_list), UNPROCESSABLE, form)
    return act(
        request,
        lambda: approve.send_back(
            found, by=request.user, reason=form.cleaned_data["reason"], now=request.now
        ),
        done=f"Wave {number} is sent back to {found.rollout.author}.",
        to=reverse("wave", args=[slug, number]),
        refused=lambda refusal: _refused(request, found, None, refusal),
    )


def _form(request: Request, found: Wave, frozen: FrozenList | None) -> ApproveForm:
    orgs = frozen.orgs.count() if frozen else 0
    return ApproveForm(
        request.POST if request.method == "POST" and "digest" in request.POST else None,
        orgs=orgs,
        typed_above=found.rollout.policy.two_approvals_above,
        initial={"digest": frozen.digest if frozen else ""},
    )


def _refused(
    request: Request, found: Wave, form: ApproveForm | None, refusal: Refusal
) -> HttpResponse:
    """Show the list as it is now beside the refusal; the reason typed is kept, the tick is not."""
    found = find(found.rollout.slug, found.number)
    seen = request.POST.get("digest", "")
    fresh = _form(request, found, found.frozen_list)
    typed = form.cleaned_data["reason"] if form else ""
    if found.frozen_list:
        fresh = ApproveForm(
            orgs=found.frozen_list.orgs.count(),
            typed_above=found.rollout.policy.two_approvals_above,
            initial={"digest": found.frozen_list.digest, "reason": typed},
        )
    before = found.lists.filter(digest=seen).order_by("-number").first() if seen else None
    changed = _difference(before, found.frozen_list) if refusal.overtaken else None
    return _page(request, found, fresh, status_of(refusal), refusal=refusal, changed=changed)


@dataclass(frozen=True, slots=True)
class Difference:
    """How the list differs from the one that the person saw."""

    seen: str
    now: str
    added: list[str]
    removed: list[str]


def _difference(before: FrozenList | None, after: FrozenList | None) -> Difference | None:
    if before is None or after is None or before.pk == after.pk:
        return None
    old = dict(before.orgs.values_list("org__key", "org__name"))
    new = dict(after.orgs.values_list("org__key", "org__name"))
    return Difference(
        seen=before.short_digest,
        now=after.short_digest,
        added=[name for key, name in new.items() if key not in old],
        removed=[name for key, name in old.items() if key not in new],
    )


def _page(
    request: Request,
    found: Wave,
    form: ApproveForm,
    status: int,
    back: ReasonForm | None = None,
    *,
    refusal: Refusal | None = None,
    changed: Difference | None = None,
) -> HttpResponse:
    frozen = found.frozen_list
    context: dict[str, object] = {"rollout": found.rollout, "wave": found, "refusal": refusal}
    if frozen is None:
        return show(request, "waves/not_frozen.html", context, status=status)
    context |= {
        "list": frozen,
        "form": form,
        "back": back,
        "problems": sum(len(errors) for errors in form.errors.values()),
        "changed": changed,
        "drift": approve.drift(frozen, request.now) if found.state in STILL_WAITING else None,
        "hours": report.times(frozen, request.now, waits=found.state in STILL_WAITING),
        "since": since.last_approval(frozen),
        "policy": found.rollout.policy,
        "largest": max(frozen.batches, default=0),
        "may_send_back": can(request, Permission.SEND_BACK),
    }
    context |= _who_is_in_it(request, frozen) | _who_decides(request, found, frozen)
    return show(request, "waves/approve.html", context | _last_wave(found), status=status)


def _who_is_in_it(request: Request, frozen: FrozenList) -> dict[str, object]:
    """Read the frozen rows once, for the list and for its shares."""
    rows = frozen.orgs.select_related("org", "from_version").order_by("place")
    past = past_of(frozen.to_version.package)
    return {
        "size": len(rows),
        "expected": failures(len(rows), past),
        "expected_from": past.rate_basis,
        "page": Paginator(rows, ORGS_SHOWN).get_page(request.GET.get("page")),
        "production": sum(row.org.is_production for row in rows),
        "from_versions": _parts(row.from_version.label for row in rows),
        "instances": _parts(_region(row.org.instance) for row in rows),
    }


def _who_decides(request: Request, found: Wave, frozen: FrozenList) -> dict[str, object]:
    """Read who has decided, who still can, and whether this person may."""
    granted = list(frozen.approvals.select_related("person").order_by("granted_at"))
    standing = sum(approval.voided_at is None for approval in granted)
    return {
        "waits": found.state == WaveState.FROZEN and frozen.voided_at is None,
        "why_not": approve.approval_refusal(frozen, request.user, request.now),
        "who_can": approve.who_can(frozen, request.now),
        "granted": granted,
        "still_needed": max(0, found.approvals_needed - standing),
    }


def _region(instance: str) -> str:
    """Return the letters that an instance name begins with, such as DEU of DEU44S."""
    found = re.match("[A-Z]+", instance)
    return found.group(0) if found else "unknown"


def _parts(labels: Iterable[str]) -> list[Part]:
    return [Part(label, count) for label, count in Counter(labels).most_common()]


def _last_wave(found: Wave) -> dict[str, object]:
    """Read what the wave before came to."""
    last = (
        found.rollout.waves.select_related("frozen_list")
        .filter(number__lt=found.number)
        .order_by("-number")
        .first()
    )
    if last is None:
        return {"last": None}
    counts = report.wave_counts(found.rollout)[last.number]
    return {
        "last": last,
        "last_counts": counts,
        "last_as_of": counts.as_of,
        "last_failures": report.failures(found.rollout, wave=last),
    }
