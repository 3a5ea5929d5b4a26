"""Each fault as a plain HTTP client sees it on a socket, and what it leaves in the effect log."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from http.client import HTTPConnection, HTTPException, IncompleteRead
from typing import Any
from urllib.parse import urlencode

import pytest

from rollouts.simulator import FaultKind, Options, Simulator
from rollouts.simulator.rest import LONGEST_URL
from rollouts.simulator.server import SimulatorServer

from .caller import FORM, Caller, StoppedClock

DATA = "/services/data/v67.0"


class Wire:
    """A server on loopback, and calls to it that tell what a client can see."""

    def __init__(self, simulator: Simulator) -> None:
        self.simulator = simulator
        self.server = SimulatorServer(simulator)
        threading.Thread(target=self.server.serve_forever, args=(0.05,), daemon=True).start()
        form = {
            "grant_type": "client_credentials",
            "client_id": "pushboard-demo",
            "client_secret": "simulated-secret",
        }
        status, _, body = self.call(
            "POST", "/services/oauth2/token", urlencode(form), {"Content-Type": FORM}
        )
        assert status == 200
        self.token = json.loads(body)["access_token"]

    def call(
        self,
        method: str,
        path: str,
        body: str = "",
        headers: dict[str, str] | None = None,
        patience: float = 5.0,
    ) -> tuple[int, dict[str, str], bytes]:
        connection = HTTPConnection("127.0.0.1", self.server.port, timeout=patience)
        try:
            connection.request(method, path, body.encode(), headers or self.headers)
            answer = connection.getresponse()
            told = {name.lower(): value for name, value in answer.getheaders()}
            return answer.status, told, answer.read()
        finally:
            connection.close()

    @property
    def headers(self) -> dict[str, str]:
        return {"Authorization": f"Bearer {self.token}", "Content-Type": "application/json"}

    def create(self, patience: float = 5.0) -> tuple[int, dict[str, str], bytes]:
        version = self.simulator.version_id("Harbor", "4.2.2")
        body = json.dumps({"PackageVersionId": version})
        return self.call("POST", f"{DATA}/sobjects/PackagePushRequest", body, patience=patience)

    def stop(self) -> None:
        """Let all that is under way end, so that the log is complete."""
        self.server.shutdown()
        self.server.stop_listening()

    def created(self) -> int:
        return sum(one.kind == "request_created" for one in self.simulator.effects())


@pytest.fixture
def clock() -> StoppedClock:
    return StoppedClock()


@pytest.fixture
def wire(clock: StoppedClock) -> Iterator[Wire]:
    simulator = Simulator(orgs=60, clock=clock, options=Options(failure_rate=0.0))
    line = Wire(simulator)
    yield line
    line.stop()
    simulator.close()


def seen(line: Wire, patience: float) -> str:
    """What the client of one call to create a request can tell."""
    try:
        status, headers, body = line.create(patience)
    except IncompleteRead:
        return "broken off"
    except TimeoutError:
        return "no answer"
    except (ConnectionError, HTTPException):
        return "cut"
    if status == 302:
        return f"302 to {headers['location']}"
    if headers["content-type"].startswith("text/html"):
        return f"{status} html {'with' if b'success' in body else 'without'} the answer"
    content: Any = json.loads(body)
    return f"{status} {content[0]['errorCode'] if isinstance(content, list) else 'created'}"


# What is planned, what the client sees, and how many requests there are in the end.
TABLE: list[tuple[str, dict[str, Any], float, str, int]] = [
    ("refuse", {}, 5, "400 UNKNOWN_EXCEPTION", 0),
    ("refuse", {"errorCode": "UNABLE_TO_LOCK_ROW"}, 5, "400 UNABLE_TO_LOCK_ROW", 0),
    ("error_before", {}, 5, "500 UNKNOWN_EXCEPTION", 0),
    ("error_before", {"status": 503}, 5, "503 UNKNOWN_EXCEPTION", 0),
    ("error_after", {}, 5, "500 UNKNOWN_EXCEPTION", 1),
    ("reset_before", {}, 5, "cut", 0),
    ("reset_after", {}, 5, "cut", 1),
    ("hang_before", {"seconds": 0.4}, 0.1, "no answer", 1),
    ("hang_before", {"seconds": 0.1}, 5, "201 created", 1),
    ("hang_after", {"seconds": 0.4}, 0.1, "no answer", 1),
    ("hang_after", {"seconds": 0.1}, 5, "201 created", 1),
    ("late", {"seconds": 300}, 5, "cut", 0),
    ("expired_session", {}, 5, "401 INVALID_SESSION_ID", 0),
    ("quota", {}, 5, "403 REQUEST_LIMIT_EXCEEDED", 0),
    ("not_json", {}, 5, "200 html without the answer", 1),
    ("wrong_type", {}, 5, "201 html with the answer", 1),
    ("truncated", {}, 5, "broken off", 1),
    ("drip", {"seconds": 0.2}, 5, "201 created", 1),
    (
        "redirect",
        {},
        5,
        f"302 to https://elsewhere.example{DATA}/sobjects/PackagePushRequest",
        0,
    ),
]


@pytest.mark.parametrize(("kind", "how", "patience", "says", "effects"), TABLE)
def test_a_fault_is_seen_and_leaves_just_its_effect(
    wire: Wire, kind: str, how: dict[str, Any], patience: float, says: str, effects: int
) -> None:
    wire.simulator.plan_fault(kind, match="create:PackagePushRequest", **how)
    assert seen(wire, patience) == says
    wire.stop()
    assert wire.created() == effects
    struck = [one.detail["kind"] for one in wire.simulator.effects() if one.kind == "fault"]
    assert struck == [kind]


def test_the_table_has_every_fault() -> None:
    assert {row[0] for row in TABLE} == set(FaultKind)


def test_a_late_effect_comes_when_nobody_waits(wire: Wire, clock: StoppedClock) -> None:
    wire.simulator.plan_fault("late", match="create", seconds=300)
    assert seen(wire, 5) == "cut"
    clock.pass_(minutes=4)
    assert wire.created() == 0
    clock.pass_(minutes=2)
    assert wire.created() == 1


@pytest.mark.parametrize(
    ("error", "message"),
    [
        ({"errorCode": "UNABLE_TO_LOCK_ROW"}, "UNABLE_TO_LOCK_ROW"),
        ({}, "Something bad has happened. Please verify your input and try again."),
    ],
)
def test_single_rows_may_be_refused(wire: Wire, error: dict[str, str], message: str) -> None:
    request_id = json.loads(wire.create()[2])["id"]
    keys = Caller(wire.simulator).orgs(3)
    wire.simulator.plan_fault("refuse", match="collection_row:PackagePushJob", nth=2, **error)
    records = [
        {
            "attributes": {"type": "PackagePushJob"},
            "PackagePushRequestId": request_id,
            "SubscriberOrganizationKey": key,
        }
        for key in keys
    ]
    status, _, body = wire.call(
        "POST", f"{DATA}/composite/sobjects", json.dumps({"records": records})
    )
    results = json.loads(body)
    assert (status, [one["success"] for one in results]) == (200, [True, False, True])
    assert results[1]["errors"][0]["message"] == message
    jobs = [one.org for one in wire.simulator.effects() if one.kind == "job_created"]
    assert jobs == [keys[0], keys[2]]


def test_an_address_may_be_too_long(wire: Wire) -> None:
    status, headers, _ = wire.call("GET", f"{DATA}/query?q={'x' * LONGEST_URL}")
    assert (status, headers["content-type"]) == (414, "text/html")
