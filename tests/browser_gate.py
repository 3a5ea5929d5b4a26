"""The stories in a real browser: `make test-browser`.

It installs nothing by itself: a browser is a system's package, and whoever runs this decides.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
NAMES = ("chromium", "chromium-browser", "google-chrome-stable", "google-chrome")


def main(arguments: list[str]) -> int:
    """Run tests/browser; 1 when there is no Chromium, else pytest's exit code."""
    configured = os.environ.get("PUSHBOARD_TEST_CHROMIUM")
    browser = configured or next(filter(None, map(shutil.which, NAMES)), None)
    if browser is None or not os.access(browser, os.X_OK):
        print(
            "The browser tests need Chromium and found none. On Debian or Ubuntu:\n"
            "  sudo apt-get install chromium\n"
            "or name one that is elsewhere: PUSHBOARD_TEST_CHROMIUM=/path make test-browser",
            file=sys.stderr,
        )
        return 1
    environment = {**os.environ, "PUSHBOARD_TEST_CHROMIUM": browser}
    command = [sys.executable, "-m", "pytest", "-m", "browser", "tests/browser", *arguments]
    return subprocess.run(command, cwd=ROOT, env=environment, check=False).returncode


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
