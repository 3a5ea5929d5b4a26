"""Step 1 of a draft: which version. A version that can't be pushed is shown with the reason."""

from __future__ import annotations

from django.http import HttpResponse

from rollouts.access import Request, may
from rollouts.domain.permissions import Permission
from rollouts.models import Draft, Package, PackageVersion
from rollouts.pipeline import drafts, plan
from rollouts.pipeline.transitions import Refusal
from rollouts.views import drafts as frame
from rollouts.views.acts import ASK_OR_ACT, OK, UNPROCESSABLE, see
from rollouts.views.show import show

STEP = "version"
Offers = list[tuple[Package, list[tuple[PackageVersion, str]]]]


@ASK_OR_ACT
@may(Permission.PLAN)
def new(request: Request) -> HttpResponse:
    """Begin: nothing is stored before a version is chosen."""
    offers, problem = _offers(), ""
    if request.method == "POST":
        wanted, problem = _wanted(request, offers)
        if wanted:
            draft = drafts.begin(wanted, by=request.user, now=request.now)
            return see(frame.address(draft, "audience"))
    context = {
        "offers": offers,
        "problem": problem,
        "step": STEP,
        "steps": frame.progress(None, STEP),
        "may_change": True,
        "open_drafts": Draft.objects.open().select_related("to_version__package", "changed_by"),
    }
    status = UNPROCESSABLE if problem else OK
    return show(request, "rollouts/draft_version.html", context, status=status)


@ASK_OR_ACT
@may(Permission.LOOK)
def version(request: Request, pk: int) -> HttpResponse:
    """Choose another version for a draft; the audience stays where it still fits."""
    draft, offers = frame.find(pk), _offers()
    context: dict[str, object] = {"offers": offers, "chosen": draft.to_version.sf_id}
    if request.method != "POST":
        return frame.step_page(request, draft, STEP, context)
    frame.must_plan(request)
    wanted, problem = _wanted(request, offers)
    context["problem"] = problem
    if wanted is None:
        return frame.step_page(request, draft, STEP, context, status=UNPROCESSABLE)
    context["chosen"] = wanted.sf_id
    changes: dict[str, object] = {"to_version": wanted}
    if wanted != draft.to_version:
        changes |= {"audience": {}, "waves": {}, "take_over": None}
    try:
        draft = frame.keep(request, draft, STEP, **changes)
    except Refusal as refused:
        return frame.step_page(request, draft, STEP, context, refused=refused)
    return frame.onward(request, draft, STEP)


def _offers() -> Offers:
    packages = Package.objects.order_by("name")
    return [(package, plan.versions_to_offer(package)) for package in packages]


def _wanted(request: Request, offers: Offers) -> tuple[PackageVersion | None, str]:
    """Return the version that was posted, or None and what is wrong with it."""
    known = {version.sf_id: (version, why) for _, rows in offers for version, why in rows}
    wanted, why = known.get(request.POST.get("version", ""), (None, ""))
    if wanted is None:
        return None, "Choose a version."
    return (None, f"That version can't be pushed: {why}.") if why else (wanted, "")
