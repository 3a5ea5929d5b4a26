"""Packages and versions as Salesforce lists them, into our tables: two reads, few writes."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime

from django.db import transaction

from rollouts.models import Connection, Package, PackageVersion
from rollouts.salesforce.gateway import SfPackage, SfVersion

_OF_A_PACKAGE = ("name", "namespace", "generation")
_OF_A_VERSION = (
    "name", "major", "minor", "patch", "build", "released", "deprecated", "changed",
)  # fmt: skip


@transaction.atomic
def store_catalog(
    link: Connection,
    packages: Iterable[SfPackage],
    versions: Iterable[SfVersion],
    read_at: datetime,
) -> None:
    """Take the whole catalog over. What Salesforce no longer lists stays, with its older age."""
    ours = {row.sf_id: row for row in Package.objects.filter(connection=link)}
    for package in packages:
        row = ours.get(package.id)
        values = {name: getattr(package, name) for name in _OF_A_PACKAGE}
        if row is None:
            ours[package.id], _ = Package.objects.update_or_create(
                sf_id=package.id, defaults={"connection": link, **values}
            )
        elif any(getattr(row, name) != value for name, value in values.items()):
            Package.objects.filter(pk=row.pk).update(**values)
    _store_versions(ours, [one for one in versions if one.package_id in ours], read_at)


def _store_versions(
    packages: dict[str, Package], versions: list[SfVersion], read_at: datetime
) -> None:
    known = {
        row.sf_id: row
        for row in PackageVersion.objects.filter(package__in=[p.pk for p in packages.values()])
    }
    fresh, changed = [], []
    for version in versions:
        values = {name: getattr(version, name) for name in _OF_A_VERSION}
        row = known.get(version.id)
        if row is None:
            package = packages[version.package_id]
            fresh.append(
                PackageVersion(sf_id=version.id, package=package, seen_at=read_at, **values)
            )
        elif any(getattr(row, name) != value for name, value in values.items()):
            for name, value in values.items():
                setattr(row, name, value)
            changed.append(row)
    PackageVersion.objects.bulk_create(fresh, batch_size=500)
    PackageVersion.objects.bulk_update(changed, _OF_A_VERSION, batch_size=100)
    seen = [known[version.id].pk for version in versions if version.id in known]
    PackageVersion.objects.filter(pk__in=seen).update(seen_at=read_at)
