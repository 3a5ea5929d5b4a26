"""Say which orgs go first: ``manage.py own_orgs 00D... 00D...``."""

from __future__ import annotations

from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from rollouts.models import Org
from rollouts.pipeline import clock, own_orgs
from rollouts.pipeline.deployment import WrongMode, demand_mode
from rollouts.pipeline.transitions import Refusal


class Command(BaseCommand):
    """Mark the orgs that every rollout pushes first; without ids, list them."""

    help = "Mark orgs that go first in every rollout; without ids, list those that are marked."

    def add_arguments(self, parser: CommandParser) -> None:
        """Take the ids."""
        parser.add_argument("org", nargs="*", help="org ids of 15 or 18 characters")
        parser.add_argument("--remove", action="store_true", help="take the mark away again")

    def handle(self, *args: Any, **options: Any) -> None:  # noqa: ARG002 - Django's signature
        """Mark them all, or none and say why."""
        try:
            demand_mode()
            changed = own_orgs.mark(options["org"], own=not options["remove"], now=clock.now())
        except (Refusal, WrongMode) as error:
            raise CommandError(str(error)) from error
        if options["org"]:
            self.stdout.write(f"{changed} orgs changed")
            return
        for org in Org.objects.filter(is_own=True).order_by("name"):
            self.stdout.write(f"{org.key}  {org.name}")
