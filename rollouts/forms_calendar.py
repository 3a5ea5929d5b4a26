"""What people may type into the calendar, and how each mistake is answered."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from django import forms

from rollouts.domain import ids
from rollouts.domain.freezes import (
    BadFreeze,
    FiscalEnd,
    Once,
    Period,
    Rule,
    Scope,
    Weekly,
    Yearly,
)
from rollouts.domain.places import zone_in
from rollouts.domain.windows import BadWindow, parse
from rollouts.forms import Dressed, ReasonForm
from rollouts.models import Account, Org, Package
from rollouts.pipeline.calendar import FreezeSpec
from rollouts.pipeline.calendar_import import INSTANCE, LARGEST

MONTHS = (
    "January", "February", "March", "April", "May", "June", "July", "August", "September",
    "October", "November", "December",
)  # fmt: skip
_MONTH_CHOICES = [(number, name) for number, name in enumerate(MONTHS, 1)]
_KINDS = [
    ("once", "Once"),
    ("weekly", "Every week"),
    ("yearly", "Every year"),
    ("fiscal", "At fiscal ends"),
]
_SCOPES = [
    ("all", "All orgs"),
    ("package", "A package"),
    ("region", "Regions"),
    ("instance", "Instances"),
    ("customer", "Customers"),
    ("org", "Orgs"),
]
_MOST_NAMED = 2_000


def _moment_field(label: str, hint: str = "") -> forms.CharField:
    widget = forms.TextInput(attrs={"type": "datetime-local", "autocomplete": "off"})
    return forms.CharField(label=label, required=False, help_text=hint, widget=widget)


def _number_field(label: str) -> forms.IntegerField:
    return forms.IntegerField(
        label=label,
        required=False,
        min_value=0,
        max_value=20,
        widget=forms.TextInput(attrs={"inputmode": "numeric", "autocomplete": "off"}),
        error_messages={"invalid": "Type a whole number, such as 3."},
    )


def zone_field(label: str, hint: str, *, required: bool = False) -> forms.CharField:
    """Ask for the name of a zone; the page brings a list of the usual ones."""
    widget = forms.TextInput(attrs={"list": "zones", "autocomplete": "off", "spellcheck": "false"})
    return forms.CharField(
        label=label, required=required, max_length=64, help_text=hint, widget=widget
    )


def _naive(text: str) -> datetime:
    try:
        moment = datetime.fromisoformat(text)
    except ValueError as bad:
        raise forms.ValidationError("Give a day and an hour, such as 2026-12-24 00:00.") from bad
    if moment.tzinfo is not None:
        raise forms.ValidationError("Leave the zone out here; it has a field of its own.")
    return moment


def _day(text: str) -> tuple[int, int]:
    # 2024 is a leap year, so that 29 February can be meant.
    for shape in ("%d %B %Y", "%d %b %Y"):
        try:
            found = datetime.strptime(f"{text.strip()} 2024", shape)  # noqa: DTZ007 - a date
        except ValueError:
            continue
        return found.month, found.day
    raise forms.ValidationError("Write a day such as 24 December.")


class FreezeForm(ReasonForm):
    """A freeze: when, by whose clocks, for whom."""

    name = forms.CharField(
        label="Name",
        max_length=120,
        help_text="What people read when their work waits, such as “Month end at Acme”.",
        error_messages={"required": "Give it a name."},
    )
    kind = forms.ChoiceField(label="When", choices=_KINDS, initial="once", widget=forms.RadioSelect)
    start = _moment_field("From")
    end = _moment_field("Until")
    hours = forms.CharField(
        label="Hours",
        required=False,
        max_length=400,
        help_text="Such as Mon-Fri 07:00-19:00 or Sat 22:00-Mon 06:00.",
    )
    first_day = forms.CharField(
        label="First day", required=False, help_text="Such as 24 December.", max_length=20
    )
    last_day = forms.CharField(
        label="Last day", required=False, help_text="Empty: one day only.", max_length=20
    )
    period = forms.ChoiceField(
        label="Each fiscal",
        required=False,
        choices=[(one.value, one.value) for one in Period],
        initial=Period.QUARTER.value,
    )
    before = _number_field("Working days before its end")
    after = _number_field("Working days after it")
    year_starts = forms.TypedChoiceField(
        label="Fiscal year begins in",
        required=False,
        coerce=int,
        empty_value=None,
        choices=[("", "each customer's own month"), *_MONTH_CHOICES],
    )
    zone = zone_field("By the clocks of", "A zone such as Europe/Berlin; empty: each org's own.")
    scope = forms.ChoiceField(label="For", choices=_SCOPES, initial="all")
    among = forms.CharField(
        label="Which",
        required=False,
        max_length=60_000,
        widget=forms.Textarea(attrs={"rows": 3, "spellcheck": "false"}),
        help_text="One per line: a namespace, regions (DEU), instances (DEU8, or *S for all that "
        "end in S), names or IDs of accounts, org IDs. Leave it empty for all orgs.",
    )
    source = forms.CharField(
        label="Source of the dates", required=False, max_length=200, help_text="Who can tell."
    )
    field_order = [
        "name", "kind", "start", "end", "hours", "first_day", "last_day", "period", "before",
        "after", "year_starts", "zone", "scope", "among", "source", "reason",
    ]  # fmt: skip

    def clean_zone(self) -> str:
        """Refuse what is no zone."""
        text: str = self.cleaned_data["zone"].strip()
        if text and not zone_in(text):
            raise forms.ValidationError("Write a place's zone, such as Europe/Berlin, or UTC.")
        return zone_in(text)

    def clean(self) -> dict[str, Any]:
        """Make the rule of the chosen kind, and find those whom it names."""
        data = super().clean() or self.cleaned_data
        for field, make in (("kind", self._rule), ("among", self._among)):
            try:
                data[f"made_{field}"] = make(data)
            except (BadFreeze, BadWindow) as bad:
                self.add_error(field, f"{str(bad)[:1].upper()}{str(bad)[1:].rstrip('.')}.")
            except forms.ValidationError as bad:
                self.add_error(field, bad)
        return data

    def _rule(self, data: dict[str, Any]) -> Rule | None:
        match data.get("kind"):
            case "once":
                return Once(_naive(data.get("start", "")), _naive(data.get("end", "")))
            case "weekly":
                return Weekly(parse(data.get("hours", "")))
            case "yearly":
                first = _day(data.get("first_day", ""))
                return Yearly(first, _day(data["last_day"]) if data.get("last_day") else first)
            case "fiscal":
                return FiscalEnd(
                    Period(data.get("period") or Period.QUARTER),
                    data.get("before") or 0,
                    data.get("after") or 0,
                    data.get("year_starts"),
                )
        return None

    def _among(self, data: dict[str, Any]) -> tuple[str, ...]:
        scope, lines = data.get("scope"), data.get("among", "").splitlines()
        named = [line.strip() for line in lines if line.strip()]
        if scope == Scope.ALL.value and named:
            raise forms.ValidationError("For all orgs leave this empty, or choose for whom it is.")
        if scope != Scope.ALL.value and not named:
            raise forms.ValidationError("Say which, one per line.")
        if len(named) > _MOST_NAMED:
            raise forms.ValidationError(f"Name at most {_MOST_NAMED}.")
        return tuple(dict.fromkeys(_named(str(scope), text) for text in named))

    def spec(self) -> FreezeSpec:
        """Return the freeze in the pipeline's words. The form must be valid."""
        data = self.cleaned_data
        return FreezeSpec(
            name=data["name"],
            rule=data["made_kind"],
            scope=Scope(data["scope"]),
            among=data["made_among"],
            zone=data["zone"],
            source=data["source"],
        )


