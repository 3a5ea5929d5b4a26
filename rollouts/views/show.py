"""Answer with a page or, to htmx, with the part of it that changes."""

from __future__ import annotations

from collections.abc import Mapping

from django.http import HttpResponse
from django.shortcuts import render
from django.utils.cache import patch_vary_headers

from rollouts.access import Request, wants_fragment

UNCHANGED = 204


def show(
    request: Request,
    template: str,
    context: Mapping[str, object],
    *,
    fragment: str = "live",
    status: int = 200,
) -> HttpResponse:
    """Render the page, or its named part when htmx asks; the same address serves both."""
    name = f"{template}#{fragment}" if wants_fragment(request) else template
    return varied(render(request, name, dict(context), status=status))


def unchanged(request: Request, stamp: str) -> HttpResponse | None:
    """Answer 204 to a live part that already shows this stamp; it then stays untouched."""
    if wants_fragment(request) and request.GET.get("v") == stamp:
        return varied(HttpResponse(status=UNCHANGED))
    return None


def varied(response: HttpResponse) -> HttpResponse:
    """Keep caches from handing a part to somebody who asked for the page, or data to another."""
    patch_vary_headers(response, ["HX-Request"])
    response["Cache-Control"] = "private, no-store"
    return response
