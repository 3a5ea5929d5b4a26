"""Read packages, versions and orgs now: ``manage.py sync``."""

from __future__ import annotations

from typing import Any

from django.core.management.base import BaseCommand, CommandError

from rollouts.models import SyncRun
from rollouts.pipeline import connections, sync
from rollouts.pipeline.deployment import WrongMode, demand_mode
from rollouts.salesforce.connect import gateway_for
from rollouts.salesforce.errors import SalesforceError


class Command(BaseCommand):
    """Make the connection of the settings if need be, and read it whole."""

    help = "Read packages, versions and subscriber orgs of the connection in the settings."

    def handle(self, *args: Any, **options: Any) -> None:  # noqa: ARG002 - Django's signature
        """Sync, and say what was read of each package."""
        try:
            demand_mode()
            link = connections.from_settings()
            runs = sync.sync(link, gateway_for(link))
        except (WrongMode, connections.NotConfigured, SalesforceError) as error:
            raise CommandError(str(error)) from error
        for run in runs:
            self.stdout.write(self._line(run))
        if not all(run.ok for run in runs):
            raise CommandError(
                "Not every package could be read; what was read before still stands."
            )

    def _line(self, run: SyncRun) -> str:
        if not run.ok:
            return f"{run.package}: nothing changed, {run.problem}"
        return (
            f"{run.package}: {run.listed} installations, {run.new} new, "
            f"{run.changed} changed, {run.retired} retired"
        )
