"""Who must not be pushed: everything that stands, what is asked, and what waits for a word."""

from __future__ import annotations

from collections.abc import Callable

from django.core.paginator import Paginator
from django.http import HttpResponse
from django.shortcuts import get_object_or_404
from django.urls import reverse
from django.views.decorators.http import require_POST, require_safe

from rollouts.access import Request, can, may
from rollouts.domain.permissions import Permission
from rollouts.forms import ReasonForm
from rollouts.forms_orgs import ExcludeForm
from rollouts.models import Exclusion
from rollouts.pipeline import blockers, customers, exclusions
from rollouts.pipeline.transitions import Refusal
from rollouts.views.acts import ASK_OR_ACT, OK, UNPROCESSABLE, act, posted, status_of
from rollouts.views.downloads import csv_answer
from rollouts.views.orgs import known_org
from rollouts.views.show import show

PER_PAGE = 100
_TABS = (
    ("standing", "In force"),
    ("asked", "Asked to end"),
    ("undecided", "New sandboxes"),
    ("over", "Over"),
    ("blocking", "Blocked by customers"),
)


def _rows(request: Request, chosen: str) -> list[Exclusion]:
    rows = Exclusion.objects.select_related(
        "org", "account", "by", "end_asked_by", "ended_by", "decided_by", "taken_from__org"
    )
    standing = rows.in_force(request.now)
    found = {
        "standing": standing,
        "asked": standing.exclude(end_asked_by=None),
        "undecided": standing.filter(decided_at=None).exclude(taken_from=None),
        "over": rows.exclude(pk__in=Exclusion.objects.in_force(request.now)),
    }[chosen]
    return list(found.order_by("-since", "-pk"))


@require_safe
@may(Permission.LOOK)
def exclusions_list(request: Request) -> HttpResponse:
    """List exclusions with who, why and until; and the customers who block pushes themselves."""
    standing = _rows(request, "standing")
    counts = {
        "standing": len(standing),
        "asked": sum(row.end_asked_by_id is not None for row in standing),
        "undecided": sum(row.waits_for_decision for row in standing),
        "over": Exclusion.objects.exclude(pk__in=Exclusion.objects.in_force(request.now)).count(),
    }
    blocking = blockers.blockers()
    chosen = request.GET.get("show", "standing")
    if chosen not in dict(_TABS):
        chosen = "standing"
    listed: list[object] = [*(blocking if chosen == "blocking" else _rows(request, chosen))]
    if request.GET.get("as") == "csv":
        return _csv(chosen, listed)
    page = Paginator(listed, PER_PAGE).get_page(request.GET.get("page"))
    context = {
        "tabs": [
            (name, label, len(blocking) if name == "blocking" else counts[name])
            for name, label in _TABS
        ],
        "chosen": chosen,
        "page": page,
        "may_exclude": can(request, Permission.EXCLUDE),
        "may_ask": can(request, Permission.ASK_END_EXCLUSION),
        "may_confirm": can(request, Permission.CONFIRM_END_EXCLUSION),
        "may_plan": can(request, Permission.PLAN),
    }
    return show(request, "exclusions/list.html", context)


def _csv(chosen: str, listed: list[object]) -> HttpResponse:
    if chosen == "blocking":
        return csv_answer(
            "orgs-that-block-pushes",
            blockers.CSV_HEADER,
            (blockers.csv_row(one) for one in listed if isinstance(one, blockers.Blocker)),
        )
    return csv_answer(
        f"exclusions-{chosen}",
        ("Org ID", "Org", "Customer", "Reason", "By", "Since", "Until", "Ended"),
        (
            (
                one.org.key if one.org else "", one.org.name if one.org else "",
                one.account.name if one.account else "", one.reason, one.by, one.since, one.until,
                one.ended_at,
            )
            for one in listed
            if isinstance(one, Exclusion)
        ),
    )  # fmt: skip


