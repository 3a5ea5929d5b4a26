"""What people note around a plan: needs between packages, checklists, and rehearsals of it."""

from __future__ import annotations

from typing import ClassVar

from django.db import models

from rollouts.domain.checklists import Mark
from rollouts.models.catalog import Package, PackageVersion
from rollouts.models.people import Person
from rollouts.models.rollout import Rollout

_MARKS = [(mark.value, mark.value) for mark in Mark]


class DependencyQuerySet(models.QuerySet["PackageDependency"]):
    """Needs in the words of the domain."""

    def in_force(self) -> DependencyQuerySet:
        """Those that nobody has ended."""
        return self.filter(ended_at=None)


class PackageDependency(models.Model):
    """A package needs another, at some version or newer, in each org that it is pushed to."""

    package = models.ForeignKey(Package, on_delete=models.PROTECT, related_name="needs")
    needs = models.ForeignKey(Package, on_delete=models.PROTECT, related_name="needed_by")
    at_least = models.ForeignKey(PackageVersion, on_delete=models.PROTECT, related_name="+")
    since = models.ForeignKey(
        PackageVersion,
        on_delete=models.PROTECT,
        null=True,
        blank=True,
        related_name="+",
        help_text="the first version of ours that has the need; none: every one",
    )
    note = models.CharField(max_length=400, blank=True)
    by = models.ForeignKey(Person, on_delete=models.PROTECT, related_name="+")
    at = models.DateTimeField()
    ended_at = models.DateTimeField(null=True, blank=True)

    objects = DependencyQuerySet.as_manager()

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(
                fields=["package", "needs"],
                condition=models.Q(ended_at=None),
                name="one_need_of_a_package_by_another",
            )
        ]

    def __str__(self) -> str:
        return f"{self.package} needs {self.at_least}"


class CheckMark(models.Model):
    """What a person last said of one item of a checklist; what was said before is in history.

    Exactly one of ``package`` (readiness) and ``rollout`` (finish) is set.
    """

    package = models.ForeignKey(
        Package, on_delete=models.PROTECT, null=True, blank=True, related_name="marks"
    )
    rollout = models.ForeignKey(
        Rollout, on_delete=models.PROTECT, null=True, blank=True, related_name="marks"
    )
    code = models.CharField(max_length=40)
    mark = models.CharField(max_length=12, choices=_MARKS)
    by = models.ForeignKey(Person, on_delete=models.PROTECT, related_name="+")
    at = models.DateTimeField()
    evidence = models.CharField(max_length=400, blank=True, help_text="a link or a case number")
    note = models.TextField(blank=True)
    to = models.ForeignKey(
        Person, on_delete=models.PROTECT, null=True, blank=True, related_name="+",
        help_text="who takes it over",
    )  # fmt: skip
    due = models.DateField(null=True, blank=True)

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(
                fields=["package", "code"],
                condition=models.Q(rollout=None),
                name="one_mark_per_item_of_a_package",
            ),
            models.UniqueConstraint(
                fields=["rollout", "code"],
                condition=models.Q(package=None),
                name="one_mark_per_item_of_a_rollout",
            ),
            models.CheckConstraint(
                condition=models.Q(package=None, rollout__isnull=False)
                | models.Q(package__isnull=False, rollout=None),
                name="a_mark_is_of_one_list",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.code}: {self.mark}"


class Rehearsal(models.Model):
    """One dress rehearsal of a rollout's plan; only its report came back from its own process."""

    rollout = models.ForeignKey(Rollout, on_delete=models.PROTECT, related_name="rehearsals")
    asked_by = models.ForeignKey(
        Person, on_delete=models.PROTECT, null=True, blank=True, related_name="+"
    )
    asked_at = models.DateTimeField()
    begun_at = models.DateTimeField(null=True, blank=True)
    ended_at = models.DateTimeField(null=True, blank=True)
    plan = models.CharField(max_length=64, help_text="hash of the plan that was rehearsed")
    problem = models.TextField(blank=True, help_text="why there is no report")
    report = models.JSONField(default=dict, blank=True)

    class Meta:
        ordering: ClassVar = ["-asked_at"]
        constraints: ClassVar = [
            models.UniqueConstraint(
                fields=["rollout"],
                condition=models.Q(ended_at=None),
                name="one_open_rehearsal_per_rollout",
            )
        ]

    def __str__(self) -> str:
        return f"rehearsal of {self.rollout} asked {self.asked_at}"

    @property
    def is_open(self) -> bool:
        """Whether it is asked for or runs."""
        return self.ended_at is None
