"""Needs between packages: noted by people, looked at in plans, at freezing and before arming."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime

from django.db import IntegrityError

from rollouts.domain.dependencies import Lacking, Need, circle, lacking
from rollouts.domain.lifecycle import WAVE_ENDS, TargetState
from rollouts.domain.permissions import Permission
from rollouts.models import (
    Installation,
    Package,
    PackageDependency,
    PackageVersion,
    Person,
    Rollout,
    Wave,
)
from rollouts.pipeline.transitions import Overtaken, Refusal, demand, record, writing

_GOING = (TargetState.PLANNED.value, TargetState.IN_FLIGHT.value)


def needs_of(version: PackageVersion) -> list[PackageDependency]:
    """Return what a version needs now, the packages' names at hand."""
    rows = (
        PackageDependency.objects.in_force()
        .filter(package=version.package_id)
        .select_related("needs", "at_least", "since")
        .order_by("pk")
    )
    return [row for row in rows if row.since is None or row.since.number <= version.number]


def missing(
    version: PackageVersion, orgs: Iterable[int]
) -> list[tuple[PackageDependency, Lacking]]:
    """Say which orgs (by row) lack what a version needs; two queries at most when there is any."""
    needs = needs_of(version)
    wanted = {str(pk) for pk in orgs}
    if not needs or not wanted:
        return []
    packages = {need.needs_id for need in needs}
    rows = Installation.objects.present().filter(package__in=packages).select_related("version")
    installed = {
        (str(row.org_id), str(row.package_id)): row.version.number
        for row in rows
        if str(row.org_id) in wanted
    }
    found = []
    for need in needs:
        asked = Need(str(need.needs_id), need.at_least.number._replace(build=0))
        found += [(need, one) for one in lacking(sorted(wanted), [asked], installed)]
    return found


def holds_on(rollout: Rollout) -> list[str]:
    """List what the orgs of the wave at hand lack, in words; empty when nothing is."""
    version = rollout.to_version
    if not PackageDependency.objects.in_force().filter(package=version.package_id).exists():
        return []
    wave = rollout.waves.exclude(state__in=[state.value for state in WAVE_ENDS]).first()
    return [f"{line}; it lifts itself when they have it" for line in on_wave(wave)] if wave else []


def on_wave(wave: Wave) -> list[str]:
    """Say what orgs of a wave that are still to be pushed lack."""
    orgs = wave.targets.filter(state__in=_GOING).values_list("org_id", flat=True)
    return [
        f"{len(one.orgs)} orgs of wave {wave.number} lack {need.at_least}, which "
        f"{wave.rollout.to_version.label} needs"
        for need, one in missing(wave.rollout.to_version, orgs)
    ]


def demand_met(wave: Wave) -> None:
    """Raise Refusal while an org of a wave lacks what the version needs."""
    lines = on_wave(wave)
    if lines:
        raise Refusal(f"{lines[0]}. Roll that out to them first, or leave them out.")


@writing()
def add(
    package: Package,
    at_least: PackageVersion,
    *,
    since: PackageVersion | None,
    note: str,
    by: Person,
    now: datetime,
) -> PackageDependency:
    """Note that a package needs another. Raises Refusal for a circle or a second need of it."""
    demand(by, Permission.PLAN, now)
    known: dict[str, list[str]] = {}
    for one, other in PackageDependency.objects.in_force().values_list("package_id", "needs_id"):
        known.setdefault(str(one), []).append(str(other))
    if circle(str(package.pk), str(at_least.package_id), known):
        raise Refusal(
            f"{at_least.package} needs {package} already: two packages can't wait for each other."
        )
    if str(at_least.package_id) in known.get(str(package.pk), []):
        raise Refusal(f"A need of {at_least.package} is noted already; end that one first.")
    try:
        made = PackageDependency.objects.create(
            package=package,
            needs=at_least.package,
            at_least=at_least,
            since=since,
            note=note,
            by=by,
            at=now,
        )
    except IntegrityError as error:
        raise Overtaken("Somebody noted this need a moment ago. Look again.") from error
    record("add_need", str(made), now=now, by=by, reason=note, detail=_detail(made))
    return made


@writing()
def end(need: PackageDependency, *, reason: str, by: Person, now: datetime) -> None:
    """End a need. Raises Refusal without a reason, Overtaken when it has ended already."""
    demand(by, Permission.PLAN, now)
    if not reason.strip():
        raise Refusal("Say why it is needed no more; it stays in history.")
    if not PackageDependency.objects.in_force().filter(pk=need.pk).update(ended_at=now):
        raise Overtaken("This need has ended already.")
    record("end_need", str(need), now=now, by=by, reason=reason.strip(), detail=_detail(need))


def _detail(need: PackageDependency) -> dict[str, str]:
    return {
        "package": need.package.sf_id,
        "needs": need.needs.sf_id,
        "at_least": need.at_least.sf_id,
        "since": need.since.sf_id if need.since else "",
    }
