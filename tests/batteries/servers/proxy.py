"""A small TCP proxy between the product and a server: silent, refusing, or cutting at a word."""

from __future__ import annotations

import selectors
import socket
import threading
from contextlib import suppress
from enum import StrEnum

from tests.batteries.servers.network import free_port

_CHUNK = 65_536
# What the statement that ends a transaction looks like on PostgreSQL's wire (simple query).
COMMIT = b"COMMIT\x00"


class Mode(StrEnum):
    """What the proxy does with the lines through it."""

    PASS = "pass"
    SILENT = "silent"  # connections are taken, nothing is passed on: a frozen server
    REFUSE = "refuse"  # nobody listens: a server that is away


class Cut(StrEnum):
    """Which side of a COMMIT a line is cut on."""

    BEFORE = "before"  # the server never hears it
    AFTER = "after"  # the server does it, nobody hears the answer


class Proxy:
    """Passes one port on to another, in a thread of its own."""

    def __init__(self, to: int) -> None:
        self.port = free_port()
        self._to = to
        self._mode = Mode.PASS
        self._cuts: list[tuple[Cut, bytes]] = []
        self._said: dict[socket.socket, set[bytes]] = {}
        self.cuts_done = 0
        self._lock = threading.Lock()
        self._pairs: dict[socket.socket, socket.socket] = {}
        self._to_server: set[socket.socket] = set()
        self._doomed: set[socket.socket] = set()
        self._selector = selectors.DefaultSelector()
        self._listener: socket.socket | None = None
        self._ended = threading.Event()
        self._wake, self._woken = socket.socketpair()
        self._selector.register(self._woken, selectors.EVENT_READ)
        self._listen()
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def become(self, mode: Mode) -> None:
        """Change what is done from now on; a server that goes away cuts every line."""
        with self._lock:
            self._mode = mode
        self._wake.send(b"x")

    def cut_next_commit(self, side: Cut, after: bytes = b"") -> None:
        """Cut the line on which the next COMMIT is sent, of a transaction that said these bytes."""
        with self._lock:
            self._cuts = [(side, after)]

    def forget_cuts(self) -> None:
        """Cut nothing any more."""
        with self._lock:
            self._cuts = []

    def close(self) -> None:
        """End it and every line through it."""
        self._ended.set()
        self._wake.send(b"x")
        self._thread.join(5)
        self._selector.close()
        self._wake.close()
        self._woken.close()

    # --- the thread -------------------------------------------------------------------------

    def _listen(self) -> None:
        self._listener = socket.socket()
        self._listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        self._listener.bind(("127.0.0.1", self.port))
        self._listener.listen(128)
        self._selector.register(self._listener, selectors.EVENT_READ)

    def _run(self) -> None:
        while not self._ended.is_set():
            for key, _ in self._selector.select(1.0):
                line = key.fileobj
                assert isinstance(line, socket.socket)
                if line is self._woken:
                    line.recv(16)
                    self._apply()
                elif line is self._listener:
                    self._accept()
                elif line in self._pairs:
                    self._pass(line)
        for line in list(self._pairs):
            self._hang_up(line)
        if self._listener is not None:
            self._listener.close()

    def _apply(self) -> None:
        if self._mode is Mode.REFUSE and self._listener is not None:
            self._selector.unregister(self._listener)
            self._listener.close()
            self._listener = None
            for line in list(self._pairs):
                self._hang_up(line)
        elif self._mode is not Mode.REFUSE and self._listener is None:
            self._listen()
        if self._mode is Mode.PASS:
            # What was held back while silent is lost, as with a server that was frozen and killed.
            for line in list(self._pairs):
                if line in self._doomed:
                    self._hang_up(line)

    def _accept(self) -> None:
        if self._listener is None:
            return
        near, _ = self._listener.accept()
        try:
            far = socket.create_connection(("127.0.0.1", self._to), timeout=5)
        except OSError:
            near.close()
            return
        self._pairs[near], self._pairs[far] = far, near
        self._to_server.add(near)
        for line in (near, far):
            line.setblocking(True)
            self._selector.register(line, selectors.EVENT_READ)

    def _pass(self, line: socket.socket) -> None:
        try:
            data = line.recv(_CHUNK)
        except OSError:
            data = b""
        if not data:
            self._hang_up(line)
            return
        if self._mode is Mode.SILENT:
            self._doomed.add(line)
            return
        cut = self._cut_of(line, data)
        try:
            if cut is not Cut.BEFORE:
                self._pairs[line].sendall(data)
        except OSError:
            cut = cut or Cut.BEFORE
        if cut is Cut.AFTER:
            # The answer is awaited, so that the server has surely done it.
            with suppress(OSError):
                self._pairs[line].settimeout(5)
                self._pairs[line].recv(_CHUNK)
        if cut:
            self._hang_up(line)

    def _cut_of(self, line: socket.socket, data: bytes) -> Cut | None:
        if line not in self._to_server:
            return None
        with self._lock:
            said = self._said.setdefault(line, set())
            said |= {words for _, words in self._cuts if words in data}
            if COMMIT not in data:
                return None
            self._said[line] = set()
            for number, (side, words) in enumerate(self._cuts):
                if words in said:
                    del self._cuts[number]
                    self.cuts_done += 1
                    return side
            return None

    def _hang_up(self, line: socket.socket) -> None:
        other = self._pairs.pop(line, None)
        for one in (line, other):
            if one is None:
                continue
            self._pairs.pop(one, None)
            self._to_server.discard(one)
            self._said.pop(one, None)
            self._doomed.discard(one)
            with suppress(KeyError, ValueError):
                self._selector.unregister(one)
            one.close()
