"""What people may type about a view of a list."""

from __future__ import annotations

from django import forms

from rollouts.forms import Dressed


class ViewForm(Dressed):
    """A name for what a list shows now, and who is offered it."""

    name = forms.CharField(
        label="Name",
        max_length=60,
        widget=forms.TextInput(attrs={"autocomplete": "off"}),
        error_messages={"required": "Give the view a name."},
    )
    shared = forms.BooleanField(label="Offer it to everybody", required=False)
