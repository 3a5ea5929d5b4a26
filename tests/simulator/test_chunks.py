"""Bodies in chunks: jsforce uploads its CSV so."""

from __future__ import annotations

import http.client
import socket
import threading
from collections.abc import Iterator

import pytest

from rollouts.simulator import Simulator
from rollouts.simulator.server import SimulatorServer

from .caller import FORM, Caller

GRANT = b"grant_type=client_credentials&client_id=pushboard-demo&client_secret=simulated-secret"


@pytest.fixture
def served() -> Iterator[SimulatorServer]:
    server = SimulatorServer(Simulator(orgs=30))
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    yield server
    server.shutdown()
    thread.join()
    server.finish()


def test_a_body_may_come_in_chunks(served: SimulatorServer) -> None:
    caller = Caller(served.simulator)
    job = caller.post("jobs/ingest", {"operation": "insert", "object": "PackagePushJob"}).ok()
    connection = http.client.HTTPConnection("127.0.0.1", served.port, timeout=5)
    parts = [b"PackagePushRequestId,Subscriber", b"OrganizationKey\n", b"a,b\n"]
    headers = {"Authorization": f"Bearer {caller.token}", "Content-Type": "text/csv"}
    said = []
    for _ in "ab":  # on one connection, where nothing of the first may be left
        connection.request(
            "PUT", f"/{job['contentUrl']}", iter(parts), headers, encode_chunked=True
        )
        answer = connection.getresponse()
        answer.read()
        said.append(answer.status)
    assert said == [201, 400]
    connection.close()
    uploads = [e.detail["rows"] for e in served.simulator.effects() if e.kind == "bulk_uploaded"]
    assert uploads == [1]


@pytest.mark.parametrize(
    ("chunks", "status"),
    [
        (b"%x;name=value\r\n%s\r\n0\r\nTrailer: x\r\n\r\n" % (len(GRANT), GRANT), b"200"),
        (b"zz\r\n", b"400"),
        (b"\r\n", b"400"),
        (b"-1\r\n", b"400"),
        (b"fffffff\r\n", b"413"),
        (b"1" * 2_000, b"400"),
    ],
)
def test_chunks_are_read_strictly(served: SimulatorServer, chunks: bytes, status: bytes) -> None:
    head = (
        f"POST /services/oauth2/token HTTP/1.1\r\nHost: x\r\nContent-Type: {FORM}\r\n"
        "Transfer-Encoding: chunked\r\nConnection: close\r\n\r\n"
    ).encode()
    with socket.create_connection(("127.0.0.1", served.port), timeout=5) as connection:
        connection.sendall(head + chunks)
        assert connection.recv(100).split()[1] == status
