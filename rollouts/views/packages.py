"""Packages: which there are, which version is where, what they need, and whether they are ready."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from datetime import UTC

from django.db.models import Q
from django.http import Http404, HttpResponse
from django.shortcuts import get_object_or_404
from django.urls import reverse
from django.views.decorators.http import require_POST, require_safe

from rollouts.access import Request, can, may
from rollouts.domain.checklists import Item, Status, summary
from rollouts.domain.permissions import Permission
from rollouts.forms_checks import CheckForm, NeedForm
from rollouts.models import Installation, Package, PackageDependency, PackageVersion
from rollouts.pipeline import checklists, dependencies, readiness
from rollouts.pipeline.transitions import Refusal
from rollouts.views.acts import OK, UNPROCESSABLE, act, status_of
from rollouts.views.checklists import ItemLine, checklist, item_lines
from rollouts.views.show import show

OLDER_SHOWN = 12


@dataclass(frozen=True, slots=True)
class VersionLine:
    """One version with the orgs that have it."""

    version: PackageVersion
    orgs: int
    production: int

    @property
    def sandboxes(self) -> int:
        """Those that are no production orgs."""
        return self.orgs - self.production


def find(key: str) -> Package:
    """Fetch a package by its namespace or its id, or answer 404."""
    found = (
        Package.objects.select_related("connection")
        .filter(Q(namespace=key) | Q(sf_id=key))
        .exclude(namespace="", sf_id="")
        .order_by("pk")
        .first()
    )
    if not key or found is None:
        raise Http404("No package is known under this name.")
    return found


@require_safe
@may(Permission.LOOK)
def packages(request: Request) -> HttpResponse:
    """List the packages with their newest version and how many orgs have it."""
    rows = []
    for package in Package.objects.select_related("connection").order_by("name", "pk"):
        lines = version_lines(package)
        newest = next((line for line in lines if not line.version.push_refusal), None)
        done, of, _ = summary(
            readiness.items(package, request.now), request.now.astimezone(UTC).date()
        )
        total = sum(line.orgs for line in lines)
        rows.append((package, readiness.key_of(package), newest, total, done, of))
    return show(request, "packages/list.html", {"rows": rows})


def version_lines(package: Package) -> list[VersionLine]:
    """Return every version, newest first, with who has it: two queries."""
    orgs: Counter[int] = Counter()
    production: Counter[int] = Counter()
    for version, is_production in (
        Installation.objects.present()
        .filter(package=package)
        .values_list("version_id", "org__is_production")
    ):
        orgs[version] += 1
        production[version] += is_production
    return [
        VersionLine(version, orgs[version.pk], production[version.pk])
        for version in package.versions.newest_first().select_related("package")
    ]


@require_safe
@may(Permission.LOOK)
def package(request: Request, key: str) -> HttpResponse:
    """Show which orgs have which version, and what the package needs."""
    return _package_page(request, find(key))


def _package_page(
    request: Request,
    found: Package,
    form: NeedForm | None = None,
    refusal: Refusal | None = None,
    status: int = OK,
) -> HttpResponse:
    lines = version_lines(found)
    context = {
        "package": found,
        "key": readiness.key_of(found),
        "lines": lines,
        "total": sum(line.orgs for line in lines),
        "needs": found.needs.filter(ended_at=None).select_related("at_least__package", "since"),
        "needed_by": found.needed_by.filter(ended_at=None).select_related("package", "at_least"),
        "may_plan": can(request, Permission.PLAN),
        "form": form or NeedForm(package=found),
        "problems": len(form.errors) if form else 0,
        "refusal": refusal,
        "ready": summary(readiness.items(found, request.now), request.now.astimezone(UTC).date()),
    }
    return show(request, "packages/detail.html", context, status=status)


@require_POST
@may(Permission.PLAN)
def add_need(request: Request, key: str) -> HttpResponse:
    """Note that the package needs another one."""
    found = find(key)
    form = NeedForm(request.POST, package=found)
    if not form.is_valid():
        return _package_page(request, found, form, status=UNPROCESSABLE)
    given = form.cleaned_data
    return act(
        request,
        lambda: dependencies.add(
            found,
            given["at_least"],
            since=given["since"],
            note=given["note"],
            by=request.user,
            now=request.now,
        ),
        done=lambda made: f"Noted: {made}. Waves whose orgs lack it are held.",
        to=reverse("package", args=[key]),
        refused=lambda refusal: _package_page(request, found, form, refusal, status_of(refusal)),
    )


@require_POST
@may(Permission.PLAN)
def end_need(request: Request, key: str, pk: int) -> HttpResponse:
    """End a need, with a reason."""
    found = find(key)
    need = get_object_or_404(
        PackageDependency.objects.select_related("package", "needs", "at_least__package", "since"),
        pk=pk,
        package=found,
    )
    return act(
        request,
        lambda: dependencies.end(
            need, reason=request.POST.get("reason", ""), by=request.user, now=request.now
        ),
        done=f"{need} no more.",
        to=reverse("package", args=[key]),
        refused=lambda refusal: _package_page(
            request, found, refusal=refusal, status=status_of(refusal)
        ),
    )


@require_safe
@may(Permission.LOOK)
def package_readiness(request: Request, key: str) -> HttpResponse:
    """Show whether a package can be pushed: proved items, and what people have noted."""
    found = find(key)
    return _readiness_page(request, found, item_lines(request, _items(request, found)))


def _items(request: Request, found: Package) -> list[Item]:
    return readiness.items(found, request.now)


def _readiness_page(
    request: Request,
    found: Package,
    lines: list[ItemLine],
    refusal: Refusal | None = None,
    status: int = OK,
) -> HttpResponse:
    key = readiness.key_of(found)
    context = {
        **checklist(request, lines, refusal, act_name="package-check-off", act_key=key),
        "package": found,
        "key": key,
        "majors": readiness.majors_enabled(found),
        "patches": next(
            line.status is Status.DONE for line in lines if line.item.code == "push_patch"
        ),
    }
    return show(request, "packages/readiness.html", context, status=status)


@require_POST
@may(Permission.CHECK_OFF)
def check_off(request: Request, key: str, code: str) -> HttpResponse:
    """Store a person's word on one item of the readiness list."""
    found = find(key)
    items = _items(request, found)
    item = next((one for one in items if one.code == code), None)
    if item is None:
        raise Http404("This list has no such item.")
    form = CheckForm(request.POST, item=item)
    if not form.is_valid():
        lines = item_lines(request, items, form, code)
        return _readiness_page(request, found, lines, status=UNPROCESSABLE)
    return act(
        request,
        lambda: checklists.say(
            items, code, form.word(), by=request.user, now=request.now, package=found
        ),
        done=f"Noted: {item.title}.",
        to=reverse("package-readiness", args=[key]) + f"#item-{code}",
        refused=lambda refusal: _readiness_page(
            request, found, item_lines(request, items, form, code), refusal, status_of(refusal)
        ),
    )
