"""Signing in and out: Django's own views in our dress."""

from __future__ import annotations

from django.contrib.auth.views import LoginView, LogoutView

from rollouts.access import anybody
from rollouts.forms import SignInForm

sign_in = anybody(
    LoginView.as_view(
        template_name="registration/sign_in.html",
        authentication_form=SignInForm,
        redirect_authenticated_user=True,
    )
)
sign_out = anybody(LogoutView.as_view())
