"""Trouble for stories: processes that die at a named point, people and clocks that interfere."""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import pytest

from rollouts.domain.lifecycle import ATTEMPT_LIVE, BatchState, TargetState
from rollouts.domain.schedule import ANY_HOUR, Schedule
from rollouts.models import Attempt, Batch, FreezeRow, Lease, Org, Rollout, Target, Wave
from rollouts.pipeline import plan, tick, timing
from rollouts.simulator.options import Pace

from .walls import is_open
from .world import World

# Nobody waits for Salesforce in these stories: it starts at once and works for two minutes.
PROMPT = Pace(start_delay=(5, 5), late_start_share=0.0, job=(90, 150), quick_failure=(5, 5))
WATCHED_EVERY = timedelta(minutes=3)
_LIVE = [state.value for state in ATTEMPT_LIVE]


class Killed(BaseException):
    """The process is gone; no handler of the program under test may catch this."""


class Told:
    """A gateway that lets a test act before and after each call."""

    def __init__(self, inner: Any) -> None:
        self._inner = inner
        self.before: Callable[[str], None] = lambda _name: None
        self.after: Callable[[str], None] = lambda _name: None
        self.made: list[str] = []
        self.instead: dict[str, Callable[..., Any]] = {}

    def __getattr__(self, name: str) -> Any:
        found = getattr(self._inner, name)
        if not callable(found):
            return found

        def call(*args: Any, **kwargs: Any) -> Any:
            self.before(name)
            result = self.instead.get(name, found)(*args, **kwargs)
            self.made.append(name)
            self.after(name)
            return result

        return call


def tell(world: World) -> Told:
    """Put a telling gateway between the world's Pushboard and its Salesforce."""
    told = Told(world.gateway)
    world.gateway = told  # type: ignore[assignment]
    return told


class Death:
    """What a dead process leaves: its leases stay taken until they run out."""

    def __init__(self) -> None:
        self._batches: list[tuple[int, datetime | None]] = []
        self._leases: list[tuple[int, datetime]] = []

    def die(self) -> None:
        self._batches = list(Batch.objects.values_list("pk", "leased_until"))
        self._leases = list(Lease.objects.values_list("pk", "until"))
        raise Killed

    def survived(self, work: Callable[[], object]) -> bool:
        """Do the work; returns False when it was killed, with the leases as they were then."""
        try:
            work()
        except Killed:
            for pk, until in self._batches:
                Batch.objects.filter(pk=pk).update(leased_until=until)
            for pk, moment in self._leases:
                Lease.objects.filter(pk=pk).update(until=moment)
            return False
        return True


def own_rollout(world: World, orgs: int = 3, **policy: object) -> Wave:
    """Plan a rollout of one wave to own orgs, freeze and approve it; ``policy`` overrides rules."""
    rows = Org.objects.filter(
        is_own=True,
        installations__package__namespace="hbr",
        installations__version__major=4,
        installations__version__minor=2,
        installations__version__patch__lt=2,
    ).order_by("key")
    return planned(world, [org.key for org in rows[:orgs]], **policy)


def sandbox_rollout(world: World, orgs: int = 4, **policy: object) -> Wave:
    """The same to customers' sandboxes: waves that are not strict."""
    keys = world.small_choice(sandboxes=orgs, production=0).org_ids[3:]
    return planned(world, keys, **policy)


def planned(world: World, keys: list[str] | tuple[str, ...], **policy: object) -> Wave:
    """Plan a rollout to exactly these orgs and approve its first wave."""
    wave = only_planned(world, keys, **policy)
    return world.approve(world.freeze(wave))


def only_planned(
    world: World,
    keys: list[str] | tuple[str, ...],
    schedule: Schedule | None = None,
    /,
    **policy: object,
) -> Wave:
    """Plan a rollout to exactly these orgs; at any hour unless a schedule says otherwise."""
    world.sim.options = replace(world.sim.options, pace=PROMPT)
    choice = plan.AudienceChoice(org_ids=tuple(keys))
    made = plan.create_rollout(
        world.version("4.2.2"),
        choice,
        by=world.pia,
        now=world.clock(),
        schedule=schedule or Schedule(window=ANY_HOUR),
    )
    if policy:
        Rollout.objects.filter(pk=made.pk).update(policy_json=made.policy_json | policy)
    return Wave.objects.select_related("rollout").get(rollout=made, number=1)


