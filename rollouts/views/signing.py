"""Signing in and out: Django's own views in our dress, and a line of history for each."""

from __future__ import annotations

from typing import Any

from django.contrib.auth.forms import AuthenticationForm
from django.contrib.auth.views import LoginView, LogoutView
from django.http import HttpRequest, HttpResponse

from rollouts.access import anybody
from rollouts.forms import SignInForm
from rollouts.models import Person
from rollouts.pipeline import clock, people


class _SignIn(LoginView):
    def form_valid(self, form: AuthenticationForm) -> HttpResponse:
        """Let them in, and write it down. What was refused is not: it may hold a password."""
        answer = super().form_valid(form)
        if isinstance(self.request.user, Person):
            people.signed_in(self.request.user, clock.now())
        return answer


class _SignOut(LogoutView):
    def post(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        """Write it down while it is still known who it is."""
        if isinstance(request.user, Person):
            people.signed_out(request.user, clock.now())
        return super().post(request, *args, **kwargs)


sign_in = anybody(
    _SignIn.as_view(
        template_name="registration/sign_in.html",
        authentication_form=SignInForm,
        redirect_authenticated_user=True,
    )
)
sign_out = anybody(_SignOut.as_view())
