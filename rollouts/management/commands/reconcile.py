"""Bring what we decided and what Salesforce has together: ``manage.py reconcile``."""

from __future__ import annotations

import signal
import threading
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from rollouts.pipeline import after_restore, loop
from rollouts.pipeline.deployment import WrongMode, demand_mode
from rollouts.salesforce.errors import SalesforceError

PARTS = ("tick", "watch", "sync")


class Command(BaseCommand):
    """Once, in a loop that needs no broker, or after a restore from a backup."""

    help = "Tick, watch and sync without Celery and Redis; or match a restored database."

    def add_arguments(self, parser: CommandParser) -> None:
        """What to do, and which parts of it."""
        how = parser.add_mutually_exclusive_group()
        how.add_argument(
            "--loop", action="store_true", help="go on until SIGTERM; safe beside workers and beat"
        )
        how.add_argument(
            "--after-restore",
            action="store_true",
            help="match every request at Salesforce with a database that was put back",
        )
        parser.add_argument(
            "--sure",
            action="store_true",
            help="with --after-restore: nothing shows that it was put back, and yet it was",
        )
        parser.add_argument(
            "--only", choices=PARTS, action="append", help="this part; may be given again"
        )

    def handle(self, *_: Any, **options: Any) -> None:
        """Do it.

        Raises:
            CommandError: the database is another installation's, or something is left unmatched.
        """
        try:
            demand_mode()
        except WrongMode as error:
            raise CommandError(str(error)) from error
        if options["after_restore"]:
            self._after_restore(sure=options["sure"])
            return
        wanted = options["only"] or PARTS
        chosen = tuple(part for part in loop.parts() if part.name in wanted)
        if not options["loop"]:
            for part in chosen:
                done = loop.step(part)
                self.stdout.write(f"{part.name}: {'done' if done else 'was done a moment ago'}.")
            return
        self._loop(chosen)

    def _loop(self, chosen: tuple[loop.Part, ...]) -> None:
        stop = threading.Event()
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, lambda *_: stop.set())
        names = ", ".join(f"{part.name} every {part.every:g} s" for part in chosen)
        self.stdout.write(f"Reconciling: {names}. SIGTERM ends it after the step at hand.")
        self.stdout.flush()
        loop.run(chosen, stop)
        self.stdout.write("Stopped.")

    def _after_restore(self, *, sure: bool) -> None:
        try:
            if not (sure or after_restore.noticed()):
                raise CommandError(
                    "Nothing shows that this database was put back, so nothing was done. If you "
                    "know that it was, add --sure: every approval is void then, and every open "
                    "batch is called back."
                )
            found = after_restore.match()
        except SalesforceError as error:
            raise CommandError(
                f"Nothing is lifted, Salesforce could not be read: {error}"
            ) from error
        self.stdout.write(f"{found.sentence}.")
        if found.left:
            raise CommandError("Still only reading. Run it again later:\n" + "\n".join(found.left))
        self.stdout.write("Matched. Every approval is void: freeze and approve what is left.")
