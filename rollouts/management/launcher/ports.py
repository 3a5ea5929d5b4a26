"""Loopback ports: the one people asked for, and free ones for the rest."""

from __future__ import annotations

import socket

from rollouts.management.launcher.places import Places, read_json, write_json
from rollouts.management.launcher.trouble import Trouble

LOOPBACK = "127.0.0.1"


def is_free(port: int) -> bool:
    """Whether a server could listen on this port of 127.0.0.1 now."""
    with socket.socket() as probe:
        # As servers do it: the dust of closed connections does not count as taken.
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((LOOPBACK, port))
        except OSError:
            return False
    return True


def is_answering(port: int) -> bool:
    """Whether something accepts connections there."""
    try:
        socket.create_connection((LOOPBACK, port), timeout=0.3).close()
    except OSError:
        return False
    return True


def need_free(port: int) -> None:
    """Insist on the port of the pages.

    Raises:
        Trouble: another program listens there.
    """
    if not is_free(port):
        raise Trouble(
            f"Port {port} is taken by another program; choose another one with: "
            f"make demo PORT={port + 1}"
        )


def settle(places: Places, names: tuple[str, ...]) -> dict[str, int]:
    """A port for each name: the last run's where free, so that stored addresses stay right."""
    last = read_json(places.ports)
    ports: dict[str, int] = {}
    for name in names:
        port = last.get(name)
        ports[name] = port if isinstance(port, int) and is_free(port) else _any_free()
    write_json(places.ports, ports)
    return ports


def _any_free() -> int:
    with socket.socket() as probe:
        probe.bind((LOOPBACK, 0))
        port: int = probe.getsockname()[1]
        return port
