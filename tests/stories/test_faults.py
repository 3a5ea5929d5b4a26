"""Whatever goes wrong with a call: in the end each org was pushed once, and nobody else."""

from __future__ import annotations

import pytest

from tests.support.trouble import exactly_once, nothing_swallowed, own_rollout, settle
from tests.support.world import World

__all__ = ["nothing_swallowed"]
pytestmark = pytest.mark.usefixtures("nothing_swallowed")

CALLS = {
    "create": "create:PackagePushRequest",
    "add_jobs": "collection:PackagePushJob",
    "arm": "update:PackagePushRequest",
    "read": "query",
}
FAULTS = (
    "error_before",
    "error_after",
    "reset_after",
    "hang_before",
    "expired_session",
    "quota",
    "not_json",
    "late",
)


CASES = [(call, fault) for call in ("create", "add_jobs", "arm") for fault in FAULTS] + [
    ("read", "error_before"),
    ("read", "expired_session"),
    ("read", "not_json"),
]


@pytest.mark.parametrize(("call", "fault"), CASES)
def test_a_fault_of_a_call_costs_time_and_nothing_else(world: World, call: str, fault: str) -> None:
    wave = own_rollout(world)
    world.ticks()
    # Six seconds are more than the caller waits; a late call lands four simulated minutes after.
    seconds = 240.0 if fault == "late" else 6.0
    world.sim.plan_fault(fault, call=CALLS[call], seconds=seconds, nth=3 if call == "read" else 1)
    settle(world, wave)
    assert any(effect.kind == "fault" for effect in world.sim.effects())
    exactly_once(world, wave)
