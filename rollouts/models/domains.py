"""Addresses that people have said belong to an org; Salesforce tells nobody's of a subscriber."""

from __future__ import annotations

from django.db import models

from rollouts.models.orgs import Org
from rollouts.models.people import Person


class OrgDomain(models.Model):
    """A person's word that a My Domain is this org's; the last word counts, history keeps all."""

    label = models.CharField(max_length=80, unique=True)
    org = models.ForeignKey(Org, on_delete=models.PROTECT, related_name="domains")
    by = models.ForeignKey(Person, on_delete=models.PROTECT, related_name="+")
    at = models.DateTimeField()

    def __str__(self) -> str:
        return self.label
