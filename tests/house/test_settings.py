"""Settings as a browser and a database meet them."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from http import HTTPStatus
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings
from django.db import connection
from django.test import Client

from pushboard.database import database_settings
from pushboard.env import Environment
from tests.conventions.sources import ROOT

# What the page owner promised people, word for word (design, frontend).
POLICY = {
    "default-src 'none'",
    "script-src 'self'",
    "style-src 'self'",
    "img-src 'self' data:",
    "font-src 'self'",
    "connect-src 'self'",
    "form-action 'self'",
    "base-uri 'none'",
    "frame-ancestors 'none'",
}


def test_the_liveness_check_needs_no_database_and_no_sign_in(client: Client) -> None:
    answer = client.get("/livez")

    assert answer.status_code == HTTPStatus.OK
    assert "no-store" in answer["Cache-Control"]


def test_the_liveness_check_still_looks_at_the_host(client: Client) -> None:
    assert client.get("/livez", headers={"host": "127.0.0.1"}).status_code == HTTPStatus.OK
    assert client.get("/livez", headers={"host": "evil.example"}).status_code == (
        HTTPStatus.BAD_REQUEST
    )


def test_readiness_tells_of_the_broker_but_does_not_depend_on_it(client: Client, db: None) -> None:
    answer = client.get("/readyz")

    assert answer.status_code == HTTPStatus.OK
    assert answer.json() == {"ready": True, "problems": [], "broker": "away"}


def test_health_checks_change_nothing_and_take_no_other_method(client: Client) -> None:
    assert client.post("/livez").status_code == HTTPStatus.METHOD_NOT_ALLOWED


def test_every_answer_carries_the_strict_policy(client: Client) -> None:
    answer = client.get("/livez")

    assert {part.strip() for part in answer["Content-Security-Policy"].split(";")} == POLICY
    assert answer["X-Frame-Options"] == "DENY"
    assert answer["X-Content-Type-Options"] == "nosniff"
    assert answer["Referrer-Policy"] == "same-origin"
    assert answer["Cross-Origin-Opener-Policy"] == "same-origin"
    assert "camera=()" in answer["Permissions-Policy"]


def test_pages_are_closed_unless_a_view_opens_them() -> None:
    assert "django.contrib.auth.middleware.LoginRequiredMiddleware" in settings.MIDDLEWARE


def test_there_is_no_admin_site() -> None:
    assert "django.contrib.admin" not in settings.INSTALLED_APPS


def test_time_is_utc() -> None:
    assert settings.USE_TZ
    assert settings.TIME_ZONE == "UTC"


def test_the_wall_is_the_time_unless_a_clock_is_given() -> None:
    assert settings.CLOCK["factor"] == 1
    assert settings.CLOCK["anchor_sim"] == settings.CLOCK["anchor_wall"]


@pytest.mark.skipif(connection.vendor != "sqlite", reason="asks for SQLite's own settings")
def test_sqlite_waits_for_locks_and_loses_no_commit(db: None) -> None:
    with connection.cursor() as cursor:
        full = cursor.execute("PRAGMA synchronous").fetchone()
        wait = cursor.execute("PRAGMA busy_timeout").fetchone()

    assert full == (2,)
    assert wait == (20_000,)
    assert connection.settings_dict["OPTIONS"]["transaction_mode"] == "IMMEDIATE"


def test_postgresql_gets_timeouts_and_a_pool_only_where_asked() -> None:
    url = {"PUSHBOARD_DATABASE_URL": "postgresql://u@h/n?sslmode=require"}
    plain = database_settings(Environment(url), Path())["default"]
    pooled = database_settings(Environment({**url, "PUSHBOARD_DATABASE_POOL": "10"}), Path())

    assert plain["CONN_MAX_AGE"] == 0
    assert "pool" not in plain["OPTIONS"]
    assert plain["OPTIONS"]["sslmode"] == "require"
    assert "statement_timeout=15000" in plain["OPTIONS"]["options"]
    assert "lock_timeout=3000" in plain["OPTIONS"]["options"]
    assert pooled["default"]["OPTIONS"]["pool"]["max_size"] == 10


def production_settings(**variables: str) -> dict[str, Any]:
    """Some settings of a production process of its own."""
    code = (
        "import json; from django.conf import settings as s;"
        "print(json.dumps({k: getattr(s, k) for k in ("
        "'DEBUG', 'SESSION_COOKIE_NAME', 'SESSION_COOKIE_SECURE', 'CSRF_COOKIE_NAME',"
        "'SECURE_SSL_REDIRECT', 'SECURE_HSTS_SECONDS', 'SECURE_PROXY_SSL_HEADER',"
        "'CSRF_TRUSTED_ORIGINS', 'PASSWORD_HASHERS', 'ALLOWED_HOSTS')}))"
    )
    clean = {name: value for name, value in os.environ.items() if "PUSHBOARD" not in name}
    environment = {
        **clean,
        "DJANGO_SETTINGS_MODULE": "pushboard.settings",
        "PUSHBOARD_SECRET_KEY": "k" * 64,
        "PUSHBOARD_ENCRYPTION_KEYS": f"1:{'A' * 43}=",
        "PUSHBOARD_ALLOWED_HOSTS": "pushboard.example.com",
        "PUSHBOARD_BASE_URL": "https://pushboard.example.com",
        "PUSHBOARD_DATA_DIR": os.environ["PUSHBOARD_DATA_DIR"],
        **variables,
    }
    command = [sys.executable, "-c", code]
    answer = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, check=True)
    read: dict[str, Any] = json.loads(answer.stdout)
    return read


def test_production_over_https_binds_cookies_to_its_host() -> None:
    read = production_settings()

    assert read["DEBUG"] is False
    assert read["SESSION_COOKIE_NAME"] == "__Host-sessionid"
    assert read["CSRF_COOKIE_NAME"] == "__Host-csrftoken"
    assert read["SESSION_COOKIE_SECURE"] is True
    assert read["SECURE_SSL_REDIRECT"] is True
    assert read["SECURE_HSTS_SECONDS"] == 31_536_000
    assert read["SECURE_PROXY_SSL_HEADER"] is None
    assert read["CSRF_TRUSTED_ORIGINS"] == ["https://pushboard.example.com"]
    assert read["PASSWORD_HASHERS"] == ["django.contrib.auth.hashers.Argon2PasswordHasher"]
    assert read["ALLOWED_HOSTS"] == ["pushboard.example.com", "127.0.0.1", "localhost", "[::1]"]


def test_production_on_loopback_drops_what_browsers_take_over_https_only() -> None:
    read = production_settings(PUSHBOARD_BASE_URL="http://127.0.0.1:8000")

    assert read["SESSION_COOKIE_NAME"] == "sessionid"
    assert read["SESSION_COOKIE_SECURE"] is False
    assert read["SECURE_SSL_REDIRECT"] is False
