"""A PostgreSQL of our own: made in a temporary folder, started, killed, dumped, gone afterwards."""

from __future__ import annotations

import os
import pwd
import secrets
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from types import MappingProxyType

import psycopg

from tests.batteries.ending import orderly
from tests.batteries.servers.network import free_port
from tests.batteries.servers.wheel import NoServer, programs

# Nothing outlives a battery's folder, so nothing is gained by waiting for a disk.
# The rest is what it does beside answering: statistics, titles, plans made anew for each value.
FAST = MappingProxyType(
    {
        "fsync": "off",
        "synchronous_commit": "off",
        "full_page_writes": "off",
        "wal_level": "minimal",
        "max_wal_senders": "0",
        "jit": "off",
        # Which row comes first must not hang on when a helper has cleaned up.
        "autovacuum": "off",
        "track_activities": "off",
        "update_process_title": "off",
        "plan_cache_mode": "force_generic_plan",
    }
)
# As production has it: what was committed survives a SIGKILL of the server.
DURABLE = MappingProxyType({"fsync": "on", "synchronous_commit": "on"})
_ACCOUNTS = ("nobody", "postgres")
_BECOME = Path(__file__).with_name("become.py")
_PREFIX = "pushboard-postgres-"
_PATIENCE = 60.0  # seconds
_PARTS = ("bin", "lib", "share")


