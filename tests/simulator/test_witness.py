"""The effect log tells at any later time what was so at an earlier one."""

from __future__ import annotations

import sqlite3
from datetime import datetime
from random import Random
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rollouts.simulator import Options, Simulator, Truth

from .caller import Caller, StoppedClock
from .conftest import Build


def queried(org: Caller) -> dict[str, tuple[str, dict[str, int]]]:
    """Status and job counts of every request, as queries tell them now."""
    return {
        row["Id"]: (row["Status"], org.job_counts(row["Id"]))
        for row in org.rows("SELECT Id, Status FROM PackagePushRequest")
    }


def witnessed(truth: Truth) -> dict[str, tuple[str, dict[str, int]]]:
    return {
        request_id: (request["status"], request["jobs"])
        for request_id, request in truth["requests"].items()
    }


def installed(org: Caller) -> dict[str, str]:
    return {
        row["OrgKey"]: row["MetadataPackageVersionId"]
        for row in org.rows(
            "SELECT OrgKey, MetadataPackageVersionId FROM PackageSubscriber"
            " WHERE MetadataPackage.Name = 'Harbor'"
        )
    }


@settings(max_examples=6, deadline=None)
@given(st.integers(0, 10_000))
def test_truth_at_a_moment_is_what_queries_said_then(seed: int) -> None:
    chance = Random(seed)
    clock = StoppedClock()
    simulator = Simulator(
        seed=seed, orgs=60, clock=clock, options=Options(failure_rate=0.3, defect_rate=0.5)
    )
    org = Caller(simulator)
    package = simulator.catalog()["Harbor"]["id"]
    at_first = installed(org)
    seen = []
    open_requests: list[str] = []
    for _ in range(12):
        match chance.choice(["create", "arm", "cancel", "upgrade", "wait", "wait"]):
            case "create":
                request_id = org.request(chance.choice(["4.2.2", "4.3.0", "4.4.0"]))
                org.add(request_id, chance.sample(sorted(at_first), 12))
                open_requests.append(request_id)
            case "arm" if open_requests:
                org.set_status(chance.choice(open_requests), "Pending")
            case "cancel" if open_requests:
                org.set_status(chance.choice(open_requests), "Canceled")
            case "upgrade":
                key = chance.choice(sorted(at_first))
                simulator.change_org(key, version_id=org.version("4.3.0"))
        clock.pass_(seconds=chance.randint(0, 900), milliseconds=chance.randint(1, 999))
        seen.append((clock.now, queried(org), installed(org)))
        clock.pass_(milliseconds=1)
    clock.pass_(hours=5)

    for then, asked, versions in seen:
        truth = simulator.truth(then)
        assert witnessed(truth) == asked
        told = {key: orgs[package] for key, orgs in truth["orgs"].items() if package in orgs}
        assert {**at_first, **told} == versions
    simulator.close()


def test_the_log_names_each_step_with_its_exact_time(org: Caller, clock: StoppedClock) -> None:
    [key] = org.orgs(1)
    request_id = org.push([key])
    clock.pass_(hours=2)

    effects = [each for each in org.simulator.effects() if each.request_id == request_id]

    assert [each.kind for each in effects] == [
        "request_created",
        "job_created",
        "request_pending",
        "job_pending",
        "request_started",
        "job_started",
        "job_succeeded",
        "version_changed",
        "request_succeeded",
    ]
    moments = [datetime.fromisoformat(each.at) for each in effects]
    assert moments == sorted(moments)
    assert moments[-1] < clock.now  # not when it was looked at, but when it happened
    assert {each.org for each in effects if each.job_id} == {key}
    changed = effects[7]
    assert (changed.version_id, changed.detail["from"]) == (
        org.version("4.2.2"),
        org.version("4.2.1"),
    )


