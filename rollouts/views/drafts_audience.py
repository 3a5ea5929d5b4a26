"""Step 2 of a draft: who gets it. Every org left out is counted with its reason, and listed."""

from __future__ import annotations

from typing import Any

from django.http import HttpResponse

from rollouts.access import Request, may
from rollouts.domain.permissions import Permission
from rollouts.domain.planner import WORDS, Because
from rollouts.forms import AudienceForm
from rollouts.models import Draft, Installation, Org, PackageVersion
from rollouts.pipeline import plan, plan_so_far, succession
from rollouts.pipeline.audiences import AudienceChoice
from rollouts.pipeline.transitions import Refusal
from rollouts.views import drafts as frame
from rollouts.views.acts import ASK_OR_ACT, UNPROCESSABLE

STEP = "audience"
LISTED = 200
NOBODY = "No org is left in this audience. Widen the choice, or look at why each org is left out."


@ASK_OR_ACT
@may(Permission.LOOK)
def audience(request: Request, pk: int) -> HttpResponse:
    """Narrow down who gets it; everything left empty means every org that has the package."""
    draft = frame.find(pk)
    versions = _older_versions(draft)
    if request.method != "POST":
        form = AudienceForm(_as_typed(draft.audience) or None, versions=versions)
        return _page(request, draft, form)
    frame.must_plan(request)
    form = AudienceForm(request.POST, versions=versions)
    if not form.is_valid():
        return frame.step_page(request, draft, STEP, _context(draft, form), status=UNPROCESSABLE)
    yields = request.POST.get("take_over", "")
    older = next(
        (row for row in succession.may_yield(draft.to_version) if row.slug == yields), None
    )
    try:
        draft = frame.keep(request, draft, STEP, audience=form.choice().as_json(), take_over=older)
    except Refusal as refused:
        context = _context(draft, form) | {"take_over": yields}
        return frame.step_page(request, draft, STEP, context, refused=refused)
    if "next" in request.POST and not plan_so_far.of(draft, request.now).proposal.eligible:
        return _page(request, draft, form, problem=NOBODY)
    return frame.onward(request, draft, STEP)


def _page(request: Request, draft: Draft, form: AudienceForm, problem: str = "") -> HttpResponse:
    context = _context(draft, form)
    so_far = plan_so_far.of(draft, request.now)
    context |= {"problem": problem, "plan": so_far} | _funnel(so_far.proposal)
    status = UNPROCESSABLE if problem else 200
    return frame.step_page(request, draft, STEP, context, status=status)


def _context(draft: Draft, form: AudienceForm) -> dict[str, Any]:
    return {
        "form": form,
        "problems": sum(len(errors) for errors in form.errors.values()) if form.is_bound else 0,
        "yielding": succession.may_yield(draft.to_version),
        "take_over": draft.take_over.slug if draft.take_over else "",
    }


def _funnel(proposal: plan.Proposal) -> dict[str, object]:
    lines = sorted(proposal.counts.items(), key=lambda row: -row[1])
    return {
        "total": proposal.eligible + len(proposal.left_out),
        "funnel": [
            (because, WORDS[because], count, _named(proposal, because)) for because, count in lines
        ],
    }


def _named(proposal: plan.Proposal, because: Because) -> list[Org]:
    """Fetch the orgs left out for one reason, as many as a page bears."""
    keys = [key for key, why in proposal.left_out.items() if why == because][:LISTED]
    return list(Org.objects.filter(key__in=keys).order_by("name"))


def _older_versions(draft: Draft) -> list[PackageVersion]:
    """List the versions that orgs have now and that a push to the draft's would replace."""
    present = Installation.objects.present().filter(package=draft.to_version.package)
    rows = PackageVersion.objects.filter(pk__in=present.values("version")).newest_first()
    return [row for row in rows if row.number < draft.to_version.number]


def _as_typed(stored: dict[str, Any]) -> dict[str, Any]:
    """Return the stored choice in the shape in which the form can be bound again."""
    if not stored:
        return {}
    choice = AudienceChoice.from_json(stored)
    return {
        "types": sorted(choice.types),
        "from_versions": list(choice.from_versions),
        "instance_prefix": choice.instance_prefix,
        "org_ids": "\n".join(choice.org_ids),
        "largest_batch": choice.largest_batch,
    }
