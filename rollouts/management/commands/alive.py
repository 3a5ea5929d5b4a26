"""`manage.py alive PART`: the health check of a worker's container."""

from __future__ import annotations

from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from rollouts.models import Connection, Heartbeat
from rollouts.pipeline import clock


class Command(BaseCommand):
    """Look at a heartbeat, which is written by doing the work and by nothing else.

    A worker that is connected and does not consume looks alive from outside, and not here.
    """

    help = "Exit with 0 when a part (tick, watcher, sync) has done its work lately, else with 1."
    requires_system_checks: list[str] = []

    def add_arguments(self, parser: CommandParser) -> None:
        """The part, and how many seconds may have passed."""
        parser.add_argument("part", choices=("tick", "watcher", "sync"))
        parser.add_argument("--within", type=float, default=120, metavar="SECONDS")

    def handle(self, *_: Any, **options: Any) -> None:
        """Compare and say so.

        Raises:
            CommandError: no heartbeat, or too old a one.
        """
        part, within = options["part"], options["within"]
        if part != "tick" and not Connection.objects.exists():
            self.stdout.write("Nothing is connected, so there is nothing to do yet.")
            return
        beat = Heartbeat.objects.filter(part=part).first()
        if beat is None:
            raise CommandError(f"{part} has not done anything yet.")
        age = (clock.now() - beat.beat_at) / clock.wire(1)
        if age > within:
            raise CommandError(f"{part} did its work {age:.0f} s ago; {within:.0f} s are allowed.")
        self.stdout.write(f"{part} did its work {age:.0f} s ago.")
