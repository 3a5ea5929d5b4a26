"""`manage.py rehearse`: play a rollout's plan against a simulated org, and keep the report."""

from __future__ import annotations

from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from rollouts.management.rehearsal import runner
from rollouts.models import Rehearsal, Rollout
from rollouts.pipeline import clock, rehearsing
from rollouts.pipeline.deployment import WrongMode, demand_mode
from rollouts.pipeline.transitions import Refusal


class Command(BaseCommand):
    """Rehearse one rollout now, or what was asked for on the pages."""

    help = "Play a rollout's plan in a process of its own; nothing is sent to Salesforce."

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Name a rollout, or take those that wait."""
        parser.add_argument("rollout", nargs="?", help="the rollout's short name")
        parser.add_argument("--waiting", action="store_true", help="those asked for on the pages")

    def handle(self, *_: Any, **options: Any) -> None:
        """Do it; the report is on the rollout's page.

        Raises:
            CommandError: no such rollout, or nothing to rehearse.
        """
        try:
            demand_mode()
        except WrongMode as error:
            raise CommandError(str(error)) from error
        if options["rollout"]:
            self._one(options["rollout"])
        elif options["waiting"]:
            while (row := rehearsing.claim(clock.now())) is not None:
                self._perform(row)
        else:
            raise CommandError("Name a rollout, or say --waiting.")

    def _one(self, slug: str) -> None:
        rollout = Rollout.objects.filter(slug=slug).first()
        if rollout is None:
            raise CommandError(f"No rollout is called {slug}.")
        try:
            made = rehearsing.ask(rollout, by=None, now=clock.now())
        except Refusal as refusal:
            raise CommandError(str(refusal)) from refusal
        Rehearsal.objects.filter(pk=made.pk).update(begun_at=clock.now())
        made.refresh_from_db()
        self._perform(made)

    def _perform(self, row: Rehearsal) -> None:
        self.stdout.write(f"Rehearsing {row.rollout.slug} ...")
        runner.perform(row)
        row.refresh_from_db()
        if row.problem:
            self.stdout.write(f"No report: {row.problem}")
            return
        told = row.report
        self.stdout.write(f"REHEARSAL of {row.rollout.slug}: {told['outcome']}, {told['because']}")
        for wave in told["waves"]:
            self.stdout.write(
                f"  wave {wave['number']} {wave['name']}: {wave['state']}, "
                f"{wave['done']} of {wave['orgs']} done, {wave['failed']} failed"
            )
        for one in told["guardrails"]:
            self.stdout.write(f"  {one['at']}: {one['what']}: {one['because']}")
