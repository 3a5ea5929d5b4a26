"""Saved audiences: a name, what it means, who said so when; a change is a new version."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.db import IntegrityError, transaction
from django.db.models import F, Max

from rollouts.domain.audience import Audience, BadAudience, audience_of
from rollouts.domain.permissions import Permission
from rollouts.models import AudienceVersion, Package, Person, SavedAudience
from rollouts.pipeline import audiences
from rollouts.pipeline.org_facts import Known
from rollouts.pipeline.transitions import Overtaken, Refusal, demand, record, writing

_NAME, _NOTE = 80, 400


@dataclass(frozen=True, slots=True)
class Saved:
    """A saved audience with its newest version."""

    audience: SavedAudience
    version: AudienceVersion

    @property
    def rule(self) -> Audience:
        """What it means. Raises Refusal when what is stored can't be understood in full."""
        return rule_of(self.version)


def rule_of(version: AudienceVersion) -> Audience:
    """Read a version's conditions. Raises Refusal when they can't be understood in full."""
    try:
        return audience_of(version.rule)
    except BadAudience as bad:
        raise Refusal(f"The audience “{version.audience}” can't be used: {bad}") from bad


def offered() -> list[Saved]:
    """List the audiences that can be chosen, by name, each with its newest version."""
    newest = (
        AudienceVersion.objects.filter(audience__dropped_at=None)
        .annotate(last=Max("audience__versions__number"))
        .filter(number=F("last"))
        .select_related("audience", "package", "by")
        .order_by("audience__name")
    )
    return [Saved(version.audience, version) for version in newest]


def newest(audience: SavedAudience) -> Saved:
    """Return an audience with its newest version."""
    version = audience.versions.select_related("package", "by").latest()
    return Saved(audience, version)


def members(saved: Saved) -> list[Known]:
    """Return the orgs that it means now. Raises Refusal when it can't be judged."""
    return audiences.members(saved.rule, saved.version.package)


@writing()
def save(
    name: str,
    rule: Mapping[str, Any],
    package: Package,
    *,
    by: Person,
    now: datetime,
    note: str = "",
) -> Saved:
    """Store a new audience. Raises Refusal for a bad name, a name in use or a bad condition."""
    demand(by, Permission.PLAN, now)
    clean = " ".join(name.split())
    if not clean or len(clean) > _NAME:
        raise Refusal(f"Give the audience a name of at most {_NAME} characters.")
    audience = _checked(rule)
    try:
        with transaction.atomic():
            made = SavedAudience.objects.create(name=clean, made_by=by, made_at=now)
    except IntegrityError:
        raise Overtaken(f"There is an audience “{clean}” already, perhaps a dropped one.") from None
    return _add(made, 1, audience, package, by=by, now=now, note=note)


@writing()
def change(
    audience: SavedAudience,
    rule: Mapping[str, Any],
    package: Package,
    *,
    seen: int,
    by: Person,
    now: datetime,
    note: str = "",
) -> Saved:
    """Store a new version; rollouts that were planned with an older one keep that.

    ``seen`` is the version that the person changed. Raises Overtaken when there is a newer one.
    """
    demand(by, Permission.PLAN, now)
    checked = _checked(rule)
    held = SavedAudience.objects.select_for_update().get(pk=audience.pk)
    last = held.versions.latest()
    if last.number != seen:
        raise Overtaken(f"{last.by} changed this audience after you opened the page. Look again.")
    if held.dropped_at is not None:
        raise Overtaken("This audience is no longer offered. Save it under another name.")
    if last.rule == checked.rule_json() and last.package_id == package.pk:
        raise Refusal("It means this already; nothing was changed.")
    return _add(held, last.number + 1, checked, package, by=by, now=now, note=note)


@writing()
def drop(audience: SavedAudience, *, by: Person, now: datetime) -> None:
    """Offer it no longer; what was planned with it stays as it is."""
    demand(by, Permission.PLAN, now)
    if not SavedAudience.objects.filter(pk=audience.pk, dropped_at=None).update(dropped_at=now):
        raise Overtaken("It is no longer offered already.")
    record("drop_audience", f"audience {audience}", now=now, by=by)


def _checked(rule: Mapping[str, Any]) -> Audience:
    try:
        return audience_of(rule)
    except BadAudience as bad:
        raise Refusal(str(bad)) from bad


def _add(
    audience: SavedAudience,
    number: int,
    rule: Audience,
    package: Package,
    *,
    by: Person,
    now: datetime,
    note: str,
) -> Saved:
    version = AudienceVersion.objects.create(
        audience=audience,
        number=number,
        package=package,
        rule=rule.rule_json(),
        note=note.strip()[:_NOTE],
        by=by,
        at=now,
    )
    record(
        "save_audience",
        f"audience {audience}",
        now=now,
        by=by,
        after=f"version {number}",
        reason=version.note,
        detail={"rule": version.rule, "package": package.sf_id},
    )
    return Saved(audience, version)
