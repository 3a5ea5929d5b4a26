"""What people have said of a kind of failure, remembered from rollout to rollout."""

from __future__ import annotations

from typing import ClassVar

from django.db import models

from rollouts.domain.triage import TriageState, is_link, key_of
from rollouts.models.catalog import Package
from rollouts.models.people import Person

_STATES = [(state.value, state.value) for state in TriageState]


class FailureTriage(models.Model):
    """Where one kind of failure of one package stands; what was said before is in history.

    A kind is a signature. There is no row until somebody has said something.
    """

    package = models.ForeignKey(Package, on_delete=models.PROTECT, related_name="triage")
    signature = models.CharField(max_length=300)
    state = models.CharField(max_length=12, choices=_STATES, default=TriageState.NEW.value)
    owner = models.ForeignKey(
        Person, on_delete=models.PROTECT, null=True, blank=True, related_name="+"
    )
    note = models.TextField(blank=True)
    link = models.CharField(max_length=400, blank=True, help_text="an issue, or a case's number")
    by = models.ForeignKey(Person, on_delete=models.PROTECT, related_name="+")
    at = models.DateTimeField()
    number = models.PositiveIntegerField(default=1, help_text="how often it was changed")

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(
                fields=["package", "signature"], name="one_triage_per_kind_of_failure"
            ),
            models.CheckConstraint(
                condition=models.Q(state__in=[value for value, _ in _STATES]),
                name="triage_state_is_known",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.signature[:60]}: {self.state}"

    @property
    def key(self) -> str:
        """Its short name in addresses."""
        return key_of(self.package.sf_id, self.signature)

    @property
    def leads_on(self) -> bool:
        """Whether the link can be followed."""
        return is_link(self.link)
