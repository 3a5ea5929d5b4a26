"""One kind of failure: its orgs, Salesforce's words, what people say of it, and its retry."""

from __future__ import annotations

from dataclasses import replace
from zoneinfo import ZoneInfo

from django.http import Http404, HttpResponse
from django.urls import reverse
from django.views.decorators.http import require_POST, require_safe

from rollouts.access import Request, can, may
from rollouts.domain.permissions import Permission
from rollouts.forms_triage import KindRetryForm, TriageForm
from rollouts.models import Rollout
from rollouts.pipeline import kind_retry, triage, zones
from rollouts.pipeline.failing import Hit, Now
from rollouts.pipeline.report import kinds
from rollouts.pipeline.report.kinds import Kind
from rollouts.pipeline.report.one_kind import OrgLine, case_text, org_lines, texts_of
from rollouts.pipeline.transitions import Refusal
from rollouts.views import listing
from rollouts.views.acts import ASK_OR_ACT, OK, UNPROCESSABLE, act, posted, status_of
from rollouts.views.downloads import csv_answer
from rollouts.views.rollouts import find
from rollouts.views.show import show

SHOWS: dict[str, tuple[str, frozenset[Now]]] = {
    "all": ("All", frozenset(Now)),
    "open": ("Failed", frozenset({Now.OPEN})),
    "upgraded": ("Upgraded since", frozenset({Now.UPGRADED})),
    "blocked": ("Blocked by the customer", frozenset({Now.BLOCKED})),
    "elsewhere": ("Waiting or out", frozenset({Now.RETRYING, Now.OTHERWISE, Now.OVER})),
}


def _find(key: str, slug: str) -> tuple[Kind, Kind, Rollout | None]:
    """Return the kind in the rollout, the same everywhere, and the rollout; or answer 404."""
    everywhere = kinds.find(key)
    rollout = find(slug) if slug else None
    here = kinds.within(everywhere, slug) if everywhere and slug else everywhere
    if here is None or everywhere is None:
        raise Http404("No push has failed like this.")
    return here, everywhere, rollout


@require_safe
@may(Permission.LOOK)
def failure(request: Request, key: str, slug: str = "") -> HttpResponse:
    """Show one kind of failure, in one rollout or in all; its orgs also as CSV."""
    here, everywhere, rollout = _find(key, slug)
    if request.GET.get("as") == "csv":
        return _csv(request, here, _listed(here, request.GET.get("show", "")))
    return _page(request, here, everywhere, rollout)


def _listed(kind: Kind, shown: str) -> list[Hit]:
    wanted = SHOWS.get(shown, SHOWS["all"])[1]
    return [one for one in kind.hits if one.now in wanted]


def _page(
    request: Request,
    here: Kind,
    everywhere: Kind,
    rollout: Rollout | None,
    form: TriageForm | None = None,
    refusal: Refusal | None = None,
    status: int = OK,
) -> HttpResponse:
    shown = request.GET.get("show", "all")
    listed = _listed(here, shown)
    page = listing.page_of(request, listed, len(listed))
    lines = org_lines(list(page))
    context = {
        "kind": here,
        "rollout": rollout,
        "known": here.known,
        "shown": shown if shown in SHOWS else "all",
        "tabs": [
            (name, label, sum(one.now in wanted for one in here.hits))
            for name, (label, wanted) in SHOWS.items()
        ],
        "page": page,
        "lines": lines,
        "has_ids": any(line.error_id for line in lines),
        "texts": texts_of(lines),
        "case": case_text(here, lines, len(listed)) if lines else "",
        "in_common": kinds.in_common(here),
        "beside": everywhere.seen_beside(rollout.slug if rollout else ""),
        "form": form or TriageForm(said=here.triage),
        "problems": len(form.errors) if form else 0,
        "refusal": refusal,
        "may_triage": can(request, Permission.TRIAGE),
        "may_retry": can(request, Permission.FREEZE),
    }
    return show(request, "failures/kind.html", context, status=status)


