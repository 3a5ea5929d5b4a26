"""Make .venv, fill it from a hashed lock file, then become the command that was asked for.

    python3 pushboard/bootstrap.py demo manage.py demo --port 8000

Standard library only, and no syntax newer than Python 3.8: it is run by whatever `python3` a
machine has, so that it can say in one sentence what is missing.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
VENV = ROOT / ".venv"
VENV_PYTHON = VENV / "bin" / "python"
STAMP = VENV / "pushboard-stamp.json"
# Stands in the folder while it is being filled: a folder that has it was left half made.
UNFINISHED = VENV / "pushboard-unfinished"
OLDEST = (3, 11)
CANDIDATES = ("python3.14", "python3.13", "python3.12", "python3.11", "python3", "python")
# Each lock holds the ones after it, so installing it satisfies them too.
LOCKS = ("dev", "demo", "production")


def main(arguments: list[str]) -> str | None:
    """Take the lock's name and the command; does not return when all goes well."""
    if not arguments or arguments[0] not in LOCKS:
        return f"Usage: bootstrap.py {{{'|'.join(LOCKS)}}} [script argument ...]"
    lock, command = arguments[0], arguments[1:]
    if not is_current(lock):
        began = time.monotonic()
        problem = make(lock)
        if problem:
            return problem
        print(f"  environment ready after {time.monotonic() - began:.0f} s", flush=True)
    if command:
        os.chdir(ROOT)
        os.execv(str(VENV_PYTHON), [str(VENV_PYTHON), *command])
    return None


def digest(lock: str) -> str:
    """The SHA-256 of a lock file, in hexadecimal."""
    return hashlib.sha256((ROOT / "requirements" / f"{lock}.txt").read_bytes()).hexdigest()


def is_current(lock: str) -> bool:
    """Whether .venv was filled to the end from this very lock, for the Python that is in it."""
    try:
        stamp = json.loads(STAMP.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return False
    return (
        not UNFINISHED.exists()
        and stamp.get(lock) == digest(lock)
        and stamp.get("python") == version_of(VENV_PYTHON)
    )


def version_of(python: str | Path) -> list[int] | None:
    """`[3, 11]` for a Python that runs, None for one that does not."""
    try:
        answer = subprocess.run(
            [str(python), "-c", "import sys; print(*sys.version_info[:2])"],
            check=True,
            capture_output=True,
            timeout=20,
        )
        return [int(part) for part in answer.stdout.split()]
    except (OSError, ValueError, subprocess.SubprocessError):
        return None


def choose_python() -> str | None:
    """The path of the first Python that is new enough and can install packages, else None."""
    for candidate in (sys.executable, *CANDIDATES):
        path = shutil.which(candidate)
        # Asked, not trusted by its name: version managers put stubs on the PATH that only complain.
        version = version_of(path) if path else None
        if path and version and tuple(version) >= OLDEST and pip_of(path):
            return path
    return None


def pip_of(python: str) -> str | None:
    """How `python` gets pip into a new environment: "ensurepip", "pip" or None.

    Debian parts the two: a machine may have pip without the package python3-venv.
    """
    for module in ("ensurepip", "pip"):
        try:
            subprocess.run(
                [python, "-c", f"import {module}"], check=True, capture_output=True, timeout=20
            )
        except (OSError, subprocess.SubprocessError):
            continue
        return module
    return None


def make(lock: str) -> str | None:
    """Make or complete .venv. Returns None, or the sentence that says what is missing."""
    known = version_of(VENV_PYTHON)
    if UNFINISHED.exists() or not known or tuple(known) < OLDEST:
        if VENV.exists():
            print("  .venv was left half made; making it anew", flush=True)
            shutil.rmtree(VENV)
        python = choose_python()
        if python is None:
            return (
                f"Pushboard needs Python {OLDEST[0]}.{OLDEST[1]} or newer with pip; none was found "
                "as python3 on this machine. Install it with your system's package manager "
                "(Debian, Ubuntu: python3 python3-pip) and try again."
            )
        print(f"  making .venv with {python}", flush=True)
        VENV.mkdir()
        UNFINISHED.touch()
        pip = [str(VENV_PYTHON), "-m", "pip"]
        options: list[str] = []
        if pip_of(python) == "pip":
            options = ["--without-pip"]
            pip = [python, "-m", "pip", "--python", str(VENV_PYTHON)]
        subprocess.run([python, "-m", "venv", *options, str(VENV)], check=True)
    else:
        UNFINISHED.touch()
        pip = [str(VENV_PYTHON), "-m", "pip"]
    problem = install(pip, lock)
    if problem:
        return problem
    stamp: dict[str, object] = {name: digest(name) for name in LOCKS[LOCKS.index(lock) :]}
    stamp["python"] = version_of(VENV_PYTHON)
    STAMP.write_text(json.dumps(stamp), encoding="utf-8")
    UNFINISHED.unlink()
    return None


def install(pip: list[str], lock: str) -> str | None:
    """Fill the environment. Returns None, or the sentence that says why it can't be filled."""
    path = ROOT / "requirements" / f"{lock}.txt"
    total = len(re.findall(r"^[a-z0-9][^ ]*==", path.read_text(encoding="utf-8"), re.MULTILINE))
    command = [*pip, "install", "--require-hashes", "--no-deps", "--only-binary=:all:"]
    command += ["--disable-pip-version-check", "--no-input", "--progress-bar=off", "-r", str(path)]
    # The lock says everything, so pip has nothing to resolve; wheels only, so no compiler is asked.
    process = subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, bufsize=1
    )
    progress = Progress(total)
    lines: list[str] = []
    try:
        for line in process.stdout or ():
            lines.append(line.rstrip())
            progress.hear(line)
    finally:
        progress.end()
        # Reached early only when somebody stops us; pip must not go on filling the folder alone.
        if sys.exc_info()[0]:
            process.terminate()
    if process.wait() == 0:
        return None
    errors = [line for line in lines if line.startswith("ERROR")] or lines[-3:]
    return (
        "The packages could not be installed. pip said:\n  "
        + "\n  ".join(errors[-3:])
        + "\nIf this machine has no way to a package index, set one up for pip; then try again."
    )


