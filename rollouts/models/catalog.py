"""Packages and their versions, as Salesforce reported them."""

from __future__ import annotations

from django.db import models

from rollouts.domain.versions import Number, push_refusal
from rollouts.models.connection import Connection


class Package(models.Model):
    """A package that the connection's org owns."""

    connection = models.ForeignKey(Connection, on_delete=models.PROTECT, related_name="packages")
    sf_id = models.CharField(max_length=18, unique=True)
    name = models.CharField(max_length=255)
    namespace = models.CharField(max_length=15, blank=True)
    generation = models.PositiveSmallIntegerField(default=1)
    changed_until = models.DateTimeField(
        null=True, blank=True, help_text="SystemModstamp up to which subscribers are known"
    )

    def __str__(self) -> str:
        return self.name


class VersionQuerySet(models.QuerySet["PackageVersion"]):
    """Versions in the words of the domain."""

    def pushable(self) -> VersionQuerySet:
        """Those that Salesforce would push: released and not deprecated."""
        return self.filter(released=True, deprecated=False)

    def newest_first(self) -> VersionQuerySet:
        """In order of their numbers, as numbers."""
        return self.order_by("-major", "-minor", "-patch", "-build")


class PackageVersion(models.Model):
    """One released or beta version of a package."""

    package = models.ForeignKey(Package, on_delete=models.PROTECT, related_name="versions")
    sf_id = models.CharField(max_length=18, unique=True)
    name = models.CharField(max_length=255, blank=True)
    major = models.IntegerField()
    minor = models.IntegerField()
    patch = models.IntegerField(default=0)
    build = models.IntegerField(default=0)
    released = models.BooleanField()
    deprecated = models.BooleanField()
    seen_at = models.DateTimeField()
    changed = models.DateTimeField(
        null=True,
        blank=True,
        help_text="when Salesforce last changed it: promoted by then, if ever",
    )

    objects = VersionQuerySet.as_manager()

    def __str__(self) -> str:
        return f"{self.package.name} {self.label}"

    @property
    def number(self) -> Number:
        """The version number, comparable."""
        return Number(self.major, self.minor, self.patch, self.build)

    @property
    def label(self) -> str:
        """The number as people say it; betas with their build."""
        return str(self.number) if self.released else f"{self.number} beta {self.build}"

    @property
    def push_refusal(self) -> str:
        """Why nobody can be pushed to this version, or ""."""
        return push_refusal(released=self.released, deprecated=self.deprecated)
