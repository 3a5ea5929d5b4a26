"""Batches and attempts: what we asked of Salesforce, and what it said.

Two vocabularies, never mixed: ``state`` is what we decided or concluded, ``sf_status`` is
Salesforce's word as received, with the time just before it was read.
"""

from __future__ import annotations

from typing import ClassVar

from django.db import models

from rollouts.domain.failures import FailureKind
from rollouts.domain.lifecycle import (
    ATTEMPT_LIVE,
    BATCH_ENDS,
    AttemptState,
    BatchState,
)
from rollouts.models.catalog import PackageVersion
from rollouts.models.connection import Connection
from rollouts.models.orgs import Org
from rollouts.models.review import FrozenList, FrozenOrg
from rollouts.models.rollout import Target, Wave

# Sorted, since a set has no order and a migration would be found wanting every other time.
_LIVE = sorted(state.value for state in ATTEMPT_LIVE)
_BATCH_STATES = [state.value for state in BatchState]
_ATTEMPT_STATES = [state.value for state in AttemptState]


class BatchQuerySet(models.QuerySet["Batch"]):
    """Batches in the words of the domain."""

    def open(self) -> BatchQuerySet:
        """Those of which something may still happen."""
        return self.exclude(state__in=[state.value for state in BATCH_ENDS])

    def at_salesforce(self) -> BatchQuerySet:
        """Open ones whose request exists there, as far as we know."""
        return self.open().exclude(sf_id=None)


