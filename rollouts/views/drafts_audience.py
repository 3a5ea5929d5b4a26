"""Step 2 of a draft: who gets it. Every org left out is counted with its reason, and listed."""

from __future__ import annotations

from typing import Any

from django.core.paginator import Paginator
from django.http import Http404, HttpResponse
from django.views.decorators.http import require_safe

from rollouts.access import Request, may
from rollouts.domain.permissions import Permission
from rollouts.domain.planner import WORDS, Because
from rollouts.forms_audience import ChoiceForm
from rollouts.models import Draft, Installation, Org, PackageVersion, SavedAudience
from rollouts.pipeline import drafts, org_facts, plan, plan_so_far, saved_audiences, succession
from rollouts.pipeline.transitions import Refusal
from rollouts.views import drafts as frame
from rollouts.views.acts import ASK_OR_ACT, UNPROCESSABLE
from rollouts.views.audiences import ORG_HEADER, org_rows
from rollouts.views.downloads import csv_answer
from rollouts.views.show import show

STEP = "audience"
LISTED = 200
PER_PAGE = 200
GETS_IT = "eligible"
NOBODY = "No org is left in this audience. Widen the choice, or look at why each org is left out."
# Conditions that the form keeps folded until one of them is set.
_FOLDED = frozenset({
    "version_from", "version_to", "regions", "statuses", "customers", "tags", "without_tags",
    "rings", "past", "licences", "ends_from", "ends_to", "seats_from", "seats_to",
})  # fmt: skip


@ASK_OR_ACT
@may(Permission.LOOK)
def audience(request: Request, pk: int) -> HttpResponse:
    """Narrow down who gets it; everything left empty means every org that has the package."""
    draft = frame.find(pk)
    known: dict[str, Any] = {
        "versions": _older_versions(draft),
        "saved": saved_audiences.offered(),
        "kept": draft.audience.get("org_ids", ()),
    }
    if request.method != "POST":
        typed = ChoiceForm.as_typed(draft.audience) if draft.audience else None
        return _page(request, draft, ChoiceForm(typed, **known))
    frame.must_plan(request)
    form = ChoiceForm(request.POST, **known)
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


@require_safe
@may(Permission.LOOK)
def left_out(request: Request, pk: int, because: str) -> HttpResponse:
    """List the orgs behind one number of the funnel, or those that get it; also as CSV."""
    draft = frame.find(pk)
    words = {one.value: text for one, text in WORDS.items()} | {GETS_IT: "get it"}
    if because not in words:
        raise Http404("There is no such reason.")
    proposal = drafts.propose(draft, request.now)
    if because == GETS_IT:
        keys = [key for wave in proposal.waves for key in wave.orgs]
    else:
        keys = [key for key, why in proposal.left_out.items() if why.value == because]
    keys.sort()
    if request.GET.get("as") == "csv":
        wanted = frozenset(keys)
        facts = org_facts.of_package(draft.to_version.package, also_gone=wanted)
        rows = org_rows([one for one in facts if one.facts.org in wanted])
        return csv_answer(
            f"draft-{draft.pk}-{because.replace('_', '-')}",
            (*ORG_HEADER, "Why"),
            [(*row, words[because]) for row in rows],
        )
    page = Paginator(keys, PER_PAGE).get_page(request.GET.get("page"))
    names = dict(Org.objects.filter(key__in=list(page)).values_list("key", "name"))
    context = {
        "draft": draft,
        "words": words[because],
        "page": page,
        "orgs": [(key, names.get(key, "")) for key in page],
        "count": len(keys),
    }
    return show(request, "rollouts/draft_left_out.html", context)


def _page(request: Request, draft: Draft, form: ChoiceForm, problem: str = "") -> HttpResponse:
    context = _context(draft, form)
    so_far = plan_so_far.of(draft, request.now)
    context |= {"problem": problem, "plan": so_far} | _funnel(so_far.proposal)
    context["uninstalled"] = (
        Installation.objects.filter(package=draft.to_version.package).exclude(gone_at=None).count()
    )
    status = UNPROCESSABLE if problem else 200
    return frame.step_page(request, draft, STEP, context, status=status)


def _context(draft: Draft, form: ChoiceForm) -> dict[str, Any]:
    stored: dict[str, Any] = draft.audience
    return {
        "form": form,
        "problems": sum(len(errors) for errors in form.errors.values()) if form.is_bound else 0,
        "yielding": succession.may_yield(draft.to_version),
        "take_over": draft.take_over.slug if draft.take_over else "",
        "more_open": bool(_FOLDED & stored.keys()) or bool(_FOLDED & form.errors.keys()),
        "newer_saved": _newer_saved(stored),
    }


def _newer_saved(stored: dict[str, Any]) -> str:
    """Say that the saved audience has changed since it was chosen; the draft keeps the older."""
    found = SavedAudience.objects.filter(pk=stored.get("saved") or 0).first()
    if found is None:
        return ""
    last, chosen = found.versions.latest().number, stored.get("saved_version", 0)
    if last == chosen:
        return ""
    return (
        f"“{found}” has changed: this draft keeps version {chosen}, the newest is {last}. "
        "Count again to take the newest."
    )


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
