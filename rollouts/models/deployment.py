"""This installation itself: its mode, and the heartbeats that prove it works."""

from __future__ import annotations

import uuid
from datetime import datetime

from django.db import models

_ONLY = 1


class DeploymentManager(models.Manager["Deployment"]):
    """The one row there may be."""

    def here(self, *, simulation: bool, now: datetime) -> Deployment:
        """Return this installation's row, made at the first call.

        Workers that start at once on an empty database all find none: the key is fixed, so that
        the database lets one of them make it and the others find it.
        """
        row = self.order_by("pk").first()
        if row is not None:
            return row
        values = {"simulation": simulation, "created_at": now}
        return self.get_or_create(pk=_ONLY, defaults=values)[0]


class Deployment(models.Model):
    """The single row that says what kind of installation owns this database."""

    installation = models.UUIDField(default=uuid.uuid4)
    simulation = models.BooleanField()
    created_at = models.DateTimeField()
    restored_at = models.DateTimeField(
        null=True,
        blank=True,
        help_text="since when it only reads: it was put back to an older state",
    )
    restored_why = models.TextField(blank=True)
    generation = models.IntegerField(default=0, help_text="raised by each match after a restore")

    objects = DeploymentManager()

    def __str__(self) -> str:
        return f"{'simulation' if self.simulation else 'real'} {self.installation}"


class Heartbeat(models.Model):
    """Proof that a part works, written by doing its work. Times are business time."""

    part = models.CharField(max_length=20, unique=True)
    beat_at = models.DateTimeField()
    note = models.CharField(max_length=400, blank=True)

    def __str__(self) -> str:
        return f"{self.part} at {self.beat_at}"


class Lease(models.Model):
    """Who may conduct something just now. A dead holder's lease ends by itself."""

    name = models.CharField(max_length=60, unique=True)
    until = models.DateTimeField()
    epoch = models.IntegerField(default=0)

    def __str__(self) -> str:
        return f"{self.name} until {self.until}"
