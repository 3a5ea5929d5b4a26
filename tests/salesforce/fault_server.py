"""A server on loopback that misbehaves on the wire as told, one connection after the other."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field

Behaviour = Callable[[socket.socket], None]

ANSWER = (
    b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 2\r\n"
    b"Connection: keep-alive\r\n\r\n{}"
)


@dataclass
class FaultServer:
    """Accepts connections and lets ``behaviour`` do with each what it likes."""

    behaviour: Behaviour
    connections: int = 0
    requests: list[bytes] = field(default_factory=list)
    port: int = 0

    def read_request(self, connection: socket.socket) -> bytes:
        """Read one request and keep it; b"" when the other side has closed."""
        data = b""
        while b"\r\n\r\n" not in data:
            piece = connection.recv(65536)
            if not piece:
                return b""
            data += piece
        head, _, body = data.partition(b"\r\n\r\n")
        for line in head.split(b"\r\n"):
            name, _, value = line.partition(b":")
            if name.lower() == b"content-length":
                while len(body) < int(value):
                    body += connection.recv(65536)
        self.requests.append(head + b"\r\n\r\n" + body)
        return data

    def answer_all(self, connection: socket.socket) -> None:
        """Answer every request of a connection properly."""
        while self.read_request(connection):
            connection.sendall(ANSWER)


@contextmanager
def serving(make: Callable[[FaultServer], Behaviour]) -> Iterator[FaultServer]:
    """Run a server whose behaviour is made with itself at hand."""
    listener = socket.create_server(("127.0.0.1", 0))
    server = FaultServer(behaviour=lambda _: None, port=listener.getsockname()[1])
    server.behaviour = make(server)

    def one(connection: socket.socket) -> None:
        with connection, suppress(OSError):
            server.behaviour(connection)

    def run() -> None:
        while True:
            try:
                connection, _ = listener.accept()
            except OSError:
                return
            server.connections += 1
            threading.Thread(target=one, args=(connection,), daemon=True).start()

    thread = threading.Thread(target=run, daemon=True)
    thread.start()
    try:
        yield server
    finally:
        with suppress(OSError):
            listener.shutdown(socket.SHUT_RDWR)
        listener.close()
        thread.join(5)


def reset(connection: socket.socket) -> None:
    """Close so that the other side sees a reset, not an end."""
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\x01\0\0\0\0\0\0\0")
    connection.close()


def drip(connection: socket.socket, data: bytes, pause: float) -> None:
    """Send a few bytes at a time."""
    for byte in data:
        connection.sendall(bytes([byte]))
        time.sleep(pause)
