"""`manage.py begin_demo`: tables and first contents of the demo, in one process.

Two commands would set Django up twice, which is the longest part of a start.
"""

from __future__ import annotations

import time
from argparse import ArgumentParser
from typing import Any
from urllib.parse import urlsplit

from django.conf import settings
from django.core.management import call_command
from django.core.management.base import BaseCommand, CommandError

from rollouts.management.launcher.ports import is_answering

_PATIENCE = 120  # seconds for the simulator to invent its world


class Command(BaseCommand):
    """Migrate, wait for the simulator, prepare."""

    help = "Bring the demo's database up to date and fill it; called by `manage.py demo`."
    requires_system_checks: list[str] = []

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Take the one option of `prepare_demo`."""
        parser.add_argument("--no-rollout", action="store_true", help="leave the first rollout out")

    def handle(self, *_: Any, **options: Any) -> None:
        """Run once; what is there already stays.

        Raises:
            CommandError: not in simulation mode, or no simulator answers.
        """
        port = urlsplit(settings.SALESFORCE["login_url"]).port
        if not settings.SIMULATION or port is None:
            raise CommandError("This is for the demo only; start it with: make demo")
        call_command("migrate", interactive=False, verbosity=1)
        deadline = time.monotonic() + _PATIENCE
        while not is_answering(port):
            if time.monotonic() > deadline:
                raise CommandError(f"No simulator answers on port {port}.")
            time.sleep(0.1)
        call_command("prepare_demo", no_rollout=options["no_rollout"])
