"""What a connection can be: whose org, how it signs in, and whether it may push."""

from __future__ import annotations

from enum import StrEnum


class OrgRole(StrEnum):
    """What the connected org is for."""

    PACKAGING = "packaging"
    DEVHUB = "devhub"
    LMO = "lmo"


class AuthKind(StrEnum):
    """How a connection signs in. SETTINGS: by what the environment variables say."""

    SETTINGS = "settings"
    JWT = "jwt"
    CLIENT_CREDENTIALS = "client-credentials"
    WEB_SERVER = "web-server"


class Mode(StrEnum):
    """Whether a connection only reads or may push too."""

    OBSERVE = "observe"
    PUSH = "push"


class Secret(StrEnum):
    """The secrets of a connection; each is a sealed column of its row."""

    CLIENT_SECRET = "client_secret"  # noqa: S105 - the name of a column
    PRIVATE_KEY = "private_key"
    NEXT_PRIVATE_KEY = "next_private_key"
    REFRESH_TOKEN = "refresh_token"  # noqa: S105 - the name of a column


class Writes(StrEnum):
    """What the gateway may write: nothing, cancels of what was once begun, or everything."""

    NONE = "none"
    CANCELS = "cancels"
    ALL = "all"


ROLE_WORDS = {
    OrgRole.PACKAGING: "Packaging org",
    OrgRole.DEVHUB: "Dev Hub",
    OrgRole.LMO: "License org",
}
AUTH_WORDS = {
    AuthKind.SETTINGS: "the settings of this installation",
    AuthKind.JWT: "JWT bearer, by certificate",
    AuthKind.CLIENT_CREDENTIALS: "client credentials",
    AuthKind.WEB_SERVER: "web-server flow, by a person's consent",
}


def allowed_writes(mode: Mode, *, has_pushed: bool, safe_database: bool) -> Writes:
    """Say what a connection may write.

    Args:
        mode: the mode of its row, now.
        has_pushed: whether push mode was ever on. What was begun then must stay stoppable, so
            cancels are let through after push mode was turned off.
        safe_database: False for a real org on SQLite, which has one writer at a time and one file.
    """
    if mode is Mode.PUSH and safe_database:
        return Writes.ALL
    return Writes.CANCELS if has_pushed else Writes.NONE
