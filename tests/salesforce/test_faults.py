"""Writes under faults over a real socket, where a hang takes its time and calls go on without us.

The simulator's own log is the witness of what happened. `fault_table` tries every kind of call.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta

import pytest

from rollouts.salesforce.errors import SalesforceError, TryAgain, Unknown
from tests.salesforce.simulated import HTTP, Stage, staged


@dataclass(frozen=True)
class Case:
    """A fault, the outcome of a write that meets it, and how often its effect happened."""

    fault: str
    outcome: type[SalesforceError] | None
    effects: int
    calls: int = 1
    logins: int = 0
    seconds: float = 0.0
    later: int = 0


FAULTS = [
    Case("refuse", TryAgain, 0),
    Case("quota", TryAgain, 0),
    Case("error_before", Unknown, 0),
    Case("error_after", Unknown, 1),
    Case("reset_before", Unknown, 0),
    Case("reset_after", Unknown, 1),
    Case("not_json", Unknown, 1),
    Case("hang_before", Unknown, 1, seconds=1.3),
    Case("hang_after", Unknown, 1, seconds=1.3),
    Case("late", Unknown, 0, seconds=600, later=1),
    Case("expired_session", None, 1, calls=2, logins=1),
]
WRITES: dict[str, tuple[str, str]] = {
    "create_request": ("create:PackagePushRequest", "request_created"),
    "add_jobs": ("collection:PackagePushJob", "job_created"),
    "arm": ("update:PackagePushRequest", "request_pending"),
    "cancel": ("update:PackagePushRequest", "request_canceled"),
}


def _patience(case: Case) -> float:
    """Only a hang must run into the timeout; any other answer may take its time."""
    return 0.7 if case.fault.startswith("hang") else 5


def wait_for(happened: Callable[[], bool], seconds: float = 5) -> None:
    """Wait for what another thread does."""
    until = time.monotonic() + seconds
    while not happened() and time.monotonic() < until:
        time.sleep(0.05)


def prepared(stage: Stage, write: str) -> Callable[[], object]:
    """Bring the org to the point where a write makes sense, and return the write."""
    gateway, org = stage.gateway, stage.behind(1)[0]
    start = stage.at + timedelta(hours=2)
    if write == "create_request":
        return lambda: gateway.create_request(stage.version, start)
    request = gateway.create_request(stage.version, start)
    if write == "add_jobs":
        return lambda: gateway.add_jobs(request, [org])
    gateway.add_jobs(request, [org])
    if write == "arm":
        return lambda: gateway.arm(request)
    return lambda: gateway.cancel(request)


@pytest.mark.parametrize("case", FAULTS, ids=lambda case: case.fault)
@pytest.mark.parametrize("write", WRITES)
def test_a_write_under_a_fault(write: str, case: Case) -> None:
    call, effect = WRITES[write]
    with staged(HTTP, orgs=60, timeout=_patience(case)) as stage:
        act = prepared(stage, write)
        known, calls = stage.happened(effect), stage.gateway.calls
        stage.sim.plan_fault(case.fault, call=call, seconds=case.seconds)
        if case.outcome is None:
            act()
        else:
            with pytest.raises(SalesforceError) as failed:
                act()
            assert type(failed.value) is case.outcome
        if case.fault.startswith("hang"):
            # Over HTTP the call goes on after we gave up on it; wait for its end.
            wait_for(lambda: stage.happened(effect) - known == case.effects)
        assert stage.happened(effect) - known == case.effects
        assert stage.gateway.calls - calls == case.calls + case.logins
        stage.forward(minutes=11)
        assert stage.happened(effect) - known == case.effects + case.later
