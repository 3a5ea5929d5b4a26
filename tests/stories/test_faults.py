"""Whatever goes wrong with a call: in the end each org was pushed once, and nobody else."""

from __future__ import annotations

import pytest

from tests.salesforce.fault_breaks import BREAKS
from tests.support import engine_faults
from tests.support.trouble import nothing_swallowed
from tests.support.world import World

__all__ = ["nothing_swallowed"]
pytestmark = pytest.mark.usefixtures("nothing_swallowed")


@pytest.mark.parametrize(("call", "fault"), list(engine_faults.cells()))
def test_a_fault_of_a_call_costs_time_and_nothing_else(world: World, call: str, fault: str) -> None:
    assert engine_faults.run(world, call, fault) == []


@pytest.mark.slow
def test_the_table_notices_a_timeout_that_is_taken_for_a_refusal(world: World) -> None:
    with BREAKS["a read timeout is taken for a refusal"].made():
        assert engine_faults.run(world, "create", "hang after") != []
