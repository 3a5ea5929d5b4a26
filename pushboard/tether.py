"""Ties a process to its parent: when the parent dies, however it dies, so does the process.

As a program it is the thin wrapper that the launcher starts each child through:

    python -I -S tether.py PARENT_PID program argument ...

A wrapper and not a `preexec_fn`: the death signal survives the exec, and nothing of ours runs
between fork and exec of a process that may have threads. Elsewhere than on Linux it only execs;
what a killed launcher leaves there is cleaned up at the next start.
"""

from __future__ import annotations

import ctypes
import os
import signal
import sys

_PR_SET_PDEATHSIG = 1  # from linux/prctl.h


def die_with_parent(parent: int | None = None) -> None:
    """Ask the kernel for SIGKILL when the parent goes; leave at once if `parent` is gone."""
    if sys.platform != "linux":
        return
    ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, int(signal.SIGKILL), 0, 0, 0)
    if parent is not None and os.getppid() != parent:
        os._exit(1)


if __name__ == "__main__":
    die_with_parent(int(sys.argv[1]))
    os.execvp(sys.argv[2], sys.argv[2:])
