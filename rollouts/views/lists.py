"""Lists of org ids: brought, read, shown with every refused line, and only then used."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.urls import reverse
from django.views.decorators.http import require_safe

from rollouts.access import Request, can, may, refusal
from rollouts.domain.permissions import Permission
from rollouts.forms_audience import IDS_TYPED
from rollouts.forms_orgs import ExcludeForm, ListForm, MarkForm
from rollouts.models import Draft, IdListRead, Org
from rollouts.pipeline import drafts, list_reads
from rollouts.pipeline.id_lists import BadFile
from rollouts.pipeline.list_reads import NEEDS, Purpose
from rollouts.pipeline.transitions import Refusal, writing
from rollouts.views import drafts as frame
from rollouts.views.acts import ASK_OR_ACT, OK, UNPROCESSABLE, act, posted, see, status_of
from rollouts.views.downloads import csv_answer
from rollouts.views.show import show

SHOWN = 200
TITLES = {
    Purpose.MARK: "Mark a list of orgs",
    Purpose.UNMARK: "Take a mark off a list of orgs",
    Purpose.EXCLUDE: "Exclude a list of orgs",
    Purpose.AUDIENCE: "An audience from a list of orgs",
    Purpose.DRAFT: "A list of orgs for this rollout",
}
DOES = {
    Purpose.MARK: "Mark",
    Purpose.UNMARK: "Take the mark off",
    Purpose.EXCLUDE: "Exclude",
    Purpose.AUDIENCE: "Make an audience of",
    Purpose.DRAFT: "Start from",
}


def _purpose(request: Request, word: str) -> Purpose:
    try:
        purpose = Purpose(word)
    except ValueError:
        raise Http404("There is no such use of a list.") from None
    if not can(request, NEEDS[purpose]):
        raise PermissionDenied(refusal(NEEDS[purpose]))
    return purpose


@ASK_OR_ACT
@may(Permission.LOOK)
def new(request: Request, purpose: str, pk: int = 0) -> HttpResponse:
    """Bring a list, pasted or as a file. Nothing is done with it before it has been shown."""
    aim = _purpose(request, purpose)
    draft = frame.find(pk) if aim is Purpose.DRAFT else None
    form = ListForm(posted(request), request.FILES or None)
    extra = _extra(request, aim)

    def page(problem: Refusal | None = None, status: int = OK) -> HttpResponse:
        context = {
            "form": form,
            "extra": extra,
            "problems": sum(len(errors) for errors in form.errors.values()),
            "refusal": problem,
            "title": TITLES[aim],
            "purpose": aim.value,
            "draft": draft,
        }
        return show(request, "lists/new.html", context, status=status)

    if not form.is_bound:
        return page()
    # Both are looked at, so that all problems are said at once.
    good = [one.is_valid() for one in (form, extra) if one is not None]
    if not all(good):
        return page(status=UNPROCESSABLE)
    try:
        read, source = form.read()
        package = draft.to_version.package if draft else None
        held = list_reads.keep(
            list_reads.check(read, package),
            aim,
            _wanted(extra) | ({"draft": draft.pk} if draft else {}),
            source,
            by=request.user,
            now=request.now,
        )
    except (BadFile, Refusal) as bad:
        return page(bad, status_of(bad))
    return see(reverse("list", args=[held.pk]))


def _extra(request: Request, aim: Purpose) -> MarkForm | ExcludeForm | None:
    if aim in {Purpose.MARK, Purpose.UNMARK}:
        return MarkForm(posted(request))
    return ExcludeForm(posted(request)) if aim is Purpose.EXCLUDE else None


def _wanted(extra: MarkForm | ExcludeForm | None) -> dict[str, Any]:
    if isinstance(extra, MarkForm):
        kind, value = extra.mark()
        return {"kind": kind.value, "value": value}
    if isinstance(extra, ExcludeForm):
        end = extra.end()
        return {
            "reason": extra.cleaned_data["reason"],
            "until": end.isoformat() if end else "",
        }
    return {}


@ASK_OR_ACT
@may(Permission.LOOK)
def read_list(request: Request, pk: int) -> HttpResponse:
    """Show what came of a list, every refused line too; and use it, once."""
    held = _held(request, pk)
    aim = _purpose(request, held.purpose)

    def page(problem: Refusal | None = None, status: int = OK) -> HttpResponse:
        names = dict(Org.objects.filter(key__in=held.found[:SHOWN]).values_list("key", "name"))
        context = {
            "held": held,
            "found": [(key, names.get(key, "")) for key in held.found[:SHOWN]],
            "refused": list_reads.refused_of(held)[:SHOWN],
            "title": TITLES[aim],
            "does": DOES[aim],
            "wanted": _in_words(held),
            "refusal": problem,
            "again": _again(held),
        }
        return show(request, "lists/read.html", context, status=status)

    if request.method != "POST":
        return page()
    typed = request.POST.get("accepted", "0")
    accepted = int(typed) if typed.isascii() and typed.isdigit() and len(typed) < 8 else -1  # noqa: PLR2004
    if aim is Purpose.AUDIENCE:
        return _to_audience(request, held, accepted)
    if aim is Purpose.DRAFT:
        return _to_draft(request, held, accepted, page)
    return act(
        request,
        lambda: list_reads.use(held, accepted=accepted, by=request.user, now=request.now),
        done=lambda changed: (
            f"{changed} orgs changed, {len(held.found) - changed} were so already."
        ),
        to=reverse("exclusions") if aim is Purpose.EXCLUDE else reverse("list", args=[held.pk]),
        refused=lambda problem: page(problem, status_of(problem)),
    )


def _to_draft(request: Request, held: IdListRead, accepted: int, page: Any) -> HttpResponse:
    draft = get_object_or_404(Draft, pk=held.wanted["draft"])
    try:
        with writing():
            list_reads.claim(held, accepted=accepted, by=request.user, now=request.now)
            stored = {**draft.audience, "org_ids": held.found}
            for name in ("base", "saved", "saved_version"):
                stored.pop(name, None)
            drafts.save(
                draft, rev=draft.rev, step="audience", by=request.user, now=request.now,
                audience=stored,
            )  # fmt: skip
    except Refusal as problem:
        answer: HttpResponse = page(problem, status_of(problem))
        return answer
    messages.success(request, f"{len(held.found)} orgs of the list are in the draft.")
    return see(frame.address(draft, "audience"))


def _to_audience(request: Request, held: IdListRead, accepted: int) -> HttpResponse:
    """Go on to the form of a new audience; what is stored there is stored by that page."""
    if len(held.found) > IDS_TYPED:
        messages.error(
            request,
            f"A saved audience lists {IDS_TYPED:,} orgs at most. Tag these orgs and save the tag, "
            "or bring the list to a draft.",
        )
        return see(reverse("list", args=[held.pk]))
    if accepted != len(held.refused) or not held.found:
        messages.error(request, "Tick that the refused lines are to be left out.")
        return see(reverse("list", args=[held.pk]))
    return redirect(f"{reverse('audience-new')}?list={held.pk}")


@require_safe
@may(Permission.LOOK)
def refused_csv(request: Request, pk: int) -> HttpResponse:
    """Download every refused line with its number and reason."""
    held = _held(request, pk)
    rows = ((one.line, one.text, one.why) for one in list_reads.refused_of(held))
    return csv_answer(f"refused-lines-{held.pk}", ("Line", "Text", "Why"), rows)


def _held(request: Request, pk: int) -> IdListRead:
    """A list is its reader's own business until it is used."""
    return get_object_or_404(IdListRead, pk=pk, by=request.user)


def _in_words(held: IdListRead) -> str:
    wanted = held.wanted
    if "kind" in wanted:
        return f"{wanted['kind'].replace('_', ' ')} {wanted.get('value', '')}".strip()
    if "reason" in wanted:
        end = wanted.get("until")
        until = f"{datetime.fromisoformat(end):%d %b %Y}" if end else "it is ended"
        return f"“{wanted['reason']}”, until {until}"
    return ""


def _again(held: IdListRead) -> str:
    if held.purpose == Purpose.DRAFT:
        return reverse("list-new-draft", args=[held.wanted["draft"]])
    return reverse("list-new", args=[held.purpose])
