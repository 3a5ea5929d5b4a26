"""Saved audiences: whom a name means, how many that is now, and what it meant before."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from django.db.models import Min
from django.http import HttpResponse
from django.shortcuts import get_object_or_404
from django.urls import reverse
from django.views.decorators.http import require_POST, require_safe

from rollouts.access import Request, can, may
from rollouts.domain.permissions import Permission
from rollouts.forms_audience import SavedForm
from rollouts.models import IdListRead, Installation, Org, Package, SavedAudience
from rollouts.pipeline import list_reads, rule_words, saved_audiences
from rollouts.pipeline.org_facts import Known
from rollouts.pipeline.parts import parts
from rollouts.pipeline.saved_audiences import Saved
from rollouts.pipeline.transitions import Refusal
from rollouts.views.acts import ASK_OR_ACT, OK, UNPROCESSABLE, act, posted, status_of
from rollouts.views.downloads import csv_answer
from rollouts.views.show import show

LISTED = 200


def _read_at(package: Package) -> datetime | None:
    """Return how old the oldest of a package's rows is: a count is no younger than that."""
    rows = Installation.objects.present().filter(package=package)
    oldest: datetime | None = rows.aggregate(oldest=Min("read_at"))["oldest"]
    return oldest


def _members(saved: Saved) -> tuple[list[Known], Refusal | None]:
    try:
        return saved_audiences.members(saved), None
    except Refusal as refusal:
        return [], refusal


@require_safe
@may(Permission.LOOK)
def audiences_list(request: Request) -> HttpResponse:
    """List the saved audiences with who said so, and how many orgs each means now."""
    rows = []
    ages: dict[int, datetime | None] = {}
    for saved in saved_audiences.offered():
        package = saved.version.package
        if package.pk not in ages:
            ages[package.pk] = _read_at(package)
        known, problem = _members(saved)
        rows.append((saved, len(known), ages[package.pk], problem))
    context = {"rows": rows, "may_plan": can(request, Permission.PLAN)}
    return show(request, "audiences/list.html", context)


@require_safe
@may(Permission.LOOK)
def audience(request: Request, pk: int) -> HttpResponse:
    """Show whom an audience means now, in words, in a number and org by org."""
    saved = saved_audiences.newest(_found(pk))
    known, problem = _members(saved)
    orgs = {
        org.key: org
        for org in Org.objects.filter(key__in=[one.facts.org for one in known[:LISTED]])
    }
    context = {
        "saved": saved,
        "words": [] if problem else rule_words.sentences(saved.rule),
        "count": len(known),
        "customers": len({one.facts.customer for one in known if one.facts.customer}),
        "read_at": _read_at(saved.version.package),
        "orgs": [(orgs[one.facts.org], one.facts) for one in known[:LISTED]],
        "problem": problem,
        "versions": saved.audience.versions.select_related("by", "package").order_by("-number"),
        "may_plan": can(request, Permission.PLAN),
    }
    return show(request, "audiences/detail.html", context)


@require_safe
@may(Permission.LOOK)
def audience_csv(request: Request, pk: int) -> HttpResponse:
    """Download the orgs that an audience means now."""
    saved = saved_audiences.newest(_found(pk))
    known, problem = _members(saved)
    if problem:
        return show(
            request, "exclusions/refused.html",
            {"refusal": problem, "back": reverse("audience", args=[pk])}, status=UNPROCESSABLE,
        )  # fmt: skip
    return csv_answer(f"audience-{pk}-version-{saved.version.number}", ORG_HEADER, org_rows(known))


ORG_HEADER = (
    "Org ID", "Org", "Kind", "Version", "Status", "Instance", "Customer ID", "Ring", "Tags",
    "Licence", "Licence ends", "Seats", "Failed pushes",
)  # fmt: skip


def org_rows(known: list[Known]) -> list[tuple[object, ...]]:
    """Return orgs as lines of a table under `ORG_HEADER`."""
    names: dict[str, str] = {}
    keys = [one.facts.org for one in known]
    for part in parts(keys):
        names |= dict(Org.objects.filter(key__in=part).values_list("key", "name"))
    return [
        (
            one.facts.org, names.get(one.facts.org, ""),
            "production" if one.facts.is_production else "sandbox", str(one.facts.number),
            one.facts.status, one.facts.instance, one.facts.customer, one.facts.ring,
            ", ".join(sorted(one.facts.tags)), one.facts.licence, one.facts.ends, one.facts.seats,
            one.facts.failures,
        )
        for one in known
    ]  # fmt: skip


@ASK_OR_ACT
@may(Permission.PLAN)
def new(request: Request) -> HttpResponse:
    """Save an audience under a name; perhaps from a list that was read before."""
    initial: dict[str, Any] = {}
    listed = request.GET.get("list", "")
    if listed.isascii() and listed.isdigit():
        held = get_object_or_404(
            IdListRead, pk=int(listed), by=request.user, purpose=list_reads.Purpose.AUDIENCE
        )
        initial["org_ids"] = "\n".join(held.found)
    form = SavedForm(posted(request), initial=initial)
    return _form(request, form, None)


@ASK_OR_ACT
@may(Permission.PLAN)
def edit(request: Request, pk: int) -> HttpResponse:
    """Change what a saved audience means: a new version, the older ones stay."""
    saved = saved_audiences.newest(_found(pk))
    initial = SavedForm.as_typed(saved.version.rule) | {"of_package": saved.version.package_id}
    form = SavedForm(posted(request), initial=initial, named=saved.audience.name)
    return _form(request, form, saved)


def _form(request: Request, form: SavedForm, saved: Saved | None) -> HttpResponse:
    def page(refusal: Refusal | None = None, status: int = OK) -> HttpResponse:
        context = {
            "form": form,
            "saved": saved,
            "problems": sum(len(errors) for errors in form.errors.values()),
            "refusal": refusal,
        }
        return show(request, "audiences/form.html", context, status=status)

    if not form.is_bound:
        return page()
    if not form.is_valid():
        return page(status=UNPROCESSABLE)
    data, rule = form.cleaned_data, form.conditions()

    def store() -> Saved:
        if saved is None:
            return saved_audiences.save(
                data["name"], rule, data["of_package"], by=request.user, now=request.now,
                note=data["note"],
            )  # fmt: skip
        seen = request.POST.get("seen", "")
        return saved_audiences.change(
            saved.audience, rule, data["of_package"],
            seen=int(seen) if seen.isascii() and seen.isdigit() else 0,
            by=request.user, now=request.now, note=data["note"],
        )  # fmt: skip

    try:
        made = store()
    except Refusal as refusal:
        return page(refusal, status_of(refusal))
    return act(
        request,
        lambda: made,
        done=f"“{made.audience}” is saved, version {made.version.number}.",
        to=reverse("audience", args=[made.audience.pk]),
        refused=lambda refusal: page(refusal, status_of(refusal)),
    )


@require_POST
@may(Permission.PLAN)
def drop(request: Request, pk: int) -> HttpResponse:
    """Offer an audience no longer; what was planned with it stays."""
    found = _found(pk)

    def refused(refusal: Refusal) -> HttpResponse:
        context = {"refusal": refusal, "back": reverse("audiences")}
        return show(request, "exclusions/refused.html", context, status=status_of(refusal))

    return act(
        request,
        lambda: saved_audiences.drop(found, by=request.user, now=request.now),
        done=f"“{found}” is no longer offered.",
        to=reverse("audiences"),
        refused=refused,
    )


def _found(pk: int) -> SavedAudience:
    return get_object_or_404(SavedAudience.objects.select_related("made_by"), pk=pk)
