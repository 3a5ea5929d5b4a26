"""Random schedules: faults, kills and hands on the wheel in any order; one oracle for them all.

A seed is a whole story and repeatable. ``PUSHBOARD_TEST_SCHEDULES=500`` runs more of them.
"""

from __future__ import annotations

import os
import random
from collections.abc import Callable
from dataclasses import replace

import pytest

from rollouts.models import Attempt, Batch, Rollout, Wave
from rollouts.pipeline import approve, control
from rollouts.pipeline.transitions import Refusal
from tests.support.trouble import (
    Death,
    nothing_swallowed,
    own_rollout,
    sandbox_rollout,
    stride,
    tell,
    wrongs,
)
from tests.support.world import World

__all__ = ["nothing_swallowed"]
pytestmark = pytest.mark.usefixtures("nothing_swallowed")

SEEDS = int(os.environ.get("PUSHBOARD_TEST_SCHEDULES", "25"))

STEPS = 8
FAULTS = (
    "error_before", "error_after", "reset_before", "reset_after",
    "hang_before", "hang_after", "expired_session", "quota", "not_json", "late",
)  # fmt: skip
CALLS = (
    "create:PackagePushRequest",
    "collection:PackagePushJob",
    "update:PackagePushRequest",
    "query",
    "*",
)
DIES_AT = ("create_request", "add_jobs", "arm", "cancel", "request", "jobs", "installed")
ENDS = ("completed", "completed_with_failures", "aborted", "halted")


class Hands:
    """People who act at random, each within what they may do."""

    def __init__(self, world: World, wave: Wave, chance: random.Random) -> None:
        self.world, self.wave, self.chance = world, wave, chance
        self.said: list[str] = []

    @property
    def rollout(self) -> Rollout:
        return Rollout.objects.get(pk=self.wave.rollout_id)

    def act(self) -> None:
        acts: tuple[Callable[[], object], ...] = (
            self.pause, self.lift, self.halt, self.recall, self.stop, self.edit, self.go_on
        )  # fmt: skip
        self.attempt(self.chance.choice(acts))

    def attempt(self, act: Callable[[], object]) -> None:
        """An act that does not fit the moment is refused with a sentence, never with a bug."""
        try:
            act()
        except Refusal as refusal:
            self.said.append(str(refusal))

    def pause(self) -> None:
        control.pause(self.rollout, by=self.world.pia, now=self.world.clock())

    def lift(self) -> None:
        control.lift_pause(self.rollout, by=self.world.ari, now=self.world.clock())

    def halt(self) -> None:
        control.halt(self.rollout, by=self.world.ann, now=self.world.clock())

    def stop(self) -> None:
        control.stop_everything(by=self.world.pia, now=self.world.clock())

    def edit(self) -> None:
        if self.wave.state in ("frozen", "approved"):
            approve.edit(self.wave, by=self.world.pia, reason="again", now=self.world.clock())

    def recall(self) -> None:
        batch = self.wave.batches.order_by("-number").first()
        if batch:
            control.recall(batch, by=self.world.pia, now=self.world.clock())

    def go_on(self) -> None:
        """Do all that people can do to let the rollout go on."""
        world, now = self.world, self.world.clock()
        self.attempt(lambda: control.ask_lift_stop(by=world.pia, reason="all is well", now=now))
        self.attempt(lambda: control.confirm_lift_stop(by=world.ann, now=now))
        self.attempt(self.lift)
        rollout = self.rollout
        seen = control.failures_so_far(rollout, now)
        self.attempt(
            lambda: control.resume(
                rollout, by=world.ari, reason="looked", acknowledged=seen, now=now
            )
        )
        self.wave.refresh_from_db()
        self.attempt(lambda: control.look_over(self.wave, by=world.ari, reason="fine", now=now))
        for batch in Batch.objects.filter(state="in_doubt"):
            self.attempt(lambda batch=batch: control.recall(batch, by=world.ari, now=now))  # type: ignore[misc]
        self.wave.refresh_from_db()
        self.attempt(lambda: world.freeze(self.wave))
        self.wave.refresh_from_db()
        if self.wave.state == "frozen" and self.wave.frozen_list:
            self.attempt(lambda: world.approve(self.wave))


def trouble(world: World, chance: random.Random) -> None:
    fault = chance.choice(FAULTS)
    world.sim.plan_fault(
        fault,
        call=chance.choice(CALLS),
        nth=chance.randint(1, 6),
        times=chance.choice((1, 1, 2)),
        seconds=float(chance.choice((60, 400, 640))) if fault == "late" else 6.0,
    )


@pytest.mark.parametrize("seed", range(SEEDS))
def test_whatever_happens_each_org_is_pushed_once_at_most_and_with_a_yes(
    world: World, seed: int
) -> None:
    chance = random.Random(seed)
    # Salesforce's patience with logins passes with the story's clock.
    world.gateway.login._monotonic = lambda: world.clock().timestamp()
    told, death = tell(world), Death()
    unknowns = replace(
        world.sim.options.unknowns,
        reopens_canceled=chance.random() < 0.5,
        jobs_after_pending=chance.random() < 0.5,
        duplicate_jobs=chance.random() < 0.5,
        jobs_visible_after=chance.choice((0, 0, 30)),
    )
    world.sim.options = replace(world.sim.options, unknowns=unknowns)
    make = chance.choice((own_rollout, sandbox_rollout))
    wave = make(world, 3, batch_strict=2, batch_ramp=[2])
    for org in wave.targets.values_list("org__key", flat=True):
        if chance.random() < 0.15:
            error = chance.choice(("LockingFailure", "PACError", "UnexpectedFailure"))
            world.fail([org], error, times=chance.choice((1, None)))
    hands = Hands(world, wave, chance)
    # In half of the stories only the tick comes by, and that now and then.
    watched = seed % 2 == 0

    def maybe_die(name: str) -> None:
        if name in DIES_AT and chance.random() < 0.08:
            death.die()

    for _ in range(STEPS):
        if chance.random() < 0.35:
            trouble(world, chance)
        wave.refresh_from_db()
        if chance.random() < 0.2:
            told.before = told.after = maybe_die
        if chance.random() < 0.2:
            death.survived(hands.act)
        death.survived(lambda: stride(world, chance.choice((1, 3, 6)), watched=watched))
        told.before = told.after = lambda _name: None

    finish(world, hands, wave, watched=watched)


def finish(world: World, hands: Hands, wave: Wave, *, watched: bool) -> None:
    """When the trouble is over, people can bring it to an end: it is never stuck."""
    for turn in range(40):
        rollout = hands.rollout
        if rollout.state in ENDS and not Batch.objects.open().exists():
            break
        wave.refresh_from_db()
        if wave.state == "baking" and wave.baked_until and wave.baked_until > world.clock():
            world.clock.at = wave.baked_until
            world.sync()
        if turn % 3 == 0:
            hands.go_on()
        if turn == 12:
            control.abort(rollout, by=world.pia, reason="enough", now=world.clock())
        stride(world, watched=watched)
    assert wrongs(world) == [], world.story()
    assert hands.rollout.state in ENDS, world.story()
    assert not Batch.objects.open().exists(), world.story()
    assert not Attempt.objects.live().exists(), world.story()
    states = set(wave.targets.values_list("state", flat=True))
    assert "in_flight" not in states, world.story()
