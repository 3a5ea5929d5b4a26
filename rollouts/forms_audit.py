"""What may be asked of the history; the address holds it, so that a search can be sent on."""

from __future__ import annotations

from typing import Any

from django import forms

from rollouts.domain.places import zone_in
from rollouts.domain.trail import GROUP_WORDS, Group
from rollouts.forms import Dressed
from rollouts.models import Person, Rollout
from rollouts.pipeline.trail import ENGINE, PEOPLE, Asked

UTC_ZONE = "UTC"
LONGEST = 200


def _day(label: str) -> forms.DateField:
    return forms.DateField(
        label=label,
        required=False,
        widget=forms.DateInput(attrs={"type": "date", "class": "input"}, format="%Y-%m-%d"),
        error_messages={"invalid": "Give a day, such as 2026-11-21."},
    )


def _text(label: str, hint: str = "", **attrs: str) -> forms.CharField:
    widget = forms.TextInput(attrs={"autocomplete": "off", "spellcheck": "false", **attrs})
    return forms.CharField(
        label=label, required=False, max_length=LONGEST, help_text=hint, widget=widget
    )


class AuditForm(Dressed):
    """Who, what kind, about what, when, and any words. Nothing given asks for everything."""

    actor = forms.ChoiceField(label="Who", required=False)
    action = forms.ChoiceField(
        label="What kind",
        required=False,
        choices=[("", "Anything"), *((group.value, GROUP_WORDS[group]) for group in Group)],
    )
    object = _text("About", "A rollout, package, org ID or connection")
    q = _text("Words", "In the reason, the names or a digest", type="search")
    overrides = forms.BooleanField(label="Only overrides", required=False)
    tz = _text("Local times of", list="zones", placeholder=UTC_ZONE)
    field_order = ["actor", "action", "object", "from", "to", "q", "tz", "overrides"]

    def __init__(self, *args: Any, rollout: Rollout | None = None, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        # A word of Python can't name an attribute, and the address is to read like a sentence.
        self.fields["from"], self.fields["to"] = _day("From"), _day("To")
        self.order_fields(self.field_order)
        self.rollout = rollout
        if rollout is not None:
            del self.fields["object"]
        people = Person.objects.order_by("name", "email").values_list("pk", "name", "email")
        self.fields["actor"].choices = [  # type: ignore[attr-defined]
            ("", "Anybody"),
            (PEOPLE, "People"),
            (ENGINE, "The engine and commands"),
            *((str(pk), name or email) for pk, name, email in people),
        ]

    def clean_tz(self) -> str:
        """Refuse what is no zone of the tz database."""
        typed: str = self.cleaned_data["tz"].strip()
        found = zone_in(typed) if typed else UTC_ZONE
        if not found:
            raise forms.ValidationError("Give a zone such as Europe/Berlin.")
        return found

    def clean(self) -> dict[str, Any]:
        """Refuse days in the wrong order, which would find nothing and look like an answer."""
        cleaned = super().clean() or self.cleaned_data
        since, until = cleaned.get("from"), cleaned.get("to")
        if since and until and until < since:
            self.add_error("to", "This day is before the first one.")
        return cleaned

    @property
    def is_narrowed(self) -> bool:
        """Whether anything but the zone was asked for."""
        return any(self.cleaned_data.get(name) for name in self.fields if name != "tz")

    def asked(self) -> Asked:
        """Return what was asked for. The form must be valid."""
        given = self.cleaned_data
        return Asked(
            actor=given["actor"],
            group=Group(given["action"]) if given["action"] else None,
            about=given.get("object", "").strip(),
            since=given["from"],
            until=given["to"],
            overrides=given["overrides"],
            text=given["q"].strip(),
            rollout=self.rollout,
        )
