"""What changed about a rollout's orgs after it was planned, and what people decided about it."""

from __future__ import annotations

from typing import ClassVar

from django.db import models

from rollouts.models.orgs import Org
from rollouts.models.people import Person
from rollouts.models.rollout import Rollout


class Decision(models.TextChoices):
    """What becomes of an org that changed."""

    ADD = "add", "added to a wave"
    LEAVE_OUT = "leave_out", "left out"
    LATER = "later", "for the next rollout"
    KEEP = "keep", "kept; looked at again before its batch"
    PASSED = "passed", "no longer so"


class DriftQuerySet(models.QuerySet["DriftItem"]):
    """Items of the inbox in the words of the domain."""

    def open(self) -> DriftQuerySet:
        """Those that nobody has decided."""
        return self.filter(decided_at=None)


class DriftItem(models.Model):
    """One org that joined late or changed; it changes nothing in the rollout before a decision.

    ``what`` is ``joined``, or the planner's word for what now speaks against the org.
    """

    rollout = models.ForeignKey(Rollout, on_delete=models.CASCADE, related_name="drift")
    org = models.ForeignKey(Org, on_delete=models.PROTECT, related_name="+")
    what = models.CharField(max_length=20)
    seen_at = models.DateTimeField()
    decision = models.CharField(max_length=12, choices=Decision.choices, blank=True)
    decided_by = models.ForeignKey(
        Person, on_delete=models.PROTECT, null=True, blank=True, related_name="+"
    )
    decided_at = models.DateTimeField(null=True, blank=True)

    objects = DriftQuerySet.as_manager()

    class Meta:
        ordering: ClassVar = ["what", "org__name", "pk"]
        constraints: ClassVar = [
            models.UniqueConstraint(
                fields=["rollout", "org", "what"],
                condition=models.Q(decided_at=None),
                name="one_open_drift_per_org",
            )
        ]

    def __str__(self) -> str:
        return f"{self.org}: {self.what}"
