"""Go anywhere by a few letters: pages, rollouts, packages, pushes by their ids, orgs.

The same address answers the palette (Ctrl K) and, without a script, a page of its own.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from urllib.parse import urlencode

from django.db.models import Q
from django.http import HttpResponse
from django.urls import reverse
from django.views.decorators.http import require_safe

from rollouts.access import Request, can, may
from rollouts.domain import ids
from rollouts.domain.permissions import Permission
from rollouts.models import Attempt, Batch, Package, Rollout
from rollouts.pipeline import finding, readiness
from rollouts.views.show import show

ROLLOUTS_SHOWN, PACKAGES_SHOWN, ORGS_SHOWN = 5, 3, 6
LEAST_LETTERS = 2

# Name of the address, its words, what else people call it, who may see it.
PAGES: tuple[tuple[str, str, str, Permission], ...] = (
    ("home", "Home", "overview start", Permission.LOOK),
    ("orgs", "Orgs", "list filter customers versions", Permission.LOOK),
    ("find", "Find an org", "search version customer", Permission.LOOK),
    ("rollouts", "Rollouts", "pushes upgrades", Permission.LOOK),
    ("rollout-new", "New rollout…", "plan push create", Permission.PLAN),
    ("drafts", "Drafts", "planning wizard", Permission.LOOK),
    ("failures", "Failures", "errors triage retry case", Permission.LOOK),
    ("audiences", "Audiences", "saved orgs segments lists", Permission.LOOK),
    ("exclusions", "Exclusions", "hold blocked never", Permission.LOOK),
    ("calendar", "Calendar", "windows schedule hours", Permission.LOOK),
    ("freezes", "Freezes", "freeze blackout quarter", Permission.LOOK),
    ("maintenance", "Maintenance", "salesforce trust downtime", Permission.LOOK),
    ("packages", "Packages", "versions adoption", Permission.LOOK),
    ("policies", "Policies", "guards settings approvals", Permission.LOOK),
    ("connections", "Connections", "salesforce settings credentials", Permission.LOOK),
    ("audit", "Audit", "history log trail who did what", Permission.LOOK),
    ("status", "Status", "health worker sync", Permission.LOOK),
    ("stop", "Stop everything…", "halt emergency", Permission.STOP_EVERYTHING),
    ("me", "Keys and announcements", "shortcuts settings me", Permission.LOOK),
)


@dataclass(frozen=True, slots=True)
class Place:
    """One place to go to: its words, what is said beside them, its address."""

    name: str
    about: str
    url: str


@dataclass(frozen=True, slots=True)
class Group:
    """Places of one kind."""

    title: str
    places: list[Place]


@require_safe
@may(Permission.LOOK)
def go(request: Request) -> HttpResponse:
    """List the places that fit the letters; without any, the pages and what runs."""
    text, note = finding.clean(request.GET.get("q", ""))
    words = text.lower().split()
    groups = [group for group in _groups(request, text, words) if group.places]
    context = {
        "text": text,
        "note": note,
        "groups": groups,
        "total": sum(len(group.places) for group in groups),
    }
    return show(request, "places/go.html", context, fragment="places")


def _groups(request: Request, text: str, words: list[str]) -> Iterator[Group]:
    by_id = _by_id(text)
    if by_id:
        yield Group("Pushes", by_id)
        return
    if not re.fullmatch(r"00[Dd]\w{12,15}", text):
        yield Group("Rollouts", _rollouts(words))
        yield Group("Pages", _pages(request, words))
        yield Group("Packages", _packages(text, words) if words else [])
    if len(text) >= LEAST_LETTERS:
        yield Group("Orgs", _orgs(text))


def _pages(request: Request, words: list[str]) -> list[Place]:
    return [
        Place(label, "", reverse(name))
        for name, label, also, permission in PAGES
        if can(request, permission) and all(word in f"{label} {also}".lower() for word in words)
    ]


def _rollouts(words: list[str]) -> list[Place]:
    """Every word is a part of the slug or of the package's name; "4.3" is found in "4-3-0"."""
    rows = Rollout.objects.all() if words else Rollout.objects.running()
    rows = rows.select_related("to_version__package").order_by("-created_at")
    for word in words:
        part = re.sub(r"[^a-z0-9]+", "-", word).strip("-")
        named = Q(to_version__package__name__icontains=word)
        rows = rows.filter(named | Q(slug__contains=part) if part else named)
    return [
        Place(
            str(found.to_version),
            f"{found.slug}, {found.state}",
            reverse("rollout", args=[found.slug]),
        )
        for found in rows[:ROLLOUTS_SHOWN]
    ]


def _packages(text: str, words: list[str]) -> list[Place]:
    # A version's number narrows no package: "hbr 4.3" finds Harbor, where its versions stand.
    names = [word for word in words if not re.fullmatch(r"[\d.]+", word)]
    if not names:
        return []
    rows = Package.objects.order_by("name", "pk")
    for word in names:
        rows = rows.filter(
            Q(name__icontains=word) | Q(namespace__icontains=word) | Q(sf_id__startswith=text)
        )
    return [
        Place(found.name, found.namespace, reverse("package", args=[readiness.key_of(found)]))
        for found in rows[:PACKAGES_SHOWN]
    ]


def _by_id(text: str) -> list[Place]:
    """Jump to the batch of a push request or of one push of it."""
    try:
        key = ids.long_id(text)
    except ids.BadId:
        return []
    batches = Batch.objects.select_related("wave__rollout__to_version__package")
    if key.startswith(ids.REQUEST):
        found = batches.filter(sf_id=key).first()
    elif key.startswith(ids.JOB):
        attempt = Attempt.objects.filter(sf_id=key).only("batch_id").first()
        found = batches.filter(pk=attempt.batch_id).first() if attempt else None
    else:
        return []
    if found is None:
        return []
    rollout = found.wave.rollout
    name = f"{rollout.to_version}, wave {found.wave.number}, batch {found.number}"
    return [Place(name, key, reverse("batch", args=[rollout.slug, found.pk]))]


def _orgs(text: str) -> list[Place]:
    found = finding.find(text)
    places = [
        Place(org.name, f"{_kind(org.is_production)}, {org.key}", reverse("org", args=[org.key]))
        for org in found.orgs[:ORGS_SHOWN]
    ]
    rest = len(found.orgs) + found.more - len(places)
    if rest > 0:
        more = Place(
            f"All {rest + len(places)} orgs",
            "",
            f"{reverse('orgs')}?{urlencode({'q': text, 'installed': 'all'})}",
        )
        places.append(more)
    return places


def _kind(is_production: bool) -> str:  # noqa: FBT001 - a field as it is stored
    return "production" if is_production else "sandbox"
