"""From a database URL to Django's DATABASES."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from pushboard.env import Environment, database_address, with_password

# Milliseconds. A lock that is not had within 3 s is better answered with "busy, look again"; a
# transaction that sleeps holds rows that a halt may need.
_LOCK_TIMEOUT = 3_000
_IDLE_IN_TRANSACTION_TIMEOUT = 30_000


def database_settings(env: Environment, base: Path) -> dict[str, dict[str, Any]]:
    """DATABASES for `PUSHBOARD_DATABASE_URL`.

    Raises:
        Misconfigured: the URL is not one of SQLite or PostgreSQL.
    """
    address = database_address(
        with_password(
            env.secret("PUSHBOARD_DATABASE_URL", "sqlite:///var/pushboard.sqlite3"),
            env.secret("PUSHBOARD_DATABASE_PASSWORD"),
        ),
        base,
    )
    if address.engine == "sqlite":
        return {"default": _sqlite(address.name)}
    statement = env.number("PUSHBOARD_STATEMENT_TIMEOUT_SECONDS", 15, least=0, most=3600)
    pool = env.number("PUSHBOARD_DATABASE_POOL", 0, least=0, most=100)
    return {
        "default": {
            "ENGINE": "django.db.backends.postgresql",
            "NAME": address.name,
            "USER": address.user,
            "PASSWORD": address.password,
            "HOST": address.host,
            "PORT": address.port,
            # Under ASGI a connection kept open belongs to a thread that may never come back.
            "CONN_MAX_AGE": 0,
            "OPTIONS": {
                **dict(address.options),
                **({"pool": {"min_size": 1, "max_size": int(pool), "timeout": 10}} if pool else {}),
                "options": " ".join(
                    (
                        f"-c statement_timeout={int(statement * 1000)}",
                        f"-c lock_timeout={_LOCK_TIMEOUT}",
                        f"-c idle_in_transaction_session_timeout={_IDLE_IN_TRANSACTION_TIMEOUT}",
                    )
                ),
            },
        }
    }


def _sqlite(path: str) -> dict[str, Any]:
    """SQLite as a server needs it.

    WAL lets pages be read while a worker writes. IMMEDIATE takes the write lock when a transaction
    begins: with Django's default most read-then-write transactions of two processes fail with
    "database is locked". The lock is not fair, hence the long timeout.

    `synchronous=FULL`, though WAL allows NORMAL: with NORMAL the last commits may be gone after a
    power loss. For most programs that is a fair price; here the lost commit may be the one that
    says "this batch is about to be armed", and what Salesforce was told can't be taken back.
    """
    Path(path).parent.mkdir(parents=True, exist_ok=True)
    return {
        "ENGINE": "django.db.backends.sqlite3",
        "NAME": path,
        "OPTIONS": {
            "timeout": 20,
            "transaction_mode": "IMMEDIATE",
            "init_command": "PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL;",
        },
    }
