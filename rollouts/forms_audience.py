"""What people may say of orgs: whom they mean, what they mark, whom they keep from being pushed."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from datetime import date
from typing import Any

from django import forms

from rollouts.domain.audience import TYPES, Audience, BadAudience, Past, Ring, read_rule
from rollouts.domain.policy import LARGEST_BATCH, USUAL_BATCH
from rollouts.forms import Dressed
from rollouts.models import Package, PackageVersion
from rollouts.pipeline import customers
from rollouts.pipeline.audiences import AudienceChoice
from rollouts.pipeline.id_lists import BadFile, read_pasted
from rollouts.pipeline.marks import clean_tag, tags_in_use
from rollouts.pipeline.saved_audiences import Saved, rule_of
from rollouts.pipeline.transitions import Refusal

IDS_SHOWN = 5
# More ids than these are not put into a form again: the browser would send them with each change.
IDS_TYPED = 5_000
_TYPE_WORDS = {"production": "Production", "sandbox": "Sandboxes", "own": "Our own orgs"}
STATUSES = ("Active", "Trial", "Free", "Demo", "Inactive")
LICENCES = ("Active", "Suspended", "Trial", "Uninstalled")
_PLAIN = {"autocomplete": "off", "spellcheck": "false"}


def _boxes(label: str, choices: Iterable[tuple[str, str]]) -> forms.MultipleChoiceField:
    return forms.MultipleChoiceField(
        label=label, required=False, choices=list(choices), widget=forms.CheckboxSelectMultiple
    )


def a_text(label: str, hint: str = "", *, longest: int = 200) -> forms.CharField:
    """Make a field of one line that may stay empty."""
    return forms.CharField(
        label=label,
        required=False,
        max_length=longest,
        help_text=hint,
        widget=forms.TextInput(attrs=dict(_PLAIN)),
    )


def _count(label: str) -> forms.IntegerField:
    return forms.IntegerField(
        label=label,
        required=False,
        min_value=0,
        max_value=10_000_000,
        widget=forms.TextInput(attrs={"inputmode": "numeric", "autocomplete": "off"}),
        error_messages={"invalid": "Type a whole number."},
    )


def a_day(label: str, hint: str = "") -> forms.DateField:
    """Make a field for a day that may stay empty."""
    return forms.DateField(
        label=label,
        required=False,
        help_text=hint,
        widget=forms.DateInput(attrs={"type": "date", "class": "input"}, format="%Y-%m-%d"),
        error_messages={"invalid": "Write the day as 2027-03-31."},
    )


class ConditionsForm(Dressed):
    """Conditions on orgs; everything left empty means every org that has the package."""

    types = _boxes("Kinds of org", [(kind, _TYPE_WORDS[kind]) for kind in TYPES])
    from_versions = _boxes("Only orgs that are now on", [])
    version_from = a_text("From version", "Such as 4.1; with this version.", longest=20)
    version_to = a_text("Up to version", "Such as 4.2.1; with every build of it.", longest=20)
    statuses = _boxes("Status in Salesforce", [(word, word) for word in STATUSES])
    instance_prefix = a_text(
        "Instance begins with", "Such as DEU, EU, AP or NA14; leave empty for all.", longest=10
    )
    regions = a_text("Regions", "Letters of instances, separated by commas: DEU, FRA, USA.")
    customers = a_text("Customers", "Names or account IDs, separated by semicolons.", longest=4000)
    tags = a_text("With one of the tags", "Separated by commas.")
    without_tags = a_text("With none of the tags", "Separated by commas.")
    rings = _boxes("Ring", [(ring.value, ring.value) for ring in Ring])
    past = forms.ChoiceField(
        label="Past pushes",
        required=False,
        choices=[
            ("", "do not matter"),
            (Past.FAILED.value, "at least one has failed"),
            (Past.CLEAN.value, "none has failed"),
        ],
    )
    licences = _boxes("Licence", [(word, word) for word in LICENCES])
    ends_from = a_day("Licence ends on or after")
    ends_to = a_day("Licence ends on or before")
    seats_from = _count("Seats from")
    seats_to = _count("Seats up to")
    org_ids = forms.CharField(
        label="Only these orgs",
        required=False,
        max_length=400_000,
        widget=forms.Textarea(attrs={"rows": 4, "spellcheck": "false"}),
        help_text="Paste org IDs of 15 or 18 characters, one per line or separated by commas.",
    )

    _LISTS = ("regions", "customers", "tags", "without_tags")

    def __init__(self, *args: Any, versions: Sequence[PackageVersion] = (), **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        choices = [(version.sf_id, version.label) for version in versions]
        self.fields["from_versions"].choices = choices  # type: ignore[attr-defined]

    @classmethod
    def as_typed(cls, stored: dict[str, Any]) -> dict[str, Any]:
        """Return stored conditions as the form's fields show them."""
        typed = dict(stored)
        for name in cls._LISTS:
            mark = "; " if name == "customers" else ", "
            typed[name] = mark.join(stored.get(name, ()))
        typed["org_ids"] = "\n".join(stored.get("org_ids", ()))
        return typed

    def clean_org_ids(self) -> list[str]:
        """Read the pasted ids; each bad line is named with its number and how to mend it."""
        text = self.cleaned_data["org_ids"]
        return ids_of(text) if text.strip() else []

    def clean(self) -> dict[str, Any]:
        """Read the conditions together. What can't be understood is said, never left aside."""
        cleaned: dict[str, Any] = super().clean() or {}
        if self.errors:
            return cleaned
        try:
            read_rule(self.conditions())
        except BadAudience as bad:
            raise forms.ValidationError(str(bad)) from bad
        return cleaned

    def clean_tags(self) -> list[str]:
        """Read the wanted tags."""
        return self._tags("tags")

    def clean_without_tags(self) -> list[str]:
        """Read the unwanted tags."""
        return self._tags("without_tags")

    def clean_regions(self) -> list[str]:
        """Read the regions."""
        return [word.upper() for word in _words(self.cleaned_data["regions"])]

    def clean_customers(self) -> list[str]:
        """Read the customers, by name or id; one that is not known is said."""
        try:
            return [
                customers.account_of(word).sf_id
                for word in _words(self.cleaned_data["customers"], ";")
            ]
        except Refusal as refusal:
            raise forms.ValidationError(str(refusal)) from refusal

    def _tags(self, name: str) -> list[str]:
        """Read tags. A mistyped one would make the audience another one without a word."""
        try:
            tags = [clean_tag(word) for word in _words(self.cleaned_data[name])]
        except Refusal as refusal:
            raise forms.ValidationError(str(refusal)) from refusal
        used = set(tags_in_use()) if tags else set()
        strange = [tag for tag in tags if tag not in used]
        if strange:
            raise forms.ValidationError(f"No org has the tag “{strange[0]}”.")
        return tags

    def conditions(self) -> dict[str, Any]:
        """Return what was chosen as stored conditions; empty ones are left out."""
        rule: dict[str, Any] = {}
        for name in Audience.__dataclass_fields__:
            value = self.cleaned_data.get(name)
            if value in (None, "", []):
                continue
            rule[name] = value.isoformat() if isinstance(value, date) else value
        return rule


