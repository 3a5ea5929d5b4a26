"""Changing the waves of a rollout without dragging: by buttons, by a list, by a selection."""

from __future__ import annotations

from django import forms
from django.core.exceptions import PermissionDenied
from django.core.paginator import Paginator
from django.http import HttpResponse
from django.shortcuts import get_object_or_404
from django.urls import reverse
from django.views.decorators.http import require_safe

from rollouts.access import Request, can, may, refusal
from rollouts.domain import lanes
from rollouts.domain.permissions import Permission
from rollouts.forms import Dressed
from rollouts.models import Rollout
from rollouts.pipeline import id_lists, reshape
from rollouts.views.acts import ASK_OR_ACT, OK, UNPROCESSABLE, act, status_of
from rollouts.views.show import show
from rollouts.views.waves import find

ORGS_SHOWN = 100
IDS_SHOWN = 5
ACTS = {
    "up": "Move up",
    "down": "Move down",
    "merge": "Merge with the next",
    "split": "Split",
    "move": "Move orgs",
}


class EditForm(Dressed):
    """One change: what, of which wave, where to, with which orgs."""

    act = forms.ChoiceField(choices=list(ACTS.items()))
    seen = forms.RegexField(r"^[0-9a-f]{8}$", widget=forms.HiddenInput)
    wave = forms.IntegerField(required=False, min_value=1)
    first = forms.IntegerField(
        required=False,
        min_value=1,
        error_messages={"invalid": "Write how many orgs stay, as a whole number."},
    )
    to = forms.RegexField(r"^(new-)?[0-9]{1,4}$", required=False)
    name = forms.CharField(required=False, max_length=50)
    ids = forms.CharField(required=False, max_length=4_000_000, widget=forms.Textarea)

    def clean_ids(self) -> tuple[str, ...]:
        """Read pasted ids; each line that is none is named with what is wrong with it."""
        text = self.cleaned_data["ids"]
        if not text.strip():
            return ()
        read = id_lists.read_pasted(text)
        problems = [f"Line {one.line}: {one.why}" for one in read.refused[:IDS_SHOWN]]
        if len(read.refused) > IDS_SHOWN:
            problems.append(f"and {len(read.refused) - IDS_SHOWN} more lines like these")
        if problems:
            raise forms.ValidationError(problems)
        return read.found


@ASK_OR_ACT
@may(Permission.LOOK)
def waves(request: Request, slug: str) -> HttpResponse:
    """Show the waves with what can be done to each; every change is checked against the laws."""
    rollout = _find(slug)
    if request.method != "POST":
        return _page(request, rollout)
    if not can(request, Permission.PLAN):
        raise PermissionDenied(refusal(Permission.PLAN))
    form = EditForm(request.POST)
    if not form.is_valid():
        said = " ".join(str(one) for errors in form.errors.values() for one in errors)
        return _page(request, rollout, refused=said, status=UNPROCESSABLE)
    orgs = (*form.cleaned_data["ids"], *request.POST.getlist("orgs"))
    return act(
        request,
        lambda: reshape.change(
            rollout,
            lambda now: _changed(now, form, orgs),
            seen=form.cleaned_data["seen"],
            said=_said(form, len(orgs)),
            by=request.user,
            now=request.now,
        ),
        done=f"{_said(form, len(orgs))}: done. Nothing is frozen or pushed by that.",
        to=reverse("rollout-waves", args=[slug]),
        refused=lambda refused: _page(request, rollout, refused=refused, status=status_of(refused)),
    )


def _changed(now: lanes.Lanes, form: EditForm, orgs: tuple[str, ...]) -> lanes.Lanes:
    at = _place(now, form.cleaned_data["wave"])
    match form.cleaned_data["act"]:
        case "up":
            return lanes.shift(now, at, -1)
        case "down":
            return lanes.shift(now, at, 1)
        case "merge":
            return lanes.merge(now, at)
        case "split":
            return lanes.split(now, at, form.cleaned_data["first"] or lanes.half(now[at]))
        case _:
            to = form.cleaned_data["to"]
            where = _place(now, int(to.removeprefix("new-") or 0))
            if to.startswith("new-"):
                return lanes.add(now, orgs, where, form.cleaned_data["name"])
            return lanes.move(now, orgs, where)


def _place(now: lanes.Lanes, number: int | None) -> int:
    if number is None:
        return 0
    if not 1 <= number <= len(now):
        raise lanes.BadEdit("Choose a wave of this rollout.")
    return number - 1


def _said(form: EditForm, orgs: int) -> str:
    what, wave = ACTS[form.cleaned_data["act"]], form.cleaned_data["wave"]
    if form.cleaned_data["act"] != "move":
        return f"{what}: wave {wave}"
    to = form.cleaned_data["to"]
    after = "a new wave after wave " if to.startswith("new-") else "wave "
    return f"Move {orgs} orgs to {after}{to.removeprefix('new-')}"


def _page(
    request: Request, rollout: Rollout, *, refused: object = None, status: int = OK
) -> HttpResponse:
    shape = reshape.read(rollout)
    facts = reshape.facts_of(rollout, request.now)
    context = {
        "rollout": rollout,
        "shape": shape,
        "lines": _lines(shape.lanes),
        "broken": lanes.broken(shape.lanes, facts, rollout.policy),
        "refusal": refused,
        "may_change": can(request, Permission.PLAN),
        "typed": request.POST.get("ids", ""),
    }
    return show(request, "rollouts/waves.html", context, status=status)


def _lines(shaped: lanes.Lanes) -> list[dict[str, object]]:
    lines, reached = [], 0
    for number, lane in enumerate(shaped, start=1):
        reached += len(lane.orgs)
        lines.append({
            "number": number, "lane": lane, "name": lane.name, "reached": reached,
            "half": lanes.half(lane),
        })  # fmt: skip
    return lines


@require_safe
@may(Permission.PLAN)
def choose(request: Request, slug: str, number: int) -> HttpResponse:
    """List a wave's orgs with boxes to tick; what is ticked is moved."""
    found = find(slug, number)
    rows = found.targets.select_related("org", "from_version").order_by("place")
    shape = reshape.read(found.rollout)
    context = {
        "rollout": found.rollout,
        "wave": found,
        "page": Paginator(rows, ORGS_SHOWN).get_page(request.GET.get("page")),
        "lines": _lines(shape.lanes),
        "shape": shape,
        "locked": next((one.locked for one in shape.lanes if one.key == found.pk), ""),
    }
    return show(request, "waves/choose.html", context)


def _find(slug: str) -> Rollout:
    rows = Rollout.objects.select_related("to_version__package", "author")
    return get_object_or_404(rows, slug=slug)
