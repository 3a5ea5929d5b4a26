"""What people may type on the pages of failures."""

from __future__ import annotations

from typing import Any

from django import forms

from rollouts.domain.triage import WORDS, TriageState
from rollouts.forms import REASON_LIMIT, Dressed, ReasonForm
from rollouts.models import FailureTriage, Person
from rollouts.pipeline.triage import Word


class TriageForm(Dressed):
    """A person's word on a kind of failure; ``seen`` is how often it had been changed."""

    state = forms.ChoiceField(label="State", choices=[(one.value, WORDS[one]) for one in WORDS])
    owner = forms.ModelChoiceField(
        Person.objects.filter(is_active=True).order_by("name"),
        label="Owner",
        required=False,
        empty_label="nobody",
    )
    link = forms.CharField(
        label="Issue or case",
        required=False,
        max_length=400,
        help_text="An address, or the number of a case.",
    )
    note = forms.CharField(
        label="Note",
        required=False,
        max_length=REASON_LIMIT,
        widget=forms.Textarea(attrs={"rows": 3}),
        help_text="Shown wherever this kind is met again, in any rollout of the package.",
    )
    seen = forms.IntegerField(widget=forms.HiddenInput, min_value=0)

    def __init__(self, *args: Any, said: FailureTriage | None = None, **kwargs: Any) -> None:
        initial = {"state": TriageState.NEW.value, "seen": 0}
        if said is not None:
            initial = {
                "state": said.state,
                "owner": said.owner_id,
                "link": said.link,
                "note": said.note,
                "seen": said.number,
            }
        super().__init__(*args, initial=initial, **kwargs)

    def word(self) -> Word:
        """Return what was said; valid forms only."""
        given = self.cleaned_data
        return Word(TriageState(given["state"]), given["owner"], given["note"], given["link"])


class KindRetryForm(ReasonForm):
    """A retry of exactly the orgs on the page: ``seen`` is the digest of their ids."""

    seen = forms.CharField(widget=forms.HiddenInput, max_length=16)
