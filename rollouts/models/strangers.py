"""What is at Salesforce and not in our books, and grave acts that take two people."""

from __future__ import annotations

from typing import ClassVar

from django.db import models

from rollouts.models.connection import Connection
from rollouts.models.people import Person
from rollouts.models.push import Batch


class StrangerQuerySet(models.QuerySet["Stranger"]):
    """Unknown requests in the words of the domain."""

    def open(self) -> StrangerQuerySet:
        """Those that may still push somebody, as far as was read."""
        return self.filter(ended_at=None)


class Stranger(models.Model):
    """A push request of one of our packages that no batch of this database is bound to.

    ``is_ours`` says that it bears this installation's mark: the database has forgotten it.
    """

    connection = models.ForeignKey(Connection, on_delete=models.CASCADE, related_name="strangers")
    sf_id = models.CharField(max_length=18, unique=True)
    version_sf_id = models.CharField(max_length=18)
    status = models.CharField(max_length=20, help_text="Salesforce's word, as received")
    start_at = models.DateTimeField(null=True, blank=True)
    orgs = models.JSONField(default=list, help_text="ids of the orgs that it holds")
    is_ours = models.BooleanField(default=False)
    first_seen_at = models.DateTimeField()
    seen_at = models.DateTimeField(help_text="just before the read that last showed it")
    ended_at = models.DateTimeField(null=True, blank=True)

    objects = StrangerQuerySet.as_manager()

    def __str__(self) -> str:
        return f"{self.sf_id} {self.status}"


class AskKind(models.TextChoices):
    """The grave acts for which one person asks and another confirms."""

    GONE = "gone", "a request that Salesforce no longer lists is gone for good"


class AskQuerySet(models.QuerySet["Ask"]):
    """Asks in the words of the domain."""

    def open(self) -> AskQuerySet:
        """Those that nobody has confirmed yet."""
        return self.filter(confirmed_at=None)


class Ask(models.Model):
    """One person asks; an approver other than the asker confirms. ``seen`` is the number shown."""

    kind = models.CharField(max_length=12, choices=AskKind.choices)
    batch = models.ForeignKey(Batch, on_delete=models.CASCADE, related_name="asks")
    seen = models.IntegerField(default=0)
    reason = models.TextField()
    asked_by = models.ForeignKey(Person, on_delete=models.PROTECT, related_name="+")
    asked_at = models.DateTimeField()
    confirmed_by = models.ForeignKey(
        Person, on_delete=models.PROTECT, null=True, blank=True, related_name="+"
    )
    confirmed_at = models.DateTimeField(null=True, blank=True)

    objects = AskQuerySet.as_manager()

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(
                fields=["kind", "batch"],
                condition=models.Q(confirmed_at=None),
                name="one_open_ask_per_batch",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.asked_by} asks: {self.get_kind_display()}"
