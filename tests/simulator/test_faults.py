"""Faults strike the call they were planned for, before its effect or after it."""

from __future__ import annotations

from collections import Counter

import pytest
import requests

from rollouts.simulator import Options, Request, Simulator
from tests.support.in_process import InProcess, session_for

from .caller import Caller, StoppedClock

BASE = "https://simorg.my.salesforce.com"


class Line:
    """A session of requests on the in-process adapter, signed in."""

    def __init__(self, simulator: Simulator) -> None:
        self.simulator = simulator
        self.session = session_for(simulator)
        form = {
            "grant_type": "client_credentials",
            "client_id": "pushboard-demo",
            "client_secret": "simulated-secret",
        }
        token = self.session.post(f"{BASE}/services/oauth2/token", form).json()["access_token"]
        self.session.headers["Authorization"] = f"Bearer {token}"

    def create(self, timeout: float | None = 10) -> requests.Response:
        body = {"PackageVersionId": self.simulator.version_id("Harbor", "4.2.2")}
        url = f"{BASE}/services/data/v67.0/sobjects/PackagePushRequest/"
        return self.session.post(url, json=body, timeout=timeout, allow_redirects=False)

    def created(self) -> int:
        return len([each for each in self.simulator.effects() if each.kind == "request_created"])


@pytest.fixture
def line(org: Caller) -> Line:
    return Line(org.simulator)


@pytest.mark.parametrize(
    ("kind", "status", "created"),
    [
        ("refuse", 400, 0),
        ("error_before", 500, 0),
        ("error_after", 500, 1),
        ("expired_session", 401, 0),
        ("quota", 403, 0),
        ("not_json", 200, 1),
        ("wrong_type", 201, 1),
        ("redirect", 302, 0),
    ],
)
def test_an_answer_may_lie_about_the_effect(
    line: Line, kind: str, status: int, created: int
) -> None:
    line.simulator.plan_fault(kind, match="create:PackagePushRequest")
    assert (line.create().status_code, line.created()) == (status, created)


@pytest.mark.parametrize(
    ("kind", "created"), [("reset_before", 0), ("reset_after", 1), ("late", 0)]
)
def test_a_connection_may_be_cut(line: Line, kind: str, created: int) -> None:
    line.simulator.plan_fault(kind, match="create", seconds=600)
    with pytest.raises(requests.ConnectionError):
        line.create()
    assert line.created() == created


@pytest.mark.parametrize("kind", ["hang_before", "hang_after"])
def test_who_loses_patience_does_not_undo_the_effect(line: Line, kind: str) -> None:
    line.simulator.plan_fault(kind, match="create", seconds=60)
    with pytest.raises(requests.ReadTimeout):
        line.create(timeout=10)
    assert line.created() == 1

    line.simulator.plan_fault(kind, match="create", seconds=60)
    assert line.create(timeout=90).status_code == 201


@pytest.mark.parametrize("kind", ["truncated", "drip"])
def test_an_answer_may_break_off_or_trickle(org: Caller, kind: str) -> None:
    waited: list[float] = []
    session = requests.Session()
    session.mount("https://", InProcess(org.simulator, wait=waited.append))
    org.simulator.plan_fault(kind, match="versions", seconds=90)
    if kind == "truncated":
        with pytest.raises(requests.RequestException):
            session.get(f"{BASE}/services/data")
        return
    answer = session.get(f"{BASE}/services/data", stream=True)
    while answer.raw.read1(1000):
        pass
    assert sum(waited) == pytest.approx(90)


def test_one_row_of_a_collection_may_be_refused(org: Caller) -> None:
    code = "UNABLE_TO_LOCK_ROW"
    org.simulator.plan_fault("refuse", match="collection_row", nth=2, error_code=code)
    row = {"attributes": {"type": "PackagePushRequest"}, "PackageVersionId": org.version("4.2.2")}
    rows = [row, row, row]
    answer = org.post("composite/sobjects", {"allOrNone": False, "records": rows})
    assert [row["success"] for row in answer.json()] == [True, False, True]
    assert answer.json()[1]["errors"][0]["statusCode"] == code


