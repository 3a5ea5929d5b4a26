"""On the wire: once, in time, never elsewhere, and knowing whether anything left."""

from __future__ import annotations

import gzip
import socket
import time
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import pytest
import requests

from rollouts.salesforce import transport as module
from rollouts.salesforce.hosts import HostRefused, Hosts
from rollouts.salesforce.transport import Transport
from tests.salesforce.fault_server import ANSWER, Behaviour, FaultServer, drip, reset, serving

NOW = datetime(2026, 11, 16, 1, 0, tzinfo=UTC)


def transport_to(port: int, timeout: float = 0.5) -> Transport:
    return Transport(Hosts.simulation([f"127.0.0.1:{port}"]), timeout=timeout, now=lambda: NOW)


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port: int = server.getsockname()[1]
    return port


def answering(server: FaultServer) -> Behaviour:
    return server.answer_all


def test_a_connection_is_used_again() -> None:
    with serving(answering) as server:
        transport = transport_to(server.port)
        for _ in range(3):
            assert transport.session().get(f"http://127.0.0.1:{server.port}/").json() == {}
        assert server.connections == 1
        assert len(server.requests) == 3
        assert transport.meter.calls == 3


def test_simple_salesforces_https_becomes_http_for_the_simulator() -> None:
    with serving(answering) as server:
        answer = transport_to(server.port).session().get(f"https://127.0.0.1:{server.port}/x?q=a+b")
        assert answer.status_code == 200
        assert server.requests[0].startswith(b"GET /x?q=a+b HTTP/1.1\r\n")


def test_in_production_plain_http_is_never_asked() -> None:
    transport = Transport(Hosts(), timeout=1, now=lambda: NOW)
    with pytest.raises(HostRefused):
        transport.session().get("http://login.salesforce.com/")
    assert transport.meter.calls == 0
    assert not transport.left


def test_nobody_listening_means_nothing_left() -> None:
    port = free_port()
    transport = transport_to(port)
    with pytest.raises(requests.ConnectionError):
        transport.session().post(f"http://127.0.0.1:{port}/", data="x")
    assert not transport.left


def test_a_name_that_does_not_resolve_means_nothing_left(monkeypatch: pytest.MonkeyPatch) -> None:
    def no_such_name(*_: object, **__: object) -> None:
        raise socket.gaierror(-2, "Name or service not known")

    monkeypatch.setattr(socket, "getaddrinfo", no_such_name)
    transport = Transport(Hosts(), timeout=1, now=lambda: NOW)
    with pytest.raises(requests.ConnectionError):
        transport.session().post("https://example.my.salesforce.com/", data="x")
    assert not transport.left


def test_a_failed_tls_handshake_means_nothing_left(monkeypatch: pytest.MonkeyPatch) -> None:
    with serving(lambda _: lambda connection: connection.sendall(b"no TLS here\r\n")) as server:
        real = socket.getaddrinfo
        monkeypatch.setattr(
            socket, "getaddrinfo", lambda *_, **__: real("127.0.0.1", server.port, 0, 1)
        )
        transport = Transport(Hosts(), timeout=1, now=lambda: NOW)
        with pytest.raises(requests.exceptions.SSLError):
            transport.session().post("https://example.my.salesforce.com/", data="x")
        assert not transport.left


def test_a_handshake_that_is_cut_means_nothing_left(monkeypatch: pytest.MonkeyPatch) -> None:
    def cut(connection: socket.socket) -> None:
        connection.recv(65536)
        reset(connection)

    with serving(lambda _: cut) as server:
        real = socket.getaddrinfo
        monkeypatch.setattr(
            socket, "getaddrinfo", lambda *_, **__: real("127.0.0.1", server.port, 0, 1)
        )
        transport = Transport(Hosts(), timeout=1, now=lambda: NOW)
        with pytest.raises(requests.ConnectionError):
            transport.session().post("https://example.my.salesforce.com/", data="x")
        assert not transport.left


def silent(server: FaultServer) -> Behaviour:
    def behave(connection: socket.socket) -> None:
        server.read_request(connection)
        time.sleep(2)

    return behave


def cutting(server: FaultServer) -> Behaviour:
    def behave(connection: socket.socket) -> None:
        server.read_request(connection)
        reset(connection)

    return behave


def cutting_the_answer(server: FaultServer) -> Behaviour:
    def behave(connection: socket.socket) -> None:
        server.read_request(connection)
        connection.sendall(ANSWER.replace(b"Length: 2", b"Length: 99"))

    return behave


def dripping(server: FaultServer) -> Behaviour:
    def behave(connection: socket.socket) -> None:
        server.read_request(connection)
        connection.sendall(ANSWER.replace(b"Length: 2", b"Length: 999999"))
        drip(connection, b" " * 999, 0.02)

    return behave


