"""Options that change while the simulator runs, and stay changed."""

from __future__ import annotations

from dataclasses import fields, replace
from pathlib import Path

import pytest

from rollouts.simulator import Options, Simulator, Unknowns
from rollouts.simulator.switches import SAYS, UNKNOWNS, switches

from .caller import Caller, StoppedClock


def test_every_unknown_answer_of_the_platform_can_be_switched() -> None:
    assert set(UNKNOWNS) == {field.name for field in fields(Unknowns)}
    assert set(SAYS) <= {field.name for field in (*fields(Options), *fields(Unknowns))}


def test_a_switch_is_set_and_told_over_http(org: Caller) -> None:
    shown = org.get("/simulator/switches").ok()
    assert shown["reopens_canceled"]["value"] == "false"
    wanted = {"reopens_canceled": True, "daily_calls": "500", "max_jobs_per_request": 3}
    assert org.post("/simulator/switches", wanted).status == 200
    shown = org.get("/simulator/switches").ok()
    assert {name: shown[name]["value"] for name in wanted} == {
        "reopens_canceled": "true",
        "daily_calls": "500",
        "max_jobs_per_request": "3",
    }
    assert org.get("limits").ok()["DailyApiRequests"]["Max"] == 500
    org.post("/simulator/switches", {"max_jobs_per_request": ""})
    assert org.simulator.options.unknowns.max_jobs_per_request is None
    assert [one.detail["name"] for one in org.simulator.effects() if one.kind == "switched"] == [
        "reopens_canceled",
        "daily_calls",
        "max_jobs_per_request",
        "max_jobs_per_request",
    ]


@pytest.mark.parametrize(
    "wanted",
    [
        {"no_such_switch": True},
        {"reopens_canceled": "perhaps"},
        {"daily_calls": "-1"},
        {"daily_calls": ""},
        {"failure_rate": "nan"},
        {"failure_rate": "many"},
    ],
)
def test_nonsense_switches_nothing(org: Caller, wanted: dict[str, object]) -> None:
    before = switches(org.simulator.options)
    reply = org.post("/simulator/switches", {"daily_calls": 9, **wanted})
    assert reply.error == (400, "INVALID_INPUT")
    assert switches(org.simulator.options) == before


def test_a_switch_outlives_the_process(tmp_path: Path, clock: StoppedClock) -> None:
    with_options = Options(failure_rate=0.5, daily_calls=77)
    first = Simulator(tmp_path, orgs=10, clock=clock, options=with_options)
    first.switch(failure_rate=0.25, reopens_canceled=True)
    first.close()
    again = Simulator(tmp_path, orgs=10, clock=clock, options=with_options)
    assert again.options.failure_rate == 0.25
    assert again.options.unknowns.reopens_canceled
    assert again.options.daily_calls == 77
    again.close()


def test_options_that_a_test_sets_hold_for_calls_at_once(org: Caller) -> None:
    request = org.request()
    assert org.set_status(request, "Canceled").status == 204
    assert org.set_status(request, "Pending").error == (400, "INVALID_STATUS")
    options = org.simulator.options
    answers = replace(options.unknowns, reopens_canceled=True)
    org.simulator.options = replace(options, unknowns=answers)
    assert org.set_status(request, "Pending").status == 204
