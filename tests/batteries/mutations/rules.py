"""Twelve rules taken away, one by one, under the seeded fault schedules of the stories.

A schedule is judged by its own oracle (``tests.support.trouble.wrongs``) and by what is asked here
in addition; with every rule standing the same seeds must pass.
"""

from __future__ import annotations

import logging
import time
from collections import Counter
from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import datetime, timedelta

import pytest

from rollouts.domain.policy import STRICT_KINDS, WaveKind
from rollouts.models import Attempt, Batch, Event, Hold, RemoteCall
from tests.batteries.mutations.broken import RULES
from tests.batteries.report import commit, table
from tests.stories.test_schedules import (
    test_whatever_happens_each_org_is_pushed_once_at_most_and_with_a_yes as schedule,
)
from tests.support.trouble import wrongs
from tests.support.world import World

Worlds = Callable[[], AbstractContextManager[World]]
# A recall is sent within seconds, but its call may be lost, and the watcher comes every 3 minutes.
RECALLED_WITHIN = timedelta(minutes=12)


def asked_too(world: World) -> list[str]:
    """What the stories' oracle does not ask, since their schedules end well in other ways."""
    return [
        *_created_twice(world), *_unwritten(world), *_armed_while_held(), *_armed_without_fuse(),
        *_not_one_by_one(), *_retried_what_stays(), *_started_after_a_stop(world),
        *_broken_chain(),
    ]  # fmt: skip


def _created_twice(world: World) -> list[str]:
    """An unknown create is looked up, never repeated: a batch has one request."""
    made, batches = len(world.effects("request_created")), Batch.objects.count()
    return [f"{made} requests were made for {batches} batches"] if made > batches else []


def _unwritten(world: World) -> list[str]:
    """Every effect has its line in the ledger."""
    ours = dict(Batch.objects.exclude(sf_id=None).values_list("sf_id", "pk"))
    kinds = {"request_pending": "arm", "request_canceled": "cancel"}
    return [
        f"{effect.kind} of {effect.request_id} is not in the ledger"
        for effect in world.sim.effects()
        if effect.kind in kinds
        and effect.request_id in ours
        and not RemoteCall.objects.filter(
            batch=ours[effect.request_id], kind=kinds[effect.kind]
        ).exists()
    ]


def _armed_while_held() -> list[str]:
    wrong = []
    for batch in Batch.objects.exclude(armed_at=None).select_related("wave"):
        for hold in Hold.objects.filter(since__lt=batch.armed_at):
            on = hold.rollout_id in (None, batch.wave.rollout_id)
            lifted = hold.lifted_at is not None and hold.lifted_at <= _moment(batch)
            if on and not lifted:
                wrong.append(f"{batch} was armed while held")
    return wrong


def _moment(batch: Batch) -> datetime:
    assert batch.armed_at is not None
    return batch.armed_at


def _armed_without_fuse() -> list[str]:
    return [
        f"{batch} was armed {batch.start_at - _moment(batch)} before its start"
        for batch in Batch.objects.exclude(armed_at=None).select_related("wave__rollout")
        if batch.start_at
        and batch.start_at - _moment(batch) < timedelta(seconds=batch.wave.rollout.policy.fuse)
    ]


def _not_one_by_one() -> list[str]:
    """In strict waves no batch is reserved while another one is open."""
    wrong = []
    strict = [kind.value for kind in STRICT_KINDS]
    assert WaveKind.OWN.value in strict
    for batch in Batch.objects.filter(wave__kind__in=strict, number__gt=1):
        began = Attempt.objects.filter(batch=batch).order_by("reserved_at").first()
        others = Attempt.objects.filter(batch__wave=batch.wave, batch__number__lt=batch.number)
        if began and others.filter(moved_at__gt=began.reserved_at, started_at__isnull=False):
            wrong.append(f"{batch} was cut while another one was open")
    return wrong


