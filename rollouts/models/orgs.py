"""Subscriber orgs, what is installed in them, and how that came to be known."""

from __future__ import annotations

from datetime import datetime
from typing import ClassVar

from django.db import models

from rollouts.models.catalog import Package, PackageVersion
from rollouts.models.licences import Account
from rollouts.models.people import Person


class Org(models.Model):
    """A customer's org (or one of our own). ``key`` is the 18-character org id."""

    key = models.CharField(max_length=18, unique=True)
    name = models.CharField(max_length=255)
    # Searched for parts of names, for which an ordinary index is of no use.
    folded = models.CharField(max_length=512, help_text="name without accents")
    is_production = models.BooleanField()
    status = models.CharField(max_length=20, help_text="OrgStatus as received")
    instance = models.CharField(max_length=20, blank=True)
    parent_key = models.CharField(max_length=18, blank=True)
    is_own = models.BooleanField(default=False, help_text="ours or a volunteer's: goes first")
    first_seen_at = models.DateTimeField()

    class Meta:
        # Not by db_index, which on PostgreSQL makes two: the other serves LIKE, which nobody asks.
        indexes: ClassVar = [models.Index(fields=["parent_key"])]

    def __str__(self) -> str:
        return self.name

    @property
    def is_active(self) -> bool:
        """Inactive orgs can't receive pushes."""
        return self.status != "Inactive"


class InstallationQuerySet(models.QuerySet["Installation"]):
    """Installations in the words of the domain."""

    def present(self) -> InstallationQuerySet:
        """Those that Salesforce still lists."""
        return self.filter(gone_at=None)


class Since(models.TextChoices):
    """How we know since when an org has its version."""

    PUSH = "push", "our confirmed push"
    SEEN = "seen", "seen between two reads"
    FIRST_SEEN = "first_seen", "at least since we first saw the org"


class Installation(models.Model):
    """The fact that an org has a package at a version, as last read from Salesforce.

    Every full sync renews ``read_at`` in all rows. It is in no index, and on PostgreSQL the table's
    pages are filled by half, so that this is a cheap write in place.
    """

    # Indexed by the constraint and the index below.
    org = models.ForeignKey(
        Org, on_delete=models.PROTECT, related_name="installations", db_index=False
    )
    package = models.ForeignKey(
        Package, on_delete=models.PROTECT, related_name="installations", db_index=False
    )
    version = models.ForeignKey(PackageVersion, on_delete=models.PROTECT, related_name="+")
    blocked = models.BooleanField(
        default=False, null=True, help_text="the customer blocks pushes; null: can't be read"
    )
    read_at = models.DateTimeField(help_text="just before the read that last showed this row")
    since_after = models.DateTimeField(null=True, blank=True)
    since_before = models.DateTimeField()
    since_proof = models.CharField(max_length=12, choices=Since.choices)
    gone_at = models.DateTimeField(null=True, blank=True)
    generation = models.BigIntegerField(default=0, help_text="last full sync that listed it")

    objects = InstallationQuerySet.as_manager()

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["org", "package"], name="one_installation_per_package")
        ]
        indexes: ClassVar = [models.Index(fields=["package", "gone_at", "version"])]

    def __str__(self) -> str:
        return f"{self.org}: {self.version}"


class VersionChange(models.Model):
    """One observed change of version. Salesforce keeps no such history, so we do.

    An installation that has never changed has no line: it says itself what was seen at first, and
    since when. Its first change writes that line down too (see `pipeline.history`).
    """

    installation = models.ForeignKey(Installation, on_delete=models.PROTECT, related_name="changes")
    from_version = models.ForeignKey(
        PackageVersion, on_delete=models.PROTECT, null=True, related_name="+"
    )
    to_version = models.ForeignKey(
        PackageVersion, on_delete=models.PROTECT, null=True, related_name="+"
    )
    after = models.DateTimeField(null=True, blank=True, help_text="last read that showed the old")
    before = models.DateTimeField(help_text="first read that showed the new")
    proof = models.CharField(max_length=12, choices=Since.choices)
    attempt = models.ForeignKey(
        "rollouts.Attempt", on_delete=models.PROTECT, null=True, blank=True, related_name="changes"
    )

    def __str__(self) -> str:
        return f"{self.installation_id}: {self.from_version_id} to {self.to_version_id}"


