"""How a person wants their pages to behave: keys on or off, how much is read out.

Kept in the session and nowhere else: it changes nothing but the browser in front of the person.
"""

from __future__ import annotations

from typing import Final

from django.contrib import messages
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.middleware.csrf import get_token
from django.urls import reverse
from django.views.decorators.http import require_safe

from rollouts.access import Request, may
from rollouts.domain.permissions import Permission
from rollouts.forms_me import PreferencesForm
from rollouts.views.acts import ASK_OR_ACT, OK, UNPROCESSABLE, posted, see
from rollouts.views.show import show, varied

KEY: Final = "preferences"
USUAL: Final = {"keys": "on", "announce": "all"}


def of(request: HttpRequest) -> dict[str, str]:
    """Return what the person chose, or what is usual."""
    session = getattr(request, "session", None)
    kept = session.get(KEY) if session is not None else None
    return USUAL | (kept or {})


@ASK_OR_ACT
@may(Permission.LOOK)
def me(request: Request) -> HttpResponse:
    """List the keys, and let the person switch them and the announcements off."""
    chosen = of(request)
    form = PreferencesForm(posted(request), initial=chosen)
    if form.is_valid():
        request.session[KEY] = {name: form.cleaned_data[name] for name in USUAL}
        messages.success(request, "Kept until you sign out.")
        return see(reverse("me"))
    problems = sum(len(errors) for errors in form.errors.values())
    context = {"form": form, "problems": problems, "chosen": chosen}
    status = UNPROCESSABLE if form.is_bound else OK
    return show(request, "settings/me.html", context, fragment="keys", status=status)


@require_safe
@may(Permission.LOOK)
def session(request: Request) -> HttpResponse:
    """Say whose session this is, with a form token for pages that are open already.

    Asked by pages that somebody comes back to. Without a session it is 401, as for every part.
    """
    return varied(JsonResponse({"person": str(request.user.pk), "token": get_token(request)}))
