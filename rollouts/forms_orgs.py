"""What people bring and say of orgs: lists of ids, marks, exclusions, whose an org is."""

from __future__ import annotations

from datetime import UTC, date, datetime, time
from typing import Any

from django import forms

from rollouts.domain.audience import Ring
from rollouts.forms import Dressed, ReasonForm
from rollouts.forms_audience import a_day, a_text
from rollouts.models import MarkKind
from rollouts.pipeline.id_lists import IdList, read_file, read_pasted


class ListForm(Dressed):
    """A list of org ids, pasted or as a file."""

    pasted = forms.CharField(
        label="Paste org IDs",
        required=False,
        max_length=2_000_000,
        strip=False,
        widget=forms.Textarea(attrs={"rows": 8, "spellcheck": "false"}),
        help_text="15 or 18 characters, a column of a spreadsheet, or whole addresses.",
    )
    file = forms.FileField(
        label="or upload a file",
        required=False,
        allow_empty_file=True,
        help_text="Text or CSV, with commas, semicolons or tabs; UTF-8, UTF-16 or Latin-1.",
        widget=forms.FileInput(attrs={"class": "input"}),
    )

    def clean(self) -> dict[str, Any]:
        """Take exactly one of the two."""
        cleaned: dict[str, Any] = super().clean() or {}
        given = bool((cleaned.get("pasted") or "").strip()), cleaned.get("file") is not None
        if all(given):
            raise forms.ValidationError("Paste the IDs or upload a file, not both.")
        if not any(given):
            raise forms.ValidationError("Paste the IDs, or choose a file.")
        return cleaned

    def read(self) -> tuple[IdList, str]:
        """Read the list; returns it and what to call it. Raises BadFile. The form must be valid."""
        file = self.cleaned_data["file"]
        if file is not None:
            return read_file(file), file.name or "a file"
        return read_pasted(self.cleaned_data["pasted"]), "pasted"


class MarkForm(Dressed):
    """A mark for one org, for all of its customer, or for a list."""

    kind = forms.ChoiceField(
        label="What",
        choices=[(kind.value, kind.label) for kind in MarkKind],
    )
    tag = a_text("Tag", "For a tag: a to z, digits, spaces.", longest=39)
    ring = forms.ChoiceField(
        label="Ring", required=False, choices=[("", "none"), *((r.value, r.value) for r in Ring)]
    )
    whose = forms.ChoiceField(
        label="For",
        required=False,
        choices=[("org", "this org"), ("customer", "all orgs of its customer")],
        widget=forms.RadioSelect,
    )

    def mark(self) -> tuple[MarkKind, str]:
        """Return the mark and its value. The form must be valid."""
        kind = MarkKind(self.cleaned_data["kind"])
        value = {MarkKind.TAG: "tag", MarkKind.RING: "ring"}.get(kind)
        return kind, self.cleaned_data[value] if value else ""


class ExcludeForm(ReasonForm):
    """Who must not be pushed, and until when."""

    until = a_day(
        "Until", "The first day on which it may be pushed again, UTC; empty: until ended."
    )
    whose = forms.ChoiceField(
        label="For",
        required=False,
        choices=[("org", "this org"), ("customer", "all orgs of its customer")],
        widget=forms.RadioSelect,
    )

    def end(self) -> datetime | None:
        """Return the end as a moment. The form must be valid."""
        day: date | None = self.cleaned_data["until"]
        return datetime.combine(day, time(), tzinfo=UTC) if day else None


class CustomerForm(ReasonForm):
    """Whose org this is."""

    customer = a_text(
        "Customer", "The account's name or ID; empty: go by the licence again.", longest=255
    )
