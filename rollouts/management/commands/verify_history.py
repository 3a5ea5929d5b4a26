"""Is the history what was written? ``manage.py verify_history``, as the audit page asks it."""

from __future__ import annotations

import json
from dataclasses import asdict
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from rollouts.pipeline import chain


class Command(BaseCommand):
    """Follow the chain from the first entry to the last; nothing is written, not even that."""

    help = "Hold every entry of the history against its hash; fails with the first that is wrong."

    def add_arguments(self, parser: CommandParser) -> None:
        """A hash kept elsewhere to compare with; an answer for machines."""
        parser.add_argument(
            "--expect",
            metavar="ENTRY:HASH",
            help="an entry's number and its hash, as somebody kept them outside this installation",
        )
        parser.add_argument("--json", action="store_true", help="answer as JSON")

    def handle(self, *_: Any, **options: Any) -> None:
        """Verify, say it, and fail when something is wrong.

        Raises:
            CommandError: an entry is wrong, or what is expected can't be read.
        """
        verdict = chain.verify(expect=_expected(options["expect"]))
        if options["json"]:
            self.stdout.write(json.dumps({**asdict(verdict), "intact": verdict.intact}))
        elif verdict.intact:
            self.stdout.write(
                f"{verdict.sentence}. The last one is {verdict.entries}:{verdict.head}"
            )
        if not verdict.intact:
            raise CommandError(verdict.sentence)


def _expected(text: str | None) -> tuple[int, str] | None:
    if not text:
        return None
    number, _, kept = text.partition(":")
    if not (number.isascii() and number.isdigit() and kept):
        raise CommandError("Give it as ENTRY:HASH, such as 12408:5f2c...")
    return int(number), kept.strip().lower()
