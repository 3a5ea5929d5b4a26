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
    "reset_before",
    "reset_after",
    "hang_before",
    "hang_after",
    "expired_session",
    "quota",
    "not_json",
    "late",
)


@pytest.mark.parametrize("fault", FAULTS)
@pytest.mark.parametrize("call", CALLS)
def test_a_fault_of_a_call_costs_time_and_nothing_else(world: World, call: str, fault: str) -> None:
    wave = own_rollout(world)
    world.ticks()
    # Six seconds are more than the caller waits; a late call lands four simulated minutes after.
    seconds = 240.0 if fault == "late" else 6.0
    world.sim.plan_fault(fault, call=CALLS[call], seconds=seconds, nth=3 if call == "read" else 1)
    settle(world, wave)
    assert any(effect.kind == "fault" for effect in world.sim.effects())
    exactly_once(world, wave)
