"""A rollout that is being planned: what the five steps hold before there is a rollout."""

from __future__ import annotations

from typing import Any, ClassVar

from django.db import models

from rollouts.models.catalog import PackageVersion
from rollouts.models.people import Person
from rollouts.models.rollout import Rollout


class DraftQuerySet(models.QuerySet["Draft"]):
    """Drafts in the words of the domain."""

    def open(self) -> DraftQuerySet:
        """Those that can still become a rollout."""
        return self.filter(rollout=None, dropped_at=None)


class Draft(models.Model):
    """Work in progress that everybody can read and every planner can change.

    ``rev`` is raised by each change; a change must name the rev that its person saw, so that nobody
    overwrites what they have not read. ``log`` keeps who made the latest changes.
    """

    author = models.ForeignKey(Person, on_delete=models.PROTECT, related_name="drafts")
    to_version = models.ForeignKey(PackageVersion, on_delete=models.PROTECT, related_name="drafts")
    take_over = models.ForeignKey(
        Rollout,
        on_delete=models.PROTECT,
        null=True,
        blank=True,
        related_name="+",
        help_text="the older rollout whose left orgs it is to take",
    )
    audience = models.JSONField(default=dict, help_text="step 2: who gets it")
    waves = models.JSONField(default=dict, help_text="step 3: what people changed in the cut")
    schedule = models.JSONField(default=dict, help_text="step 4: windows, dates and guardrails")
    profile = models.CharField(
        max_length=12, blank=True, help_text="policy profile; empty: by the kind of version jump"
    )
    profile_version = models.PositiveIntegerField(
        null=True, blank=True, help_text="its version; none: the one in force at creation"
    )
    reasons = models.JSONField(
        default=dict, help_text="code of a warning to why the planner goes on in spite of it"
    )
    rev = models.PositiveIntegerField(default=1)
    log = models.JSONField(default=list, help_text="the latest changes: rev, person, step, time")
    created_at = models.DateTimeField()
    changed_at = models.DateTimeField()
    changed_by = models.ForeignKey(Person, on_delete=models.PROTECT, related_name="+")
    editors = models.ManyToManyField(Person, related_name="+", blank=True)
    rollout = models.OneToOneField(
        Rollout,
        on_delete=models.PROTECT,
        null=True,
        blank=True,
        related_name="draft",
        help_text="what it has become",
    )
    dropped_at = models.DateTimeField(null=True, blank=True)

    objects = DraftQuerySet.as_manager()

    class Meta:
        ordering: ClassVar = ["-changed_at"]

    def __str__(self) -> str:
        return f"draft {self.pk}"

    @property
    def is_open(self) -> bool:
        """Whether it can still be changed."""
        return self.rollout_id is None and self.dropped_at is None

    def changes_after(self, rev: int) -> list[dict[str, Any]] | None:
        """List what was changed after a rev, or None when that is too long ago to be known."""
        entries = [entry for entry in self.log if entry["rev"] > rev]
        return entries if len(entries) == self.rev - rev else None
