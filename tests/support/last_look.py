"""The moment of arming, held still, and everything that may have changed since the yes."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import pytest
from django.db import connection
from django.db.models import F

from rollouts.models import (
    Approval,
    Attempt,
    Batch,
    Exclusion,
    FrozenList,
    FrozenOrg,
    Heartbeat,
    Org,
    PackageVersion,
    Rollout,
    Wave,
)
from rollouts.pipeline import arm, control, tick, timing
from rollouts.salesforce.gateway import Budget
from tests.support.hours import freeze, with_window
from tests.support.trouble import Told, own_rollout, tell, until_batch
from tests.support.world import World


@dataclass(slots=True)
class Look:
    """A verified batch in its arming window, with fresh live reads."""

    world: World
    told: Told
    patch: pytest.MonkeyPatch
    batch: Batch
    live: Any

    def again(self) -> Batch:
        return (
            Batch.objects.select_related("wave__rollout", "list__wave", "connection")
            .get(pk=self.batch.pk)
        )  # fmt: skip


def last_look(world: World) -> Look:
    """Walk to the moment of arming."""
    told = tell(world)
    batch = until_batch(world, own_rollout(world), "verified")
    world.clock.at = timing.arm_from(batch, batch.wave.rollout.policy) + timedelta(minutes=1)
    tick.watch_all()
    look = Look(world, told, pytest.MonkeyPatch(), batch, None)
    look.batch = look.again()
    look.live = arm._read_live(look.batch, world.gateway)
    return look


# --- what alone refuses, with the words of the refusal -----------------------------------------


def sibling(look: Look, *, armed: bool = False) -> Batch:
    """Another batch of the same wave."""
    batch = look.batch
    return Batch.objects.create(
        wave=batch.wave, list=batch.list, connection=batch.connection, number=90, size=1,
        state="settled", armed_at=look.world.clock() if armed else None,
    )  # fmt: skip


def copy_of(frozen: FrozenList) -> FrozenList:
    """The same list again, as a row of its own."""
    copied = FrozenList.objects.get(pk=frozen.pk)
    copied.pk, copied.number = None, copied.number + 90
    copied.save(force_insert=True)
    return copied


def elsewhere(look: Look) -> None:
    """The index forbids it; the guard must not lean on that alone, so it is taken away here."""
    with connection.cursor() as cursor:
        cursor.execute("DROP INDEX one_live_attempt_per_org")
        cursor.execute("DROP INDEX one_push_per_org_and_version")
    own = look.batch.attempts.order_by("pk").first()
    assert own
    Attempt.objects.create(
        batch=sibling(look), target=own.target, approved=own.approved, org=own.org,
        version=own.version, number=2, reserved_at=own.reserved_at, moved_at=own.moved_at,
        state="in_progress",
    )  # fmt: skip


def org_of_another_list(look: Look) -> None:
    row = look.batch.attempts.order_by("pk").first()
    other = Org.objects.exclude(attempts__batch=look.batch).first()
    assert row
    assert other
    wrong = FrozenOrg.objects.create(
        list=copy_of(look.batch.list), org=other, from_version=row.approved.from_version, place=1
    )
    Attempt.objects.create(
        batch=look.batch,
        target=row.target,
        approved=wrong,
        org=other,
        version=row.version,
        number=2,
        reserved_at=row.reserved_at,
        moved_at=row.moved_at,
    )


def another_org_than_approved(look: Look) -> None:
    row = look.batch.attempts.order_by("pk").first()
    assert row
    row.org = Org.objects.exclude(attempts__batch=look.batch).first()  # type: ignore[assignment]
    row.save()


def another_version_than_approved(look: Look) -> None:
    row = look.batch.attempts.order_by("pk").first()
    assert row
    row.version = PackageVersion.objects.exclude(pk=row.version_id).first()  # type: ignore[assignment]
    row.save()


def excluded(look: Look) -> None:
    row = look.batch.attempts.order_by("pk").first()
    assert row
    Exclusion.objects.create(
        org=row.org, reason="asked", by=look.world.ari, since=look.world.clock()
    )


def on_all(model: Any, **values: Any) -> Callable[[Look], None]:
    return lambda _look: model.objects.update(**values)


def instead(name: str, answer: Any) -> Callable[[Look], None]:
    def put(look: Look) -> None:
        look.told.instead[name] = answer

    return put


def frozen_meanwhile(look: Look) -> None:
    """A freeze that begins with the last second in which Salesforce may start the batch."""
    assert look.batch.not_after
    freeze(look.world, look.batch.not_after, look.batch.not_after + timedelta(days=1))


def narrower(look: Look) -> None:
    """One org got a window of its own that is shut when the batch would start."""
    row = look.batch.attempts.order_by("pk").first()
    assert row
    with_window(look.world, row.org.key, "Mon 01:00-05:00")


REFUSED: dict[str, tuple[Callable[[Look], object], str]] = {
    "halted": (on_all(Rollout, state="halted"), "the rollout is halted"),
    "frozen": (on_all(Wave, state="frozen"), "the wave is frozen"),
    "doubt": (on_all(Batch, state="in_doubt"), "the batch is in_doubt, not verified"),
    "taken over": (on_all(Batch, epoch=F("epoch") + 1), "somebody else has taken this batch over"),
    "review": (on_all(Wave, review="a look"), "held: a look"),
    "voided": (lambda look: FrozenList.objects.update(voided_at=look.world.clock()),
               "held: the list was voided"),
    "another list": (lambda look: Wave.objects.update(frozen_list=copy_of(look.batch.list)),
                     "held: the list was voided"),
    "epoch": (on_all(Rollout, epoch=F("epoch") + 1),
              "held: the rollout was halted since this batch was made"),
    "another list's org": (org_of_another_list, "held: an org is not on the approved list"),
    "another org": (another_org_than_approved, "held: an org is not on the approved list"),
    "another version": (another_version_than_approved, "held: an org is not on the approved list"),
    "excluded": (excluded, "held: an org of it was excluded a moment ago"),
    "other rules": (
        lambda look: Rollout.objects.update(
            policy_json=look.batch.wave.rollout.policy_json | {"failure_cap": 999}
        ),
        "held: the rules are not those that were approved",
    ),
    "tampered": (on_all(FrozenList, batches=[200]), "held: the frozen list is not what was hashed"),
    "paused": (
        lambda look: control.pause(
            look.batch.wave.rollout, by=look.world.pia, now=look.world.clock()
        ),
        "held: paused by",
    ),
    "called back": (lambda look: Batch.objects.update(cancel_wanted_at=look.world.clock()),
                    "the batch is being called back"),
    "approval gone": (lambda look: Approval.objects.update(voided_at=look.world.clock()),
                      "0 of 1 approvals"),
    "two needed": (on_all(Wave, approvals_needed=2), "1 of 2 approvals"),
    "lapsed": (lambda look: Approval.objects.update(expires_at=look.world.clock() - timedelta(1)),
               "the approval has lapsed"),
    "ended": (lambda look: FrozenList.objects.update(end_by=look.world.clock() - timedelta(1)),
              "the approved end date has passed"),
    "started": (lambda look: Batch.objects.update(start_at=look.world.clock()),
                "the start is nearer than the fuse"),
    "elsewhere": (elsewhere, "1 orgs have a live attempt elsewhere"),
    "no org left": (on_all(Attempt, state="canceled"), "no org is left in the batch"),
    "silent watcher": (
        lambda look: Heartbeat.objects.update(beat_at=look.world.clock() - timedelta(minutes=2)),
        "the watcher is silent",
    ),
    "a freeze": (frozen_meanwhile, "3 orgs are frozen by “Quarter end”"),
    "narrower hours": (narrower, "1 org is outside the window"),
    "few calls": (instead("budget", lambda: Budget(951, 1000)),
                  "the API calls left are needed to cancel what is armed"),
}  # fmt: skip
