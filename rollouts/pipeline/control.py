"""Hands on the wheel. Stopping is open and instant; starting again takes people and reasons."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import TypeVar

from django.db import IntegrityError, OperationalError, transaction
from django.db.models import F

from rollouts.domain.lifecycle import (
    ATTEMPT_LIVE,
    BATCH_ENDS,
    BatchState,
    RolloutState,
    TargetState,
    WaveState,
)
from rollouts.domain.permissions import Permission
from rollouts.domain.policy import WaveKind
from rollouts.models import Attempt, Batch, Event, Hold, HoldKind, Person, Rollout, Wave
from rollouts.pipeline import doubt, halting, tallies
from rollouts.pipeline.batches import advance_one
from rollouts.pipeline.transitions import (
    Overtaken,
    Refusal,
    demand,
    move_rollout,
    move_wave,
    record,
    writing,
)
from rollouts.salesforce.connect import gateway_for

log = logging.getLogger(__name__)
_LIVE = [state.value for state in ATTEMPT_LIVE]
_PAST = (BatchState.RUNNING.value,)
_TRIES = 3
T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Reach:
    """What stopping now can and can't do, in orgs and batches."""

    recallable_orgs: int
    recallable_batches: int
    running_orgs: int
    running_batches: int


@dataclass(frozen=True, slots=True)
class Stopped:
    """What came of a stop so far, batches by key; ``pending`` are asked for, not yet read back.

    ``orgs_back`` orgs were called back for certain; ``will_finish`` are at work at Salesforce.
    """

    called_back: tuple[int, ...] = ()
    too_late: tuple[int, ...] = ()
    pending: tuple[int, ...] = ()
    orgs_back: int = 0
    will_finish: int = 0

    @property
    def sentence(self) -> str:
        """Say it honestly: what is certain, what is not yet, and what nobody can stop."""
        parts = [f"{_counted(len(self.called_back), 'batch')} called back"]
        if self.called_back:
            parts[0] += f" with {_counted(self.orgs_back, 'org')}, as Salesforce confirms"
        if self.pending:
            parts.append(f"{_counted(len(self.pending), 'recall')} asked for and not confirmed yet")
        if self.too_late:
            parts.append(f"{_counted(len(self.too_late), 'batch')} too late to call back")
        left = _counted(self.will_finish, "org") if self.will_finish else "no org"
        parts.append(f"{left} will finish at Salesforce")
        return "; ".join(parts) + "."


def _counted(number: int, noun: str) -> str:
    plural = f"{noun}es" if noun.endswith("ch") else f"{noun}s"
    return f"{number} {noun if number == 1 else plural}"


def reach(rollout: Rollout | None = None) -> Reach:
    """Count what could be called back now and what would finish anyway."""
    live = Attempt.objects.live().exclude(batch__state__in=[s.value for s in BATCH_ENDS])
    if rollout is not None:
        live = live.filter(batch__wave__rollout=rollout)
    back, on = live.exclude(batch__state__in=_PAST), live.filter(batch__state__in=_PAST)
    return Reach(
        recallable_orgs=back.count(),
        recallable_batches=back.values("batch").distinct().count(),
        running_orgs=on.count(),
        running_batches=on.values("batch").distinct().count(),
    )


def send_cancels(
    batches: list[Batch], rollout: Rollout | None = None, limit_seconds: float = 8.0
) -> Stopped:
    """Send and read back the cancels from this very process, for a few seconds at most.

    What is not through by then the watcher and the conductor go on with. What will finish is
    counted over the one rollout, or over all.
    """
    began = time.monotonic()
    for batch in batches:
        if time.monotonic() - began > limit_seconds:
            break
        try:
            advance_one(batch, gateway_for(batch.connection), by_force=True)
        except Exception:
            log.exception("cancel of batch %s is left to the watcher", batch.pk)
    columns = ("pk", "state", "cancel_too_late_at")
    rows = Batch.objects.filter(pk__in=[batch.pk for batch in batches]).values_list(*columns)
    ended = [s.value for s in (BatchState.CANCELED, BatchState.ABANDONED)]
    back, late, rest = [], [], []
    for pk, state, too_late_at in rows:
        if state in ended:
            back.append(pk)
        elif too_late_at is None:
            rest.append(pk)
        if too_late_at is not None:
            late.append(pk)
    going = Attempt.objects.live().filter(batch__state__in=_PAST)
    if rollout is not None:
        going = going.filter(batch__wave__rollout=rollout)
    return Stopped(
        orgs_back=Attempt.objects.filter(batch__in=back, state="canceled").count(),
        called_back=tuple(back),
        too_late=tuple(late),
        pending=tuple(rest),
        will_finish=going.count(),
    )


def _tried_again(act: Callable[[], T]) -> T:
    """Do a stop; one that lost against another transaction is done again, not shown to a person."""
    for _ in range(_TRIES - 1):
        try:
            return act()
        except OperationalError:
            log.warning("a stop lost against another transaction; it is tried again")
    return act()


