"""The one Django app."""

from __future__ import annotations

from django.apps import AppConfig
from django.conf import settings
from django.db import connection
from django.db.models.signals import post_migrate


class RolloutsConfig(AppConfig):
    """Rollouts, their waves and the orgs they reach."""

    name = "rollouts"
    verbose_name = "Pushboard"
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        """Have the calendar's usual freezes come along with the tables."""
        post_migrate.connect(_install_freezes, sender=self, dispatch_uid="built-in freezes")


def _install_freezes(**_: object) -> None:
    """Add those that a newer version brings; a simulation adds its own when it begins."""
    from rollouts.models import FreezeRow
    from rollouts.pipeline import calendar, clock

    # Somebody may have gone back to a version that had no calendar.
    there = FreezeRow._meta.db_table in connection.introspection.table_names()  # noqa: SLF001
    if there and not settings.SIMULATION:
        calendar.install_built_in(clock.now())
