"""Add or change a connection without clicking: ``manage.py connect --name ...``."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from rollouts.domain.connecting import AuthKind, OrgRole, Secret
from rollouts.models import Connection
from rollouts.pipeline import clock, connections, credentials, proof
from rollouts.pipeline.deployment import WrongMode, demand_mode
from rollouts.pipeline.transitions import Refusal, writing

_AUTHS = (AuthKind.JWT.value, AuthKind.CLIENT_CREDENTIALS.value)


class Command(BaseCommand):
    """Store a connection with its secret, sign in, and say what works. It may be run again.

    A connection made here only observes; an admin turns push mode on in its page.
    """

    help = "Add a connection to a Salesforce org, or give one new credentials; then check it."

    def add_arguments(self, parser: CommandParser) -> None:
        """Take what describes a connection; secrets come from files only."""
        parser.add_argument("--name", required=True, help="what the pages call it")
        parser.add_argument("--role", required=True, choices=[role.value for role in OrgRole])
        parser.add_argument("--auth", required=True, choices=_AUTHS)
        parser.add_argument("--login-url", required=True, help="the org's own address")
        parser.add_argument("--client-id", required=True, help="the app's consumer key")
        parser.add_argument("--username", default="", help="for jwt: the integration user")
        secret = parser.add_mutually_exclusive_group()
        secret.add_argument("--key-file", help="for jwt: a private key, PEM; else one is made")
        secret.add_argument("--secret-file", help="for client-credentials; - reads standard input")
        parser.add_argument("--json", action="store_true", help="answer as JSON")

    def handle(self, *args: Any, **options: Any) -> None:  # noqa: ARG002 - Django's signature
        """Store, sign in, and fail when the sign-in does."""
        try:
            demand_mode()
            link = self._stored(options)
        except (Refusal, WrongMode, OSError, UnicodeDecodeError) as error:
            raise CommandError(str(error)) from error
        waits = link.auth == AuthKind.JWT.value and not options["key_file"] and not link.org_id
        checks = [] if waits else proof.prove(link)
        link.refresh_from_db()
        self._say(link, checks, waits=waits, as_json=options["json"])
        if not waits and not proof.signed_in(checks):
            raise CommandError(f"“{link.name}” is stored, but can't sign in.")

    def _stored(self, options: dict[str, Any]) -> Connection:
        auth = AuthKind(options["auth"])
        if auth is AuthKind.JWT and not options["username"]:
            raise Refusal("--auth jwt needs --username, the integration user.")
        if auth is AuthKind.CLIENT_CREDENTIALS and not options["secret_file"]:
            raise Refusal("--auth client-credentials needs --secret-file.")
        described = connections.Described(
            name=options["name"],
            role=OrgRole(options["role"]),
            auth=auth,
            login_url=options["login_url"],
            client_id=options["client_id"],
            username=options["username"],
        )
        # Read before anything is stored, so that a mistyped path leaves nothing behind.
        text = _read(options["key_file"] or options["secret_file"])
        now = clock.now()
        # All or nothing: without a key to seal it with, no connection is left that has no secret.
        with writing():
            link = connections.describe_again(described, by=None, now=now)
            if auth is AuthKind.CLIENT_CREDENTIALS:
                if not credentials.is_stored(link, Secret.CLIENT_SECRET, text.strip()):
                    credentials.store_secret(link, text, by=None, now=now)
            elif text:
                if not credentials.is_stored(link, Secret.PRIVATE_KEY, text):
                    credentials.store_key(link, text, by=None, now=now)
            elif not link.has(Secret.PRIVATE_KEY):
                credentials.make_key(link, by=None, now=now)
        link.refresh_from_db()
        return link

    def _say(
        self, link: Connection, checks: list[proof.Check], *, waits: bool, as_json: bool
    ) -> None:
        if as_json:
            answer = {
                **connections.told(link),
                "id": link.pk,
                "org_id": link.org_id,
                "org_name": link.org_name,
                "mode": link.mode,
                "certificate": link.certificate,
                "checks": [check.as_dict() for check in checks],
            }
            self.stdout.write(json.dumps(answer, indent=1))
            return
        self.stdout.write(f"“{link.name}” is stored; it only observes until an admin turns push on")
        for check in checks:
            self.stdout.write(check.line())
        if waits:
            self.stdout.write(
                "Upload this certificate to the app, approve the user for it, then run "
                f"manage.py doctor:\n\n{link.certificate}"
            )


def _read(path: str | None) -> str:
    if not path:
        return ""
    return sys.stdin.read() if path == "-" else Path(path).read_text(encoding="utf-8")