@writing()
def _set_hold(
    kind: HoldKind, rollout: Rollout | None, by: Person, reason: str, now: datetime
) -> Hold:
    try:
        with transaction.atomic():
            hold = Hold.objects.create(
                kind=kind, rollout=rollout, by=by, reason=reason.strip(), since=now
            )
    except IntegrityError as error:
        raise Overtaken("It is held already.") from error
    record(
        kind.value,
        f"rollout {rollout.slug}" if rollout else "everything",
        now=now,
        by=by,
        rollout=rollout,
        after="held",
        reason=reason.strip() or halting.NOT_GIVEN,
    )
    return hold


def pause(rollout: Rollout, *, by: Person, reason: str = "", now: datetime) -> Hold:
    """Start nothing new of this rollout. What Salesforce already has goes on."""
    demand(by, Permission.PAUSE, now)
    if rollout.state not in (RolloutState.READY.value, RolloutState.ACTIVE.value):
        raise Refusal(f"The rollout is {rollout.state}; there is nothing to pause.")
    return _set_hold(HoldKind.PAUSED, rollout, by, reason, now)


@writing()
def lift_pause(rollout: Rollout, *, by: Person, reason: str = "", now: datetime) -> None:
    """Lift a pause: the rollout goes on where it was."""
    demand(by, Permission.LIFT_PAUSE, now)
    lifted = (
        Hold.objects.in_force()
        .filter(rollout=rollout, kind=HoldKind.PAUSED)
        .update(lifted_at=now, lifted_by=by)
    )
    if not lifted:
        raise Overtaken("The rollout is not paused.")
    record(
        "lift_pause", f"rollout {rollout.slug}",
        now=now, by=by, rollout=rollout, before="held", reason=reason,
    )  # fmt: skip


def halt(rollout: Rollout, *, by: Person, reason: str = "", now: datetime) -> Stopped:
    """Stop on evidence: void approvals, call back everything that has not started."""
    demand(by, Permission.HALT, now)
    batches = _tried_again(lambda: halting.halt(rollout, because=reason.strip(), by=by, now=now))
    return send_cancels(batches, rollout)


@writing()
def resume(rollout: Rollout, *, by: Person, reason: str, acknowledged: int, now: datetime) -> None:
    """Lift a halt. It pushes nothing: what is left must be frozen and approved again.

    ``acknowledged`` is the number of failures on the page; more of them since then refuse it.
    """
    demand(by, Permission.RESUME, now)
    rollout = Rollout.objects.select_for_update().get(pk=rollout.pk)
    if rollout.state != RolloutState.HALTED.value:
        raise Overtaken(f"The rollout is {rollout.state}, not halted.")
    if not reason.strip():
        raise Refusal("Say why it is safe to go on; it stays in the trail.")
    actual = failures_so_far(rollout, now)
    if acknowledged != actual:
        raise Overtaken(f"{actual} orgs have failed by now, you saw {acknowledged}. Look again.")
    tallies.accept(Attempt.objects.filter(target__rollout=rollout), rollout.policy, now)
    rollout.waves.update(review="")
    move_rollout(
        rollout,
        RolloutState.ACTIVE,
        now=now,
        by=by,
        because=f"{reason.strip()} ({acknowledged} failures acknowledged)",
        reason="",
        halted_by=None,
    )


def failures_so_far(rollout: Rollout, now: datetime) -> int:
    """Count the failures that whoever resumes must have seen."""
    policy = rollout.policy
    return sum(tallies.tally(w, policy, now).failures_so_far for w in rollout.waves.all())


@writing()
def look_over(wave: Wave, *, by: Person, reason: str, now: datetime) -> None:
    """Clear a wave's hold for a look, with the failures so far acknowledged."""
    demand(by, Permission.RESUME, now)
    if not reason.strip():
        raise Refusal("Say what you found; it stays in the trail.")
    cleared = Wave.objects.filter(pk=wave.pk).exclude(review="").update(review="")
    if not cleared:
        raise Overtaken("There is nothing to look over in this wave.")
    tallies.accept(Attempt.objects.filter(target__wave=wave), wave.rollout.policy, now)
    record(
        "look_over_wave", f"wave {wave.number}",
        now=now, by=by, rollout=wave.rollout, wave=wave, reason=reason,
    )  # fmt: skip


@writing()
def abort_now(rollout: Rollout, by: Person, reason: str, now: datetime) -> list[Batch]:
    """Abort in the database; returns the batches whose cancels are to be sent after the commit."""
    rollout = Rollout.objects.select_for_update().get(pk=rollout.pk)
    if not reason.strip():
        raise Refusal("Say why; an aborted rollout can't be taken up again.")
    move_rollout(
        rollout,
        RolloutState.ABORTING,
        now=now,
        by=by,
        because=reason,
        reason=reason,
        epoch=rollout.epoch + 1,
    )
    batches = halting.void_and_recall(rollout, reason=f"aborted: {reason}", now=now, by=by)
    rollout.targets.filter(state=TargetState.PLANNED.value).update(
        state=TargetState.LEFT_OVER.value, reason="the rollout was aborted"
    )
    return batches


