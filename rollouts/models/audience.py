"""What people have said about orgs and customers: whose an org is."""

from __future__ import annotations

from typing import ClassVar

from django.db import models

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
