"""What all acting views share: ask the pipeline, then say what came of it."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

from celery import Task
from django.contrib import messages
from django.db import transaction
from django.http import HttpResponse, HttpResponseRedirect, QueryDict
from django.shortcuts import redirect
from django.views.decorators.http import require_http_methods

from rollouts import tasks
from rollouts.access import Request
from rollouts.pipeline.transitions import Forbidden, Refusal

T = TypeVar("T")
OK, FORBIDDEN, CONFLICT, UNPROCESSABLE = 200, 403, 409, 422
# A move with a page of its own: GET asks, POST acts.
ASK_OR_ACT = require_http_methods(["GET", "HEAD", "POST"])


def status_of(refusal: Refusal) -> int:
    """Choose the answer: 409 when the person was overtaken, 403 without the right, else 422."""
    if isinstance(refusal, Forbidden):
        return FORBIDDEN
    return CONFLICT if refusal.overtaken else UNPROCESSABLE


def posted(request: Request) -> QueryDict | None:
    """Return what was posted, also when nothing was filled in; None when the page only asks."""
    return request.POST if request.method == "POST" else None


def act(
    request: Request,
    deed: Callable[[], T],
    *,
    done: str | Callable[[T], str],
    to: str,
    refused: Callable[[Refusal], HttpResponse],
) -> HttpResponse:
    """Do it and go to the address, or show the refusal in the page it came from.

    ``done`` is what to say then, or makes the sentence from what came of it.
    """
    try:
        came_of_it = deed()
    except Refusal as refusal:
        return refused(refusal)
    ring(tasks.tick)
    messages.success(request, done if isinstance(done, str) else done(came_of_it))
    return see(to)


def ring(bell: Task[[], None]) -> None:
    """Ring a doorbell once the change is stored. A broker that is away costs a delay, no more."""
    transaction.on_commit(bell.delay, robust=True)


def see(to: str) -> HttpResponseRedirect:
    """Send the browser on after a change, so that going back does not repeat it."""
    answer = redirect(to)
    answer.status_code = 303
    return answer
