"""The append-only, hash-chained history: who did what, when, why, from what to what."""

from __future__ import annotations

import hashlib
import json
from datetime import UTC
from typing import ClassVar

from django.db import models

from rollouts.models.people import Person
from rollouts.models.rollout import Rollout, Wave

SYSTEM = "engine"


class Event(models.Model):
    """One line of history. ``hash`` covers its content and the hash of the line before."""

    sequence = models.BigIntegerField(unique=True)
    at = models.DateTimeField()
    person = models.ForeignKey(
        Person, on_delete=models.PROTECT, null=True, blank=True, related_name="+"
    )
    actor = models.CharField(max_length=120)
    action = models.CharField(max_length=40)
    subject = models.CharField(max_length=80)
    rollout = models.ForeignKey(
        Rollout, on_delete=models.DO_NOTHING, null=True, blank=True, related_name="events"
    )
    wave = models.ForeignKey(
        Wave, on_delete=models.DO_NOTHING, null=True, blank=True, related_name="events"
    )
    before = models.CharField(max_length=40, blank=True)
    after = models.CharField(max_length=40, blank=True)
    reason = models.TextField(blank=True)
    digest = models.CharField(max_length=64, blank=True)
    detail = models.JSONField(default=dict)
    previous = models.CharField(max_length=64)
    hash = models.CharField(max_length=64)

    class Meta:
        ordering: ClassVar = ["sequence"]
        indexes: ClassVar = [models.Index(fields=["rollout", "-sequence"])]

    def __str__(self) -> str:
        return f"{self.sequence} {self.action} {self.subject}"

    def content_hash(self) -> str:
        """Return SHA-256 over the canonical JSON of everything but the row's own hash."""
        body = [
            self.sequence,
            self.at.astimezone(UTC).isoformat(),
            self.person_id,
            self.actor,
            self.action,
            self.subject,
            self.rollout_id,
            self.wave_id,
            self.before,
            self.after,
            self.reason,
            self.digest,
            self.detail,
            self.previous,
        ]
        text = json.dumps(body, sort_keys=True, separators=(",", ":"), ensure_ascii=True)
        return hashlib.sha256(text.encode()).hexdigest()


class ChainHead(models.Model):
    """The single row that serialises appends to the history."""

    sequence = models.BigIntegerField(default=0)
    hash = models.CharField(max_length=64, blank=True)

    def __str__(self) -> str:
        return f"head {self.sequence}"
