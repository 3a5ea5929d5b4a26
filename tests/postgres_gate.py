"""The tests against PostgreSQL, which is what production runs on: `make test-postgres`.

Any server that was installed will do: a cluster of its own is made in a temporary folder, listens
on a free loopback port, gives up durability for speed, and is gone afterwards.
"""

from __future__ import annotations

import os
import pwd
import shutil
import socket
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
# Those that touch the database; the rest would only run twice.
WITH_DATABASE = ("tests/house", "tests/models", "tests/pipeline", "tests/stories", "tests/views")
FAST = ("fsync=off", "synchronous_commit=off", "full_page_writes=off")


def binaries() -> Path | None:
    """The folder of the newest server, None if there is none."""
    packaged = sorted(
        Path("/usr/lib/postgresql").glob("*/bin/initdb"), key=lambda path: int(path.parts[-3])
    )
    found = shutil.which("initdb")
    return packaged[-1].parent if packaged else Path(found).parent if found else None


def run(command: Sequence[str | Path], owner: str | None) -> None:
    """Run one of the server's programs, which refuse to be root, in silence unless it fails."""
    done = subprocess.run(command, user=owner, cwd="/", capture_output=True, text=True, check=False)
    if done.returncode:
        sys.exit(f"{command[0]} failed:\n{done.stdout}{done.stderr}")


@contextmanager
def cluster(bin_folder: Path) -> Iterator[str]:
    """A running server; gives the URL of its database."""
    owner = "postgres" if os.geteuid() == 0 else None
    home = Path(tempfile.mkdtemp(prefix="pushboard-postgres-"))
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    settings = " ".join(f"-c {setting}" for setting in (*FAST, "listen_addresses=127.0.0.1"))
    try:
        if owner:
            os.chown(home, pwd.getpwnam(owner).pw_uid, -1)
        data = home / "data"
        run(
            [bin_folder / "initdb", "-D", data, "-U", "pushboard", "-A", "trust", "-E", "UTF8"],
            owner,
        )
        control: list[str | Path] = [bin_folder / "pg_ctl", "-D", data, "-w"]
        options = f"-p {port} -k {home} {settings}"
        run([*control, "-l", home / "log", "-o", options, "start"], owner)
        try:
            yield f"postgresql://pushboard@127.0.0.1:{port}/postgres"
        finally:
            run([*control, "-m", "immediate", "stop"], owner)
    finally:
        shutil.rmtree(home, ignore_errors=True)


def main(arguments: list[str]) -> int:
    """Run the tests; 1 when there is no server, else pytest's exit code."""
    bin_folder = binaries()
    if bin_folder is None:
        print(
            "These tests need a PostgreSQL server and found none. On Debian or Ubuntu:\n"
            "  sudo apt-get install postgresql",
            file=sys.stderr,
        )
        return 1
    with cluster(bin_folder) as url:
        environment = {**os.environ, "PUSHBOARD_TEST_DATABASE_URL": url}
        command = [sys.executable, "-m", "pytest", "-q", "-m", "not browser and not slow"]
        command += arguments or WITH_DATABASE
        return subprocess.run(command, cwd=ROOT, env=environment, check=False).returncode


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
