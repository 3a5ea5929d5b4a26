"""The history: who did what, when and why; nothing here can be edited, and nothing removed."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Any
from zoneinfo import ZoneInfo

from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.db.models import QuerySet
from django.http import Http404, HttpResponse, JsonResponse, QueryDict
from django.urls import reverse
from django.views.decorators.http import require_POST, require_safe

from rollouts.access import Request, can, may, refusal, wants_fragment
from rollouts.domain.permissions import Permission
from rollouts.forms_audit import UTC_ZONE, AuditForm
from rollouts.models import Event, Rollout
from rollouts.pipeline import chain, trail
from rollouts.pipeline.trail import Asked, Line
from rollouts.views.acts import OK, UNPROCESSABLE, see
from rollouts.views.downloads import csv_answer
from rollouts.views.rollouts import find
from rollouts.views.show import UNCHANGED, show, varied

# One file holds no more than that; who needs more takes it by days.
EXPORTED = 50_000
_TURNS = ("before", "after", "since", "n", "as")
_HEADER = (
    "Entry", "When (UTC)", "When ({zone})", "Who", "Roles then", "Did", "Kind", "Action", "Subject",
    "Rollout", "Before", "After", "Why", "List digest", "Fields", "Hash", "Hash before",
)  # fmt: skip


@require_safe
@may(Permission.LOOK)
def audit(request: Request) -> HttpResponse:
    """List the history, newest first: all of it to auditors, what concerns rollouts to others."""
    return _trail(request, None)


@require_safe
@may(Permission.LOOK)
def rollout_audit(request: Request, slug: str) -> HttpResponse:
    """List the history of one rollout."""
    return _trail(request, find(slug))


def _trail(request: Request, rollout: Rollout | None) -> HttpResponse:
    form = AuditForm(request.GET, rollout=rollout)
    if not form.is_valid():
        return _page(request, form, None, status=UNPROCESSABLE)
    asked = form.asked()
    wanted = request.GET.get("as")
    if wanted in {"csv", "json"}:
        return _export(request, form, asked, wanted)
    if wants_fragment(request) and "since" in request.GET:
        return _newer(request, form, asked)
    found = trail.page(
        asked,
        request.user,
        request.roles,
        before=_number(request, "before"),
        after=_number(request, "after"),
        oldest_first=request.GET.get("sort") == "oldest",
    )
    return _page(request, form, found)


def _page(
    request: Request,
    form: AuditForm,
    found: trail.Page | None,
    *,
    status: int = OK,
    too_many: int = 0,
) -> HttpResponse:
    context = {
        "form": form,
        "rollout": form.rollout,
        "problems": sum(map(len, form.errors.values())),
        "page": found,
        "zone": _zone(form),
        "narrowed": form.is_valid() and form.is_narrowed,
        "oldest": request.GET.get("sort") == "oldest",
        "here": request.path,
        "query": _query(request),
        "sees_all": trail.sees_all(request.roles),
        "why_not": refusal(Permission.READ_AUDIT),
        "counted": trail.COUNTED,
        "too_many": too_many,
        "newer": 0,
    }
    return show(request, "audit/list.html", context, status=status)


def _newer(request: Request, form: AuditForm, asked: Asked) -> HttpResponse:
    """Say how many lines came since; the list itself never moves under a reader's eyes."""
    since = _number(request, "since") or 0
    count = trail.newer(asked, request.user, request.roles, since)
    if str(count) == request.GET.get("n"):
        return varied(HttpResponse(status=UNCHANGED))
    context = {
        "newer": count,
        "head": since,
        "here": request.path,
        "query": _query(request),
        "form": form,
    }
    return show(request, "audit/list.html", context, fragment="newer")


def _number(request: Request, name: str) -> int | None:
    typed = request.GET.get(name, "")
    return int(typed) if typed.isascii() and typed.isdigit() and len(typed) < 19 else None  # noqa: PLR2004 - a big integer


