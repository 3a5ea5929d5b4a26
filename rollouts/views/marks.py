"""What people say of one org: tags, ring, wishes, and whose it is."""

from __future__ import annotations

from django.http import HttpResponse
from django.urls import reverse
from django.views.decorators.http import require_POST

from rollouts.access import Request, may
from rollouts.domain.permissions import Permission
from rollouts.forms_orgs import CustomerForm, MarkForm
from rollouts.models import Account, MarkKind, Org
from rollouts.pipeline import customer_words, customers, marks
from rollouts.pipeline.transitions import Refusal
from rollouts.views.acts import ASK_OR_ACT, OK, UNPROCESSABLE, act, posted, status_of
from rollouts.views.orgs import known_org
from rollouts.views.show import show


@require_POST
@may(Permission.PLAN)
def change(request: Request, key: str) -> HttpResponse:
    """Put a mark on an org or on all of its customer, or take one off."""
    org = known_org(key)
    form = MarkForm(request.POST)

    def deed() -> int:
        if not form.is_valid():
            raise Refusal(next(iter(form.errors.values()))[0])
        kind, value = form.mark()
        account = customers.customers_of([org.pk]).get(org.pk)
        whom: list[Org] | Account = [org]
        if form.cleaned_data["whose"] == "customer":
            if account is None:
                raise Refusal("Nobody knows whose org this is. Say that first.")
            whom = account
        if kind is MarkKind.RING and not value:
            raise Refusal("Choose the ring.")
        act_ = marks.take_off if "off" in request.POST else marks.put_on
        return act_(whom, kind, value, by=request.user, now=request.now)

    def refused(refusal: Refusal) -> HttpResponse:
        context = {"refusal": refusal, "back": reverse("org", args=[org.key])}
        return show(request, "exclusions/refused.html", context, status=status_of(refusal))

    return act(
        request,
        deed,
        done=lambda changed: "It is noted." if changed else "It was so already.",
        to=reverse("org", args=[org.key]),
        refused=refused,
    )


@ASK_OR_ACT
@may(Permission.PLAN)
def customer(request: Request, key: str) -> HttpResponse:
    """Say whose org this is."""
    org = known_org(key)
    form = CustomerForm(posted(request))
    owned = customers.owners([org.pk]).get(org.pk)

    def page(refusal: Refusal | None = None, status: int = OK) -> HttpResponse:
        context = {
            "org": org,
            "account": customers.customers_of([org.pk]).get(org.pk),
            "how": customers.BY_WORDS[owned.by] if owned else "",
            "words": org.customer_words.select_related("account", "by").order_by("-pk"),
            "form": form,
            "problems": sum(len(errors) for errors in form.errors.values()),
            "refusal": refusal,
        }
        return show(request, "orgs/customer.html", context, status=status)

    if not form.is_bound:
        return page()
    if not form.is_valid():
        return page(status=UNPROCESSABLE)
    return act(
        request,
        lambda: customer_words.set_customer(
            org,
            _account(form.cleaned_data["customer"]),
            by=request.user,
            reason=form.cleaned_data["reason"],
            now=request.now,
        ),
        done="It is noted whose org this is.",
        to=reverse("org", args=[org.key]),
        refused=lambda refusal: page(refusal, status_of(refusal)),
    )


def _account(text: str) -> Account | None:
    """Find the account that is meant; empty text means none. Raises Refusal."""
    return customers.account_of(text) if text.strip() else None