class Postgres:
    """One server. ``start`` it after it was made, ``close`` it in the end."""

    def __init__(self, settings: Mapping[str, str] = FAST, folder: Path | None = None) -> None:
        self.port = free_port()
        self.password = secrets.token_urlsafe(16)
        self.account = _account()
        self.home = Path(tempfile.mkdtemp(prefix=f"{_PREFIX}{os.getpid()}-"))
        self.settings = dict(settings)
        self._process: subprocess.Popen[bytes] | None = None
        self._own(self.home)
        try:
            self.bin = self._reachable(folder or programs())
            self._make()
        except BaseException:
            shutil.rmtree(self.home, ignore_errors=True)
            raise

    # --- life -------------------------------------------------------------------------------

    def start(self) -> None:
        """Start it and wait until it takes connections.

        Raises:
            NoServer: it does not come up.
        """
        began = time.monotonic()
        while True:
            self._process = self._launch()
            if self._answers(began):
                return
            # After a SIGKILL its helpers take a moment to notice and to let go of the folder.
            if time.monotonic() - began > _PATIENCE:
                raise NoServer(self.last_words())
            time.sleep(0.2)

    def stop(self, number: signal.Signals = signal.SIGINT) -> None:
        """End it: SIGINT is in order, SIGQUIT at once, SIGKILL without a word."""
        if self._process is None:
            return
        self._process.send_signal(number)
        try:
            self._process.wait(_PATIENCE)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._process = None

    def kill(self) -> None:
        """SIGKILL to the server and all its helpers, as a machine that dies does it."""
        if self._process is None:
            return
        with suppress(ProcessLookupError):
            os.killpg(self._process.pid, signal.SIGKILL)
        self._process.wait()
        self._process = None

    def close(self) -> None:
        """End it and remove its folder."""
        self.stop(signal.SIGQUIT)
        shutil.rmtree(self.home, ignore_errors=True)

    # --- use --------------------------------------------------------------------------------

    def url(self, database: str = "postgres", port: int | None = None) -> str:
        """The address of a database, through another port if a proxy stands before it."""
        where = f"127.0.0.1:{port or self.port}"
        return f"postgresql://pushboard:{self.password}@{where}/{database}"

    def run(self, sql: str, database: str = "postgres") -> list[tuple[object, ...]]:
        """Run one statement outside any transaction; gives its rows, if it has any."""
        with psycopg.connect(self.url(database), autocommit=True) as line:
            done = line.execute(sql)
            return list(done.fetchall()) if done.description else []

    def create(self, database: str, template: str = "template1") -> str:
        """Make a database, as a copy of another if asked; returns its address."""
        self.run(f'DROP DATABASE IF EXISTS "{database}" WITH (FORCE)')
        self.run(f'CREATE DATABASE "{database}" TEMPLATE "{template}"')
        return self.url(database)

    def dump(self, database: str, to: Path) -> None:
        """Write a dump of a database as pg_dump makes it."""
        self._tool("pg_dump", "--format=custom", "--dbname", self.url(database), "--file", to)

    def restore(self, dump: Path, database: str) -> None:
        """Put a dump in the place of a database, as an operator would after a loss."""
        self.create(database)
        self._tool("pg_restore", "--exit-on-error", "--dbname", self.url(database), dump)

    def last_words(self) -> str:
        """The end of its log."""
        try:
            return (self.home / "log").read_text(encoding="utf-8", errors="replace")[-2000:]
        except OSError:
            return "it wrote no log"

    # --- making -----------------------------------------------------------------------------

    def _reachable(self, folder: Path) -> Path:
        """The programs where the account may run them: in our own folder, if we change accounts."""
        if self.account is None or folder.is_relative_to("/usr"):
            return folder
        install, package = folder.parent, folder.parents[1]
        copied = self.home / "programs" / package.name / install.name
        for part in _PARTS:
            shutil.copytree(
                install / part,
                copied / part,
                symlinks=True,
                ignore=shutil.ignore_patterns("*.a", "pgxs", "pkgconfig"),
            )
        libraries = package.with_name(f"{package.name}.libs")
        if libraries.exists():
            shutil.copytree(libraries, copied.parent.with_name(libraries.name), symlinks=True)
        for path in (copied.parents[1], *copied.parents[1].rglob("*")):
            if not path.is_symlink():
                path.chmod(0o755 if path.is_dir() or path.parent.name == "bin" else 0o644)
        return copied / "bin"

    def _make(self) -> None:
        secret = self.home / "password"
        secret.write_text(self.password, encoding="ascii")
        secret.chmod(0o600)
        self._own(secret)
        made = subprocess.run(
            [
                *self._as(self.bin / "initdb"),
                *("-D", str(self.home / "data"), "-U", "pushboard", "-E", "UTF8", "--no-sync"),
                # Loopback and a password that nobody else knows: hashing it would only cost time.
                *("-A", "password", "--pwfile", str(secret), "--locale", "C.UTF-8"),
            ],
            cwd="/",
            env=self._environment(),
            capture_output=True,
            text=True,
            check=False,
        )
        if made.returncode:
            raise NoServer(f"initdb failed:\n{made.stdout}{made.stderr}")

    def _launch(self) -> subprocess.Popen[bytes]:
        settings = {
            "listen_addresses": "127.0.0.1",
            "unix_socket_directories": "",
            "max_connections": "120",
            "timezone": "UTC",
            **self.settings,
        }
        options = [part for name, value in settings.items() for part in ("-c", f"{name}={value}")]
        command = [
            *self._as(self.bin / "postgres"),
            *("-D", str(self.home / "data"), "-p", str(self.port), *options),
        ]
        with (self.home / "log").open("ab") as log:
            return subprocess.Popen(
                command,
                cwd="/",
                env=self._environment(),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )

    def _answers(self, began: float) -> bool:
        while self._process is not None and self._process.poll() is None:
            try:
                psycopg.connect(self.url(), connect_timeout=2).close()
            except psycopg.Error:
                if time.monotonic() - began > _PATIENCE:
                    return False
                time.sleep(0.05)
            else:
                return True
        return False

    def _as(self, program: Path) -> list[str]:
        """The command that becomes a program in the account that may run it."""
        become = [sys.executable, "-I", "-S", str(_BECOME), str(os.getpid())]
        return [*become, self.account or "", str(int(signal.SIGQUIT)), str(program)]

    def _environment(self) -> dict[str, str]:
        return {"PATH": "/usr/bin:/bin", "HOME": str(self.home), "LC_ALL": "C.UTF-8"}

    def _own(self, path: Path) -> None:
        if self.account:
            entry = pwd.getpwnam(self.account)
            os.chown(path, entry.pw_uid, entry.pw_gid)

    def _tool(self, name: str, *arguments: str | Path) -> None:
        """Run one of the server's own tools, with our rights: it only speaks to a port."""
        done = subprocess.run(
            [self.bin / name, *arguments], capture_output=True, text=True, check=False
        )
        if done.returncode:
            raise NoServer(f"{name} failed:\n{done.stderr}")


def _account() -> str | None:
    """Whom the server runs as: itself refuses to be root."""
    if os.geteuid() != 0:
        return None
    for name in _ACCOUNTS:
        with suppress(KeyError):
            if pwd.getpwnam(name).pw_uid != 0:
                return name
    raise NoServer("PostgreSQL refuses to run as root, and there is no account named nobody.")


@contextmanager
def running(settings: Mapping[str, str] = FAST, folder: Path | None = None) -> Iterator[Postgres]:
    """A server that runs, and is gone afterwards, also when SIGTERM ends the battery."""
    with orderly():
        _sweep()
        server = Postgres(settings, folder)
        try:
            server.start()
            yield server
        finally:
            server.close()


def _sweep() -> None:
    """Remove the folders of batteries that were killed and could not do it themselves."""
    for left in Path(tempfile.gettempdir()).glob(f"{_PREFIX}*-*"):
        owner = left.name.removeprefix(_PREFIX).partition("-")[0]
        if owner.isdigit() and not Path(f"/proc/{owner}").exists():
            shutil.rmtree(left, ignore_errors=True)
