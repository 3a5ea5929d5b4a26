"""The policies under /settings/policies/: what is in force, what was, and changing one."""

from __future__ import annotations

from django.contrib import messages
from django.http import Http404, HttpResponse
from django.shortcuts import get_object_or_404
from django.urls import reverse
from django.views.decorators.http import require_POST, require_safe

from rollouts.access import Request, can, may
from rollouts.domain.permissions import Permission
from rollouts.domain.profiles import GROUPS, Profile, changed, default, words
from rollouts.forms import ReasonForm
from rollouts.models import PolicyVersion, Rollout
from rollouts.pipeline import profiles
from rollouts.pipeline.transitions import Refusal
from rollouts.views.acts import ASK_OR_ACT, OK, UNPROCESSABLE, act, posted, see, status_of
from rollouts.views.policy_form import PolicyForm
from rollouts.views.show import show


@require_safe
@may(Permission.LOOK)
def policies(request: Request) -> HttpResponse:
    """List the four policies with their version in force and what waits for a second person."""
    waiting = {row.profile: row for row in PolicyVersion.objects.waiting()}
    lines = [
        (profile, *profiles.in_force(profile), waiting.get(profile.value)) for profile in Profile
    ]
    return show(request, "settings/policies.html", {"lines": lines})


@require_safe
@may(Permission.LOOK)
def policy(request: Request, name: str) -> HttpResponse:
    """Show a policy's rules, a change that waits, and all versions with what each changed."""
    return show(request, "settings/policy.html", _detail(request, _profile(name)))


def _detail(request: Request, profile: Profile) -> dict[str, object]:
    number, rules = profiles.in_force(profile)
    rows = list(
        PolicyVersion.objects.filter(profile=profile.value)
        .select_related("made_by", "confirmed_by", "refused_by")
        .order_by("number")
    )
    history, before = [], default(profile)
    for row in rows:
        history.append((row, changed(before, row.policy)))
        if row.in_force_at:
            before = row.policy
    waiting = next((row for row in rows if not row.in_force_at and not row.refused_at), None)
    return {
        "profile": profile,
        "number": number,
        "groups": [
            (title, [(rule.label, words(rule, rules)) for rule in group]) for title, group in GROUPS
        ],
        "history": history[::-1],
        "waiting": waiting,
        "changes": changed(rules, waiting.policy) if waiting else (),
        "confirm_refusal": profiles.confirm_refusal(waiting, request.user) if waiting else "",
        "may_change": can(request, Permission.CHANGE_POLICY) and waiting is None,
        "may_confirm": can(request, Permission.CONFIRM_POLICY),
        "is_asker": waiting is not None and waiting.made_by_id == request.user.pk,
    }


@ASK_OR_ACT
@may(Permission.CHANGE_POLICY)
def change(request: Request, name: str) -> HttpResponse:
    """Change a policy with a reason: at once when it only tightens, else by two people."""
    profile = _profile(name)
    number, rules = profiles.in_force(profile)
    form = PolicyForm(posted(request), profile=profile, policy=rules, initial={"base": number})
    context = {"profile": profile, "form": form}
    if not form.is_valid():
        context["problems"] = sum(len(errors) for errors in form.errors.values())
        status = UNPROCESSABLE if form.is_bound else OK
        return show(request, "settings/policy_change.html", context, status=status)
    try:
        made = profiles.change(
            profile,
            form.policy(),
            base=form.cleaned_data["base"],
            reason=form.cleaned_data["reason"],
            by=request.user,
            now=request.now,
        )
    except Refusal as refused:
        context["refusal"] = refused
        return show(request, "settings/policy_change.html", context, status=status_of(refused))
    if made.in_force_at:
        messages.success(request, f"Version {made.number} is in force for new rollouts.")
    else:
        messages.success(request, "It loosens a guard, so it waits for an approver to agree.")
    return see(reverse("policy", args=[profile.value]))


@require_POST
@may(Permission.CONFIRM_POLICY)
def confirm(request: Request, name: str, number: int) -> HttpResponse:
    """Agree to a change that loosens a guard."""
    return _decide(request, name, number, "confirm")


@require_POST
@may(Permission.LOOK)
def refuse(request: Request, name: str, number: int) -> HttpResponse:
    """Refuse a waiting change, or take one's own back."""
    return _decide(request, name, number, "refuse")


def _decide(request: Request, name: str, number: int, how: str) -> HttpResponse:
    profile = _profile(name)
    row = get_object_or_404(PolicyVersion, profile=profile.value, number=number)
    deed = profiles.confirm if how == "confirm" else profiles.refuse

    def refused(refusal: Refusal) -> HttpResponse:
        context = _detail(request, profile) | {"refusal": refusal}
        return show(request, "settings/policy.html", context, status=status_of(refusal))

    done = "is in force for new rollouts" if how == "confirm" else "is refused"
    return act(
        request,
        lambda: deed(row, by=request.user, now=request.now),
        done=f"Version {number} {done}.",
        to=reverse("policy", args=[profile.value]),
        refused=refused,
    )


@ASK_OR_ACT
@may(Permission.REVIEW_EMERGENCY)
def review(request: Request, slug: str) -> HttpResponse:
    """Write the review that each emergency rollout is owed once it is over."""
    rollout = get_object_or_404(Rollout.objects.select_related("to_version__package"), slug=slug)
    form = ReasonForm(posted(request))
    form.fields["reason"].label = "What happened, was the haste needed, what is to change?"
    context = {
        "rollout": rollout,
        "form": form,
        "problems": sum(len(errors) for errors in form.errors.values()),
    }
    if not form.is_valid():
        status = UNPROCESSABLE if form.is_bound else OK
        return show(request, "rollouts/review.html", context, status=status)
    return act(
        request,
        lambda: profiles.review(
            rollout, text=form.cleaned_data["reason"], by=request.user, now=request.now
        ),
        done="The review is written down.",
        to=reverse("rollout", args=[slug]),
        refused=lambda refusal: show(
            request,
            "rollouts/review.html",
            context | {"refusal": refusal},
            status=status_of(refusal),
        ),
    )


def _profile(name: str) -> Profile:
    try:
        return Profile(name)
    except ValueError:
        raise Http404 from None
