"""The proxy that cuts lines, and the table that the batteries write."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.batteries.report import BEGIN, END, Line, write
from tests.batteries.servers.proxy import Cut, Mode, Proxy


class Listener:
    """A server that remembers what it was told and answers each time."""

    def __init__(self) -> None:
        self.heard = b""
        self._socket = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._socket.getsockname()[1]
        threading.Thread(target=self._serve, daemon=True).start()

    def _serve(self) -> None:
        while True:
            try:
                line, _ = self._socket.accept()
            except OSError:
                return
            with line:
                while data := line.recv(1000):
                    self.heard += data
                    line.sendall(b"done")

    def close(self) -> None:
        self._socket.close()


@pytest.fixture
def server() -> Iterator[Listener]:
    made = Listener()
    yield made
    made.close()


@pytest.fixture
def proxy(server: Listener) -> Iterator[Proxy]:
    made = Proxy(server.port)
    yield made
    made.close()


def say(proxy: Proxy, *words: bytes) -> bytes:
    """Say something through the proxy; returns the last answer, empty when the line was cut."""
    with socket.create_connection(("127.0.0.1", proxy.port), timeout=5) as line:
        answer = b""
        for word in words:
            line.sendall(word)
            try:
                answer = line.recv(1000)
            except ConnectionError:
                return b""
        return answer


def test_what_is_said_is_passed_on(proxy: Proxy, server: Listener) -> None:
    assert say(proxy, b"hello") == b"done"
    assert server.heard == b"hello"


def test_a_commit_is_cut_before_the_server_hears_it(proxy: Proxy, server: Listener) -> None:
    proxy.cut_next_commit(Cut.BEFORE)

    assert say(proxy, b"COMMIT\x00") == b""
    assert server.heard == b""
    assert proxy.cuts_done == 1


def test_a_commit_is_cut_after_the_server_has_done_it(proxy: Proxy, server: Listener) -> None:
    proxy.cut_next_commit(Cut.AFTER)

    assert say(proxy, b"COMMIT\x00") == b""
    assert server.heard == b"COMMIT\x00"


def test_only_the_transaction_that_said_the_word_is_cut(proxy: Proxy) -> None:
    proxy.cut_next_commit(Cut.BEFORE, b"INSERT")

    assert say(proxy, b"SELECT", b"COMMIT\x00") == b"done"
    assert say(proxy, b"INSERT", b"COMMIT\x00") == b""


def test_a_server_that_is_away_refuses(proxy: Proxy) -> None:
    proxy.become(Mode.REFUSE)

    def until_refused() -> None:
        while True:
            say(proxy, b"hello")

    with pytest.raises(ConnectionError):
        until_refused()


def test_a_battery_replaces_its_own_line_only(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    page.write_text(f"before\n{BEGIN}\n\n| a |\n| - |\n\n{END}\nafter\n", encoding="utf-8")

    for violations in (3, 0):
        write(Line("storms", "make it", "10 storms", "1", violations, 2.0), page)
    write(Line("restores", "make it", "2 restores", "1", 0, 2.0), page)

    text = page.read_text(encoding="utf-8")
    assert text.count("| storms") == 1
    assert text.index("restores") < text.index("| storms")
    assert text.startswith("before\n")
    assert text.endswith("after\n")