class Progress:
    """One line that says what is being done and how far it is."""

    def __init__(self, total: int) -> None:
        self.total = total
        self.seen = 0
        self.words = "asking for packages"
        self.shown = ""
        self.done = threading.Event()
        self.live = sys.stdout.isatty()
        self.thread = threading.Thread(target=self.run, daemon=True)
        self.thread.start()

    def hear(self, line: str) -> None:
        """Take one line of pip's output."""
        named = re.match(r"(?:Collecting|Requirement already satisfied:) ([^= ]+)", line)
        if named:
            self.seen += 1
            self.words = f"fetching {self.seen} of {self.total}: {named.group(1)}"
        elif line.startswith("Installing collected packages"):
            self.words = "unpacking"

    def run(self) -> None:
        """Show the words twice a second, or every three seconds where lines can't be rewritten."""
        while not self.done.wait(0.5 if self.live else 3):
            self.show()

    def show(self) -> None:
        """Rewrite the line, or add one when the words are new."""
        words = self.words
        if words == "unpacking":
            there = sum(1 for _ in VENV.glob("lib/python3*/site-packages/*.dist-info"))
            words = f"unpacking {min(there, self.total)} of {self.total}"
        if self.live:
            print(f"\r  {words:<60}", end="", flush=True)
        elif words != self.shown:
            print(f"  {words}", flush=True)
        self.shown = words

    def end(self) -> None:
        """Leave a clean line."""
        self.done.set()
        self.thread.join()
        if self.live and self.shown:
            print("\r" + " " * 64, end="\r", flush=True)


if __name__ == "__main__":
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        sys.exit(main(sys.argv[1:]))
    except KeyboardInterrupt:
        sys.exit("Stopped. The next start makes the environment anew.")
