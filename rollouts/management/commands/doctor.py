"""Is every connection right? ``manage.py doctor``: the checks of the connection pages."""

from __future__ import annotations

import json
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError, CommandParser

from rollouts.models import Connection
from rollouts.models.connection import may_push_on_this_database
from rollouts.models.sealed import CantOpen, CantSeal
from rollouts.pipeline import credentials, proof
from rollouts.pipeline.deployment import WrongMode, demand_mode
from rollouts.pipeline.proof import Check, Verdict


class Command(BaseCommand):
    """Prove each connection and look at what they share; fail when something is wrong."""

    help = "Check every connection at Salesforce; the exit code is not 0 when something is wrong."

    def add_arguments(self, parser: CommandParser) -> None:
        """One connection only, or answer for machines."""
        parser.add_argument("--name", help="only the connection with this name")
        parser.add_argument("--json", action="store_true", help="answer as JSON")

    def handle(self, *args: Any, **options: Any) -> None:  # noqa: ARG002 - Django's signature
        """Check, say it, and fail when a line is not ok; what is unknown does not fail."""
        try:
            demand_mode()
        except WrongMode as error:
            raise CommandError(str(error)) from error
        links = Connection.objects.live().order_by("name")
        if options["name"]:
            links = links.filter(name=options["name"])
            if not links:
                raise CommandError(f"There is no connection “{options['name']}”.")
        house = _house(links.exists())
        found = {link: proof.prove(link) for link in links}
        if options["json"]:
            self.stdout.write(json.dumps(_as_json(house, found), indent=1))
        else:
            self._say(house, found)
        wrong = [check for checks in (house, *found.values()) for check in checks]
        count = sum(check.verdict is Verdict.BAD for check in wrong)
        if count:
            raise CommandError(f"{count} of {len(wrong)} checks are not ok.")

    def _say(self, house: list[Check], found: dict[Connection, list[Check]]) -> None:
        self.stdout.write("This installation")
        for check in house:
            self.stdout.write(check.line())
        for link, checks in found.items():
            self.stdout.write(f"“{link.name}”, {link.role_words}, {link.mode} mode")
            for check in checks:
                self.stdout.write(check.line())


def _as_json(house: list[Check], found: dict[Connection, list[Check]]) -> dict[str, object]:
    everything = [*house, *(check for checks in found.values() for check in checks)]
    return {
        "ok": all(check.verdict is not Verdict.BAD for check in everything),
        "installation": [check.as_dict() for check in house],
        "connections": [
            {
                "name": link.name,
                "role": link.role,
                "mode": link.mode,
                "org_id": link.org_id,
                "org_name": link.org_name,
                "checks": [check.as_dict() for check in checks],
            }
            for link, checks in found.items()
        ],
    }


def _house(any_link: bool) -> list[Check]:  # noqa: FBT001 - one private caller
    checks = [_keys(), _database()]
    if settings.SALESFORCE["ca_bundle"]:
        says = f"PUSHBOARD_CA_BUNDLE is in use: {settings.SALESFORCE['ca_bundle']}"
        checks.append(Check("ca_bundle", "Certificates", Verdict.OK, says))
    if settings.DEV_ALLOWED_HOSTS:
        says = f"PUSHBOARD_DEV_ALLOWED_HOSTS is in use: {', '.join(settings.DEV_ALLOWED_HOSTS)}"
        checks.append(Check("dev_hosts", "Hosts", Verdict.OK, says))
    if not any_link:
        checks.append(
            Check(
                "connections",
                "Connections",
                Verdict.BAD,
                "No org is connected.",
                "Add one in the pages or by manage.py connect.",
            )
        )
    return checks


def _keys() -> Check:
    title = "Encryption keys"
    try:
        left = credentials.reseal(only_count=True)["left"]
    except (CantOpen, CantSeal) as error:
        return Check("keys", title, Verdict.BAD, str(error))
    if not settings.ENCRYPTION_KEYS:
        says, do = "PUSHBOARD_ENCRYPTION_KEYS is not set.", "Set it; docs/operations.md says how."
        return Check("keys", title, Verdict.BAD, says, do)
    if left:
        says, do = f"{left} secrets are on an older key.", "Run manage.py rotate_keys."
        return Check("keys", title, Verdict.BAD, says, do)
    return Check("keys", title, Verdict.OK, "Every stored secret is on the newest key.")


def _database() -> Check:
    if may_push_on_this_database():
        return Check("database", "Database", Verdict.OK, "Push mode may be turned on with it.")
    says = "It is SQLite, so push mode can't be turned on for a real org; reading works."
    return Check("database", "Database", Verdict.UNKNOWN, says, "Use PostgreSQL to push.")
