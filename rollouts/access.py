"""Who may open which view. The default is no: a view without `may` or `anybody` fails a test.

The decorator looks roles up once per request, in force at that moment, and hands the view a
request that knows its person, roles and time. Refusals say which role is needed and who has the
right to grant it.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from functools import wraps
from typing import Any, Concatenate, ParamSpec, TypeVar, cast

from django.contrib.auth.views import redirect_to_login
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse
from django.http.response import HttpResponseBase

from rollouts.domain.permissions import Permission, Role, roles_with
from rollouts.domain.permissions import may as allows
from rollouts.models import Person
from rollouts.pipeline import clock
from rollouts.pipeline.deployment import demand_mode
from rollouts.pipeline.report import Health

P = ParamSpec("P")
V = TypeVar("V", bound=Callable[..., HttpResponseBase])
SIGNED_OUT = 401


class Request(HttpRequest):
    """A request whose person, roles and time are known. ``now`` is business time."""

    user: Person
    roles: frozenset[Role]
    now: datetime
    health: Health


Asked = Callable[Concatenate[Request, P], HttpResponseBase]
Guarded = Callable[Concatenate[HttpRequest, P], HttpResponseBase]


def may(permission: Permission) -> Callable[[Asked[P]], Guarded[P]]:
    """Open the view to people who hold the permission, and to nobody else.

    A fragment asked for after signing out gets 401 instead of a sign-in page: a form must never
    be swapped into a card.
    """

    def guard(view: Asked[P]) -> Guarded[P]:
        @wraps(view)
        def guarded(request: HttpRequest, /, *args: P.args, **kwargs: P.kwargs) -> HttpResponseBase:
            if not request.user.is_authenticated:
                if wants_fragment(request):
                    return HttpResponse(status=SIGNED_OUT)
                return redirect_to_login(request.get_full_path())
            asked = known(request)
            if not can(asked, permission):
                raise PermissionDenied(refusal(permission))
            return view(asked, *args, **kwargs)

        return _declare(guarded, permission)

    return guard


def anybody(view: V) -> V:
    """Declare a view open to people who are not signed in."""
    return _declare(view, None)


def _declare(view: V, permission: Permission | None) -> V:
    marked: Any = view
    marked.permission = permission
    # LoginRequiredMiddleware would answer fragments with a redirect; `may` does its work better.
    marked.login_required = False
    return view


def known(request: HttpRequest) -> Request:
    """Give the request its roles and time, read once."""
    asked = cast("Request", request)
    if getattr(asked, "roles", None) is None:
        demand_mode()
        person = request.user
        asked.now = clock.now()
        asked.roles = person.roles_at(asked.now) if person.is_authenticated else frozenset()
    return asked


def can(request: Request, permission: Permission) -> bool:
    """Say whether the person holds the permission at this moment."""
    return allows(request.roles, permission)


def wants_fragment(request: HttpRequest) -> bool:
    """Say whether htmx asks for a part; a restored history entry needs the whole page."""
    headers = request.headers
    return "HX-Request" in headers and "HX-History-Restore-Request" not in headers


def refusal(permission: Permission) -> str:
    """Say which role is needed."""
    names = sorted(role.value for role in roles_with(permission))
    if not names:
        return "Nobody may do this."
    listed = names[0] if len(names) == 1 else f"{', '.join(names[:-1])} or {names[-1]}"
    return f"This needs the role {listed}."