@ASK_OR_ACT
@may(Permission.EXCLUDE)
def exclude_org(request: Request, key: str) -> HttpResponse:
    """Keep this org, or all orgs of its customer, from being pushed."""
    org = known_org(key)
    account = customers.customers_of([org.pk]).get(org.pk)
    form = ExcludeForm(posted(request), initial={"whose": "org"})

    def page(refusal: Refusal | None = None, status: int = OK) -> HttpResponse:
        context = {
            "org": org,
            "account": account,
            "form": form,
            "problems": sum(len(errors) for errors in form.errors.values()),
            "refusal": refusal,
        }
        return show(request, "exclusions/exclude.html", context, status=status)

    if not form.is_bound:
        return page()
    if not form.is_valid():
        return page(status=UNPROCESSABLE)
    whom = account if account and form.cleaned_data["whose"] == "customer" else org
    return act(
        request,
        lambda: exclusions.exclude(
            whom,
            reason=form.cleaned_data["reason"],
            until=form.end(),
            by=request.user,
            now=request.now,
        ),
        done=f"{whom} is not pushed from now on.",
        to=reverse("org", args=[org.key]),
        refused=lambda refusal: page(refusal, status_of(refusal)),
    )


@ASK_OR_ACT
@may(Permission.ASK_END_EXCLUSION)
def ask_end(request: Request, pk: int) -> HttpResponse:
    """Ask that an exclusion ends before its time; another approver confirms."""
    found = _found(pk)
    form = ReasonForm(posted(request))

    def page(refusal: Refusal | None = None, status: int = OK) -> HttpResponse:
        context = {
            "exclusion": found,
            "form": form,
            "problems": len(form.errors),
            "refusal": refusal,
        }
        return show(request, "exclusions/ask_end.html", context, status=status)

    if not form.is_bound:
        return page()
    if not form.is_valid():
        return page(status=UNPROCESSABLE)
    return act(
        request,
        lambda: exclusions.ask_end(
            found, reason=form.cleaned_data["reason"], by=request.user, now=request.now
        ),
        done="Asked. It ends when an approver other than you confirms.",
        to=_tab("asked"),
        refused=lambda refusal: page(refusal, status_of(refusal)),
    )


@require_POST
@may(Permission.CONFIRM_END_EXCLUSION)
def confirm_end(request: Request, pk: int) -> HttpResponse:
    """End it early, as somebody else has asked."""
    return _decided(
        request,
        lambda: exclusions.confirm_end(_found(pk), by=request.user, now=request.now),
        "The exclusion has ended; it may be pushed again.",
        "asked",
    )


@require_POST
@may(Permission.EXCLUDE)
def keep(request: Request, pk: int) -> HttpResponse:
    """Decline that it ends early."""
    return _decided(
        request,
        lambda: exclusions.keep(_found(pk), by=request.user, now=request.now),
        "The exclusion stays as it was.",
        "asked",
    )


@require_POST
@may(Permission.PLAN)
def decide(request: Request, pk: int) -> HttpResponse:
    """Say whether a new sandbox shall keep what it took over from its parent."""
    stays = request.POST.get("stays") != "no"
    return _decided(
        request,
        lambda: exclusions.decide(_found(pk), stays=stays, by=request.user, now=request.now),
        "The sandbox stays excluded." if stays else "The sandbox may be pushed.",
        "undecided",
    )


def _decided(request: Request, deed: Callable[[], object], done: str, tab: str) -> HttpResponse:
    def refused(refusal: Refusal) -> HttpResponse:
        context = {"refusal": refusal, "back": _tab(tab)}
        return show(request, "exclusions/refused.html", context, status=status_of(refusal))

    return act(request, deed, done=done, to=_tab(tab), refused=refused)


def _tab(name: str) -> str:
    return f"{reverse('exclusions')}?show={name}"


def _found(pk: int) -> Exclusion:
    rows = Exclusion.objects.select_related("org", "account", "by", "end_asked_by")
    return get_object_or_404(rows, pk=pk)