def _named(scope: str, text: str) -> str:
    """Return the id of what a line names."""
    match scope:
        case "package":
            found = Package.objects.filter(namespace=text) | Package.objects.filter(sf_id=text)
            return _one(found.values_list("sf_id", flat=True), text, "package")
        case "region":
            if not text.isalpha() or len(text) > 4:  # noqa: PLR2004 - letters of a region
                raise forms.ValidationError(f"“{text[:40]}” is no region; write DEU or USA.")
            return text.upper()
        case "instance":
            plain = text.upper()
            if not (INSTANCE.fullmatch(plain) or (plain[:1] == "*" or plain[-1:] == "*")):
                raise forms.ValidationError(f"“{text[:40]}” is no instance; write DEU8 or *S.")
            return plain
        case "customer":
            found_accounts = Account.objects.filter(name=text) | Account.objects.filter(sf_id=text)
            return _one(found_accounts.values_list("sf_id", flat=True), text, "account")
        case "org":
            try:
                key = ids.org_id(text)
            except ids.BadId as bad:
                raise forms.ValidationError(f"“{text[:40]}”: {bad}.") from bad
            return _one(Org.objects.filter(key=key).values_list("key", flat=True), text, "org")
    return ""


def _one(rows: Any, text: str, what: str) -> str:
    found = list(rows[:2])
    if not found:
        raise forms.ValidationError(f"No {what} “{text[:40]}” is known here.")
    if len(found) > 1:
        raise forms.ValidationError(f"There are several {what}s “{text[:40]}”; give its ID.")
    return str(found[0])


