"""People and what they may do."""

from __future__ import annotations

from datetime import datetime
from typing import Any, ClassVar

from django.contrib.auth.base_user import AbstractBaseUser, BaseUserManager
from django.db import models

from rollouts.domain.permissions import Permission, Role, may


class PersonManager(BaseUserManager["Person"]):
    """Makes people; an address is one person, whatever its case."""

    def create_user(self, email: str, password: str | None = None, **fields: Any) -> Person:
        """Make a person who can sign in with this password (none: can't sign in locally)."""
        person = self.model(email=email.strip().lower(), **fields)
        person.set_password(password)
        person.save()
        return person

    def get_by_natural_key(self, username: str | None) -> Person:
        """Find a person by e-mail address, in any case."""
        return self.get(email=(username or "").strip().lower())


class Person(AbstractBaseUser):
    """One human is one account. There is no superuser: only roles grant anything."""

    email = models.EmailField(unique=True)
    name = models.CharField(max_length=120)
    is_active = models.BooleanField(default=True)
    joined_at = models.DateTimeField(auto_now_add=True)

    USERNAME_FIELD = "email"
    REQUIRED_FIELDS: ClassVar[list[str]] = ["name"]
    objects: ClassVar[PersonManager] = PersonManager()

    def __str__(self) -> str:
        return self.name or self.email

    def roles_at(self, now: datetime) -> frozenset[Role]:
        """Read the roles in force now: one query, never cached between requests."""
        if not self.is_active:
            return frozenset()
        grants = self.grants.filter(starts_at__lte=now, ended_at=None)
        return frozenset(Role(role) for role in grants.values_list("role", flat=True))

    def may_at(self, permission: Permission, now: datetime) -> bool:
        """Say whether the person holds the permission now."""
        return may(self.roles_at(now), permission)

    def get_full_name(self) -> str:
        """Return the name that pages and the audit trail show."""
        return str(self)


class RoleGrant(models.Model):
    """One role of one person, since when, by whose hand."""

    person = models.ForeignKey(Person, on_delete=models.CASCADE, related_name="grants")
    role = models.CharField(max_length=12, choices=[(r.value, r.value) for r in Role])
    granted_by = models.ForeignKey(
        Person, on_delete=models.SET_NULL, null=True, blank=True, related_name="+"
    )
    granted_at = models.DateTimeField()
    starts_at = models.DateTimeField()
    ended_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(
                fields=["person", "role"],
                condition=models.Q(ended_at=None),
                name="one_open_grant_per_role",
            )
        ]

    def __str__(self) -> str:
        return f"{self.person}: {self.role}"