def _query(request: Request) -> str:
    """Return what was asked for, without where in the list one stands."""
    kept: QueryDict = request.GET.copy()
    for name in _TURNS:
        kept.pop(name, None)
    return kept.urlencode()


def _zone(form: AuditForm) -> ZoneInfo:
    return ZoneInfo(form.cleaned_data.get("tz") or UTC_ZONE)


# -- files -----------------------------------------------------------------------------------


def _export(request: Request, form: AuditForm, asked: Asked, kind: str) -> HttpResponse:
    if not can(request, Permission.READ_AUDIT):
        raise PermissionDenied(refusal(Permission.READ_AUDIT))
    rows = trail.entries(asked, request.user, request.roles)
    count = rows.order_by()[: EXPORTED + 1].count()
    if count > EXPORTED:
        found = trail.page(asked, request.user, request.roles)
        return _page(request, form, found, status=UNPROCESSABLE, too_many=EXPORTED)
    about = f"-{form.rollout.slug}" if form.rollout else ""
    name = f"history{about}-{request.now.astimezone(UTC):%Y-%m-%dT%H%MZ}"
    if kind == "csv":
        zone = _zone(form)
        header = [column.format(zone=zone) for column in _HEADER]
        return csv_answer(name, header, _rows(rows, zone))
    return _json(request, name, rows)


def _rows(rows: QuerySet[Event], zone: ZoneInfo) -> Iterable[tuple[object, ...]]:
    for line in trail.exported(rows):
        event = line.event
        yield (
            event.sequence, event.at.astimezone(UTC), event.at.astimezone(zone), line.who,
            " ".join(line.roles), line.did, line.told.group.value, event.action, event.subject,
            event.rollout.slug if event.rollout else "", event.before, event.after, event.reason,
            event.digest, line.detail, event.hash, event.previous,
        )  # fmt: skip


def _json(request: Request, name: str, rows: QuerySet[Event]) -> HttpResponse:
    """Answer with exactly the fields that the hashes cover, so that anybody can take them anew."""
    answer = JsonResponse(
        {
            "read_at": request.now.astimezone(UTC).isoformat(),
            "asked": _query(request),
            "entries": [_exact(line) for line in trail.exported(rows)],
        }
    )
    answer["Content-Disposition"] = f'attachment; filename="{name}.json"'
    answer["Cache-Control"] = "private, no-store"
    return answer


def _exact(line: Line) -> dict[str, Any]:
    slug = line.event.rollout.slug if line.event.rollout else None
    return {
        **trail.as_fields(line.event),
        "told": {"sentence": line.sentence, "roles": list(line.roles), "rollout": slug},
    }


# -- one entry, and all of them --------------------------------------------------------------


@require_safe
@may(Permission.LOOK)
def entry(request: Request, sequence: int) -> HttpResponse:
    """Show one entry with every field, and whether its hash is still that of its fields."""
    line = trail.one(sequence, request.user, request.roles)
    if line is None:
        raise Http404("There is no such entry, or it is not yours to read.")
    context = {
        "line": line,
        "fields": _shown(line),
        "holds": line.event.content_hash() == line.event.hash,
    }
    return show(request, "audit/entry.html", context)


def _shown(line: Line) -> list[tuple[str, object]]:
    return [
        (name, _plain(value))
        for name, value in trail.as_fields(line.event).items()
        if name not in {"detail", "hash", "previous"}
    ]


def _plain(value: object) -> object:
    return value.isoformat() if isinstance(value, datetime) else "" if value is None else value


@require_POST
@may(Permission.READ_AUDIT)
def verify(request: Request) -> HttpResponse:
    """Follow the chain through every entry, and say what came of it."""
    verdict = chain.check(by=request.user, now=request.now)
    say = messages.success if verdict.intact else messages.error
    say(request, f"{verdict.sentence}.")
    return see(reverse("audit"))
