"""Become a server without rights that ends with its parent.

    python -I -S become.py PARENT_PID ACCOUNT SIGNAL program argument ...

Rights are given up first, since doing so clears the death signal; the signal survives the exec.
ACCOUNT is empty when there are no rights to give up. Run by its path with the standard library
only: the account may read neither the clone nor its environment.
"""

from __future__ import annotations

import ctypes
import os
import pwd
import signal
import sys

_PR_SET_PDEATHSIG = 1  # from linux/prctl.h


def main(parent: int, account: str, number: int, command: list[str]) -> None:
    if account:
        entry = pwd.getpwnam(account)
        os.setgroups([])
        os.setgid(entry.pw_gid)
        os.setuid(entry.pw_uid)
    os.umask(0o077)
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, number, 0, 0, 0)
        if os.getppid() != parent:
            os._exit(1)
    # A shell's own limits on signals would keep a server from hearing them.
    signal.pthread_sigmask(signal.SIG_SETMASK, [])
    os.execv(command[0], command)  # noqa: S606 - it becomes the server


if __name__ == "__main__":
    main(int(sys.argv[1]), sys.argv[2], int(sys.argv[3]), sys.argv[4:])
