"""People's words on time: where an org is, when it may be upgraded, when nothing may.

Nothing here is deleted or overwritten. What no longer holds is ended, with who ended it and when,
so that a page can say what held at any time.
"""

from __future__ import annotations

from datetime import datetime
from typing import ClassVar, TypeVar

from django.db import models

from rollouts.models.catalog import Package
from rollouts.models.licences import Account
from rollouts.models.orgs import Org
from rollouts.models.people import Person

Row = TypeVar("Row", bound=models.Model)


class EndedQuerySet(models.QuerySet[Row]):
    """Rows that hold until somebody ends them."""

    def in_force(self) -> EndedQuerySet[Row]:
        """Those that nobody has ended."""
        return self.filter(ended_at=None)


class Ended(models.Model):
    """A person's word, since when, and until it was ended by whom."""

    reason = models.CharField(max_length=400, blank=True)
    by = models.ForeignKey(Person, on_delete=models.PROTECT, related_name="+")
    since = models.DateTimeField()
    ended_at = models.DateTimeField(null=True, blank=True)
    ended_by = models.ForeignKey(
        Person, on_delete=models.PROTECT, null=True, blank=True, related_name="+"
    )

    class Meta:
        abstract = True


class ZoneWord(Ended):
    """The zone of an org, or of all orgs of a customer, as a person gave it."""

    org = models.ForeignKey(
        Org, on_delete=models.PROTECT, null=True, blank=True, related_name="zone_words"
    )
    account = models.ForeignKey(
        Account, on_delete=models.PROTECT, null=True, blank=True, related_name="zone_words"
    )
    zone = models.CharField(max_length=64, help_text="a name of the tz database")

    objects = EndedQuerySet.as_manager()

    class Meta:
        constraints: ClassVar = [
            models.CheckConstraint(
                condition=models.Q(org=None) ^ models.Q(account=None), name="zone_of_one_subject"
            ),
            models.UniqueConstraint(
                fields=["org"], condition=models.Q(ended_at=None), name="one_zone_per_org"
            ),
            models.UniqueConstraint(
                fields=["account"], condition=models.Q(ended_at=None), name="one_zone_per_customer"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.org or self.account}: {self.zone}"


class WindowScope(models.TextChoices):
    """Whose window it is; what is said of fewer orgs goes before."""

    ORG = "org", "one org"
    CUSTOMER = "customer", "a customer"
    REGION = "region", "a region"
    DEFAULT = "default", "the default"


class WindowRule(Ended):
    """When orgs may be upgraded, in the words that `domain.windows.parse` reads."""

    scope = models.CharField(max_length=10, choices=WindowScope.choices)
    org = models.ForeignKey(
        Org, on_delete=models.PROTECT, null=True, blank=True, related_name="window_rules"
    )
    account = models.ForeignKey(
        Account, on_delete=models.PROTECT, null=True, blank=True, related_name="window_rules"
    )
    region = models.CharField(max_length=20, blank=True, help_text="as instances begin: DEU")
    hours = models.CharField(max_length=400)

    objects = EndedQuerySet.as_manager()

    class Meta:
        constraints: ClassVar = [
            models.CheckConstraint(
                condition=models.Q(scope="org", org__isnull=False, account=None, region="")
                | models.Q(scope="customer", org=None, account__isnull=False, region="")
                | (models.Q(scope="region", org=None, account=None) & ~models.Q(region=""))
                | models.Q(scope="default", org=None, account=None, region=""),
                name="window_of_one_subject",
            ),
            models.UniqueConstraint(
                fields=["org"],
                condition=models.Q(ended_at=None, scope="org"),
                name="one_window_per_org",
            ),
            models.UniqueConstraint(
                fields=["account"],
                condition=models.Q(ended_at=None, scope="customer"),
                name="one_window_per_customer",
            ),
            models.UniqueConstraint(
                fields=["scope", "region"],
                condition=models.Q(ended_at=None, scope__in=["region", "default"]),
                name="one_window_per_region",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.whose}: {self.hours}"

    @property
    def whose(self) -> str:
        """Say whose window it is, as a sentence goes on: "the window of ..."."""
        if self.scope == WindowScope.ORG.value:
            return "this org"
        if self.scope == WindowScope.CUSTOMER.value:
            return str(self.account)
        return f"region {self.region}" if self.region else "the default"


class FiscalYear(Ended):
    """In which month a customer's fiscal year begins; without one it is January."""

    account = models.ForeignKey(Account, on_delete=models.PROTECT, related_name="fiscal_years")
    month = models.PositiveSmallIntegerField()

    objects = EndedQuerySet.as_manager()

    class Meta:
        constraints: ClassVar = [
            models.CheckConstraint(
                condition=models.Q(month__gte=1, month__lte=12), name="fiscal_month_of_a_year"
            ),
            models.UniqueConstraint(
                fields=["account"],
                condition=models.Q(ended_at=None),
                name="one_fiscal_year_per_customer",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.account}: from month {self.month}"


class FreezeRow(models.Model):
    """A freeze of the calendar, as `domain.freezes.Freeze` with who made it and how sure it is.

    A change ends the row and makes another that points back at it.
    """

    name = models.CharField(max_length=120)
    scope = models.CharField(max_length=10)
    among = models.JSONField(default=list, blank=True, help_text="ids, regions or instances")
    rule = models.JSONField(help_text="as pipeline.freezes writes it")
    zone = models.CharField(max_length=64, blank=True, help_text='"": the clocks of each org')
    reason = models.CharField(max_length=400, blank=True)
    built_in = models.CharField(max_length=60, blank=True, help_text="its key, if it came along")
    source = models.CharField(max_length=200, blank=True, help_text="where the dates come from")
    guessed = models.BooleanField(default=False)
    reviewed_at = models.DateTimeField(null=True, blank=True)
    reviewed_by = models.ForeignKey(
        Person, on_delete=models.PROTECT, null=True, blank=True, related_name="+"
    )
    replaces = models.ForeignKey(
        "self", on_delete=models.PROTECT, null=True, blank=True, related_name="replaced_by"
    )
    by = models.ForeignKey(
        Person, on_delete=models.PROTECT, null=True, blank=True, related_name="+"
    )
    since = models.DateTimeField()
    ended_at = models.DateTimeField(null=True, blank=True)
    ended_by = models.ForeignKey(
        Person, on_delete=models.PROTECT, null=True, blank=True, related_name="+"
    )

    objects = EndedQuerySet.as_manager()

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(
                fields=["built_in"],
                condition=models.Q(ended_at=None) & ~models.Q(built_in=""),
                name="one_freeze_per_built_in",
            )
        ]

    def __str__(self) -> str:
        return self.name


class MaintenanceSource(models.TextChoices):
    """How a maintenance came to be known."""

    ICS = "ics", "calendar file"
    CSV = "csv", "table"
    TRUST = "trust", "Salesforce Trust"


class Maintenance(models.Model):
    """Salesforce works on an instance; nothing is pushed to its orgs meanwhile."""

    instance = models.CharField(max_length=20, db_index=True)
    name = models.CharField(max_length=200)
    starts_at = models.DateTimeField()
    ends_at = models.DateTimeField(db_index=True)
    source = models.CharField(max_length=8, choices=MaintenanceSource.choices)
    source_key = models.CharField(max_length=120, help_text="its id in the source")
    read_at = models.DateTimeField(help_text="when the source last showed it")
    by = models.ForeignKey(
        Person, on_delete=models.PROTECT, null=True, blank=True, related_name="+"
    )
    ended_at = models.DateTimeField(null=True, blank=True, help_text="no longer listed, or ended")
    ended_by = models.ForeignKey(
        Person, on_delete=models.PROTECT, null=True, blank=True, related_name="+"
    )

    objects = EndedQuerySet.as_manager()

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(
                fields=["source", "source_key", "instance"],
                condition=models.Q(ended_at=None),
                name="one_row_per_maintenance",
            ),
            models.CheckConstraint(
                condition=models.Q(ends_at__gt=models.F("starts_at")), name="maintenance_lasts"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.instance}: {self.name}"


class OverrideQuerySet(models.QuerySet["FreezeOverride"]):
    """Overrides in the words of the domain."""

    def open(self) -> OverrideQuerySet:
        """Those asked for or confirmed that nobody has taken back."""
        return self.filter(ended_at=None)

    def in_force(self, now: datetime) -> OverrideQuerySet:
        """Those that a second person confirmed and that have not expired."""
        return self.open().filter(confirmed_at__isnull=False, until__gt=now)


class FreezeOverride(models.Model):
    """A freeze is set aside until a moment, or ended for good, when two people say so.

    So is a maintenance that was entered or read wrongly.
    """

    freeze = models.ForeignKey(
        FreezeRow, on_delete=models.PROTECT, null=True, blank=True, related_name="overrides"
    )
    maintenance = models.ForeignKey(
        Maintenance, on_delete=models.PROTECT, null=True, blank=True, related_name="overrides"
    )
    package = models.ForeignKey(
        Package, on_delete=models.PROTECT, null=True, blank=True, related_name="+",
        help_text="only for this package; none: for all",
    )  # fmt: skip
    reason = models.CharField(max_length=400)
    until = models.DateTimeField(null=True, blank=True, help_text="none: it ends for good")
    asked_by = models.ForeignKey(Person, on_delete=models.PROTECT, related_name="+")
    asked_at = models.DateTimeField()
    confirmed_by = models.ForeignKey(
        Person, on_delete=models.PROTECT, null=True, blank=True, related_name="+"
    )
    confirmed_at = models.DateTimeField(null=True, blank=True)
    ended_by = models.ForeignKey(
        Person, on_delete=models.PROTECT, null=True, blank=True, related_name="+"
    )
    ended_at = models.DateTimeField(null=True, blank=True)

    objects = OverrideQuerySet.as_manager()

    class Meta:
        constraints: ClassVar = [
            models.CheckConstraint(
                condition=models.Q(freeze=None) ^ models.Q(maintenance=None),
                name="override_of_one_thing",
            ),
            models.CheckConstraint(
                condition=models.Q(confirmed_by=None)
                | ~models.Q(confirmed_by=models.F("asked_by")),
                name="override_by_two_people",
            ),
            models.CheckConstraint(
                condition=models.Q(confirmed_by=None, confirmed_at=None)
                | models.Q(confirmed_by__isnull=False, confirmed_at__isnull=False),
                name="override_confirmed_whole",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.of} set aside until {self.until or 'for good'}"

    @property
    def of(self) -> FreezeRow | Maintenance:
        """Return what is set aside."""
        found = self.freeze or self.maintenance
        if found is None:
            raise LookupError("an override of nothing")
        return found


class TrustRead(models.Model):
    """The last time that Salesforce's Trust was asked, and what came of it. One row."""

    tried_at = models.DateTimeField()
    read_at = models.DateTimeField(null=True, blank=True, help_text="last good answer")
    problem = models.CharField(max_length=400, blank=True)
    listed = models.IntegerField(default=0)

    def __str__(self) -> str:
        return f"Trust, read at {self.read_at}"
