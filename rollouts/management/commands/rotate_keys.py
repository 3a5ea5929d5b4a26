"""Encrypt every stored secret with the newest key: ``manage.py rotate_keys``."""

from __future__ import annotations

import json
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from rollouts.models.sealed import CantOpen, CantSeal, key_ring
from rollouts.pipeline import clock, credentials
from rollouts.pipeline.deployment import WrongMode, demand_mode
from rollouts.pipeline.transitions import record


class Command(BaseCommand):
    """Reseal what an older key of PUSHBOARD_ENCRYPTION_KEYS sealed, and prove that none is left."""

    help = "Encrypt every stored secret with the newest key of PUSHBOARD_ENCRYPTION_KEYS."

    def add_arguments(self, parser: CommandParser) -> None:
        """Count only, or answer for machines."""
        parser.add_argument("--check", action="store_true", help="only count, change nothing")
        parser.add_argument("--json", action="store_true", help="answer as JSON")

    def handle(self, *args: Any, **options: Any) -> None:  # noqa: ARG002 - Django's signature
        """Reseal, count, and fail when a secret is left on an older key."""
        try:
            demand_mode()
            counts = credentials.reseal(only_count=options["check"])
            if counts["resealed"]:
                detail = {**counts, "key": key_ring().newest}
                record("rotate_keys", "encryption keys", now=clock.now(), detail=detail)
        except (WrongMode, CantOpen, CantSeal) as error:
            raise CommandError(str(error)) from error
        if options["json"]:
            self.stdout.write(json.dumps({**counts, "key": key_ring().newest}))
        else:
            self.stdout.write(
                f"{counts['resealed']} secrets encrypted anew, {counts['current']} on key "
                f"{key_ring().newest}, {counts['left']} on an older key"
            )
        if counts["left"]:
            raise CommandError("Secrets are left on an older key; keep that key and run it again.")