class ChoiceForm(ConditionsForm):
    """Whom a rollout is for: everyone eligible, a saved audience or a list, narrowed further."""

    base = forms.ChoiceField(
        label="Start from",
        required=False,
        choices=[
            ("", "Everyone eligible"),
            ("saved", "A saved audience"),
            ("ids", "A list of IDs"),
        ],
        widget=forms.RadioSelect,
    )
    saved = forms.ChoiceField(label="Audience", required=False)
    skip_trials = forms.BooleanField(label="Leave trial orgs out", required=False)
    take_expired = forms.BooleanField(
        label="Take orgs whose licence has ended along", required=False
    )
    largest_batch = forms.IntegerField(
        label="Largest batch",
        required=False,
        min_value=USUAL_BATCH,
        max_value=LARGEST_BATCH,
        widget=forms.TextInput(attrs={"inputmode": "numeric", "autocomplete": "off"}),
        help_text=(
            f"{USUAL_BATCH} orgs unless you raise it, {LARGEST_BATCH:,} at most. What Salesforce "
            "has begun can't be recalled: a stop can come too late for a whole batch."
        ),
    )

    keep_ids = forms.BooleanField(label="Keep the uploaded list", required=False)

    def __init__(
        self, *args: Any, saved: Sequence[Saved] = (), kept: Sequence[str] = (), **kwargs: Any
    ) -> None:
        super().__init__(*args, **kwargs)
        self.kept = tuple(kept) if len(kept) > IDS_TYPED else ()
        if self.kept:
            self.fields["keep_ids"].label = f"Keep the list of {len(kept):,} orgs"
        else:
            del self.fields["keep_ids"]
        self.offered = {str(one.audience.pk): one for one in saved}
        self.fields["saved"].choices = [  # type: ignore[attr-defined]
            ("", "choose one"),
            *((key, one.audience.name) for key, one in self.offered.items()),
        ]

    @classmethod
    def as_typed(cls, stored: dict[str, Any]) -> dict[str, Any]:
        """Return a stored choice as the form's fields show it."""
        typed = super().as_typed(stored)
        typed["saved"] = str(stored.get("saved") or "")
        typed["base"] = "saved" if stored.get("saved") else "ids" if stored.get("org_ids") else ""
        typed["largest_batch"] = stored.get("largest_batch", "")
        if len(stored.get("org_ids", ())) > IDS_TYPED:
            typed |= {"org_ids": "", "keep_ids": True}
        return typed

    def clean(self) -> dict[str, Any]:
        """Hold what was chosen to start from against what was given for it."""
        cleaned = super().clean()
        base = cleaned.get("base", "")
        if self.kept and cleaned.get("keep_ids"):
            if cleaned.get("org_ids"):
                self.add_error("org_ids", "Paste IDs, or keep the uploaded list, not both.")
            cleaned["org_ids"] = list(self.kept)
        if base == "saved" and not cleaned.get("saved"):
            self.add_error("saved", "Choose the audience, or start from everyone.")
        if base == "ids" and not cleaned.get("org_ids") and "org_ids" not in self.errors:
            self.add_error("org_ids", "Paste the IDs, or upload a file of them.")
        return cleaned

    def choice(self) -> AudienceChoice:
        """Return what was chosen, in the planner's words. The form must be valid.

        Raises Refusal for a saved audience that can't be understood in full.
        """
        rule = read_rule(self.conditions())
        saved = self.offered.get(self.cleaned_data["saved"])
        if self.cleaned_data["base"] != "saved":
            saved = None
        base = rule_of(saved.version) if saved else None
        if base is not None and saved is not None and not base.package:
            # Saved without a package of its own it means that of its version.
            base = replace(base, package=saved.version.package.sf_id)
        return AudienceChoice(
            **rule,
            largest_batch=self.cleaned_data["largest_batch"] or USUAL_BATCH,
            base=base,
            saved=saved.audience.pk if saved else 0,
            saved_version=saved.version.number if saved else 0,
            skip_trials=self.cleaned_data["skip_trials"],
            take_expired=self.cleaned_data["take_expired"],
        )


