"""The last look: whatever has changed since the yes, no PATCH is sent. And: each guard matters."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.db.models import F

from rollouts.models import (
    Account,
    Approval,
    Batch,
    Connection,
    Exclusion,
    FrozenList,
    FrozenOrg,
    Heartbeat,
    Rollout,
    Wave,
)
from rollouts.pipeline import (
    approve,
    arm,
    control,
    customer_words,
    exclusions,
    holds,
    leases,
    prepare,
    recall,
    tick,
    timing,
    watch,
)
from tests.stories import test_foreign_hands as hands
from tests.stories import test_stopping as stopping
from tests.support.trouble import nothing_swallowed, own_rollout, settle, until_batch
from tests.support.world import World

__all__ = ["nothing_swallowed"]


def drop_approval(world: World, batch: Batch) -> None:
    Approval.objects.update(voided_at=world.clock())


def expire(world: World, batch: Batch) -> None:
    Approval.objects.update(expires_at=world.clock() - timedelta(seconds=1))


def void_list(world: World, batch: Batch) -> None:
    FrozenList.objects.update(voided_at=world.clock())


def tamper_with_sizes(world: World, batch: Batch) -> None:
    FrozenList.objects.update(batches=[200])


def tamper_with_orgs(world: World, batch: Batch) -> None:
    row = FrozenOrg.objects.first()
    assert row
    other = FrozenOrg(list=row.list, org=row.org, from_version=row.from_version, place=9)
    other.org = type(row.org).objects.exclude(pk__in=row.list.orgs.values("org")).first()  # type: ignore[assignment]
    other.save()


def loosen(world: World, batch: Batch) -> None:
    rules = batch.wave.rollout.policy_json | {"failure_cap": 999}
    Rollout.objects.update(policy_json=rules)


def raise_epoch(world: World, batch: Batch) -> None:
    Rollout.objects.update(epoch=F("epoch") + 1)


def halted(world: World, batch: Batch) -> None:
    Rollout.objects.update(state="halted")


def review(world: World, batch: Batch) -> None:
    Wave.objects.update(review="a look")


def paused(world: World, batch: Batch) -> None:
    control.pause(batch.wave.rollout, by=world.pia, now=world.clock())


def excluded(world: World, batch: Batch) -> None:
    attempt = batch.attempts.first()
    assert attempt
    Exclusion.objects.create(org=attempt.org, reason="x", by=world.ari, since=world.clock())


def customer_excluded(world: World, batch: Batch) -> None:
    attempt = batch.attempts.first()
    assert attempt
    link = Connection.objects.create(name="License org", role="lmo", login_url="http://127.0.0.1:9")
    acme = Account.objects.create(connection=link, sf_id="001000000000001AAA", name="ACME")
    exclusions.exclude(acme, reason="x", until=None, by=world.ari, now=world.clock())
    customer_words.set_customer(
        attempt.org, acme, by=world.pia, reason="it has become theirs", now=world.clock()
    )


def silent_watcher(world: World, batch: Batch) -> None:
    Heartbeat.objects.filter(part__startswith="watcher").update(
        beat_at=world.clock() - timedelta(minutes=2)
    )


def ended(world: World, batch: Batch) -> None:
    FrozenList.objects.update(end_by=batch.start_at)


CHANGES = (
    drop_approval, expire, void_list, tamper_with_sizes, tamper_with_orgs, loosen, raise_epoch,
    halted, review, paused, excluded, customer_excluded, silent_watcher, ended,
)  # fmt: skip


@pytest.mark.parametrize("change", CHANGES, ids=lambda change: change.__name__)
def test_no_patch_is_sent_when_anything_has_changed_since_the_yes(
    world: World, change: Callable[[World, Batch], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    batch = until_batch(world, own_rollout(world), "verified")
    world.clock.at = timing.arm_from(batch, batch.wave.rollout.policy) + timedelta(minutes=1)
    tick.watch_all()
    live = arm._commit

    def change_then_commit(*args: Any) -> tuple[str, ...]:
        # Between the live reads and the transaction: what was read does not tell of it.
        change(world, batch)
        return live(*args)

    monkeypatch.setattr(arm, "_commit", change_then_commit)
    tick.tick()
    batch.refresh_from_db()
    assert (batch.state, batch.armed_at) == ("verified", None)
    assert batch.reason.startswith("held: ")
    assert world.effects("request_pending") == []


def test_without_a_change_the_patch_is_sent(world: World) -> None:
    batch = until_batch(world, own_rollout(world), "verified")
    world.clock.at = timing.arm_from(batch, batch.wave.rollout.policy) + timedelta(minutes=1)
    world.ticks(minutes=0)
    assert len(world.effects("request_pending")) == 1


def test_too_few_calls_left_hold_everything(world: World) -> None:
    batch = until_batch(world, own_rollout(world), "verified")
    Connection.objects.update(calls_used=999_990, calls_limit=1_000_000)
    world.gateway.transport.meter.budget = None
    assert holds.on_rollout(batch.wave.rollout, world.clock())


def test_a_lost_create_is_looked_up_and_not_repeated(world: World) -> None:
    wave = own_rollout(world)
    world.sim.plan_fault("error_after", call="create:PackagePushRequest")
    settle(world, wave)
    assert len(world.effects("request_created")) == 1


# --- the battery must be able to fail -----------------------------------------------------------

Patch = pytest.MonkeyPatch


def no_fence(patch: Patch) -> None:
    def take(batch: Batch, free: object, now: object) -> int:
        return Batch.objects.values_list("epoch", flat=True).get(pk=batch.pk)

    patch.setattr(leases, "_take", take)


def no_lookup(patch: Patch) -> None:
    def repeat(batch: Batch, *_: object) -> None:
        Batch.objects.filter(pk=batch.pk).update(created_sent_at=None)

    patch.setattr(prepare, "_discover", repeat)


def no_comparison(patch: Patch) -> None:
    for module in ("domain.guards", "pipeline.prepare", "pipeline.watch"):
        patch.setattr(f"rollouts.{module}.same_set", lambda *_: "")


def no_void(patch: Patch) -> None:
    patch.setattr(approve, "void", lambda *_, **__: None)


def no_watcher(patch: Patch) -> None:
    patch.setattr(watch, "_judge", lambda *_: None)


def no_comparison_in_the_watcher(patch: Patch) -> None:
    patch.setattr(watch, "_compare", lambda *_: None)


def no_guard(patch: Patch) -> None:
    patch.setattr(arm, "arm_refusals", lambda *_: ())


def no_reading_back(patch: Patch) -> None:
    def believed(claim: leases.Claim, _gateway: object, now: Any) -> None:
        recall.finish(claim.batch, now)

    patch.setattr(recall, "call_back", believed)


def a_recall(world: World, _patch: Patch) -> None:
    stopping.test_a_cancel_without_an_answer_is_only_asked_for(world)


def a_halt(world: World, _patch: Patch) -> None:
    stopping.test_a_halt_voids_calls_back_and_goes_on_only_with_a_new_yes(world, "verified")


def a_lost_create(world: World, _patch: Patch) -> None:
    test_a_lost_create_is_looked_up_and_not_repeated(world)


def a_slipped_in_org(world: World, _patch: Patch) -> None:
    hands.test_an_org_slipped_into_a_request_never_starts(world, world._gateway(), "verified")


def an_org_slipped_in_late(world: World, _patch: Patch) -> None:
    hands.test_an_org_slipped_into_an_armed_request_is_seen_by_the_watcher(world, world._gateway())


def a_strangers_patch(world: World, _patch: Patch) -> None:
    hands.test_a_request_that_somebody_else_armed_is_called_back_at_once(world, world._gateway())


def a_lost_batch(world: World, _patch: Patch) -> None:
    hands.test_the_patch_is_not_repeated_for_whoever_lost_the_batch(world)


def an_expired_approval(world: World, patch: Patch) -> None:
    test_no_patch_is_sent_when_anything_has_changed_since_the_yes(world, expire, patch)


@pytest.mark.parametrize(
    ("removed", "story"),
    [
        (no_fence, a_lost_batch),
        (no_lookup, a_lost_create),
        (no_comparison, a_slipped_in_org),
        (no_comparison_in_the_watcher, an_org_slipped_in_late),
        (no_void, a_halt),
        (no_watcher, a_strangers_patch),
        (no_guard, an_expired_approval),
        (no_reading_back, a_recall),
    ],
    ids=lambda one: one.__name__,
)
def test_each_guard_that_is_removed_is_missed(
    world: World,
    removed: Callable[[Patch], None],
    story: Callable[[World, Patch], None],
    monkeypatch: Patch,
) -> None:
    removed(monkeypatch)
    with pytest.raises(AssertionError):
        story(world, monkeypatch)