def babbling(server: FaultServer) -> Behaviour:
    def behave(connection: socket.socket) -> None:
        server.read_request(connection)
        connection.sendall(b"no HTTP at all\r\n\r\n")

    return behave


def compressed(server: FaultServer) -> Behaviour:
    def behave(connection: socket.socket) -> None:
        server.read_request(connection)
        body = gzip.compress(b'{"a": 1}')
        connection.sendall(
            b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nTransfer-Encoding: chunked\r\n\r\n"
            b"5\r\n" + body[:5] + b"\r\n%x\r\n" % len(body[5:]) + body[5:] + b"\r\n0\r\n\r\n"
        )

    return behave


def test_compressed_and_chunked_answers_are_read() -> None:
    with serving(compressed) as server:
        answer = transport_to(server.port).session().get(f"http://127.0.0.1:{server.port}/")
        assert answer.json() == {"a": 1}


@pytest.mark.parametrize("fault", [silent, cutting, cutting_the_answer, dripping, babbling])
def test_what_may_have_arrived_is_sent_once_and_known_to_have_left(
    fault: Callable[[FaultServer], Behaviour], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "CONNECT_SECONDS", 1.0)
    with serving(fault) as server:
        transport = transport_to(server.port)
        began = time.monotonic()
        with pytest.raises(requests.RequestException):
            transport.session().post(f"http://127.0.0.1:{server.port}/", data="x")
        assert time.monotonic() - began < 3
        assert transport.left
        assert len(server.requests) == 1
        assert transport.meter.calls == 1


def test_a_redirect_is_an_answer_and_never_followed() -> None:
    def redirecting(server: FaultServer) -> Behaviour:
        def behave(connection: socket.socket) -> None:
            server.read_request(connection)
            connection.sendall(
                b"HTTP/1.1 302 Found\r\nLocation: http://127.0.0.1:%d/elsewhere\r\n"
                b"Content-Length: 0\r\n\r\n" % server.port
            )

        return behave

    with serving(redirecting) as server:
        session = transport_to(server.port).session()
        answer = session.get(f"http://127.0.0.1:{server.port}/", allow_redirects=True)
        assert answer.status_code == 302
        assert len(server.requests) == 1


def test_cookies_are_not_kept() -> None:
    def baking(server: FaultServer) -> Behaviour:
        def behave(connection: socket.socket) -> None:
            while server.read_request(connection):
                connection.sendall(ANSWER.replace(b"Connection", b"Set-Cookie: a=b\r\nConnection"))

        return behave

    with serving(baking) as server:
        session = transport_to(server.port).session()
        for _ in range(2):
            session.get(f"http://127.0.0.1:{server.port}/")
        assert b"Cookie" not in server.requests[1]


def test_nothing_is_taken_from_the_environment(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:9")
    monkeypatch.setenv("NETRC", str(tmp_path / "netrc"))
    (tmp_path / "netrc").write_text("default login somebody password else\n", encoding="ascii")
    with serving(answering) as server:
        session = transport_to(server.port).session()
        headers = {"Authorization": "Bearer x"}
        session.get(f"http://127.0.0.1:{server.port}/", headers=headers)
        assert b"Bearer x" in server.requests[0]


def test_a_write_does_not_use_a_connection_that_idled(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "FRESH_SECONDS", -1.0)
    with serving(answering) as server:
        session = transport_to(server.port).session()
        url = f"http://127.0.0.1:{server.port}/"
        session.get(url)
        session.get(url)
        assert server.connections == 1
        session.post(url, data="x")
        assert server.connections == 2


def test_a_connection_closed_while_idle_costs_a_read_nothing() -> None:
    def once(server: FaultServer) -> Behaviour:
        def behave(connection: socket.socket) -> None:
            server.read_request(connection)
            connection.sendall(ANSWER)

        return behave

    with serving(once) as server:
        session = transport_to(server.port).session()
        url = f"http://127.0.0.1:{server.port}/"
        session.get(url)
        time.sleep(0.1)
        assert session.get(url).status_code == 200
        assert server.connections == 2


def test_an_answer_without_end_is_cut_off(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "LARGEST_ANSWER", 100_000)

    def endless(server: FaultServer) -> Behaviour:
        def behave(connection: socket.socket) -> None:
            server.read_request(connection)
            connection.sendall(b"HTTP/1.1 200 OK\r\n\r\n")
            while True:
                connection.sendall(b"x" * 65536)

        return behave

    with serving(endless) as server:
        transport = transport_to(server.port)
        with pytest.raises(requests.ReadTimeout):
            transport.session().get(f"http://127.0.0.1:{server.port}/")