def stride(world: World, minutes: float = 4.0, *, watched: bool = False) -> None:
    """Let time pass to the next moment at which something can happen, and work then.

    ``watched`` lets the watcher make a round every few minutes of it, as it does in life.
    """
    now = world.clock()
    to = now + timedelta(minutes=minutes)
    batch = Batch.objects.open().select_related("wave__rollout").order_by("-pk").first()
    if batch is not None and batch.start_at and batch.cancel_wanted_at is None:
        if batch.state == BatchState.VERIFIED.value:
            to = max(to, timing.arm_from(batch, batch.wave.rollout.policy) + timedelta(minutes=1))
        elif batch.state == BatchState.ARMED.value:
            to = max(now + timedelta(minutes=1), batch.start_at + timedelta(minutes=1))
    while watched and to - world.clock() > WATCHED_EVERY:
        world.clock.at += WATCHED_EVERY
        tick.watch_all()
    world.ticks(minutes=(to - world.clock()).total_seconds() / 60)


def settle(world: World, wave: Wave, *, limit: int = 60) -> None:
    """Go on until nothing of the wave is open and every org of it has come to an end."""
    for _ in range(limit):
        if settled(wave):
            return
        stride(world)
    raise AssertionError(f"it never settled; {world.story()}")


def settled(wave: Wave) -> bool:
    going = (TargetState.PLANNED.value, TargetState.IN_FLIGHT.value)
    return not (
        Batch.objects.open().filter(wave=wave).exists()
        or Target.objects.filter(wave=wave, state__in=going).exists()
    )


def until_batch(world: World, wave: Wave, *states: str, limit: int = 40) -> Batch:
    """Go on until the wave's newest batch is in one of these states."""
    for _ in range(limit):
        batch = wave.batches.order_by("-number").first()
        if batch is not None and batch.state in states:
            return batch
        stride(world)
    raise AssertionError(f"no batch came to {states}; {world.story()}")


# --- the oracle: what the witness saw against what people agreed to ----------------------------


def wrongs(world: World) -> list[str]:
    """Every broken promise, by the effect log of the simulated org; empty is the only good."""
    return [*_twice(world), *_unapproved(world), *_outside(world), *_lies(world)]


def _twice(world: World) -> list[str]:
    counted = Counter(world.pushed())
    return [f"{org} was pushed {n} times" for (org, _), n in counted.items() if n > 1]


def _unapproved(world: World) -> list[str]:
    wrong = []
    for effect in world.sim.effects():
        if effect.kind not in ("request_pending", "job_started"):
            continue
        batch = Batch.objects.filter(sf_id=effect.request_id).select_related("list", "wave").first()
        if batch is None:
            wrong.append(f"{effect.kind} of {effect.request_id}, which is none of ours")
            continue
        if batch.armed_at is None:
            wrong.append(f"{effect.kind} of {batch}, which was never armed")
            continue
        standing = [
            approval.person_id
            for approval in batch.list.approvals.all()
            if approval.granted_at <= batch.armed_at
            and (approval.voided_at is None or approval.voided_at >= batch.armed_at)
            and approval.digest == batch.list.digest
        ]
        if len(set(standing)) < batch.wave.approvals_needed:
            wrong.append(f"{batch} was armed with {len(standing)} standing approvals")
        on_list = {org[:15] for org in batch.list.orgs.values_list("org__key", flat=True)}
        if effect.kind == "job_started" and effect.org not in on_list:
            wrong.append(f"{effect.org} was started and is not on the list")
    return wrong


