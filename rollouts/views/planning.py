"""A new rollout in three small steps: version, audience, waves.

What has been chosen so far lives in the person's session, so each step can be left and reopened;
nothing is stored as a rollout before the last button.
"""

from __future__ import annotations

from typing import Any

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import redirect
from django.urls import reverse

from rollouts.access import Request, may
from rollouts.domain.permissions import Permission
from rollouts.domain.planner import WORDS, Because
from rollouts.domain.policy import batch_sizes, dispatch_calls
from rollouts.forms import AudienceForm
from rollouts.models import Installation, Org, Package, PackageVersion, Rollout
from rollouts.pipeline import plan, succession
from rollouts.pipeline.transitions import Overtaken, Refusal
from rollouts.views.acts import ASK_OR_ACT, OK, UNPROCESSABLE, see, status_of
from rollouts.views.show import show

KEPT = "new_rollout"
LISTED = 200


@ASK_OR_ACT
@may(Permission.PLAN)
def version(request: Request) -> HttpResponse:
    """Step 1: which version. One that can't be pushed is shown with the reason."""
    offers = [
        (package, plan.versions_to_offer(package)) for package in Package.objects.order_by("name")
    ]
    problem = ""
    if request.method == "POST":
        wanted = request.POST.get("version", "")
        why = {v.sf_id: refusal for _, rows in offers for v, refusal in rows}
        if wanted in why and not why[wanted]:
            request.session[KEPT] = {"version": wanted, "audience": {}}
            return see(reverse("rollout-new-audience"))
        problem = (
            f"That version can't be pushed: {why[wanted]}."
            if wanted in why
            else "Choose a version."
        )
    context = {
        "offers": offers,
        "chosen": request.session.get(KEPT, {}).get("version", ""),
        "problem": problem,
        "step": 1,
    }
    return show(
        request, "rollouts/new_version.html", context, status=UNPROCESSABLE if problem else OK
    )


@ASK_OR_ACT
@may(Permission.PLAN)
def audience(request: Request) -> HttpResponse:
    """Step 2: who gets it. Every org left out is counted with its reason, and can be listed."""
    chosen = _chosen_version(request)
    if chosen is None:
        return redirect("rollout-new")
    kept = request.session[KEPT].get("audience", {})
    form = AudienceForm(
        request.POST if request.method == "POST" else kept or None, versions=_installed(chosen)
    )
    if form.is_bound and not form.is_valid():
        return _audience_page(request, chosen, form, None, status=UNPROCESSABLE)
    choice = form.choice() if form.is_bound else plan.AudienceChoice()
    if request.method == "POST":
        yields = request.POST.get("take_over", "")
        request.session[KEPT] = {
            "version": chosen.sf_id,
            "audience": _kept(form),
            "take_over": yields if _older(chosen, yields) else "",
        }
        proposal = plan.propose(chosen, choice, request.now, _older(chosen, yields))
        if "next" in request.POST and proposal.eligible:
            return see(reverse("rollout-new-waves"))
        if "next" not in request.POST:
            return see(reverse("rollout-new-audience"))
        return _audience_page(request, chosen, form, proposal, status=UNPROCESSABLE)
    older = _older(chosen, request.session[KEPT].get("take_over", ""))
    proposal = plan.propose(chosen, choice, request.now, older)
    return _audience_page(request, chosen, form, proposal)


@ASK_OR_ACT
@may(Permission.PLAN)
def waves(request: Request) -> HttpResponse:
    """Step 3: the cut that the policy proposes; the last button stores it."""
    chosen = _chosen_version(request)
    if chosen is None:
        return redirect("rollout-new")
    choice = _kept_choice(request, chosen)
    if choice is None:
        return redirect("rollout-new-audience")
    if request.method == "POST":
        try:
            made = _create(request, chosen, choice)
        except Refusal as refusal:
            return _waves_page(request, chosen, choice, refusal)
        del request.session[KEPT]
        return see(reverse("rollout", args=[made.slug]))
    return _waves_page(request, chosen, choice)