def test_a_late_call_lands_in_its_own_time(line: Line, clock: StoppedClock) -> None:
    line.simulator.plan_fault("late", match="create", seconds=600)
    with pytest.raises(requests.ConnectionError):
        line.create()
    clock.pass_(minutes=9)
    assert line.created() == 0
    clock.pass_(hours=1)
    assert line.created() == 1
    landed = line.simulator.effects()[-1]
    assert (landed.kind, landed.at) == ("late_call", "2026-03-02T06:10:00.000Z")


def test_a_late_patch_meets_the_world_as_it_is_then(org: Caller, clock: StoppedClock) -> None:
    request_id = org.request()
    org.simulator.plan_fault("late", match="update", contains="Pending", seconds=300)
    assert org.set_status(request_id, "Pending").response.reset
    assert org.set_status(request_id, "Canceled").status == 204
    clock.pass_(minutes=10)
    assert org.status(request_id) == "Canceled"
    assert org.simulator.effects()[-1].detail["status"] == 400


def test_a_fault_strikes_the_nth_match_and_so_many_times(org: Caller) -> None:
    org.simulator.plan_fault("error_before", match="limits", nth=2, times=2, status=503)
    org.simulator.plan_fault("error_before", match="update", contains='"Canceled"')
    request_id = org.request()
    assert [org.get("limits").status for _ in range(5)] == [200, 503, 503, 200, 200]
    assert org.set_status(request_id, "Pending").status == 204
    assert org.set_status(request_id, "Canceled").status == 500
    assert org.set_status(request_id, "Canceled").status == 204


def test_an_expired_session_stays_expired(org: Caller) -> None:
    org.simulator.plan_fault("expired_session", match="limits")
    assert [org.get("limits").status for _ in range(2)] == [401, 401]
    org.token = org.sign_in().json()["access_token"]
    assert org.get("limits").status == 200


def test_a_refusal_may_bear_any_code(org: Caller) -> None:
    org.simulator.plan_fault("refuse", match="collection:PackagePushJob")
    org.simulator.plan_fault(
        "refuse", match="query", errorCode="QUERY_TIMEOUT", message="Too slow."
    )
    records = {"records": [{"attributes": {"type": "PackagePushJob"}}]}
    reply = org.post("composite/sobjects", records)
    assert reply.message.startswith("Something bad has happened.")
    timed_out = org.ask("SELECT Id FROM PackagePushJob")
    assert timed_out.error == (400, "QUERY_TIMEOUT")


def test_faults_are_planned_and_cleared_over_http(org: Caller) -> None:
    plan = {"faults": [{"match": "limits", "fault": "quota"}, {"match": "query", "fault": "quota"}]}
    assert org.post("/simulator/faults", plan).status == 200
    assert org.get("limits").status == 403
    assert org.post("/simulator/faults/clear", {}).ok() == {"cleared": 1}
    assert org.ask("SELECT Id FROM PackagePushJob").status == 200


def test_faults_come_at_a_rate_from_the_seed(clock: StoppedClock) -> None:
    def kinds() -> list[object]:
        simulator = Simulator(orgs=10, clock=clock, options=Options(fault_rate=0.1))
        for _ in range(400):
            simulator.handle(Request("GET", "/services/data"))
        return [each.detail["kind"] for each in simulator.effects() if each.kind == "fault"]

    first = kinds()
    assert first == kinds()
    assert 20 < len(first) < 70
    assert len(Counter(first)) > 4


def test_the_adapter_passes_the_timeout_through(org: Caller) -> None:
    session = session_for(org.simulator)
    adapter = session.get_adapter("http://x")
    assert isinstance(adapter, InProcess)
    session.get("http://simulated.example/services/data", timeout=(3, 7))
    session.get("https://simulated.example/services/data", timeout=5)
    session.get("http://simulated.example/services/data")
    assert adapter.timeouts == [7, 5, None]
