"""What is asked of a schedule beside the judge's own rules: nine questions more."""

from __future__ import annotations

from datetime import datetime, timedelta

from rollouts.domain.lifecycle import BatchState
from rollouts.domain.policy import STRICT_KINDS, WaveKind
from rollouts.models import Attempt, Batch, Event, Hold, RemoteCall
from tests.support.world import World

# A recall is sent within seconds, but its call may be lost, and the watcher comes every 7 minutes.
RECALLED_WITHIN = timedelta(minutes=12)


def asked_too(world: World, skew: timedelta) -> list[str]:
    """What the judge does not ask, since a layer behind the rule lets schedules end well.

    ``skew``: how far Salesforce's clock, which its log is told by, is ahead of ours.
    """
    return [
        *_created_twice(world), *_unwritten(world), *_armed_while_held(), *_armed_without_fuse(),
        *_not_one_by_one(), *_retried_what_stays(), *_started_after_a_stop(world, skew),
        *_canceled_too_early(world, skew), *_broken_chain(),
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


def _started_after_a_stop(world: World, skew: timedelta) -> list[str]:
    """What was armed before a halt or a stop is called back while there is time."""
    stops = [
        event.at for event in Event.objects.filter(action__in=("halt", "stop_everything", "abort"))
    ]
    wrong = []
    for effect in world.effects("job_started"):
        at = datetime.fromisoformat(effect.at) - skew
        batch = Batch.objects.filter(sf_id=effect.request_id).first()
        if (
            batch
            and batch.armed_at
            and any(batch.armed_at <= stop < at - RECALLED_WITHIN for stop in stops)
        ):
            wrong.append(f"{effect.org} was started after the rollout was stopped")
    return wrong


def _canceled_too_early(world: World, skew: timedelta) -> list[str]:
    """A request is called canceled once Salesforce shows it so, and no earlier."""
    wrong = []
    for batch in Batch.objects.filter(state=BatchState.CANCELED.value).exclude(sf_id=None):
        said = Event.objects.filter(
            wave=batch.wave,
            subject=f"wave {batch.wave.number} batch {batch.number}",
            after=BatchState.CANCELED.value,
        ).order_by("sequence")[0]
        before = [
            effect.kind
            for effect in world.sim.effects()
            if effect.request_id == batch.sf_id
            and effect.kind.startswith("request_")
            and datetime.fromisoformat(effect.at) - skew <= said.at
        ]
        if before and before[-1] != "request_canceled":
            wrong.append(f"{batch} was called canceled after {before[-1]}")
    return wrong


def _broken_chain() -> list[str]:
    """Each line of history is hashed over what it says and over the line before."""
    before = None
    for event in Event.objects.order_by("sequence"):
        if event.hash != event.content_hash() or before not in (None, event.previous):
            return [f"line {event.sequence} of the history is not what was written"]
        before = event.hash
    return []
