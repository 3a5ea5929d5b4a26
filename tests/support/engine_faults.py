"""The engine's half of the fault table: a small rollout in which one call meets one fault.

Judged as all stories are: by the simulated org's log against what people agreed to.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any
from unittest import mock

from rollouts.domain.lifecycle import BatchState
from rollouts.models import Attempt, Batch, Wave
from rollouts.pipeline import bulk, control, prepare
from rollouts.simulator import Request

from .trouble import (
    exactly_once,
    own_rollout,
    sandbox_rollout,
    settled,
    stride,
    until_batch,
    wrongs,
)
from .world import World

ROWS = "row errors"
ROW_CALLS = {"add_jobs": "collection_row", "bulk_close": "bulk_row"}
# What the simulator is told of each call; arming and canceling are the same kind of call.
CALLS: Mapping[str, Mapping[str, Any]] = {
    "login": {"call": "token"},
    "read": {"call": "query", "nth": 3},
    "create": {"call": "create:PackagePushRequest"},
    "add_jobs": {"call": "collection:PackagePushJob"},
    "bulk_open": {"call": "bulk_create"},
    "bulk_upload": {"call": "bulk_upload"},
    "bulk_close": {"call": "bulk_close"},
    "bulk_state": {"call": "bulk_state"},
    "arm": {"call": "update:PackagePushRequest", "contains": "Pending"},
    "cancel": {"call": "update:PackagePushRequest", "contains": "Canceled"},
}
# Six seconds are more than the caller waits; a late call lands four simulated minutes after.
FAULTS: Mapping[str, Mapping[str, Any]] = {
    "refused": {"kind": "refuse", "error_code": "INSUFFICIENT_ACCESS", "status": 403},
    "refused for a while": {"kind": "refuse"},
    "5xx before": {"kind": "error_before", "status": 503},
    "5xx after": {"kind": "error_after"},
    "reset before": {"kind": "reset_before"},
    "reset after": {"kind": "reset_after"},
    "hang before": {"kind": "hang_before", "seconds": 6},
    "hang after": {"kind": "hang_after", "seconds": 6},
    "late": {"kind": "late", "seconds": 240},
    "expired session": {"kind": "expired_session"},
    "expired for good": {"kind": "expired_session", "times": 99},
    "quota": {"kind": "quota"},
    "truncated": {"kind": "truncated"},
    "not JSON": {"kind": "not_json"},
    "wrong type": {"kind": "wrong_type"},
    "slow drip": {"kind": "drip", "seconds": 60},
    "redirect": {"kind": "redirect"},
    ROWS: {"kind": "refuse", "error_code": "UNABLE_TO_LOCK_ROW", "nth": 2},
}
# Salesforce's plain no to a request is for people to look at.
_HELD = {("create", "refused")}
_TROUBLE_STRIDES = 5
_MOST_STRIDES = 60


def cells() -> Iterator[tuple[str, str]]:
    """Every (call, fault) of the engine's table."""
    for call in CALLS:
        for fault in FAULTS:
            if fault != ROWS or call in ROW_CALLS:
                yield call, fault


def run(world: World, call: str, fault: str) -> list[str]:
    """Live through one cell; returns every broken promise."""
    if call == "cancel":
        return _recall(world, fault)
    if not call.startswith("bulk"):
        return _push(world, own_rollout(world), call, fault)
    # A collection call takes two orgs here, so that three are many; and nobody waits.
    with mock.patch.object(prepare, "CHUNK", 2), mock.patch.object(bulk, "PATIENCE", ()):
        return _push(world, sandbox_rollout(world, orgs=3), call, fault)


def _push(world: World, wave: Wave, call: str, fault: str) -> list[str]:
    """Push a wave while one call of it meets the fault."""
    world.ticks()
    _plan(world, call, fault)
    if call == "login":
        world.sim.expire_sessions()
    for number in range(_MOST_STRIDES):
        if number == _TROUBLE_STRIDES:
            _calm(world)
        if settled(wave):
            break
        stride(world)
    return [*_met(world), *_end(world, wave, held=(call, fault) in _HELD)]


def _recall(world: World, fault: str) -> list[str]:
    """Halt an armed rollout while its cancel meets the fault."""
    wave = own_rollout(world)
    batch = until_batch(world, wave, BatchState.ARMED.value)
    _plan(world, "cancel", fault)
    control.halt(wave.rollout, by=world.pia, now=world.clock())
    for number in range(_MOST_STRIDES):
        if number == _TROUBLE_STRIDES:
            _calm(world)
        if not Batch.objects.open().exists():
            break
        world.ticks(minutes=1)
    batch.refresh_from_db()
    wrong = [*_met(world), *wrongs(world)]
    if batch.state not in (BatchState.CANCELED.value, BatchState.SETTLED.value):
        wrong.append(f"{batch} came to no end: {batch.state}")
    started = {effect.request_id for effect in world.effects("request_started")}
    if (batch.sf_id in started) == (batch.state == BatchState.CANCELED.value):
        wrong.append(f"{batch} is {batch.state}, and its request was {started or 'never'} started")
    if Attempt.objects.live().exists():
        wrong.append("an attempt is live after its batch has ended")
    return wrong


def _end(world: World, wave: Wave, *, held: bool) -> list[str]:
    if not held:
        try:
            exactly_once(world, wave)
        except AssertionError as broken:
            return [str(broken).partition("\n")[0] or "not exactly once", world.story()]
        return []
    wave.refresh_from_db()
    wrong = wrongs(world)
    if world.pushed() or not wave.review:
        wrong.append(f"a refused request was not left to people; {world.story()}")
    return wrong


def _plan(world: World, call: str, fault: str) -> None:
    plan: dict[str, Any] = {**CALLS[call], **FAULTS[fault]}
    if fault == ROWS:
        plan["call"] = ROW_CALLS[call]
    world.sim.plan_fault(plan.pop("kind"), **plan)


def _calm(world: World) -> None:
    headers = {"Content-Type": "application/json"}
    world.sim.handle(Request.of("POST", "/simulator/faults/clear", headers, b"{}"))


def _met(world: World) -> list[str]:
    return [] if world.effects("fault") else ["the fault was never met"]