def _waves_page(
    request: Request,
    chosen: PackageVersion,
    choice: plan.AudienceChoice,
    refusal: Refusal | None = None,
) -> HttpResponse:
    older = _older(chosen, request.session[KEPT].get("take_over", ""))
    proposal = plan.propose(chosen, choice, request.now, older)
    running, calls, reach, rows = 0, 0, 0, []
    for number, wave in enumerate(proposal.waves, start=1):
        running += len(wave.orgs)
        sizes = batch_sizes(len(wave.orgs), wave.kind, proposal.policy)
        calls += sum(dispatch_calls(size) for size in sizes)
        reach = max(reach, *sizes)
        rows.append((number, wave, running, len(sizes), max(sizes)))
    context = {
        "version": chosen,
        "proposal": proposal,
        "rows": rows,
        "calls": calls,
        "reach": reach,
        "refusal": refusal,
        "older": older,
        "step": 3,
    }
    return show(
        request, "rollouts/new_waves.html", context, status=status_of(refusal) if refusal else OK
    )


def _create(request: Request, chosen: PackageVersion, choice: plan.AudienceChoice) -> Rollout:
    """Store the rollout; one that takes over an older one also aborts that, when confirmed."""
    wanted = request.session[KEPT].get("take_over", "")
    if not wanted:
        return plan.create_rollout(chosen, choice, by=request.user, now=request.now)
    older = _older(chosen, wanted)
    if older is None:
        raise Overtaken("The older rollout has ended meanwhile. Look at the audience again.")
    if request.POST.get("confirmed") != older.slug:
        raise Refusal(f"Tick that {older.slug} is to be aborted, or go back and leave it alone.")
    made, stopped = succession.take_over(chosen, choice, older, by=request.user, now=request.now)
    messages.success(request, f"{older.slug} is being aborted: {stopped.sentence}")
    return made


def _older(chosen: PackageVersion, slug: str) -> Rollout | None:
    return next((older for older in succession.may_yield(chosen) if older.slug == slug), None)


def _audience_page(
    request: Request,
    chosen: PackageVersion,
    form: AudienceForm,
    proposal: plan.Proposal | None,
    status: int = OK,
) -> HttpResponse:
    context: dict[str, Any] = {
        "version": chosen,
        "form": form,
        "problems": sum(len(errors) for errors in form.errors.values()) if form.is_bound else 0,
        "proposal": proposal,
        "step": 2,
        "yielding": succession.may_yield(chosen),
        "take_over": request.session[KEPT].get("take_over", ""),
        "nobody": bool(proposal and not proposal.eligible and status != OK),
    }
    if proposal:
        context |= {
            "total": proposal.eligible + len(proposal.left_out),
            "funnel": [
                (because, WORDS[because], count, _named(proposal, because))
                for because, count in sorted(proposal.counts.items(), key=lambda row: -row[1])
            ],
        }
    return show(request, "rollouts/new_audience.html", context, status=status)


def _named(proposal: plan.Proposal, because: Because) -> list[Org]:
    """Fetch the orgs left out for one reason, as many as a page bears."""
    keys = [key for key, why in proposal.left_out.items() if why == because][:LISTED]
    return list(Org.objects.filter(key__in=keys).order_by("name"))


def _installed(chosen: PackageVersion) -> list[PackageVersion]:
    """List the versions that orgs have now and that a push to the chosen one would replace."""
    present = Installation.objects.present().filter(package=chosen.package)
    rows = PackageVersion.objects.filter(pk__in=present.values("version")).newest_first()
    return [row for row in rows if row.number < chosen.number]


def _chosen_version(request: Request) -> PackageVersion | None:
    wanted = request.session.get(KEPT, {}).get("version", "")
    rows = PackageVersion.objects.pushable().select_related("package")
    return rows.filter(sf_id=wanted).first()


def _kept(form: AudienceForm) -> dict[str, Any]:
    """Return what the form holds in the shape in which it can be bound again."""
    return {
        "types": form.cleaned_data["types"],
        "from_versions": form.cleaned_data["from_versions"],
        "instance_prefix": form.cleaned_data["instance_prefix"],
        "org_ids": "\n".join(form.cleaned_data["org_ids"]),
        "largest_batch": form.cleaned_data["largest_batch"] or "",
    }


def _kept_choice(request: Request, chosen: PackageVersion) -> plan.AudienceChoice | None:
    """Read the audience again; None when what was kept no longer fits the data."""
    kept = request.session[KEPT].get("audience", {})
    form = AudienceForm(kept, versions=_installed(chosen))
    return form.choice() if form.is_valid() else None