class Batch(models.Model):
    """Exactly one PackagePushRequest; the smallest thing that can be recalled."""

    wave = models.ForeignKey(Wave, on_delete=models.PROTECT, related_name="batches")
    list = models.ForeignKey(FrozenList, on_delete=models.PROTECT, related_name="+")
    connection = models.ForeignKey(Connection, on_delete=models.PROTECT, related_name="+")
    number = models.PositiveSmallIntegerField()
    size = models.PositiveIntegerField(help_text="orgs it was cut with; some may drop out")
    is_retry = models.BooleanField(default=False)
    state = models.CharField(
        max_length=12,
        choices=[(value, value) for value in _BATCH_STATES],
        default=BatchState.PLANNED.value,
    )
    reason = models.TextField(blank=True)
    # The nonce: no other request of this connection has this start second, so a create whose
    # answer was lost can be found again.
    start_at = models.DateTimeField(null=True, blank=True)
    not_after = models.DateTimeField(null=True, blank=True)
    sf_id = models.CharField(max_length=18, null=True, blank=True, unique=True)
    sf_status = models.CharField(max_length=20, blank=True)
    sf_as_of = models.DateTimeField(null=True, blank=True)
    epoch = models.IntegerField(default=0, help_text="raised by each claim; stale workers stop")
    leased_until = models.DateTimeField(null=True, blank=True)
    rollout_epoch = models.IntegerField(default=0)
    created_sent_at = models.DateTimeField(null=True, blank=True)
    jobs_sent_at = models.DateTimeField(null=True, blank=True)
    jobs_unknown = models.BooleanField(default=False)
    # All three may be null, so that SQLite need not remake the table and lose its triggers.
    bulk_id = models.CharField(  # noqa: DJ001 - see above
        max_length=18, null=True, blank=True, help_text="bulk job not yet read as ended"
    )
    bulk_loaded_at = models.DateTimeField(null=True, blank=True, help_text="it has its orgs")
    looked_at = models.DateTimeField(
        null=True, blank=True, help_text="just before its orgs' versions were last read"
    )
    armed_sent_at = models.DateTimeField(null=True, blank=True)
    armed_at = models.DateTimeField(null=True, blank=True, help_text="ARM committed")
    cancel_wanted_at = models.DateTimeField(null=True, blank=True)
    cancel_reason = models.TextField(blank=True)
    cancel_too_late_at = models.DateTimeField(null=True, blank=True)
    started_seen_at = models.DateTimeField(null=True, blank=True)
    settled_at = models.DateTimeField(null=True, blank=True)
    began_outside = models.TextField(  # noqa: DJ001 - see above
        null=True, blank=True, help_text="how Salesforce started it outside its window"
    )

    objects = BatchQuerySet.as_manager()

    class Meta:
        ordering: ClassVar = ["wave", "number"]
        constraints: ClassVar = [
            models.UniqueConstraint(
                fields=["connection", "start_at"],
                condition=models.Q(start_at__isnull=False),
                name="a_start_second_is_one_batch",
            ),
            models.UniqueConstraint(fields=["wave", "number"], name="one_batch_per_number"),
            models.CheckConstraint(
                condition=models.Q(state__in=_BATCH_STATES), name="batch_state_is_known"
            ),
            models.CheckConstraint(
                condition=~models.Q(sf_id=""), name="batch_without_request_has_null"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.wave} batch {self.number}"


class AttemptQuerySet(models.QuerySet["Attempt"]):
    """Attempts in the words of the domain."""

    def live(self) -> AttemptQuerySet:
        """From reserved until Salesforce itself reports an end."""
        return self.filter(state__in=_LIVE)


class Attempt(models.Model):
    """One try at one target: exactly one PackagePushJob; a retry is a new row."""

    batch = models.ForeignKey(Batch, on_delete=models.PROTECT, related_name="attempts")
    target = models.ForeignKey(Target, on_delete=models.PROTECT, related_name="attempts")
    approved = models.ForeignKey(FrozenOrg, on_delete=models.PROTECT, related_name="attempts")
    org = models.ForeignKey(Org, on_delete=models.PROTECT, related_name="attempts")
    version = models.ForeignKey(PackageVersion, on_delete=models.PROTECT, related_name="+")
    number = models.PositiveSmallIntegerField(default=1)
    state = models.CharField(
        max_length=12,
        choices=[(value, value) for value in _ATTEMPT_STATES],
        default=AttemptState.RESERVED.value,
    )
    reason = models.CharField(max_length=400, blank=True)
    sf_id = models.CharField(max_length=18, null=True, blank=True, unique=True)
    sf_status = models.CharField(max_length=20, blank=True)
    sf_as_of = models.DateTimeField(null=True, blank=True)
    failure_kind = models.CharField(
        max_length=12, blank=True, choices=[(kind.value, kind.value) for kind in FailureKind]
    )
    signature = models.CharField(max_length=300, blank=True)
    reserved_at = models.DateTimeField()
    started_at = models.DateTimeField(null=True, blank=True, help_text="as Salesforce reports")
    ended_at = models.DateTimeField(null=True, blank=True, help_text="as Salesforce reports")
    moved_at = models.DateTimeField(help_text="when its state last changed; the stuck rule's start")
    confirmed_at = models.DateTimeField(null=True, blank=True)
    acknowledged_at = models.DateTimeField(
        null=True, blank=True, help_text="an approver accepted this very failure"
    )

    objects = AttemptQuerySet.as_manager()

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(
                fields=["org"],
                condition=models.Q(state__in=_LIVE),
                name="one_live_attempt_per_org",
            ),
            models.UniqueConstraint(
                fields=["org", "version"],
                condition=~models.Q(state__in=["failed", "canceled"]),
                name="one_push_per_org_and_version",
            ),
            models.CheckConstraint(
                condition=models.Q(state__in=_ATTEMPT_STATES), name="attempt_state_is_known"
            ),
        ]
        indexes: ClassVar = [
            models.Index(fields=["batch", "state"]),
            # Few attempts have one: those that failed are found without reading all the others.
            models.Index(fields=["signature"], name="attempt_signature"),
        ]

    def __str__(self) -> str:
        return f"{self.org} to {self.version_id}, try {self.number}"


class PushError(models.Model):
    """Why an attempt failed, in Salesforce's words. A failed one may have several, or none."""

    attempt = models.ForeignKey(Attempt, on_delete=models.CASCADE, related_name="errors")
    sf_id = models.CharField(max_length=18, unique=True)
    severity = models.CharField(max_length=20, blank=True)
    type = models.CharField(max_length=40, blank=True)
    title = models.CharField(max_length=255, blank=True)
    message = models.TextField(blank=True)
    details = models.TextField(blank=True)

    def __str__(self) -> str:
        return f"{self.type}: {self.title}"


class RemoteCall(models.Model):
    """The ledger: the intent of every write, committed before it is sent, and its outcome."""

    batch = models.ForeignKey(Batch, on_delete=models.PROTECT, related_name="calls")
    kind = models.CharField(max_length=12)
    sent_at = models.DateTimeField()
    ended_at = models.DateTimeField(null=True, blank=True)
    outcome = models.CharField(max_length=12, default="intended")
    note = models.CharField(max_length=400, blank=True)

    def __str__(self) -> str:
        return f"{self.kind} of {self.batch_id}: {self.outcome}"
