"""Where the demo keeps its things, and the small files that a start reads from the last one."""

from __future__ import annotations

import base64
import json
import os
import secrets
import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[3]


@dataclass(frozen=True, slots=True)
class Places:
    """The files below the demo's folder, `var/demo` of the clone."""

    home: Path = ROOT / "var" / "demo"

    @property
    def lock(self) -> Path:
        """Held while a launcher runs; outside the folder, which a reset removes."""
        return self.home.with_name(f"{self.home.name}.lock")

    @property
    def logs(self) -> Path:
        """One file per child."""
        return self.home / "log"

    @property
    def broker(self) -> Path:
        """The broker's append-only file."""
        return self.home / "broker"

    @property
    def simulator(self) -> Path:
        """The simulated Salesforce's whole world."""
        return self.home / "simulator"

    @property
    def database(self) -> Path:
        """The dashboard's own database."""
        return self.home / "pushboard.sqlite3"

    @property
    def secret_key(self) -> Path:
        """Kept, so that people stay signed in over a restart."""
        return self.home / "secret-key"

    @property
    def encryption_keys(self) -> Path:
        """Seals the secrets of connections that somebody adds in the demo."""
        return self.home / "encryption-keys"

    @property
    def world(self) -> Path:
        """How many orgs the simulated world has, and its seed."""
        return self.home / "world.json"

    @property
    def clock(self) -> Path:
        """The last simulated time that was seen."""
        return self.home / "clock.json"

    @property
    def ports(self) -> Path:
        """The ports of the last run, taken again when they are free."""
        return self.home / "ports.json"

    @property
    def pids(self) -> Path:
        """Name to process id of every child, renewed at each restart of one."""
        return self.home / "pids.json"

    @property
    def run(self) -> Path:
        """The launcher and its children with their start times, for the next start to clean up."""
        return self.home / "run.json"

    def make(self) -> None:
        """Create the folders; the top one for this user's eyes only."""
        self.home.mkdir(parents=True, exist_ok=True)
        self.home.chmod(0o700)
        for folder in (self.logs, self.broker, self.simulator):
            folder.mkdir(exist_ok=True)

    def forget(self) -> bool:
        """Remove the demo's folder and nothing else. Returns whether there was one.

        A link is only unlinked: what it points to is somebody else's.
        """
        if self.home.is_symlink():
            self.home.unlink()
            return True
        if not self.home.exists():
            return False
        shutil.rmtree(self.home)
        return True

    def keep_secret_key(self) -> None:
        """Make the secret key once; readable by this user only."""
        if self.secret_key.exists() and self.secret_key.read_text(encoding="utf-8").strip():
            return
        write(self.secret_key, secrets.token_urlsafe(64))

    def keep_encryption_keys(self) -> None:
        """Make the key that seals secrets once; readable by this user only."""
        if not self.encryption_keys.exists():
            key = base64.urlsafe_b64encode(secrets.token_bytes(32)).decode()
            write(self.encryption_keys, f"1:{key}\n")


def write(path: Path, text: str) -> None:
    """Replace a file in one step: a reader sees the old text or the new, also after a crash."""
    scratch = path.with_name(f".{path.name}.new")
    descriptor = os.open(scratch, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "w", encoding="utf-8") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
    scratch.replace(path)


def write_json(path: Path, content: Mapping[str, Any]) -> None:
    """Replace a file by JSON, see `write`."""
    write(path, json.dumps(content, indent=1))


def read_json(path: Path) -> dict[str, Any]:
    """The object in a file; empty when there is none or it can't be read."""
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return content if isinstance(content, dict) else {}
