"""Step 3 of a draft: the waves that the policy cuts, and which policy that is."""

from __future__ import annotations

from django import forms
from django.http import HttpResponse

from rollouts.access import Request, may
from rollouts.domain.permissions import Permission
from rollouts.domain.profiles import Profile
from rollouts.forms import REASON_LIMIT, Dressed
from rollouts.models import Draft
from rollouts.pipeline.transitions import Refusal
from rollouts.views import drafts as frame
from rollouts.views.acts import ASK_OR_ACT, UNPROCESSABLE, posted

STEP = "waves"


class ProfileForm(Dressed):
    """Which policy; an emergency needs its reason."""

    profile = forms.ChoiceField(
        label="Policy",
        required=False,
        choices=[
            ("", "by the size of the jump"),
            *((one.value, one.value) for one in (Profile.MINOR, Profile.MAJOR)),
            (Profile.EMERGENCY.value, "emergency: waits hours, two people, reviewed afterwards"),
        ],
        help_text="A stricter one than the jump asks for, or the one for emergencies.",
    )
    emergency = forms.CharField(
        label="Why is it an emergency?",
        required=False,
        max_length=REASON_LIMIT,
        widget=forms.Textarea(attrs={"rows": 2}),
        help_text="Only for an emergency; stays in the history, and is reviewed afterwards.",
    )

    def clean_emergency(self) -> str:
        """Ask for the reason where one is owed."""
        reason: str = self.cleaned_data["emergency"].strip()
        if self.cleaned_data.get("profile") == Profile.EMERGENCY.value and not reason:
            raise forms.ValidationError("Say why this is an emergency.")
        return reason


@ASK_OR_ACT
@may(Permission.LOOK)
def waves(request: Request, pk: int) -> HttpResponse:
    """Show the cut; another policy cuts it anew."""
    draft = frame.find(pk)
    kept = {"profile": draft.profile, "emergency": draft.reasons.get("emergency", "")}
    form = ProfileForm(posted(request), initial=kept)
    if not form.is_bound:
        return frame.step_page(request, draft, STEP, _context(form))
    frame.must_plan(request)
    if not form.is_valid():
        return frame.step_page(request, draft, STEP, _context(form), status=UNPROCESSABLE)
    try:
        draft = frame.keep(request, draft, STEP, **_changes(draft, form))
    except Refusal as refused:
        return frame.step_page(request, draft, STEP, _context(form), refused=refused)
    return frame.onward(request, draft, STEP)


def _changes(draft: Draft, form: ProfileForm) -> dict[str, object]:
    reasons = {code: text for code, text in draft.reasons.items() if code != "emergency"}
    profile = form.cleaned_data["profile"]
    if profile == Profile.EMERGENCY.value:
        reasons["emergency"] = form.cleaned_data["emergency"]
    return {"profile": profile, "reasons": reasons}


def _context(form: ProfileForm) -> dict[str, object]:
    problems = sum(len(errors) for errors in form.errors.values()) if form.is_bound else 0
    return {"form": form, "problems": problems}
