"""What people agree to: a frozen list with its digest, and who approved exactly that."""

from __future__ import annotations

from datetime import datetime
from typing import ClassVar

from django.db import models

from rollouts.domain.digest import FrozenPlan, short
from rollouts.models.catalog import PackageVersion
from rollouts.models.orgs import Org
from rollouts.models.people import Person
from rollouts.models.rollout import Wave


class FrozenList(models.Model):
    """The snapshot that a digest is taken over. Never changed, only voided with a reason."""

    wave = models.ForeignKey(Wave, on_delete=models.PROTECT, related_name="lists")
    number = models.PositiveSmallIntegerField()
    digest = models.CharField(max_length=64)
    to_version = models.ForeignKey(PackageVersion, on_delete=models.PROTECT, related_name="+")
    batches = models.JSONField(help_text="sizes in order")
    window = models.CharField(max_length=40, default="any hour")
    not_before = models.DateTimeField()
    end_by = models.DateTimeField()
    policy_json = models.JSONField()
    frozen_by = models.ForeignKey(Person, on_delete=models.PROTECT, related_name="+")
    frozen_at = models.DateTimeField()
    edited_by = models.ManyToManyField(Person, related_name="+", blank=True)
    voided_at = models.DateTimeField(null=True, blank=True)
    void_reason = models.TextField(blank=True)

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["wave", "number"], name="one_list_per_number")
        ]

    def __str__(self) -> str:
        return f"{self.wave}: list {short(self.digest)}"

    @property
    def short_digest(self) -> str:
        """The digest as people read it out."""
        return short(self.digest)

    def plan(self) -> FrozenPlan:
        """Return what the digest is taken over, read from the rows: one query."""
        rows = list(
            self.orgs.values_list(
                "org__key", "from_version__sf_id", "window", "zones", "zone_source"
            )
        )
        return FrozenPlan(
            package=self.to_version.package.sf_id,
            to_version=self.to_version.sf_id,
            orgs={key: version for key, version, *_ in rows},
            hours={
                key: (window, zones or "", source or "")
                for key, _, window, zones, source in rows
                if window is not None
            },
            batches=tuple(self.batches),
            not_before=self.not_before,
            end_by=self.end_by,
            window=self.window,
            policy=self.policy_json,
            bake=self.wave.bake,
            approvals=self.wave.approvals_needed,
        )


class FrozenOrg(models.Model):
    """One org on a frozen list. Every attempt must point at such a row: the database insists."""

    list = models.ForeignKey(FrozenList, on_delete=models.PROTECT, related_name="orgs")
    org = models.ForeignKey(Org, on_delete=models.PROTECT, related_name="+")
    from_version = models.ForeignKey(PackageVersion, on_delete=models.PROTECT, related_name="+")
    place = models.IntegerField()
    # Null in lists from before windows were kept, and so that SQLite need not remake the table and
    # lose its triggers.
    window = models.TextField(  # noqa: DJ001 - see above
        null=True, blank=True, help_text="its hours as they were frozen"
    )
    zones = models.TextField(  # noqa: DJ001 - see above
        null=True, blank=True, help_text="every zone it may be in, by commas"
    )
    zone_source = models.CharField(  # noqa: DJ001 - see above
        max_length=10, null=True, blank=True, help_text="where the zones come from"
    )

    class Meta:
        ordering: ClassVar = ["list", "place"]
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["list", "org"], name="an_org_once_per_list")
        ]

    def __str__(self) -> str:
        return f"{self.org} on {self.list_id}"


class ApprovalQuerySet(models.QuerySet["Approval"]):
    """Approvals in the words of the domain."""

    def standing(self) -> ApprovalQuerySet:
        """Those that nothing has voided; expiry is judged where it matters, at each arming."""
        return self.filter(voided_at=None)


class Approval(models.Model):
    """One person's yes to one digest."""

    list = models.ForeignKey(FrozenList, on_delete=models.PROTECT, related_name="approvals")
    digest = models.CharField(max_length=64)
    person = models.ForeignKey(Person, on_delete=models.PROTECT, related_name="approvals")
    reason = models.TextField()
    granted_at = models.DateTimeField()
    expires_at = models.DateTimeField(help_text="the first batch must be armed by then")
    data_as_of = models.DateTimeField(null=True, blank=True, help_text="age of the data they saw")
    voided_at = models.DateTimeField(null=True, blank=True)
    void_reason = models.TextField(blank=True)

    objects = ApprovalQuerySet.as_manager()

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(
                fields=["list", "person"],
                condition=models.Q(voided_at=None),
                name="one_standing_approval_per_person",
            )
        ]

    def __str__(self) -> str:
        return f"{self.person} approved {short(self.digest)}"

    def lapsed(self, now: datetime) -> bool:
        """Say whether it can no longer open a wave."""
        return now > self.expires_at
