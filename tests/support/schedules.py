"""What random schedules are made of: faults of Salesforce and people who act at random."""

from __future__ import annotations

import random
from collections.abc import Callable

from rollouts.models import Batch, Rollout, Wave
from rollouts.pipeline import approve, control
from rollouts.pipeline.transitions import Refusal

from .world import World

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
