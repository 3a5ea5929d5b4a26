"""Trouble aimed at what a rule is for, where random trouble would meet it once in thousands.

An aim says which scenes of the schedules' stage a rule has a part in, and what goes wrong there
in place of the usual faults; the rest of a schedule stays as its seed has it.
"""

from __future__ import annotations

import random
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass

from rollouts.models import Batch, Rollout, Target
from rollouts.pipeline import control
from rollouts.pipeline.transitions import Refusal
from tests.support.world import World

_LOST = ("error_before", "reset_before", "hang_before")
_UNHEARD = ("error_after", "reset_after", "hang_after")


@dataclass(frozen=True, slots=True)
class Aim:
    """``scenes`` is part of the names of the scenes to begin with, "" for any."""

    trouble: Callable[[World, random.Random], None]
    scenes: str = ""


def a_lost_recall(world: World, chance: random.Random) -> None:
    """Somebody calls a batch back, and the call to Salesforce gets lost on its way there."""
    world.sim.plan_fault(
        chance.choice(_LOST), call="update:PackagePushRequest", contains="Canceled"
    )
    batch = Batch.objects.open().order_by("-pk").first()
    if batch is not None:
        with suppress(Refusal):
            control.recall(batch, by=world.pia, now=world.clock())


def an_unheard_arming(world: World, chance: random.Random) -> None:
    """Salesforce arms the request, but its answer gets lost."""
    fault = chance.choice(_UNHEARD)
    world.sim.plan_fault(fault, call="update:PackagePushRequest", contains="Pending")


def an_unheard_create(world: World, chance: random.Random) -> None:
    """Salesforce makes the request, but its answer gets lost."""
    world.sim.plan_fault(chance.choice(_UNHEARD), call="create:PackagePushRequest")


def a_pause(world: World, _chance: random.Random) -> None:
    """A planner pauses the rollout."""
    with suppress(Refusal):
        control.pause(Rollout.objects.get(), by=world.pia, now=world.clock())


def a_halt(world: World, _chance: random.Random) -> None:
    """An approver halts the rollout."""
    with suppress(Refusal):
        control.halt(Rollout.objects.get(), by=world.ann, now=world.clock())


def a_failure_that_stays(world: World, _chance: random.Random) -> None:
    """Every push of one org fails for a reason that no waiting mends."""
    org = Target.objects.order_by("pk").values_list("org__key", flat=True)[0]
    world.fail([org], "PACError")


def nothing(_world: World, _chance: random.Random) -> None:
    """All is well, so that the wave goes on to its next batch."""


AIMS: dict[str, Aim] = {
    "reading_a_cancel_back": Aim(a_lost_recall, "armed"),
    "unknown_is_not_refused": Aim(an_unheard_arming, "verified"),
    "looking_before_a_repeat": Aim(an_unheard_create, "approved"),
    "intent_before_each_call": Aim(an_unheard_arming, "verified"),
    "a_pause_holds": Aim(a_pause, "verified"),
    "a_strict_wave_waits": Aim(nothing, "own_2_by_1"),
    "only_what_may_pass_is_retried": Aim(a_failure_that_stays, "armed"),
    "a_stop_voids_and_recalls": Aim(a_halt, "armed"),
}
