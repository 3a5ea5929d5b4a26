"""Make the first people: ``manage.py add_person pia@example.com --name Pia --role planner``."""

from __future__ import annotations

import getpass
import sys
from typing import Any

from django.contrib.auth.password_validation import validate_password
from django.core.exceptions import ValidationError
from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.core.validators import validate_email

from rollouts.domain.permissions import Role
from rollouts.pipeline import clock
from rollouts.pipeline.deployment import WrongMode, demand_mode
from rollouts.pipeline.people import add_person
from rollouts.pipeline.transitions import Refusal


class Command(BaseCommand):
    """Make an account with a password asked for at the terminal, or read from standard input."""

    help = "Make a person who can sign in, with one or more roles."

    def add_arguments(self, parser: CommandParser) -> None:
        """Take the address, the name and the roles."""
        parser.add_argument("email")
        parser.add_argument("--name", required=True)
        parser.add_argument(
            "--role", action="append", required=True, choices=[role.value for role in Role]
        )

    def handle(self, *args: Any, **options: Any) -> None:  # noqa: ARG002 - Django's signature
        """Check everything first, so that nothing is half done."""
        try:
            demand_mode()
            validate_email(options["email"])
            password = self._password()
            validate_password(password)
            person = add_person(
                options["email"],
                name=options["name"],
                roles=[Role(role) for role in options["role"]],
                password=password,
                now=clock.now(),
            )
        except ValidationError as error:
            raise CommandError(" ".join(error.messages)) from error
        except (Refusal, WrongMode) as error:
            raise CommandError(str(error)) from error
        self.stdout.write(f"{person} <{person.email}>: {', '.join(options['role'])}")

    def _password(self) -> str:
        if not sys.stdin.isatty():
            return sys.stdin.readline().rstrip("\n")
        first = getpass.getpass("Password (15 characters at least): ")
        if getpass.getpass("Once more: ") != first:
            raise CommandError("The two passwords differ; nothing was made.")
        return first
