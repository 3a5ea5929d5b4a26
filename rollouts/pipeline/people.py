"""Making people and granting roles: the first of them by a command, on the machine itself."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime

from rollouts.domain.permissions import Role
from rollouts.models import Person, RoleGrant
from rollouts.pipeline.transitions import Refusal, record, writing


@writing()
def signed_in(person: Person, now: datetime) -> None:
    """Write down that somebody signed in."""
    record("sign_in", f"person {person.pk}", now=now, by=person)


@writing()
def signed_out(person: Person, now: datetime) -> None:
    """Write down that somebody signed out; a session that ran out leaves no line."""
    record("sign_out", f"person {person.pk}", now=now, by=person)


@writing()
def add_person(
    email: str, *, name: str, roles: Iterable[Role], password: str, now: datetime
) -> Person:
    """Make an account with roles in force at once, and write it into the history.

    Raises Refusal when the address has an account already: one human is one account.
    """
    email = email.strip().lower()
    if Person.objects.filter(email=email).exists():
        raise Refusal(f"{email} has an account already.")
    person = Person.objects.create_user(email, password, name=name.strip())
    granted = sorted(set(roles))
    RoleGrant.objects.bulk_create(
        [RoleGrant(person=person, role=r.value, granted_at=now, starts_at=now) for r in granted]
    )
    record(
        "add_person",
        f"person {person.pk}",
        now=now,
        reason="made by a command on the machine",
        detail={"roles": [role.value for role in granted]},
    )
    return person
