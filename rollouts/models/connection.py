"""One Salesforce org and how to reach it."""

from __future__ import annotations

from typing import ClassVar

from django.conf import settings
from django.db import connection as database
from django.db import models

from rollouts.domain.connecting import (
    AUTH_WORDS,
    ROLE_WORDS,
    AuthKind,
    Mode,
    OrgRole,
    Secret,
    Writes,
    allowed_writes,
)
from rollouts.models.sealed import key_ring


class ConnectionQuerySet(models.QuerySet["Connection"]):
    """Connections in the words of the domain."""

    def live(self) -> ConnectionQuerySet:
        """Those that were not disconnected."""
        return self.filter(disconnected_at=None)

    def ready(self) -> ConnectionQuerySet:
        """Live ones that are bound to their org, or take their credentials from the settings.

        One that has never signed in is being set up: nothing is read by itself, and its
        troubles are nobody else's.
        """
        return self.live().filter(~models.Q(org_id="") | models.Q(auth=AuthKind.SETTINGS.value))

    def sources(self) -> ConnectionQuerySet:
        """Ready ones whose org owns packages."""
        return self.ready().exclude(role=OrgRole.LMO.value)

    def licensing(self) -> ConnectionQuerySet:
        """Ready ones whose org keeps the licences."""
        return self.ready().filter(role=OrgRole.LMO.value)


class Connection(models.Model):
    """One Salesforce org that we read from and, in push mode, write to.

    Secrets are sealed columns, read by ``secret`` and written by ``seal`` only. ``revision`` is
    raised at each change of how to sign in, so that every process builds its gateway anew.
    """

    name = models.CharField(max_length=80, unique=True)
    role = models.CharField(max_length=12, default=OrgRole.PACKAGING.value)
    auth = models.CharField(max_length=20, default=AuthKind.SETTINGS.value)
    login_url = models.CharField(max_length=200)
    client_id = models.CharField(max_length=255, blank=True)
    username = models.CharField(max_length=120, blank=True)
    client_secret_sealed = models.TextField(blank=True)
    private_key_sealed = models.TextField(blank=True)
    next_private_key_sealed = models.TextField(blank=True)
    refresh_token_sealed = models.TextField(blank=True)
    certificate = models.TextField(blank=True, help_text="PEM; public")
    next_certificate = models.TextField(blank=True, help_text="PEM; public")
    revision = models.IntegerField(default=1)
    mode = models.CharField(max_length=8, default=Mode.OBSERVE.value)
    pushed_since = models.DateTimeField(
        null=True, blank=True, help_text="when push mode was first turned on"
    )
    org_id = models.CharField(max_length=18, blank=True)
    org_name = models.CharField(max_length=255, blank=True)
    simulated = models.BooleanField(default=False)
    created_at = models.DateTimeField(null=True, blank=True)
    disconnected_at = models.DateTimeField(null=True, blank=True)
    answered_at = models.DateTimeField(null=True, blank=True)
    failed_at = models.DateTimeField(null=True, blank=True)
    failure = models.TextField(blank=True)
    calls_used = models.IntegerField(null=True, blank=True)
    calls_limit = models.IntegerField(null=True, blank=True)
    swept_at = models.DateTimeField(
        null=True, blank=True, help_text="just before the last whole look for unknown requests"
    )
    whole_minutes = models.BooleanField(
        default=False, help_text="Salesforce was seen to keep start times to the minute only"
    )
    proof = models.JSONField(default=list, blank=True)
    proved_at = models.DateTimeField(null=True, blank=True)

    objects = ConnectionQuerySet.as_manager()

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(
                fields=["org_id", "role"],
                condition=models.Q(disconnected_at=None) & ~models.Q(org_id=""),
                name="one_live_connection_per_org_and_role",
            )
        ]

    def __str__(self) -> str:
        return self.name

    @property
    def role_words(self) -> str:
        """What the org is, for people."""
        return ROLE_WORDS[OrgRole(self.role)]

    @property
    def auth_words(self) -> str:
        """How it signs in, for people."""
        return AUTH_WORDS[AuthKind(self.auth)]

    @property
    def confirm_name(self) -> str:
        """What a person types to confirm: the org's name, or ours for it as long as it is new."""
        return " ".join((self.org_name or self.name).split())

    @property
    def pushes(self) -> bool:
        """Whether push mode is on in this copy of the row."""
        return self.mode == Mode.PUSH.value and self.disconnected_at is None

    def has(self, secret: Secret) -> bool:
        """Say whether a secret is stored."""
        return bool(getattr(self, _column(secret)))

    def secret(self, secret: Secret) -> str:
        """Read a secret as it is stored now, or "" when there is none.

        Raises:
            CantOpen: its key is not at hand.
        """
        column = _column(secret)
        sealed = Connection.objects.filter(pk=self.pk).values_list(column, flat=True).first()
        return key_ring().open(sealed, self._place(secret)) if sealed else ""

    def seal(self, secret: Secret, plain: str) -> None:
        """Put a secret into this copy of the row ("" removes it); the caller saves.

        Raises:
            CantSeal: there is no key.
        """
        if self.pk is None:
            raise ValueError("a secret is bound to its row, so the row must be stored first")
        sealed = key_ring().seal(plain, self._place(secret)) if plain else ""
        setattr(self, _column(secret), sealed)

    def keep_refresh_token(self, plain: str) -> None:
        """Store the token that Salesforce gave in exchange for the one in use."""
        self.seal(Secret.REFRESH_TOKEN, plain)
        Connection.objects.filter(pk=self.pk).update(refresh_token_sealed=self.refresh_token_sealed)

    def _place(self, secret: Secret) -> str:
        return f"connection:{self.pk}:{secret.value}"

    def writes(self) -> Writes:
        """Read what this connection may write at this moment: one query, never cached."""
        row = Connection.objects.live().filter(pk=self.pk).values("mode", "pushed_since").first()
        if row is None:
            return Writes.NONE
        return allowed_writes(
            Mode(row["mode"]),
            has_pushed=row["pushed_since"] is not None,
            safe_database=may_push_on_this_database(),
        )


def may_push_on_this_database() -> bool:
    """Say whether pushes to real orgs may be decided on this database: not on SQLite."""
    return bool(settings.SIMULATION) or database.vendor != "sqlite"


def _column(secret: Secret) -> str:
    return f"{secret.value}_sealed"
