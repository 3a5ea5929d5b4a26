"""What people may type, and how each mistake is answered: what, where, how to mend it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from django import forms
from django.contrib.auth.forms import AuthenticationForm

from rollouts.domain.connecting import AuthKind
from rollouts.domain.schedule import ANY_HOUR, Schedule
from rollouts.domain.windows import BadWindow
from rollouts.domain.windows import parse as parse_window

REASON_LIMIT = 2000
IDS_SHOWN = 5


class Dressed(forms.Form):
    """A form whose fields wear the classes of our style sheet."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        for field in self.fields.values():
            if isinstance(field.widget, forms.TextInput | forms.Textarea | forms.Select):
                field.widget.attrs.setdefault("class", "input")


def _reason(label: str, hint: str, *, required: bool) -> forms.CharField:
    return forms.CharField(
        label=label,
        help_text=hint,
        required=required,
        max_length=REASON_LIMIT,
        widget=forms.Textarea(attrs={"rows": 3}),
        error_messages={"required": "Say why; it stays in the audit trail."},
    )


class ReasonForm(Dressed):
    """A move that needs its reason now."""

    reason = _reason("Why?", "Stays in the audit trail for ever, with your name.", required=True)


class StopForm(Dressed):
    """A stopping move: the reason can wait."""

    reason = _reason("Why?", "Can wait; until then it says “reason not given yet”.", required=False)


