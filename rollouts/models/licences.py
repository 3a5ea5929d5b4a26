"""Licences and customers as the License Management App of a license org keeps them.

They only enrich what subscribers tell: a licence says nothing about pushes, and its version lags.
"""

from __future__ import annotations

from typing import ClassVar

from django.db import models

from rollouts.models.connection import Connection


class Account(models.Model):
    """A customer: the account that a licence belongs to."""

    connection = models.ForeignKey(Connection, on_delete=models.CASCADE, related_name="+")
    sf_id = models.CharField(max_length=18, unique=True)
    name = models.CharField(max_length=255)
    country = models.CharField(max_length=80, blank=True)
    state = models.CharField(max_length=80, blank=True, default="")
    zone = models.CharField(max_length=80, blank=True)

    def __str__(self) -> str:
        return self.name


class Licence(models.Model):
    """One package in one org, as its owner's license org sees it. Joined by the org's id."""

    connection = models.ForeignKey(Connection, on_delete=models.CASCADE, related_name="licences")
    sf_id = models.CharField(max_length=18, unique=True)
    org_key = models.CharField(max_length=18, blank=True, db_index=True)
    package_sf_id = models.CharField(max_length=18, blank=True)
    version_sf_id = models.CharField(max_length=18, blank=True)
    account = models.ForeignKey(
        Account, on_delete=models.SET_NULL, null=True, blank=True, related_name="licences"
    )
    status = models.CharField(max_length=80, blank=True)
    seats = models.IntegerField(null=True, blank=True, help_text="none: a licence for the site")
    expires = models.DateField(null=True, blank=True)
    installed_on = models.DateField(null=True, blank=True)
    modified = models.DateTimeField()
    read_at = models.DateTimeField(help_text="just before the read that last showed this row")
    gone_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        indexes: ClassVar = [models.Index(fields=["connection", "gone_at"])]

    def __str__(self) -> str:
        return f"{self.sf_id} of {self.org_key}: {self.status}"
