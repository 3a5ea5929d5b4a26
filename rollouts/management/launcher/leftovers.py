"""One launcher at a time, and nothing left of one that was killed."""

from __future__ import annotations

import fcntl
import os
import signal
import subprocess
import time
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import IO, Any

from rollouts.management.launcher.places import Places, read_json, write_json
from rollouts.management.launcher.trouble import Trouble

_GRACE = 3.0  # seconds between asking and killing


def started(pid: int) -> str:
    """When a process started, as a word that tells it from a later one with the same number.

    Empty when there is no such process (a zombie counts as none).
    """
    try:
        # Fields after the name, which may hold blanks and brackets: state is the first of them,
        # start time (ticks since boot) the twentieth. See proc(5).
        fields = Path(f"/proc/{pid}/stat").read_text(encoding="ascii").rpartition(")")[2].split()
        return "" if fields[0] == "Z" else fields[19]
    except FileNotFoundError:
        if Path("/proc/self").exists():
            return ""
    except ProcessLookupError:
        return ""
    answer = subprocess.run(  # no /proc on macOS
        ["ps", "-o", "lstart=", "-p", str(pid)],  # noqa: S607 - ps is where the system keeps it
        capture_output=True,
        text=True,
        check=False,
    )
    return answer.stdout.strip()


def lock(places: Places) -> IO[str]:
    """Be the only launcher of this folder until the returned file is closed or the process ends.

    Raises:
        Trouble: another launcher is running.
    """
    places.lock.parent.mkdir(parents=True, exist_ok=True)
    file = places.lock.open("a+", encoding="utf-8")
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        file.close()
        run = read_json(places.run)
        where = f" at {run['address']}" if run.get("address") else ""
        raise Trouble(
            f"The demo is already running{where} (process {_pid_of(run.get('launcher'))}); "
            "end it there with Ctrl-C first."
        ) from None
    return file


def record(places: Places, *, address: str, children: Mapping[str, int]) -> None:
    """Write down who runs, for people, for tests, and for a start after a crash."""
    write_json(places.pids, dict(children))
    write_json(
        places.run,
        {
            "address": address,
            "launcher": _identity(os.getpid()),
            "children": {name: _identity(pid) for name, pid in children.items()},
        },
    )


def forget(places: Places) -> None:
    """Nothing runs any more."""
    places.run.unlink(missing_ok=True)
    places.pids.unlink(missing_ok=True)


def clean(places: Places) -> list[str]:
    """End the children of a launcher that died without ending them. Returns their names.

    Only a process with the very number *and* start time that were written down is touched.
    """
    children = read_json(places.run).get("children")
    alive: dict[str, int] = {}
    for name, identity in (children if isinstance(children, dict) else {}).items():
        pid = _pid_of(identity)
        if pid and started(pid) == identity.get("started"):
            alive[name] = pid
    _signal(alive.values(), signal.SIGTERM)
    deadline = time.monotonic() + _GRACE
    while any(started(pid) for pid in alive.values()) and time.monotonic() < deadline:
        time.sleep(0.1)
    _signal([pid for pid in alive.values() if started(pid)], signal.SIGKILL)
    forget(places)
    return sorted(alive)


def _identity(pid: int) -> dict[str, Any]:
    return {"pid": pid, "started": started(pid)}


def _pid_of(identity: object) -> int:
    pid = identity.get("pid") if isinstance(identity, dict) else None
    return pid if isinstance(pid, int) else 0


def _signal(pids: Iterable[int], number: signal.Signals) -> None:
    """Signal each process with its whole group: every child leads one of its own."""
    for pid in pids:
        try:
            os.killpg(pid, number)
        except (ProcessLookupError, PermissionError):
            continue
