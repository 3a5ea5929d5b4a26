"""Read packages, versions and orgs now: ``manage.py sync``."""

from __future__ import annotations

import json
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError, CommandParser

from rollouts.models import Connection, SyncRun
from rollouts.pipeline import connections, sync, troubles
from rollouts.pipeline.deployment import WrongMode, demand_mode
from rollouts.salesforce.connect import gateway_for
from rollouts.salesforce.errors import SalesforceError


class Command(BaseCommand):
    """Make the connection of the settings if need be, and read every connection whole."""

    help = "Read packages, versions and subscriber orgs of every connection."

    def add_arguments(self, parser: CommandParser) -> None:
        """Answer for machines."""
        parser.add_argument("--json", action="store_true", help="answer as JSON")

    def handle(self, *args: Any, **options: Any) -> None:  # noqa: ARG002 - Django's signature
        """Sync, and say what was read of each package."""
        try:
            demand_mode()
            links = self._links()
        except (WrongMode, connections.NotConfigured) as error:
            raise CommandError(str(error)) from error
        runs: list[SyncRun] = []
        problems: dict[str, str] = {}
        for link in links:
            try:
                runs += sync.sync(link, gateway_for(link))
            except SalesforceError as error:
                sync.note_failure(link, error)
                problems[link.name] = troubles.worded(link, error)
        if options["json"]:
            answer = {"runs": [self._figures(run) for run in runs], "problems": problems}
            self.stdout.write(json.dumps(answer, indent=1))
        else:
            for run in runs:
                self.stdout.write(self._line(run))
        if problems:
            raise CommandError(" ".join(f"{name}: {why}" for name, why in problems.items()))
        if not all(run.ok for run in runs):
            raise CommandError(
                "Not every package could be read; what was read before still stands."
            )

    def _links(self) -> list[Connection]:
        if settings.SALESFORCE["login_url"] or not Connection.objects.sources().exists():
            connections.from_settings()
        return list(Connection.objects.sources().order_by("name"))

    def _line(self, run: SyncRun) -> str:
        if not run.ok:
            return f"{run.package}: nothing changed, {run.problem}"
        return (
            f"{run.package}: {run.listed} installations, {run.new} new, "
            f"{run.changed} changed, {run.retired} retired"
        )

    def _figures(self, run: SyncRun) -> dict[str, object]:
        return {
            "package": run.package.name,
            "package_id": run.package.sf_id,
            "connection": run.package.connection.name,
            "ok": run.ok,
            "full": run.full,
            "listed": run.listed,
            "new": run.new,
            "changed": run.changed,
            "retired": run.retired,
            "read_at": run.read_at.isoformat(),
            "ended_at": run.ended_at.isoformat() if run.ended_at else None,
            "problem": run.problem,
        }