class ExclusionQuerySet(models.QuerySet["Exclusion"]):
    """Exclusions in the words of the domain."""

    def in_force(self, now: datetime) -> ExclusionQuerySet:
        """Those that have neither expired nor been ended, of orgs and of customers."""
        return self.filter(models.Q(until=None) | models.Q(until__gt=now), ended_at=None)


class Exclusion(models.Model):
    """An org, or every org of a customer, that must not be pushed; why, and until when.

    ``taken_from`` says that a new sandbox took it over from its parent, until a person decides.
    Ending it early takes two: one asks, an approver other than the asker confirms.
    """

    org = models.ForeignKey(
        Org, on_delete=models.PROTECT, null=True, blank=True, related_name="exclusions"
    )
    account = models.ForeignKey(
        Account, on_delete=models.PROTECT, null=True, blank=True, related_name="exclusions"
    )
    reason = models.CharField(max_length=400)
    by = models.ForeignKey(Person, on_delete=models.PROTECT, related_name="+")
    since = models.DateTimeField()
    until = models.DateTimeField(null=True, blank=True)
    taken_from = models.ForeignKey(
        "self", on_delete=models.PROTECT, null=True, blank=True, related_name="taken_over"
    )
    decided_by = models.ForeignKey(
        Person, on_delete=models.PROTECT, null=True, blank=True, related_name="+"
    )
    decided_at = models.DateTimeField(null=True, blank=True)
    end_asked_by = models.ForeignKey(
        Person, on_delete=models.PROTECT, null=True, blank=True, related_name="+"
    )
    end_asked_at = models.DateTimeField(null=True, blank=True)
    end_reason = models.CharField(max_length=400, blank=True)
    ended_by = models.ForeignKey(
        Person, on_delete=models.PROTECT, null=True, blank=True, related_name="+"
    )
    ended_at = models.DateTimeField(null=True, blank=True)

    objects = ExclusionQuerySet.as_manager()

    class Meta:
        constraints: ClassVar = [
            models.CheckConstraint(
                name="an_exclusion_is_of_an_org_or_of_a_customer",
                condition=models.Q(org=None, account__isnull=False)
                | models.Q(account=None, org__isnull=False),
            ),
        ]

    def __str__(self) -> str:
        return f"{self.org or self.account}: {self.reason}"

    @property
    def waits_for_decision(self) -> bool:
        """Whether a sandbox took it over and nobody has said yet if that is right."""
        return self.taken_from_id is not None and self.decided_at is None


class SyncRun(models.Model):
    """One reading of a package's subscribers; a failed one has changed nothing."""

    package = models.ForeignKey(Package, on_delete=models.CASCADE, related_name="syncs")
    full = models.BooleanField()
    read_at = models.DateTimeField(help_text="just before the first page was asked for")
    ended_at = models.DateTimeField(null=True, blank=True)
    ok = models.BooleanField(default=False)
    listed = models.IntegerField(default=0)
    new = models.IntegerField(default=0)
    changed = models.IntegerField(default=0)
    retired = models.IntegerField(default=0)
    problem = models.TextField(blank=True)
    would_retire = models.IntegerField(
        null=True, blank=True, help_text="so many orgs were missing that it was refused"
    )
    missing = models.JSONField(default=list, blank=True, help_text="some of the orgs not listed")

    class Meta:
        get_latest_by = "read_at"

    def __str__(self) -> str:
        return f"sync of {self.package_id} at {self.read_at}"


class SyncLeave(models.Model):
    """A person's word that a refused reading was right; used by the next full one, once."""

    run = models.OneToOneField(SyncRun, on_delete=models.CASCADE, related_name="leave")
    package = models.ForeignKey(Package, on_delete=models.CASCADE, related_name="+")
    orgs = models.IntegerField(help_text="how many retirements the person saw")
    by = models.ForeignKey(Person, on_delete=models.PROTECT, related_name="+")
    reason = models.TextField()
    at = models.DateTimeField()
    used_by = models.ForeignKey(
        SyncRun, on_delete=models.SET_NULL, null=True, blank=True, related_name="+"
    )

    def __str__(self) -> str:
        return f"{self.orgs} orgs of {self.package_id} may go, says {self.by}"
