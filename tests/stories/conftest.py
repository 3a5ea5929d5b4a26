from __future__ import annotations

import zlib
from pathlib import Path

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
    return make_world(clock, monkeypatch)


def make_world(clock: Clock, patch: pytest.MonkeyPatch) -> World:
    """Make a world whose Pushboard lives on its clock and asks its Salesforce."""
    patch.setattr(pipeline_clock, "wall", clock)
    made = World(clock)
    for module in (tick, control):
        patch.setattr(module, "gateway_for", lambda _link: made.gateway)
    made.sync()
    return made


# A story lives through hours of business time and costs a second of ours; there are hundreds.
# `make test` tells a fixed sample of them, `make battery-quick` all.
SAMPLE = 8
ALWAYS = ("test_happy_road.py", "test_in_doubt.py", "test_too_late.py")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark the stories beyond the sample as slow; the same ones on every machine."""
    here = Path(__file__).parent
    for item in items:
        if item.path.parent != here or item.path.name in ALWAYS:
            continue
        name = f"{item.path.name}::{item.name}"
        if zlib.crc32(name.encode()) % SAMPLE:
            item.add_marker("slow")