class OverrideForm(ReasonForm):
    """A wish that a freeze be set aside, or end."""

    length = forms.ChoiceField(
        label="For how long",
        choices=[("until", "Until a moment"), ("ever", "For good: the freeze ends")],
        initial="until",
        widget=forms.RadioSelect,
    )
    until = _moment_field("Until (UTC)", "At most 30 days from now; the freeze then holds again.")
    package = forms.ModelChoiceField(
        Package.objects.order_by("name"), required=False, empty_label="all packages"
    )
    field_order = ["length", "until", "package", "reason"]

    def clean_until(self) -> datetime | None:
        """Read a moment in UTC."""
        text: str = self.cleaned_data["until"]
        if self.cleaned_data.get("length") == "ever":
            return None
        return _naive(text).replace(tzinfo=UTC)


class FileForm(Dressed):
    """A file with Salesforce's maintenance."""

    file = forms.FileField(
        label="Calendar (ICS) or table (CSV)",
        help_text=f"At most {LARGEST // 1_000_000} MB. A table has the columns instance, starts, "
        "ends, name, and if you like id and zone.",
        error_messages={"required": "Choose a file.", "empty": "The file is empty."},
    )

    def content(self) -> bytes:
        """Return what was sent, or a byte more than is allowed. The form must be valid."""
        data: bytes = self.cleaned_data["file"].read(LARGEST + 1)
        return data


class WindowForm(ReasonForm):
    """Hours of an org, a customer, a region or all others; empty takes the rule back."""

    hours = forms.CharField(
        label="Open",
        required=False,
        max_length=400,
        help_text="Such as Fri 22:00-Sun 18:00, Mon-Thu 01:00-05:00, by the clocks of each org; "
        "or any hour. Empty takes the rule back.",
    )
    scope = forms.ChoiceField(
        label="For",
        choices=[
            ("default", "all others"), ("region", "a region"), ("customer", "a customer"),
            ("org", "an org"),
        ],
    )  # fmt: skip
    whose = forms.CharField(
        label="Which",
        required=False,
        max_length=255,
        help_text="A region (DEU), an account's name or ID, or an org ID; empty for all others.",
    )
    field_order = ["scope", "whose", "hours", "reason"]

    def clean_whose(self) -> Org | Account | str:
        """Find whom it is for."""
        return _subject(str(self.cleaned_data.get("scope")), self.cleaned_data["whose"].strip())


class ZoneForm(ReasonForm):
    """The zone of an org or a customer; empty takes the word back."""

    scope = forms.ChoiceField(label="Of", choices=[("org", "an org"), ("customer", "a customer")])
    whose = forms.CharField(
        label="Which", max_length=255, help_text="An org ID, or an account's name or ID."
    )
    zone = zone_field("Zone", "Such as Europe/Berlin. Empty takes your word back.")
    field_order = ["scope", "whose", "zone", "reason"]

    def clean_whose(self) -> Org | Account | str:
        """Find whom it is for."""
        return _subject(str(self.cleaned_data.get("scope")), self.cleaned_data["whose"].strip())


class FiscalForm(ReasonForm):
    """The month in which a customer's fiscal year begins."""

    whose = forms.CharField(label="Customer", max_length=255, help_text="An account's name or ID.")
    month = forms.TypedChoiceField(
        label="Fiscal year begins in",
        required=False,
        coerce=int,
        empty_value=None,
        choices=[("", "not known"), *_MONTH_CHOICES],
    )
    field_order = ["whose", "month", "reason"]

    def clean_whose(self) -> Org | Account | str:
        """Find the customer."""
        return _subject("customer", self.cleaned_data["whose"].strip())


def _subject(scope: str, text: str) -> Org | Account | str:
    if scope == "default":
        if text:
            raise forms.ValidationError("Leave this empty for all others.")
        return ""
    if not text:
        raise forms.ValidationError("Say which.")
    found = _named(scope, text)
    if scope == "org":
        return Org.objects.get(key=found)
    return Account.objects.get(sf_id=found) if scope == "customer" else found
