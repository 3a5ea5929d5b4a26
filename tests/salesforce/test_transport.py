"""On the wire: once, in time, never elsewhere, and knowing whether anything left."""

from __future__ import annotations

import gzip
import socket
import ssl
import time
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import pytest
import requests
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import NameOID

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


def certificate(folder: Path, host: str) -> tuple[Path, Path]:
    """Make a certificate that signs itself; return it, and it with its key."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, host)])
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(datetime(2020, 1, 1, tzinfo=UTC))
        .not_valid_after(datetime(2100, 1, 1, tzinfo=UTC))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(host)]), critical=False)
        .sign(key, hashes.SHA256())
    ).public_bytes(Encoding.PEM)
    public, both = folder / "public.test.pem", folder / "both.test.pem"
    public.write_bytes(made)
    both.write_bytes(made + key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
    return public, both


@pytest.mark.parametrize("trusted", [True, False])
def test_the_ca_bundle_decides_who_is_trusted(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, trusted: bool
) -> None:
    host = "example.my.salesforce.com"
    public, both = certificate(tmp_path, host)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(both)

    def encrypted(server: FaultServer) -> Behaviour:
        def behave(connection: socket.socket) -> None:
            with context.wrap_socket(connection, server_side=True) as wrapped:
                server.answer_all(wrapped)

        return behave

    with serving(encrypted) as server:
        real = socket.getaddrinfo
        monkeypatch.setattr(
            socket, "getaddrinfo", lambda *_, **__: real("127.0.0.1", server.port, 0, 1)
        )
        transport = Transport(
            Hosts(), timeout=1, now=lambda: NOW, ca_bundle=str(public) if trusted else ""
        )
        if trusted:
            assert transport.session().post(f"https://{host}/", data="x").json() == {}
        else:
            with pytest.raises(requests.exceptions.SSLError):
                transport.session().post(f"https://{host}/", data="x")
        assert transport.left is trusted
        assert len(server.requests) == int(trusted)
        transport.session().close()


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