class ResumeForm(ReasonForm):
    """Going on after a halt: the person types how many failed orgs they accept."""

    acknowledged = forms.IntegerField(
        label="How many failed orgs do you accept?",
        min_value=0,
        widget=forms.TextInput(attrs={"inputmode": "numeric", "autocomplete": "off"}),
        error_messages={
            "required": "Type the number of failed orgs that the page shows.",
            "invalid": "Type a whole number, such as 3.",
        },
    )

    def __init__(self, *args: Any, failed: int, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.failed = failed
        self.fields[
            "acknowledged"
        ].help_text = f"The page shows {failed}; typing it makes one read it."

    def clean_acknowledged(self) -> int:
        """Refuse a number other than the one on the page: it was not read, or it has grown."""
        typed: int = self.cleaned_data["acknowledged"]
        if typed != self.failed:
            raise forms.ValidationError(
                f"{self.failed} orgs have failed, you typed {typed}. Look again, then type it anew."
            )
        return typed


class ApproveForm(Dressed):
    """A yes to exactly one digest."""

    digest = forms.CharField(widget=forms.HiddenInput, max_length=64)
    reason = _reason(
        "Why are you comfortable?",
        "Stays in the audit trail for ever, with your name.",
        required=True,
    )
    seen = forms.BooleanField(
        label="I have looked at the list, the failures and the changes.",
        error_messages={"required": "Tick that you have looked at all of it."},
    )
    count = forms.IntegerField(
        required=False,
        label="Type the number of orgs",
        help_text="The number, because it makes one read it.",
        widget=forms.TextInput(attrs={"inputmode": "numeric", "autocomplete": "off"}),
        error_messages={"invalid": "Type a whole number."},
    )

    def __init__(self, *args: Any, orgs: int, typed_above: int, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.orgs = orgs
        if orgs <= typed_above:
            del self.fields["count"]
        else:
            self.fields["count"].required = True
            self.fields["count"].error_messages["required"] = f"Type {orgs}, the number of orgs."

    def clean_count(self) -> int:
        """Refuse a number that is not the list's."""
        typed: int = self.cleaned_data["count"]
        if typed != self.orgs:
            raise forms.ValidationError(f"The list has {self.orgs} orgs, you typed {typed}.")
        return typed


class ScheduleForm(Dressed):
    """Whose hours count, and before which moments single waves do not start. Times are UTC."""

    OWN, ANY, OTHER = "own", "any", "other"

    hours = forms.ChoiceField(
        label="Hours",
        choices=[
            (OWN, "Each org's own hours, by night where it is"),
            (ANY, "Any hour"),
            (OTHER, "These hours, by the clocks of each org:"),
        ],
        required=False,
        widget=forms.RadioSelect,
    )
    window = forms.CharField(
        label="Other hours",
        required=False,
        max_length=200,
        help_text="Such as “Fri 22:00-Sun 18:00, Mon-Thu 01:00-05:00”. A window that somebody gave "
        "to an org, a customer or a region counts in any case.",
    )

    def __init__(self, *args: Any, waves: Sequence[int], **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.waves = waves
        for wave in waves:
            self.fields[f"earliest-{wave}"] = forms.DateTimeField(
                label=f"Wave {wave} not before",
                required=False,
                widget=forms.DateTimeInput(
                    attrs={"type": "datetime-local", "class": "input"}, format="%Y-%m-%dT%H:%M"
                ),
                error_messages={"invalid": "Give a day and an hour in UTC."},
            )

    def clean(self) -> dict[str, Any]:
        """Refuse hours that can't be read, in the words of who reads them."""
        cleaned = super().clean() or self.cleaned_data
        if cleaned.get("hours") != self.OTHER:
            return cleaned
        try:
            parse_window(cleaned.get("window") or "")
        except BadWindow as bad:
            self.add_error("window", f"{bad}.")
        return cleaned

    def schedule(self) -> Schedule:
        """Return what was chosen. The form must be valid."""
        window = {self.OWN: "", self.ANY: ANY_HOUR}.get(
            self.cleaned_data["hours"] or self.OWN, self.cleaned_data["window"].strip()
        )
        given = {wave: self.cleaned_data[f"earliest-{wave}"] for wave in self.waves}
        return Schedule(window, {wave: at for wave, at in given.items() if at is not None})

    @classmethod
    def as_typed(cls, stored: Schedule) -> dict[str, object]:
        """Return a stored schedule as the form shows it."""
        kind = {"": cls.OWN, ANY_HOUR: cls.ANY}.get(stored.window, cls.OTHER)
        shown: dict[str, object] = {"hours": kind}
        if kind == cls.OTHER:
            shown["window"] = stored.window
        return shown | {f"earliest-{wave}": at for wave, at in stored.earliest.items()}


class ConnectionForm(Dressed):
    """Which org, and the app in it; the secret comes apart from it."""

    name = forms.CharField(
        label="Name",
        max_length=80,
        help_text="What the pages call it, such as “Harbor packaging org”.",
        error_messages={"required": "Give it a name."},
    )
    login_url = forms.CharField(
        label="Login address",
        max_length=200,
        help_text="The org's My Domain: https://name.my.salesforce.com, or "
        "https://name.develop.my.salesforce.com for a Developer Edition org.",
        widget=forms.TextInput(attrs={"inputmode": "url", "autocomplete": "off"}),
        error_messages={"required": "Give the org's own address."},
    )
    client_id = forms.CharField(
        label="Consumer key",
        max_length=255,
        help_text="The app shows it under Settings, OAuth Settings.",
        widget=forms.TextInput(attrs={"autocomplete": "off", "spellcheck": "false"}),
        error_messages={"required": "Paste the app's consumer key."},
    )
    username = forms.CharField(
        label="Integration user",
        max_length=120,
        help_text="The user name of the user that Pushboard signs in as.",
        widget=forms.TextInput(attrs={"autocomplete": "off", "inputmode": "email"}),
        error_messages={"required": "Give the integration user's user name."},
    )
    secret = forms.CharField(
        label="Consumer secret",
        max_length=500,
        help_text="Stored encrypted, and never shown again.",
        widget=forms.PasswordInput(attrs={"class": "input", "autocomplete": "off"}),
        error_messages={"required": "Paste the app's consumer secret."},
    )

    reason = _reason("Why?", "Stays in the audit trail for ever, with your name.", required=True)

    def __init__(
        self, *args: Any, auth: AuthKind, bound: bool = False, new: bool = True, **kwargs: Any
    ) -> None:
        super().__init__(*args, **kwargs)
        if auth is not AuthKind.JWT:
            del self.fields["username"]
        if auth is AuthKind.JWT or not new:
            del self.fields["secret"]
        elif auth is AuthKind.WEB_SERVER:
            self.fields["secret"].required = False
        if new:
            del self.fields["reason"]
        else:
            self.fields["name"].disabled = True
        if bound:
            self.fields["login_url"].disabled = True
            self.fields[
                "login_url"
            ].help_text = "Bound to its org; for another address add another connection."


class SecretForm(Dressed):
    """A new consumer secret in place of the one in use."""

    secret = forms.CharField(
        label="New consumer secret",
        max_length=500,
        help_text="Tried at Salesforce first; the old one stays in use until it works.",
        widget=forms.PasswordInput(attrs={"class": "input", "autocomplete": "off"}),
        error_messages={"required": "Paste the app's new consumer secret."},
    )


class TypedNameForm(Dressed):
    """Something serious: the person types the org's name."""

    typed = forms.CharField(
        label="Type the org's name",
        max_length=255,
        widget=forms.TextInput(attrs={"autocomplete": "off", "spellcheck": "false"}),
        error_messages={"required": "Type the org's name as it stands above."},
    )


class TypedReasonForm(TypedNameForm):
    """The same, with why."""

    reason = _reason("Why?", "Stays in the audit trail for ever, with your name.", required=True)


class SelfTestForm(TypedNameForm):
    """An opt-in to the self-test; with an own org it asks more."""

    org = forms.CharField(
        label="An org of your own",
        required=False,
        max_length=18,
        help_text="Its ID, for the questions that need one. It must be marked as own and have an "
        "older version of the package. Nothing is pushed to it.",
        widget=forms.TextInput(attrs={"autocomplete": "off", "spellcheck": "false"}),
    )
    field_order = ["org", "typed"]


_NO_SUCH_PAIR = "That e-mail address and password do not go together. Check both and try again."


class SignInForm(AuthenticationForm):
    """E-mail address and password; a refusal does not say which of them was wrong."""

    error_messages = {
        "invalid_login": _NO_SUCH_PAIR,
        "inactive": _NO_SUCH_PAIR,
    }

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["username"].label = "E-mail address"
        self.fields["username"].widget.attrs |= {
            "class": "input",
            "type": "email",
            "autocomplete": "username",
            "inputmode": "email",
        }
        self.fields["password"].widget.attrs |= {
            "class": "input",
            "autocomplete": "current-password",
        }