@require_POST
@may(Permission.TRIAGE)
def say(request: Request, key: str, slug: str = "") -> HttpResponse:
    """Store what a person says of the kind; "mine" only makes them its owner."""
    here, everywhere, rollout = _find(key, slug)
    mine = "mine" in request.POST
    form = TriageForm(request.POST, said=here.triage)
    seen = request.POST.get("seen", "")
    if not (seen.isdecimal() if mine else form.is_valid()):
        return _page(request, here, everywhere, rollout, form, status=UNPROCESSABLE)
    word = replace(triage.word_of(here.triage), owner=request.user) if mine else form.word()
    return act(
        request,
        lambda: triage.say(
            here.package,
            here.signature,
            word,
            seen=int(seen),
            by=request.user,
            now=request.now,
            rollout=rollout,
        ),
        done="It is yours." if mine else "Noted.",
        to=_address(key, slug),
        refused=lambda refusal: _page(
            request,
            here,
            everywhere,
            rollout,
            None if mine else form,
            refusal,
            status_of(refusal),
        ),
    )


def _address(key: str, slug: str) -> str:
    return reverse("rollout-failure", args=[slug, key]) if slug else reverse("failure", args=[key])


@ASK_OR_ACT
@may(Permission.FREEZE)
def retry(request: Request, slug: str, key: str) -> HttpResponse:
    """Ask to retry exactly the orgs of this kind; they make a new list that somebody approves."""
    here, _, rollout = _find(key, slug)
    assert rollout is not None  # noqa: S101 - the address has its slug
    form = KindRetryForm(posted(request))

    def page(refusal: Refusal | None = None, status: int = OK) -> HttpResponse:
        context = {
            "kind": here,
            "rollout": rollout,
            "plan": kind_retry.plan_of(rollout, here.every),
            "form": form,
            "problems": sum(len(errors) for errors in form.errors.values()),
            "refusal": refusal,
        }
        return show(request, "failures/retry.html", context, status=status)

    if not form.is_valid():
        return page(status=UNPROCESSABLE if form.is_bound else OK)
    return act(
        request,
        lambda: kind_retry.ask(
            rollout,
            here.package,
            here.signature,
            seen=form.cleaned_data["seen"],
            by=request.user,
            reason=form.cleaned_data["reason"],
            now=request.now,
        ),
        done=_done,
        to=_address(key, slug),
        refused=lambda refusal: page(refusal, status_of(refusal)),
    )


def _done(plan: kind_retry.Plan) -> str:
    waves = " and ".join(f"wave {one.wave.number}" for one in plan.going)
    skipped = f" Not with them: {'; '.join(plan.skipped)}." if plan.skipped else ""
    return (
        f"{kind_retry.orgs_in_words(plan.orgs)} wait for a new list in {waves}: freeze it, then "
        f"somebody else approves it.{skipped}"
    )


_HEADER = (
    "Org ID", "Org", "Kind of org", "Came from", "To", "Rollout", "Wave", "Tries", "Now",
    "Push request", "Push job", "Ended (UTC)", "Ended (local)", "Error ID", "Salesforce's text",
)  # fmt: skip


def _csv(request: Request, kind: Kind, listed: list[Hit]) -> HttpResponse:
    places = zones.org_times({one.org for one in listed}, request.now)

    def row(line: OrgLine) -> tuple[object, ...]:
        attempt, hit = line.attempt, line.hit
        place = places.get(hit.org)
        return (
            attempt.org.key, attempt.org.name,
            "our own" if hit.own else "production" if hit.production else "sandbox",
            attempt.target.from_version.label, attempt.version.label, hit.slug, hit.wave, hit.tries,
            hit.now.value, attempt.batch.sf_id, attempt.sf_id, hit.at,
            hit.at.astimezone(ZoneInfo(place.zones[0])) if place else None,
            line.error_id or "", line.text,
        )  # fmt: skip

    return csv_answer(f"failure-{kind.key}", _HEADER, map(row, org_lines(listed)))
