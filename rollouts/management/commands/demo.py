"""`manage.py demo`, for Django's list of commands; manage.py hands over to the launcher itself."""

from __future__ import annotations

from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from rollouts.management.launcher import options
from rollouts.management.launcher.main import run
from rollouts.management.launcher.places import Places
from rollouts.management.launcher.trouble import Trouble


class Command(BaseCommand):
    """Run Pushboard with a simulated Salesforce."""

    help = "Run Pushboard on this machine with a simulated Salesforce: everything, no accounts."
    requires_system_checks: list[str] = []

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Those of the launcher."""
        options.add_arguments(parser)

    def handle(self, *_: Any, **given: Any) -> None:
        """Run until stopped."""
        chosen = {name: given[name] for name in options.Options.__dataclass_fields__}
        try:
            run(options.Options(**chosen), Places())
        except Trouble as trouble:
            raise CommandError(str(trouble)) from None
