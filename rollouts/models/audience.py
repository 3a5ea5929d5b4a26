"""What people have said about orgs and customers, and whom they mean when they name an audience."""

from __future__ import annotations

from typing import ClassVar

from django.db import models

from rollouts.models.catalog import Package
from rollouts.models.licences import Account
from rollouts.models.orgs import Org
from rollouts.models.people import Person


class CustomerWord(models.Model):
    """A person's word on whose org this is; the newest of an org counts, the older are history.

    Without an account it says: go by the licence again.
    """

    org = models.ForeignKey(Org, on_delete=models.PROTECT, related_name="customer_words")
    account = models.ForeignKey(
        Account, on_delete=models.PROTECT, null=True, blank=True, related_name="+"
    )
    reason = models.CharField(max_length=400)
    by = models.ForeignKey(Person, on_delete=models.PROTECT, related_name="+")
    at = models.DateTimeField()

    class Meta:
        indexes: ClassVar = [models.Index(fields=["org", "id"])]

    def __str__(self) -> str:
        return f"{self.org_id}: {self.account_id or 'by the licence'}"


class MarkKind(models.TextChoices):
    """What a mark says of an org."""

    TAG = "tag", "tag"
    RING = "ring", "ring"
    VOLUNTEER = "volunteer", "volunteer"
    NEVER_FIRST = "never_first", "never first"


class MarkQuerySet(models.QuerySet["Mark"]):
    """Marks in the words of the domain."""

    def standing(self) -> MarkQuerySet:
        """Those that nobody has taken off."""
        return self.filter(ended_at=None)


class Mark(models.Model):
    """A tag, a ring or a wish, of one org or of every org of a customer. Taken off, it is history.

    ``value`` is the tag or the ring; the other kinds need none.
    """

    org = models.ForeignKey(
        Org, on_delete=models.PROTECT, null=True, blank=True, related_name="marks"
    )
    account = models.ForeignKey(
        Account, on_delete=models.PROTECT, null=True, blank=True, related_name="marks"
    )
    kind = models.CharField(max_length=12, choices=MarkKind.choices)
    value = models.CharField(max_length=40, blank=True)
    by = models.ForeignKey(Person, on_delete=models.PROTECT, related_name="+")
    since = models.DateTimeField()
    ended_by = models.ForeignKey(
        Person, on_delete=models.PROTECT, null=True, blank=True, related_name="+"
    )
    ended_at = models.DateTimeField(null=True, blank=True)

    objects = MarkQuerySet.as_manager()

    class Meta:
        constraints: ClassVar = [
            models.CheckConstraint(
                name="a_mark_is_of_an_org_or_of_a_customer",
                condition=models.Q(org=None, account__isnull=False)
                | models.Q(account=None, org__isnull=False),
            ),
            models.UniqueConstraint(
                fields=["org", "kind", "value"],
                condition=models.Q(ended_at=None, org__isnull=False),
                name="one_standing_mark_per_org",
            ),
            models.UniqueConstraint(
                fields=["account", "kind", "value"],
                condition=models.Q(ended_at=None, account__isnull=False),
                name="one_standing_mark_per_customer",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.kind} {self.value}".strip()


class SavedAudience(models.Model):
    """A named choice of orgs; what it means is in its versions, the newest counts."""

    name = models.CharField(max_length=80, unique=True)
    made_by = models.ForeignKey(Person, on_delete=models.PROTECT, related_name="+")
    made_at = models.DateTimeField()
    dropped_at = models.DateTimeField(null=True, blank=True)

    def __str__(self) -> str:
        return self.name


class AudienceVersion(models.Model):
    """What a saved audience meant from some moment on. Never changed; a change is a new version."""

    audience = models.ForeignKey(SavedAudience, on_delete=models.CASCADE, related_name="versions")
    number = models.PositiveIntegerField()
    package = models.ForeignKey(
        Package, on_delete=models.PROTECT, related_name="+", help_text="whose orgs are counted"
    )
    rule = models.JSONField()
    note = models.CharField(max_length=400, blank=True)
    by = models.ForeignKey(Person, on_delete=models.PROTECT, related_name="+")
    at = models.DateTimeField()

    class Meta:
        get_latest_by = "number"
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["audience", "number"], name="one_audience_version")
        ]

    def __str__(self) -> str:
        return f"{self.audience_id}, version {self.number}"


class IdListRead(models.Model):
    """A pasted or uploaded list as it was read, until somebody says what to do with it.

    Holds no more of the list than ids that were found and the lines that were refused.
    """

    by = models.ForeignKey(Person, on_delete=models.PROTECT, related_name="+")
    at = models.DateTimeField()
    purpose = models.CharField(max_length=20)
    wanted = models.JSONField(default=dict, help_text="what is to be done with the orgs")
    source = models.CharField(max_length=120, help_text="name of the file, or: pasted")
    encoding = models.CharField(max_length=40)
    found = models.JSONField(default=list, help_text="ids of known orgs, each once")
    refused = models.JSONField(default=list, help_text="line, text, reason")
    tokens = models.IntegerField(default=0, help_text="session tokens that were thrown away")
    repaired = models.IntegerField(default=0, help_text="ids that got their capitals back")
    used_at = models.DateTimeField(null=True, blank=True)

    def __str__(self) -> str:
        return f"{len(self.found)} ids for {self.purpose}"
