"""Policies as people keep them, version by version, and reviews of emergencies."""

from __future__ import annotations

from typing import ClassVar

from django.db import models

from rollouts.domain.policy import Policy
from rollouts.models.people import Person
from rollouts.models.rollout import Rollout


class PolicyQuerySet(models.QuerySet["PolicyVersion"]):
    """Versions of policies in the words of the domain."""

    def effective(self) -> PolicyQuerySet:
        """Those that count or have counted; the newest of a profile counts."""
        return self.filter(in_force_at__isnull=False).order_by("-number")

    def waiting(self) -> PolicyQuerySet:
        """Those that loosen a guard and that nobody has agreed to or refused yet."""
        return self.filter(in_force_at=None, refused_at=None)


class PolicyVersion(models.Model):
    """What one profile said from some moment on. Its rules are never changed."""

    profile = models.CharField(max_length=12)
    number = models.PositiveIntegerField()
    policy_json = models.JSONField()
    reason = models.TextField()
    loosens = models.JSONField(default=list, help_text="guards that it loosens, in sentences")
    made_by = models.ForeignKey(Person, on_delete=models.PROTECT, related_name="+")
    made_at = models.DateTimeField()
    confirmed_by = models.ForeignKey(
        Person, on_delete=models.PROTECT, null=True, blank=True, related_name="+"
    )
    in_force_at = models.DateTimeField(null=True, blank=True)
    refused_by = models.ForeignKey(
        Person, on_delete=models.PROTECT, null=True, blank=True, related_name="+"
    )
    refused_at = models.DateTimeField(null=True, blank=True)

    objects = PolicyQuerySet.as_manager()

    class Meta:
        ordering: ClassVar = ["profile", "-number"]
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["profile", "number"], name="one_policy_per_number"),
            models.UniqueConstraint(
                fields=["profile"],
                condition=models.Q(in_force_at=None, refused_at=None),
                name="one_waiting_policy_per_profile",
            ),
            models.CheckConstraint(
                condition=models.Q(confirmed_by=None) | ~models.Q(confirmed_by=models.F("made_by")),
                name="a_policy_is_loosened_by_two_people",
            ),
        ]

    def __str__(self) -> str:
        return f"policy {self.profile} {self.number}"

    @property
    def policy(self) -> Policy:
        """The rules."""
        return Policy.from_json(self.policy_json)


class EmergencyReview(models.Model):
    """What people learned from an emergency rollout once it was over."""

    rollout = models.OneToOneField(Rollout, on_delete=models.PROTECT, related_name="review")
    text = models.TextField()
    by = models.ForeignKey(Person, on_delete=models.PROTECT, related_name="+")
    at = models.DateTimeField()

    def __str__(self) -> str:
        return f"review of {self.rollout}"
