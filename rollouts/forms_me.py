"""What people may choose for themselves."""

from __future__ import annotations

from django import forms

from rollouts.forms import Dressed


class PreferencesForm(Dressed):
    """Keys and announcements of one person's pages."""

    keys = forms.ChoiceField(
        label="Keys",
        choices=[("on", "On"), ("off", "Off: no single key and no Ctrl K does anything")],
        widget=forms.RadioSelect,
    )
    announce = forms.ChoiceField(
        label="Read out by a screen reader",
        choices=[
            ("all", "All: progress at most every 15 seconds, halts and stops at once"),
            ("important", "Important: halts, stops and what you asked for"),
            ("off", "Nothing by itself"),
        ],
        widget=forms.RadioSelect,
    )
