"""Load the product inside a battery: its settings from one address, no broker, quiet logs."""

from __future__ import annotations

import atexit
import base64
import os
import shutil
import tempfile
from typing import Any

# A port that refuses: what runs in a battery's own process rings no bell.
_NO_BROKER = "redis://127.0.0.1:9/0"
_PLANS = 2_000


def load(database: str, *, log_level: str = "ERROR") -> None:
    """Set Django up on a database's address; only once in a process."""
    import django

    folder = tempfile.mkdtemp(prefix="pushboard-battery-")
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    for name in [name for name in os.environ if name.startswith("PUSHBOARD_")]:
        del os.environ[name]
    os.environ.update(
        DJANGO_SETTINGS_MODULE="pushboard.settings",
        PUSHBOARD_MODE="simulation",
        PUSHBOARD_SECRET_KEY="batteries-only-" + "x" * 50,
        PUSHBOARD_ENCRYPTION_KEYS="1:"
        + base64.urlsafe_b64encode(b"only in batteries, of 32 bytes..").decode(),
        PUSHBOARD_DATA_DIR=folder,
        PUSHBOARD_BASE_URL="http://127.0.0.1",
        PUSHBOARD_REDIS_URL=_NO_BROKER,
        PUSHBOARD_LOG_LEVEL=log_level,
        PUSHBOARD_DATABASE_URL=database,
    )
    django.setup()
    from django.conf import settings

    # The server plans each statement once and not thousands of times; what it means is the same.
    if database.startswith("postgresql:"):
        settings.DATABASES["default"]["OPTIONS"] |= {
            "server_side_binding": True,
            "prepare_threshold": 2,
        }
        from django.db.backends.signals import connection_created

        connection_created.connect(_keep_plans)
    # Argon2 costs 50 ms a password on purpose; nobody signs in here.
    settings.PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]


def _keep_plans(*, connection: Any, **_: object) -> None:
    """Let a line keep as many planned statements as a battery has; its usual hundred are fewer."""
    connection.connection.prepared_max = _PLANS


def migrate() -> None:
    """Make the tables."""
    from django.core.management import call_command

    call_command("migrate", verbosity=0, interactive=False)
