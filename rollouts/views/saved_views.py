"""Saved views of lists: keep what a list shows now under a name, change it, let it go."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from django.contrib import messages
from django.http import Http404, HttpResponse
from django.shortcuts import get_object_or_404
from django.urls import reverse
from django.views.decorators.http import require_POST, require_safe

from rollouts.access import Request, may
from rollouts.domain.permissions import Permission
from rollouts.forms_views import ViewForm
from rollouts.models import SavedView
from rollouts.pipeline import saved_views
from rollouts.pipeline.transitions import Refusal
from rollouts.views.acts import ASK_OR_ACT, UNPROCESSABLE, posted, see, status_of
from rollouts.views.listing import address_of
from rollouts.views.show import show

# The lists that have views, by the names of their addresses. These take no arguments.
PAGES = {"orgs": "Orgs"}


@require_safe
@may(Permission.LOOK)
def views(request: Request) -> HttpResponse:
    """List every view that the person is offered, list by list."""
    rows = SavedView.objects.seen_by(request.user).select_related("owner").order_by("page", "name")
    lines = [
        (view, PAGES[view.page], address_of(reverse(view.page), view))
        for view in rows
        if view.page in PAGES
    ]
    return show(request, "views/list.html", {"lines": lines})


@ASK_OR_ACT
@may(Permission.LOOK)
def new(request: Request) -> HttpResponse:
    """Keep what a list shows now under a name."""
    asked = request.POST if request.method == "POST" else request.GET
    page, query = asked.get("page", ""), saved_views.canonical(asked.get("query", ""))
    if page not in PAGES:
        raise Http404("This list has no views.")
    form = ViewForm(posted(request))
    context = {"form": form, "page": page, "list": PAGES[page], "query": query, "view": None}

    def save() -> SavedView:
        given = form.cleaned_data
        return saved_views.save(
            given["name"], page, query, shared=given["shared"], by=request.user, now=request.now
        )

    return _asked(request, context, save)


@ASK_OR_ACT
@may(Permission.LOOK)
def edit(request: Request, pk: int) -> HttpResponse:
    """Give a view another name, or offer it to everybody or to its owner alone."""
    view = _found(request, pk)
    form = ViewForm(posted(request), initial={"name": view.name, "shared": view.shared})
    context = {
        "form": form,
        "page": view.page,
        "list": PAGES[view.page],
        "query": view.query,
        "view": view,
    }

    def change() -> SavedView:
        given = form.cleaned_data
        return saved_views.change(
            view, name=given["name"], query=view.query, shared=given["shared"],
            by=request.user, now=request.now,
        )  # fmt: skip

    return _asked(request, context, change)


@require_POST
@may(Permission.LOOK)
def update(request: Request, pk: int) -> HttpResponse:
    """Keep what the list shows now under the name of the view it began as."""
    view = _found(request, pk)
    query = request.POST.get("query", "")
    return _done(
        request,
        lambda: saved_views.change(
            view, name=view.name, query=query, shared=view.shared, by=request.user, now=request.now
        ),
    )


@require_POST
@may(Permission.LOOK)
def delete(request: Request, pk: int) -> HttpResponse:
    """Let a view go; the list stays."""
    view = _found(request, pk)
    try:
        saved_views.delete(view, by=request.user, now=request.now)
    except Refusal as refusal:
        return _refused(request, refusal)
    messages.success(request, f"The view “{view}” is gone; the orgs are as they were.")
    return see(reverse("views"))


def _asked(
    request: Request, context: dict[str, Any], deed: Callable[[], SavedView]
) -> HttpResponse:
    form: ViewForm = context["form"]
    context["problems"] = len(form.errors)
    if not form.is_bound:
        return show(request, "views/form.html", context)
    if not form.is_valid():
        return show(request, "views/form.html", context, status=UNPROCESSABLE)
    return _done(request, deed, context)


def _done(
    request: Request, deed: Callable[[], SavedView], context: dict[str, Any] | None = None
) -> HttpResponse:
    """Do it and go to the list; a refusal is said where the person typed."""
    try:
        view = deed()
    except Refusal as refusal:
        if context is None:
            return _refused(request, refusal)
        context["refusal"] = refusal
        return show(request, "views/form.html", context, status=status_of(refusal))
    messages.success(request, f"The view “{view}” is kept.")
    return see(address_of(reverse(view.page), view))


def _refused(request: Request, refusal: Refusal) -> HttpResponse:
    context = {"refusal": refusal, "back": reverse("views")}
    return show(request, "exclusions/refused.html", context, status=status_of(refusal))


def _found(request: Request, pk: int) -> SavedView:
    """A view that nobody shares is its owner's own business."""
    rows = SavedView.objects.seen_by(request.user).select_related("owner")
    return get_object_or_404(rows, pk=pk, page__in=PAGES)