def test_looking_often_or_once_gives_the_same_story(build: Build, clock: StoppedClock) -> None:
    def story(org: Caller, look_every: int) -> list[tuple[str, str, str | None]]:
        start = clock.now
        org.push(org.orgs(40), "4.3.0")
        for _ in range(0, 180, look_every):
            clock.pass_(minutes=look_every)
            org.get("limits")
        effects = [(each.at, each.kind, each.org) for each in org.simulator.effects()]
        clock.now = start
        return effects

    assert story(build(failure_rate=0.2), 1) == story(build(failure_rate=0.2), 180)


def test_nobody_rewrites_the_log(org: Caller) -> None:
    org.request()
    for sql in ("UPDATE effect SET kind = 'x'", "DELETE FROM effect"):
        with pytest.raises(sqlite3.IntegrityError, match="append-only"):
            org.simulator._db.execute(sql)


def test_a_refused_call_leaves_no_trace(org: Caller) -> None:
    before = len(org.simulator.effects())
    request_id = org.request()
    org.add(request_id, ["00D000000000001"])
    org.set_status(request_id, "Failed")
    assert [each.kind for each in org.simulator.effects()[before:]] == ["request_created"]


def test_the_control_face_tells_all_this_over_http(org: Caller, clock: StoppedClock) -> None:
    request_id = org.request()
    seq = int(org.get("limits").headers["X-Simulator-Effect"])
    org.set_status(request_id, "Canceled")

    def bare(target: str) -> Any:
        return org.send("GET", target, headers={"Authorization": ""}).ok()

    assert bare(f"/simulator/truth?seq={seq}")["requests"][request_id]["status"] == "Created"
    moment = clock.now.isoformat()  # with a plus sign, not escaped
    assert bare(f"/simulator/truth?at={moment}")["requests"][request_id]["status"] == "Canceled"
    assert bare("/simulator/truth?at=2020-01-01T00:00:00Z")["requests"] == {}
    [last] = bare(f"/simulator/effects?after={seq}")["effects"]
    assert last == org.simulator.effects(seq)[0].as_dict()
    assert bare("/simulator/clock")["now"] == "2026-03-02T06:00:00.000Z"
    assert org.get("/simulator/truth?at=x").status == 400
    assert org.get("/simulator/effects?after=x").status == 400
    assert org.get("/simulator/nothing").status == 404


def test_outcomes_orgs_and_sessions_are_scripted_over_http(
    org: Caller, clock: StoppedClock
) -> None:
    first, second = org.orgs(2)
    row = {"ErrorType": "PACError", "ErrorTitle": "Odd"}
    body = {"orgs": [first], "outcome": "fail", "error": row, "times": 1}
    assert org.post("/simulator/outcomes", body).ok() == {"done": True}
    assert org.post("/simulator/orgs", {"org": second, "org_status": "Inactive"}).status == 200
    org.push([first])
    clock.pass_(hours=1)

    assert org.rows("SELECT ErrorType, ErrorTitle, ErrorSeverity FROM PackagePushError") == [
        {**row, "ErrorSeverity": "Error"}
    ]
    again = org.push([first])
    clock.pass_(hours=1)
    assert org.status(again) == "Succeeded"
    assert org.post("/simulator/sessions/expire", {}).ok() == {"expired": 1}
    for path, wrong in (
        ("outcomes", {"outcome": "perhaps"}),
        ("outcomes", {"error": "Nonsense"}),
        ("outcomes", {"orgs": ["x"]}),
        ("outcomes", {"also": 1}),
        ("faults", {"fault": "flood"}),
        ("faults", {"fault": "late", "seconds": "soon"}),
        ("orgs", {"org": "00D000000000001"}),
    ):
        assert org.post(f"/simulator/{path}", wrong).status == 400, (path, wrong)


def test_the_page_shows_the_state_and_escapes_it(org: Caller) -> None:
    org.request()
    [key] = org.orgs(1)
    org.simulator.change_org(key, org_name="<script>x</script>")
    page = org.send("GET", "/simulator/", headers={"Authorization": ""})
    assert page.headers["Content-Type"] == "text/html;charset=UTF-8"
    assert "Harbor 4.2.2" in page.text
    assert "<script" not in page.text
