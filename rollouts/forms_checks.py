"""What people may type on checklists and about needs between packages."""

from __future__ import annotations

from typing import Any

from django import forms

from rollouts.domain.checklists import Item, Mark
from rollouts.forms import REASON_LIMIT, Dressed
from rollouts.models import Package, PackageVersion, Person
from rollouts.pipeline.checklists import Word


class CheckForm(Dressed):
    """What a person says of one item of a checklist."""

    mark = forms.ChoiceField(label="It is")
    evidence = forms.CharField(
        label="Evidence", required=False, max_length=400, help_text="A link or a case number."
    )
    note = forms.CharField(
        label="Note",
        required=False,
        max_length=REASON_LIMIT,
        widget=forms.Textarea(attrs={"rows": 2}),
    )
    to = forms.ModelChoiceField(
        Person.objects.filter(is_active=True).order_by("name"), label="Handed over to",
        required=False,
    )  # fmt: skip
    due = forms.DateField(
        label="Until",
        required=False,
        widget=forms.DateInput(attrs={"type": "date", "class": "input"}),
        error_messages={"invalid": "Write a day such as 2026-12-12."},
    )

    def __init__(self, *args: Any, item: Item, **kwargs: Any) -> None:
        super().__init__(*args, **{"auto_id": f"id_{item.code}_%s", **kwargs})
        field = self.fields["mark"]
        assert isinstance(field, forms.ChoiceField)  # noqa: S101 - declared above
        field.choices = [(mark.value, words) for mark, words in _marks(item)]
        if not item.may_skip:
            del self.fields["to"], self.fields["due"]

    def word(self) -> Word:
        """Return what was said; valid forms only."""
        given = self.cleaned_data
        return Word(
            Mark(given["mark"]),
            evidence=given["evidence"],
            note=given["note"],
            to=given.get("to"),
            due=given.get("due"),
        )


def _marks(item: Item) -> list[tuple[Mark, str]]:
    offered = [] if item.is_automatic else [(Mark.DONE, "done")]
    if item.asks and not item.is_automatic:
        offered.append((Mark.ASKED, "asked for, no answer yet"))
    if item.may_skip:
        offered += [(Mark.SKIPPED, "skipped, for a reason"), (Mark.HANDED_OVER, "handed over")]
    return [*offered, (Mark.OPEN, "open")]


class NeedForm(Dressed):
    """A package that ours needs in each org, and from which version on."""

    at_least = forms.ModelChoiceField(
        PackageVersion.objects.none(),
        label="It needs at least",
        error_messages={"required": "Choose a version of another package."},
    )
    since = forms.ModelChoiceField(
        PackageVersion.objects.none(),
        label="Since version",
        required=False,
        empty_label="every version",
        help_text="The first version of this package that has the need.",
    )
    note = forms.CharField(label="Why", required=False, max_length=400)

    def __init__(self, *args: Any, package: Package, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        released = PackageVersion.objects.pushable().select_related("package")
        others = released.exclude(package=package).order_by(
            "package__name", "-major", "-minor", "-patch"
        )
        ours = released.filter(package=package).newest_first()
        for name, rows in (("at_least", others), ("since", ours)):
            field = self.fields[name]
            assert isinstance(field, forms.ModelChoiceField)  # noqa: S101 - declared above
            field.queryset = rows
