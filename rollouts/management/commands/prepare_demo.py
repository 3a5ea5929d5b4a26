"""Prepare the demo's data: ``manage.py prepare_demo``."""

from __future__ import annotations

from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from rollouts.management.demo_data import prepare


class Command(BaseCommand):
    """Make people, read the simulated Salesforce and start a first rollout."""

    help = "Bring the demo's data to where it starts; may be run again at any time."

    def add_arguments(self, parser: CommandParser) -> None:
        """Take the one option."""
        parser.add_argument("--no-rollout", action="store_true", help="leave the first rollout out")

    def handle(self, *args: Any, **options: Any) -> None:  # noqa: ARG002 - Django's signature
        """Prepare, and say what was done."""
        try:
            for line in prepare(with_rollout=not options["no_rollout"]):
                self.stdout.write(line)
        except RuntimeError as error:
            raise CommandError(str(error)) from error
