from __future__ import annotations

import pytest

from rollouts.pipeline import clock as pipeline_clock
from rollouts.pipeline import control, tick
from tests.support.world import Clock, World


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    moving = Clock()
    monkeypatch.setattr(pipeline_clock, "wall", moving)
    return moving


@pytest.fixture
def world(db: None, clock: Clock, monkeypatch: pytest.MonkeyPatch) -> World:
    made = World(clock)
    for module in (tick, control):
        monkeypatch.setattr(module, "gateway_for", lambda _link: made.gateway)
    made.sync()
    return made
