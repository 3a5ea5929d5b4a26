"""The one Django app."""

from __future__ import annotations

from django.apps import AppConfig


class RolloutsConfig(AppConfig):
    """Rollouts, their waves and the orgs they reach."""

    name = "rollouts"
    verbose_name = "Pushboard"
    default_auto_field = "django.db.models.BigAutoField"