def _outside(world: World) -> list[str]:
    """Nobody starts outside the hours agreed or in a freeze that was known when it was armed.

    Where Salesforce was late, or a freeze came too late to call a batch back, that is written down.
    """
    wrong = []
    for effect in world.effects("job_started"):
        batch = Batch.objects.filter(sf_id=effect.request_id).select_related("list").first()
        if batch is None or batch.armed_at is None or batch.began_outside:
            continue
        at = datetime.fromisoformat(effect.at)
        if batch.not_after and at > batch.not_after and batch.state == BatchState.SETTLED.value:
            wrong.append(f"{effect.org} started after the latest start, and nobody wrote it down")
        row = batch.list.orgs.filter(org__key__startswith=effect.org or "?").first()
        if row and row.window and not is_open(row.window, row.zones or "", at):
            wrong.append(f"{effect.org} started at {at}, its hours: {row.window} in {row.zones}")
        wrong += [
            f"{effect.org} started in the freeze {name}, known when it was armed"
            for name in _frozen_then(at, batch.armed_at)
        ]
    return wrong


def _frozen_then(at: datetime, armed: datetime) -> list[str]:
    """Freezes for everybody from one moment of UTC to another: all that the stories make."""
    rows = FreezeRow.objects.filter(scope="all", zone="UTC", since__lte=armed, overrides=None)
    return [
        row.name
        for row in rows
        if row.rule.get("kind") == "once"
        and row.rule["start"] <= at.replace(tzinfo=None).isoformat() < row.rule["end"]
    ]


def _lies(world: World) -> list[str]:
    """Compare our terminal words with the log's."""
    last: dict[str, str] = {}
    ended: dict[str, str] = {}
    for effect in world.sim.effects():
        word = effect.kind.partition("_")[2]
        if effect.kind.startswith("job_") and effect.job_id:
            last[effect.job_id] = word
        elif effect.kind.startswith("request_") and word != "edited" and effect.request_id:
            ended[effect.request_id] = word
    fit = {"confirmed": "succeeded", "unconfirmed": "succeeded"}
    ends = ("succeeded", "failed", "confirmed", "unconfirmed")
    wrong = [
        f"{attempt} is {attempt.state}, the log says {last.get(attempt.sf_id or '')}"
        for attempt in Attempt.objects.filter(state__in=ends)
        if last.get(attempt.sf_id or "") != fit.get(attempt.state, attempt.state)
    ]
    wrong += [
        f"{batch} is canceled, the log says {ended.get(batch.sf_id or '')}"
        for batch in Batch.objects.filter(state=BatchState.CANCELED.value)
        if ended.get(batch.sf_id or "") != "canceled"
    ]
    running = [job for job, word in last.items() if word in ("pending", "started")]
    known = set(Attempt.objects.filter(state__in=_LIVE).values_list("sf_id", flat=True))
    return wrong + [f"job {job} runs and we call it ended" for job in running if job not in known]


def exactly_once(world: World, wave: Wave) -> None:
    """Every org of the wave was pushed once, nobody else was, and nothing is left open."""
    assert wrongs(world) == []
    version = wave.rollout.to_version.sf_id
    orgs = sorted(wave.targets.values_list("org__key", flat=True))
    assert sorted(world.pushed()) == [(org, version) for org in orgs], world.story()
    assert not Attempt.objects.live().exists()
    assert not Batch.objects.open().exists()
    assert set(wave.targets.values_list("state", flat=True)) == {TargetState.DONE.value}


# --- errors that the program swallows ----------------------------------------------------------


class _Errors(logging.Handler):
    def __init__(self) -> None:
        super().__init__(logging.ERROR)
        self.lines: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.lines.append(self.format(record))


@pytest.fixture
def nothing_swallowed() -> Iterator[list[str]]:
    """Fail a test in which the pipeline caught a bug, logged it and went on.

    A test that provokes one takes the lines from the list.
    """
    errors = _Errors()
    logger = logging.getLogger("rollouts")
    logger.addHandler(errors)
    yield errors.lines
    logger.removeHandler(errors)
    assert not errors.lines, errors.lines[0]
