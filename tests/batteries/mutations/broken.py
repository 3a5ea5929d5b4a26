"""Twelve safety rules, each with a way to take it away in the memory of this process."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from datetime import datetime, timedelta
from typing import Any

import pytest

from rollouts.domain import decide, guards
from rollouts.domain.decide import Action, Do
from rollouts.domain.lifecycle import AttemptState, BatchState, TargetState
from rollouts.models import Batch, Event, RemoteCall, Rollout, Target, Wave
from rollouts.pipeline import (
    arm,
    clock,
    conduct,
    holds,
    ledger,
    nameless,
    prepare,
    recall,
    timing,
    track,
)  # fmt: skip
from rollouts.pipeline.leases import Claim
from rollouts.pipeline.shifts import drop_attempts
from rollouts.pipeline.transitions import move_batch
from rollouts.salesforce.errors import SalesforceError, Unknown
from rollouts.salesforce.gateway import Gateway, SfStatus

Patch = pytest.MonkeyPatch


def reading_a_cancel_back(patch: Patch) -> None:
    """A cancel counts as done when it was sent."""

    def believed(claim: Claim, gateway: Gateway, now: datetime) -> None:
        with suppress(SalesforceError), ledger.sending(claim.batch, "cancel"):
            gateway.cancel(claim.batch.sf_id or "")
        recall.finish(claim.batch, now)

    patch.setattr(recall, "call_back", believed)


def history_is_a_chain(patch: Patch) -> None:
    """Lines of history carry no hash over what they say."""
    patch.setattr(Event, "content_hash", lambda _self: "0" * 64)


def unknown_is_not_refused(patch: Patch) -> None:
    """An arming call without an answer has failed, so its orgs are cut anew."""

    def send(claim: Claim, gateway: Gateway) -> None:
        batch = claim.batch
        try:
            with ledger.sending(batch, "arm"):
                gateway.arm(batch.sf_id or "")
        except Unknown:
            drop_attempts(batch, "arming failed", clock.now())
            move_batch(batch, BatchState.CANCELED, now=clock.now(), because="arming failed")
            return
        arm.confirm(claim, gateway, clock.now())

    patch.setattr(arm, "send_arm", send)


def looking_before_a_repeat(patch: Patch) -> None:
    """A create without an answer is simply made again."""

    def repeat(batch: Batch, *_: object) -> None:
        Batch.objects.filter(pk=batch.pk).update(created_sent_at=None)

    patch.setattr(prepare, "_discover", repeat)


def believing_only_final_words(patch: Patch) -> None:
    """In progress is taken for upgraded."""
    patch.setitem(track._STATE_OF, SfStatus.IN_PROGRESS, AttemptState.SUCCEEDED)


def arm_is_committed_first(patch: Patch) -> None:
    """The request is armed, and then the database is told."""
    commit = arm._commit

    def too_early(batch: Batch, live: Any, gateway: Gateway) -> tuple[str, ...]:
        with ledger.sending(batch, "arm"):
            gateway.arm(batch.sf_id or "")
        return commit(batch, live, gateway)

    patch.setattr(arm, "_commit", too_early)


def intent_before_each_call(patch: Patch) -> None:
    """Calls are written down when they have been answered."""

    @contextmanager
    def sending(batch: Batch, kind: str) -> Iterator[None]:
        yield
        RemoteCall.objects.create(batch=batch, kind=kind, sent_at=clock.now(), outcome="done")

    for module in (arm, nameless, prepare, recall):
        patch.setattr(module, "sending", sending)
    patch.setattr(ledger, "sending", sending)


def a_pause_holds(patch: Patch) -> None:
    """What people pause or stop goes on."""
    patch.setattr(holds, "set_by_people", lambda _rollout: [])


def a_strict_wave_waits(patch: Patch) -> None:
    """The next batch of a strict wave does not wait for the one before."""

    def at_once(wave: Any, *_: object) -> Action:
        return Action(Do.NEXT_BATCH, wave.number, "at once")

    patch.setattr(decide, "_next_batch", at_once)


def the_fuse(patch: Patch) -> None:
    """A request is armed a minute before it starts."""
    minute = timedelta(minutes=1)
    patch.setattr(timing, "arm_from", lambda batch, _policy: batch.start_at - 2 * minute)
    patch.setattr(timing, "arm_until", lambda batch, _policy: batch.start_at - minute / 2)
    patch.setattr(guards, "_timed", lambda *_: ())


def only_what_may_pass_is_retried(patch: Patch) -> None:
    """Every failure is tried again, at once and for ever."""

    def all_of(wave: Wave, *_: object) -> tuple[list[Target], int]:
        return list(wave.targets.filter(state=TargetState.FAILED.value)), 0

    patch.setattr(conduct, "retryable", all_of)


def a_stop_voids_and_recalls(patch: Patch) -> None:
    """A halt or a stop is a note in the books; what is armed goes on, approvals stand."""

    def nothing(_rollout: Rollout, **_: object) -> list[Batch]:
        return []

    from rollouts.pipeline import halting, watch

    patch.setattr(halting, "void_and_recall", nothing)
    patch.setattr(watch, "why_not", lambda *_: "")


RULES: tuple[Callable[[Patch], None], ...] = (
    reading_a_cancel_back, history_is_a_chain, unknown_is_not_refused,
    looking_before_a_repeat, believing_only_final_words, arm_is_committed_first,
    intent_before_each_call, a_pause_holds, a_strict_wave_waits, the_fuse,
    only_what_may_pass_is_retried, a_stop_voids_and_recalls,
)  # fmt: skip
