"""A small simulated org with a stopped clock, in which nothing fails unless a test says so."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest

from rollouts.simulator import Options, Simulator, Unknowns
from rollouts.simulator.clock import Clock, wall_now

from .caller import Caller, StoppedClock

Build = Callable[..., Caller]


@pytest.fixture
def clock() -> StoppedClock:
    return StoppedClock()


@pytest.fixture
def build(clock: StoppedClock) -> Iterator[Build]:
    """Make a simulator with given options and sign in."""
    made: list[Simulator] = []

    def make(
        orgs: int = 120,
        seed: int = 7,
        unknowns: Unknowns | None = None,
        wall: Clock = wall_now,
        **how: Any,
    ) -> Caller:
        how.setdefault("failure_rate", 0.0)
        options = Options(unknowns=unknowns or Unknowns(), **how)
        simulator = Simulator(seed=seed, orgs=orgs, clock=clock, wall=wall, options=options)
        made.append(simulator)
        return Caller(simulator)

    yield make
    for simulator in made:
        simulator.close()


@pytest.fixture
def org(build: Build) -> Caller:
    return build()
