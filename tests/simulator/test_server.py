"""The simulator as a program: a real socket, a real kill, one sentence when it can't start."""

# ruff: noqa: S608 - these are SOQL texts, and each must arrive as it is written

from __future__ import annotations

import os
import re
import signal
import socket
import socketserver
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import requests

from rollouts.simulator import Simulator
from rollouts.simulator.server import CantListen, SimulatorServer

ROOT = Path(__file__).resolve().parents[2]
FORM = {
    "grant_type": "client_credentials",
    "client_id": "pushboard-demo",
    "client_secret": "simulated-secret",
}
ANCHOR = "2026-03-02T06:00:00+00:00"

Start = Callable[..., "Program"]


class Program:
    """A running `python -m rollouts.simulator`."""

    def __init__(self, *arguments: str, **environment: str) -> None:
        self.process = subprocess.Popen(
            [sys.executable, "-m", "rollouts.simulator", "--port", "0", *arguments],
            cwd=ROOT,
            env={"PATH": os.environ["PATH"], **environment},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        assert self.process.stdout is not None
        said = re.search(r"https?://\S+:\d+", self.process.stdout.readline())
        assert said is not None
        self.url = said[0]
        self.session = requests.Session()
        self.session.trust_env = False

    def sign_in(self) -> None:
        token = self.session.post(f"{self.url}/services/oauth2/token", FORM).json()["access_token"]
        self.session.headers["Authorization"] = f"Bearer {token}"

    def ask(self, soql: str) -> list[dict[str, str]]:
        url = f"{self.url}/services/data/v67.0/query/"
        return list(self.session.get(url, params={"q": soql}).json()["records"])

    def end(self, how: signal.Signals) -> int:
        self.process.send_signal(how)
        code = self.process.wait(10)
        self.process.communicate()
        self.session.close()
        return code


@pytest.fixture
def start() -> Iterator[Start]:
    programs: list[Program] = []

    def run(*arguments: str, **environment: str) -> Program:
        programs.append(Program(*arguments, **environment))
        return programs[-1]

    yield run
    for program in programs:
        if program.process.poll() is None:
            program.end(signal.SIGKILL)


def test_a_kill_loses_nothing(start: Start, tmp_path: Path) -> None:
    how = ("--data", str(tmp_path), "--orgs", "60", "--fast", "--failure-rate", "0")
    fast = {"PUSHBOARD_CLOCK_FACTOR": "50000"}
    program = start(*how, **fast)
    program.sign_in()
    catalog = program.session.get(f"{program.url}/simulator/catalog").json()
    sobjects = f"{program.url}/services/data/v67.0/sobjects"
    version = catalog["Harbor"]["versions"]["4.2.2"]
    created = program.session.post(
        f"{sobjects}/PackagePushRequest/", json={"PackageVersionId": version}
    ).json()["id"]
    armed = program.session.patch(
        f"{sobjects}/PackagePushRequest/{created}", json={"Status": "Pending"}
    )
    assert armed.status_code == 204
    seen = program.session.get(f"{program.url}/simulator/effects").json()["effects"]
    token = program.session.headers["Authorization"]

    assert program.end(signal.SIGKILL) == -signal.SIGKILL

    again = start(*how, **fast)
    again.session.headers["Authorization"] = token
    found = again.ask(f"SELECT Status FROM PackagePushRequest WHERE Id = '{created}'")
    assert found[0]["Status"] in ("Pending", "Succeeded")
    kept = again.session.get(f"{again.url}/simulator/effects").json()["effects"]
    assert kept[: len(seen)] == seen
    assert again.end(signal.SIGTERM) == 0


def test_time_runs_from_the_launchers_anchor(start: Start) -> None:
    program = start(
        "--data",
        ":memory:",
        "--orgs",
        "10",
        PUSHBOARD_CLOCK_FACTOR="1",
        PUSHBOARD_CLOCK_ANCHOR_WALL=time.strftime("%Y-%m-%dT%H:%M:%S+00:00", time.gmtime()),
        PUSHBOARD_CLOCK_ANCHOR_SIM=ANCHOR,
    )
    now = program.session.get(f"{program.url}/simulator/clock").json()["now"]
    assert now.startswith("2026-03-02T06:00:")
    assert program.end(signal.SIGTERM) == 0


def refused(*arguments: str) -> str:
    ended = subprocess.run(
        [sys.executable, "-m", "rollouts.simulator", "--orgs", "10", *arguments],
        cwd=ROOT,
        env={"PATH": os.environ["PATH"]},
        capture_output=True,
        text=True,
        timeout=20,
        check=False,
    )
    assert ended.returncode == 2
    return ended.stderr


def test_one_sentence_says_why_it_does_not_start(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        said = refused("--port", port, "--data", ":memory:")
    assert said.startswith(f"The simulator can't listen on 127.0.0.1:{port}: ")
    assert "Traceback" not in said
    Simulator(tmp_path, seed=1, orgs=10).close()
    assert "holds another world" in refused("--port", "0", "--data", str(tmp_path))


def test_it_listens_on_loopback_only() -> None:
    with pytest.raises(CantListen, match="loopback only"):
        SimulatorServer(Simulator(orgs=5), "0.0.0.0")


@pytest.fixture
def served() -> Iterator[SimulatorServer]:
    server = SimulatorServer(Simulator(orgs=30))
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    yield server
    server.shutdown()
    thread.join()
    server.finish()


def test_a_connection_is_kept_and_each_answer_is_one_write(
    served: SimulatorServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Two writes for an answer would cost 44 ms each, by delayed acknowledgement.
    writes: list[int] = []
    # What http.server writes answers with; no public name leads to it.
    writer_class: Any = vars(socketserver)["_SocketWriter"]
    write = writer_class.write

    def counted(writer: Any, answer: bytes) -> int:
        writes.append(len(answer))
        return int(write(writer, answer))

    monkeypatch.setattr(writer_class, "write", counted)
    with requests.Session() as session:
        session.trust_env = False
        url = f"http://127.0.0.1:{served.port}/services/data"
        for _ in range(20):
            assert session.get(url).status_code == 200
        assert len(writes) == 20
        pools = session.get_adapter(url).poolmanager.pools  # type: ignore[attr-defined]
        assert [pools[key].num_connections for key in pools.keys()] == [1]  # noqa: SIM118


def test_a_reset_is_a_reset_and_a_hang_is_a_hang(served: SimulatorServer) -> None:
    url = f"http://127.0.0.1:{served.port}/services/data"
    with requests.Session() as session:
        session.trust_env = False
        served.simulator.plan_fault("reset_after", match="versions")
        with pytest.raises(requests.ConnectionError):
            session.get(url)
        served.simulator.plan_fault("hang_after", match="versions", seconds=0.3)
        with pytest.raises(requests.ReadTimeout):
            session.get(url, timeout=0.1)
        assert session.get(url, timeout=5).status_code == 200


def test_calls_can_be_made_slow_but_not_the_control_face(
    served: SimulatorServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    waited: list[float] = []
    monkeypatch.setattr("rollouts.simulator.server.time.sleep", waited.append)
    served.latency = 0.1
    url = f"http://127.0.0.1:{served.port}"
    with requests.Session() as session:
        session.trust_env = False
        session.get(f"{url}/services/data")
        assert len(waited) == 1
        assert session.get(f"{url}/simulator/usage").json() == {"calls": 0}
        token = session.post(f"{url}/services/oauth2/token", FORM).json()["access_token"]
        session.get(
            f"{url}/services/data/v67.0/limits", headers={"Authorization": f"Bearer {token}"}
        )
        assert session.get(f"{url}/simulator/usage").json() == {"calls": 1}
    assert len(waited) == 3
    # Making the answer has taken a part of it.
    assert all(0 <= one < 0.1 for one in waited)


def test_one_program_answers_for_both_orgs_of_its_world(start: Start) -> None:
    program = start("--data", ":memory:", "--orgs", "20", "--lmo-port", "0")
    assert program.process.stdout is not None
    said = re.search(r"License org at (http://\S+:\d+)", program.process.stdout.readline())
    assert said is not None
    program.sign_in()
    assert program.ask("SELECT Id FROM PackageSubscriber LIMIT 1")
    program.url = said[1]
    program.sign_in()
    assert program.ask("SELECT Id FROM sfLma__License__c LIMIT 1")
    assert program.end(signal.SIGTERM) == 0
