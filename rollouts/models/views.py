"""Lists as people want to see them again: a name for what stands in an address."""

from __future__ import annotations

from typing import ClassVar

from django.db import models
from django.db.models import Q

from rollouts.models.people import Person


class SavedViewQuerySet(models.QuerySet["SavedView"]):
    """Saved views in the words of the domain."""

    def seen_by(self, person: Person) -> SavedViewQuerySet:
        """Those of the person, and those that others share."""
        return self.filter(Q(owner=person) | Q(shared=True))


class SavedView(models.Model):
    """A named query string of one list page. Its owner alone changes it."""

    name = models.CharField(max_length=60)
    owner = models.ForeignKey(Person, on_delete=models.CASCADE, related_name="views")
    shared = models.BooleanField(default=False, help_text="everybody is offered it")
    page = models.CharField(max_length=40, help_text="name of the list page's address")
    query = models.TextField(help_text="filters and sort order, without page numbers")
    changed_at = models.DateTimeField()

    objects = SavedViewQuerySet.as_manager()

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(
                fields=["owner", "page", "name"], name="one_view_of_a_name_per_page"
            )
        ]

    def __str__(self) -> str:
        return self.name