def _retried_what_stays() -> list[str]:
    """A second push without a new list only after a failure that may pass."""
    wrong = []
    for attempt in Attempt.objects.filter(number__gt=1).select_related("batch"):
        before = (
            Attempt.objects.filter(target=attempt.target_id, number__lt=attempt.number)
            .exclude(state="canceled")
            .order_by("-number")
            .select_related("batch")
            .first()
        )
        same_list = before and before.batch.list_id == attempt.batch.list_id
        if before and same_list and before.failure_kind != "transient":
            wrong.append(f"{attempt} follows a {before.failure_kind} failure")
    return wrong


def _started_after_a_stop(world: World) -> list[str]:
    """What was armed before a halt or a stop is called back while there is time."""
    stops = [
        event.at for event in Event.objects.filter(action__in=("halt", "stop_everything", "abort"))
    ]
    wrong = []
    for effect in world.effects("job_started"):
        at = datetime.fromisoformat(effect.at)
        batch = Batch.objects.filter(sf_id=effect.request_id).first()
        if (
            batch
            and batch.armed_at
            and any(batch.armed_at <= stop < at - RECALLED_WITHIN for stop in stops)
        ):
            wrong.append(f"{effect.org} was started after the rollout was stopped")
    return wrong


def _broken_chain() -> list[str]:
    """Each line of history is hashed over what it says and over the line before."""
    before = None
    for event in Event.objects.order_by("sequence"):
        if event.hash != event.content_hash() or before not in (None, event.previous):
            return [f"line {event.sequence} of the history is not what was written"]
        before = event.hash
    return []


@dataclass(frozen=True, slots=True)
class Caught:
    """Which seed showed that a rule was missing, and by what; ``seed`` None: none did."""

    rule: str
    seed: int | None
    by: str
    seconds: float


def _told(world: World, seed: int) -> str:
    """Run one schedule; returns what was wrong, or ""."""
    try:
        schedule(world, seed)
    except Exception as error:  # noqa: BLE001 - a schedule that fails in any way has noticed
        said = f"{type(error).__name__}: {error}".splitlines()[0]
        return next(iter(wrongs(world)), f"it came to no end; {said}")
    return ""


def search(rule: Callable[[pytest.MonkeyPatch], None] | None, seeds: int, worlds: Worlds) -> Caught:
    """Try seeds until one shows that the rule is missing."""
    name = rule.__name__ if rule else "every rule stands"
    began = time.monotonic()
    for seed in range(seeds):
        with worlds() as world, pytest.MonkeyPatch.context() as patch:
            if rule:
                rule(patch)
            wrong = _told(world, seed)
            if not wrong:
                # The rule stands again, so that what is asked is not answered by what was broken.
                patch.undo()
                wrong = next(iter(asked_too(world)), "")
        if wrong:
            return Caught(name, seed, wrong[:110], time.monotonic() - began)
    return Caught(name, None, "", time.monotonic() - began)


def caught(seeds: int, only: str, worlds: Worlds) -> tuple[bool, str]:
    """Take each rule away until a seed misses it; then show that those seeds pass with all."""
    logging.getLogger("rollouts").setLevel(logging.CRITICAL)
    found = []
    for rule in RULES:
        if only in rule.__name__:
            found.append(search(rule, seeds, worlds))
            print(found[-1], flush=True)
    most = max((one.seed for one in found if one.seed is not None), default=0)
    clean = search(None, most + 1, worlds)
    print(clean, flush=True)
    words = Counter(one.seed is not None for one in found)
    text = (
        f"`python -m tests.batteries.mutations rules`, commit {commit()}: {words[True]} of "
        f"{len(found)} caught. With every rule standing seeds 0 to {most} pass: "
        f"{'yes' if clean.seed is None else clean.by}.\n\n"
    ) + table(
        ("rule taken away", "seed that caught it", "by", "time"),
        [
            (
                one.rule.replace("_", " "),
                "none" if one.seed is None else str(one.seed),
                one.by.replace("|", "/"),
                f"{one.seconds:.0f} s",
            )
            for one in found
        ],
    )
    print(text)
    return not words[False] and clean.seed is None, text
