"""Answer with a page or, to htmx, with the part of it that changes."""

from __future__ import annotations

from collections.abc import Mapping

from django.http import HttpResponse
from django.shortcuts import render
from django.template.loader import render_to_string
from django.utils.cache import patch_vary_headers

from rollouts.access import Request, wants_fragment
from rollouts.pipeline import clock

UNCHANGED = 204
LIVE = "live"
# Real seconds after which a live part is sent again though nothing happened: its words count down
# ("bakes for another hour"), and what surrounds it (health, a stop) may have changed.
RENEWED_AFTER = 15.0


def show(
    request: Request,
    template: str,
    context: Mapping[str, object],
    *,
    fragment: str = LIVE,
    status: int = 200,
) -> HttpResponse:
    """Render the page, or its named part when htmx asks; the same address serves both.

    A live part brings what surrounds it along: the lamp, the banners and the ages in the foot.
    """
    if not wants_fragment(request):
        return varied(render(request, template, dict(context), status=status))
    answer = render(request, f"{template}#{fragment}", dict(context), status=status)
    if fragment == LIVE:
        answer.write(render_to_string("components/_around.html", request=request))
    return varied(answer)


def stamped(request: Request, shown: str) -> str:
    """Name what a live part shows; a new name every few seconds keeps its words true."""
    lap = clock.wire(RENEWED_AFTER).total_seconds()
    return f"{shown}-{int(request.now.timestamp() // lap)}"


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
