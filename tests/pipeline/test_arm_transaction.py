"""The ARM transaction, one fact at a time; the mutation battery asks the same checks."""

from __future__ import annotations

from rollouts.pipeline import arm
from tests.support.last_look import last_look
from tests.support.last_look_checks import CHECKS, failing
from tests.support.world import World


def test_each_fact_alone_refuses_and_without_any_it_is_armed(world: World) -> None:
    assert failing(arm, last_look(world)) == {}
    assert len(CHECKS) > 40