def abort(rollout: Rollout, *, by: Person, reason: str, now: datetime) -> Stopped:
    """End a rollout for good; it is aborted only when nothing of it can still start."""
    demand(by, Permission.ABORT, now)
    return send_cancels(_tried_again(lambda: abort_now(rollout, by, reason, now)), rollout)


def stop_everything(*, by: Person, reason: str = "", now: datetime) -> Stopped:
    """Throw the kill switch over all rollouts, then send the cancels from here."""
    demand(by, Permission.STOP_EVERYTHING, now)
    return send_cancels(_tried_again(lambda: _stop_all(by, reason, now)))


@writing()
def _stop_all(by: Person, reason: str, now: datetime) -> list[Batch]:
    _set_hold(HoldKind.STOP_EVERYTHING, None, by, reason, now)
    batches = []
    for rollout in Rollout.objects.running().order_by("pk"):
        Rollout.objects.filter(pk=rollout.pk).update(epoch=F("epoch") + 1)
        batches += halting.void_and_recall(
            rollout, reason=f"everything was stopped by {by}", now=now, by=by
        )
    return batches


@writing()
def ask_lift_stop(*, by: Person, reason: str, now: datetime) -> None:
    """Ask that the stop be lifted; another person confirms it."""
    demand(by, Permission.ASK_LIFT_STOP, now)
    if not reason.strip():
        raise Refusal("Say why it is safe to go on.")
    asked = (
        Hold.objects.in_force()
        .filter(rollout=None, kind=HoldKind.STOP_EVERYTHING)
        .update(lift_asked_by=by, lift_asked_at=now)
    )
    if not asked:
        raise Overtaken("Nothing is stopped.")
    record("ask_lift_stop", "everything", now=now, by=by, reason=reason)


@writing()
def confirm_lift_stop(*, by: Person, now: datetime) -> None:
    """Lift the stop that somebody else asked to lift; every rollout comes back paused."""
    demand(by, Permission.CONFIRM_LIFT_STOP, now)
    hold = (
        Hold.objects.select_for_update()
        .filter(rollout=None, kind=HoldKind.STOP_EVERYTHING, lifted_at=None)
        .first()
    )
    if hold is None:
        raise Overtaken("Nothing is stopped.")
    if hold.lift_asked_by_id is None:
        raise Refusal("Somebody must ask first; then another person confirms.")
    if hold.lift_asked_by_id == by.pk:
        raise Refusal("You asked for it, so somebody else confirms.")
    Hold.objects.filter(pk=hold.pk).update(lifted_at=now, lifted_by=by)
    # Whoever confirms agrees with the reason that the other one gave.
    asked = Event.objects.filter(action="ask_lift_stop", person=hold.lift_asked_by_id)
    record(
        "lift_stop", "everything",
        now=now, by=by, before="held",
        reason=asked.order_by("-sequence").values_list("reason", flat=True).first() or "",
        detail={"asked_by": str(hold.lift_asked_by)},
    )  # fmt: skip
    for rollout in Rollout.objects.running().order_by("pk"):
        if not rollout.holds.in_force().filter(kind=HoldKind.PAUSED).exists():
            _set_hold(HoldKind.PAUSED, rollout, by, "everything had been stopped", now)


@writing()
def close_wave(wave: Wave, *, by: Person, reason: str, now: datetime) -> None:
    """End a wave that can't pass, with its failures acknowledged; never own orgs or canary."""
    demand(by, Permission.CLOSE_WAVE, now)
    if not reason.strip():
        raise Refusal("Say why its failures are accepted.")
    if wave.kind in (WaveKind.OWN.value, WaveKind.CANARY.value):
        raise Refusal("The own orgs and the canary can't be closed; abort the rollout instead.")
    if Attempt.objects.live().filter(target__wave=wave).exists():
        raise Refusal("Some pushes of this wave are not settled yet.")
    move_wave(wave, WaveState.CLOSED, now=now, by=by, because=reason)
    wave.targets.filter(state=TargetState.PLANNED.value).update(
        state=TargetState.LEFT_OVER.value, reason="the wave was closed"
    )


def recall(batch: Batch, *, by: Person, reason: str = "", now: datetime) -> Stopped:
    """Call one batch back; its orgs return to the wave and are cut anew while it is approved."""
    demand(by, Permission.RECALL, now)
    if batch.state in {state.value for state in BATCH_ENDS} or batch.state in _PAST:
        raise Overtaken(f"The batch is {batch.state}; it can't be called back.")
    why = f"recalled by {by}: {reason.strip() or 'no reason given yet'}"
    doubt.want_cancel(batch, why, now, by=by)
    return send_cancels([batch], batch.wave.rollout)


def look_again(batch: Batch, *, by: Person, now: datetime) -> None:
    """Read a batch in doubt anew: the one safe button beside cancel."""
    demand(by, Permission.LOOK, now)
    advance_one(batch, gateway_for(batch.connection))