class SavedForm(ConditionsForm):
    """A saved audience: its name, its package and its conditions."""

    name = forms.CharField(
        label="Name",
        max_length=80,
        error_messages={"required": "Give the audience a name."},
        widget=forms.TextInput(attrs=dict(_PLAIN)),
    )
    of_package = forms.ModelChoiceField(
        label="Package",
        queryset=Package.objects.order_by("name"),
        error_messages={"required": "Choose whose orgs are meant."},
        empty_label=None,
    )
    note = a_text("What is it for?", "Optional; stays with this version.", longest=400)

    def __init__(self, *args: Any, named: str = "", **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        del self.fields["from_versions"]
        if named:
            self.fields["name"].disabled = True
            self.initial["name"] = named


def _words(text: str, mark: str = ",") -> list[str]:
    return [word.strip() for word in text.split(mark) if word.strip()]


def ids_of(text: str) -> list[str]:
    """Read ids typed into a form's field. Raises ValidationError with each bad line."""
    try:
        read = read_pasted(text)
    except BadFile as bad:
        raise forms.ValidationError(str(bad)) from bad
    problems = [f"Line {one.line}: {one.why}" for one in read.refused[:IDS_SHOWN]]
    if len(read.refused) > IDS_SHOWN:
        problems.append(f"and {len(read.refused) - IDS_SHOWN} more lines like these")
    if problems:
        raise forms.ValidationError(problems)
    return list(read.found)
