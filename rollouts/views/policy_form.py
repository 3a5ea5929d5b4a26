"""The form of a policy: one field per rule, in the unit that people think in."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from django import forms

from rollouts.domain.policy import Policy
from rollouts.domain.profiles import GROUPS, HOUR, RULES, Profile, Rule, Unit, refusals, shown
from rollouts.forms import ReasonForm

_MANY = (Unit.PERCENTS, Unit.ALL_HOURS)


class PolicyForm(ReasonForm):
    """All rules and a reason; a rule out of its bounds is answered at its field."""

    base = forms.IntegerField(widget=forms.HiddenInput, min_value=0)

    def __init__(self, *args: Any, profile: Profile, policy: Policy, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.profile, self.old = profile, policy
        for rule in RULES.values():
            field = _field(rule, policy)
            field.widget.attrs.setdefault("class", "input")
            self.fields[rule.name] = field

    def groups(self) -> list[tuple[str, list[forms.BoundField]]]:
        """Return the fields as the page shows them, under headings."""
        return [(title, [self[rule.name] for rule in rules]) for title, rules in GROUPS]

    def clean(self) -> dict[str, Any]:
        """Put the rules together and judge them as one policy."""
        cleaned: dict[str, Any] = super().clean() or {}
        if not self.errors:
            for name, sentence in refusals(self.policy(), self.profile).items():
                self.add_error(name, sentence)
        return cleaned

    def policy(self) -> Policy:
        """Return the policy as typed; rules that nobody may change stay as they are."""
        typed: dict[str, Any] = {
            rule.name: _stored(rule, self.cleaned_data[rule.name]) for rule in RULES.values()
        }
        return replace(self.old, **typed)


class _Numbers(forms.CharField):
    """Several numbers with commas between them."""

    def clean(self, value: Any) -> tuple[float, ...]:
        """Read them; anything else is answered with how to write it."""
        text = super().clean(value)
        try:
            return tuple(float(part) for part in text.split(","))
        except ValueError:
            raise forms.ValidationError("Write numbers with commas, such as 5, 20, 100.") from None


def _field(rule: Rule, policy: Policy) -> forms.Field:
    value = shown(rule, policy)
    common: dict[str, Any] = {"label": rule.label}
    if rule.unit is Unit.YES_NO:
        return forms.BooleanField(initial=value, required=False, **common)
    common["help_text"] = f"{rule.least:g} to {rule.most:g} {rule.unit.value}"
    if isinstance(value, tuple):
        return _Numbers(initial=", ".join(f"{one:g}" for one in value), max_length=100, **common)
    is_whole = rule.unit in (Unit.COUNT, Unit.TIMES)
    kind = forms.IntegerField if is_whole else forms.FloatField
    digits = forms.TextInput(attrs={"inputmode": "decimal", "autocomplete": "off"})
    said = {"invalid": "Write a number.", "required": "Write a number."}
    written = value if is_whole else f"{value:g}"
    return kind(initial=written, widget=digits, error_messages=said, **common)


def _stored(rule: Rule, typed: Any) -> object:
    if rule.unit is Unit.HOURS:
        return round(typed * HOUR)
    if rule.unit is Unit.ALL_HOURS:
        return tuple(round(one * HOUR) for one in typed)
    return typed
