"""What every test gets: its own environment, sockets closed but for loopback, a fast hasher."""

from __future__ import annotations

import base64
import ipaddress
import os
import socket
import tempfile
from collections.abc import Iterator
from typing import Any

import pytest

# Django reads its settings once and from the environment, so this comes before it is imported, and
# nothing that a developer has set may leak in.
for _name in [name for name in os.environ if name.startswith("PUSHBOARD_")]:
    if not _name.startswith("PUSHBOARD_TEST_"):
        del os.environ[_name]
os.environ.update(
    DJANGO_SETTINGS_MODULE="pushboard.settings",
    PUSHBOARD_MODE="simulation",
    PUSHBOARD_SECRET_KEY="tests-only-" + "x" * 50,
    PUSHBOARD_ENCRYPTION_KEYS="1:"
    + base64.urlsafe_b64encode(b"only in tests, of 32 bytes......").decode(),
    PUSHBOARD_DATA_DIR=tempfile.mkdtemp(prefix="pushboard-tests-"),
    PUSHBOARD_BASE_URL="http://testserver",
    PUSHBOARD_ALLOWED_HOSTS="testserver",
    # A port that refuses: no test may depend on a broker that happens to run.
    PUSHBOARD_REDIS_URL="redis://127.0.0.1:9/0",
    PUSHBOARD_LOG_LEVEL="WARNING",
    PUSHBOARD_DATABASE_URL=os.environ.get(
        "PUSHBOARD_TEST_DATABASE_URL", "sqlite:///var/tests-unused.sqlite3"
    ),
)

import django  # noqa: E402  (after the environment, see above)
from hypothesis import settings as hypothesis_settings  # noqa: E402

django.setup()

# The gate judges the change and not the machine: no time limits for examples, and the same examples
# each time. `PUSHBOARD_TEST_EXAMPLES=random` looks further.
hypothesis_settings.register_profile("gate", deadline=None, derandomize=True)
hypothesis_settings.register_profile("random", deadline=None, print_blob=True)
hypothesis_settings.load_profile(os.environ.get("PUSHBOARD_TEST_EXAMPLES", "gate"))


class SocketsAreClosed(RuntimeError):
    """A test reached beyond this machine."""


def _refuse_beyond_loopback(host: object) -> None:
    name = host.decode() if isinstance(host, bytes) else str(host or "localhost")
    if name == "localhost":
        return
    try:
        inside = ipaddress.ip_address(name).is_loopback
    except ValueError:
        inside = False
    if not inside:
        raise SocketsAreClosed(f"A test asked for {name}; tests talk to loopback only.")


@pytest.fixture(autouse=True, scope="session")
def closed_sockets() -> Iterator[None]:
    """Refuse every connection and every name look-up beyond loopback."""
    patch = pytest.MonkeyPatch()
    connect, connect_ex, look_up = (
        socket.socket.connect,
        socket.socket.connect_ex,
        socket.getaddrinfo,
    )

    def guarded_connect(this: socket.socket, address: Any) -> None:
        if this.family in {socket.AF_INET, socket.AF_INET6}:
            _refuse_beyond_loopback(address[0])
        connect(this, address)

    def guarded_connect_ex(this: socket.socket, address: Any) -> int:
        if this.family in {socket.AF_INET, socket.AF_INET6}:
            _refuse_beyond_loopback(address[0])
        return connect_ex(this, address)

    def guarded_look_up(host: Any, *args: Any, **kwargs: Any) -> Any:
        _refuse_beyond_loopback(host)
        return look_up(host, *args, **kwargs)

    patch.setattr(socket.socket, "connect", guarded_connect)
    patch.setattr(socket.socket, "connect_ex", guarded_connect_ex)
    patch.setattr(socket, "getaddrinfo", guarded_look_up)
    yield
    patch.undo()


@pytest.fixture(autouse=True, scope="session")
def fast_hasher() -> Iterator[None]:
    """Argon2 costs 50 ms a sign-in on purpose; tests sign in hundreds of times."""
    from django.conf import settings

    patch = pytest.MonkeyPatch()
    patch.setattr(settings, "PASSWORD_HASHERS", ["django.contrib.auth.hashers.MD5PasswordHasher"])
    yield
    patch.undo()
