"""What is tried at the moment of arming; each check stands for itself.

Checks take the module that arms as an argument, so that the mutation battery can try altered ones.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, fields
from datetime import timedelta
from types import ModuleType

import pytest
from django.db import transaction
from django.db.models import F

from rollouts.domain.lifecycle import BatchState, RolloutState, WaveState
from rollouts.models import Approval, Attempt, Batch, Event
from rollouts.pipeline import arm, keeping, memory, timing
from rollouts.pipeline.leases import Claim
from rollouts.salesforce.errors import Unknown
from tests.support.last_look import REFUSED, Look, copy_of, elsewhere, sibling

Check = Callable[[ModuleType, Look], None]


def refusals(module: ModuleType, look: Look) -> str:
    return "; ".join(module._commit(look.batch, look.live, look.world.gateway))


# --- what holds when all is well ----------------------------------------------------------------


def commits(module: ModuleType, look: Look) -> None:
    assert refusals(module, look) == ""
    now, after = look.world.clock(), look.again()
    assert (after.state, after.armed_at, after.armed_sent_at) == ("arming", now, now)
    event = Event.objects.filter(action="arm_batch").get()
    orgs = sorted(after.attempts.values_list("org__key", flat=True))
    assert event.detail == {"orgs": orgs, "list": after.wave.frozen_list_id}
    assert event.at == now
    assert f"{len(orgs)} orgs" in event.reason


def gathers_exactly_these_facts(module: ModuleType, look: Look) -> None:
    now, frozen = look.world.clock(), look.batch.list
    asked = look.again()
    found = module._facts(
        asked.wave.rollout, asked.wave, asked, look.batch.epoch + 7, look.world.gateway, now
    )
    approval = frozen.approvals.get()
    expected = {
        "rollout_state": RolloutState.ACTIVE,
        "wave_state": WaveState.DISPATCHING,
        "batch_state": BatchState.VERIFIED,
        "epoch_read": look.batch.epoch + 7,
        "epoch_now": look.batch.epoch,
        "holds": (),
        "writes_allowed": True,
        "list_digest": frozen.digest,
        "approvals": 1,
        "approvals_needed": 1,
        "approved_digests": (frozen.digest,),
        "approval_until": approval.expires_at,
        "first_armed": False,
        "end_by": frozen.end_by,
        "start_at": asked.start_at,
        "not_after": asked.not_after,
        "to_version": frozen.to_version.sf_id,
        "orgs": frozenset(asked.attempts.values_list("org__key", flat=True)),
        "live_elsewhere": (),
        "cancel_wanted": False,
        "watcher_seen": True,
        "fuse": timing.fuse(asked.wave.rollout.policy),
        "calls_left": look.world.gateway.budget().left,  # type: ignore[union-attr]
        "calls_reserve": 50,
        "hours": keeping.of_batch(asked, now),
    }
    assert {field.name: getattr(found, field.name) for field in fields(found)} == expected


def takes_an_unread_budget_for_just_enough(module: ModuleType, look: Look) -> None:
    look.told.instead["budget"] = lambda: None
    asked = look.again()
    found = module._facts(
        asked.wave.rollout, asked.wave, asked, asked.epoch, look.world.gateway, look.world.clock()
    )
    assert found.calls_left == found.calls_reserve == 50


def counts_the_first_arming_of_its_own_list_only(module: ModuleType, look: Look) -> None:
    asked = look.again()
    other = sibling(look, armed=True)

    def first_armed() -> bool:
        found = module._facts(
            asked.wave.rollout, asked.wave, asked, asked.epoch, look.world.gateway,
            look.world.clock(),
        )  # fmt: skip
        return bool(found.first_armed)

    assert first_armed()
    Batch.objects.filter(pk=other.pk).update(list=copy_of(look.batch.list))
    assert not first_armed()


def takes_the_earliest_end_of_the_approvals(module: ModuleType, look: Look) -> None:
    """Of two approvals the one that lapses first decides, though one would do."""
    approval = look.batch.list.approvals.get()
    Approval.objects.create(
        list=look.batch.list, digest=approval.digest, person=look.world.ann, reason="fine",
        granted_at=approval.granted_at, expires_at=look.world.clock() - timedelta(seconds=1),
    )  # fmt: skip
    said = refusals(module, look)
    assert said == "the approval has lapsed", said
    Approval.objects.update(expires_at=look.world.clock() + timedelta(hours=1))
    assert refusals(module, look) == ""


def names_the_orgs_that_are_live_elsewhere(module: ModuleType, look: Look) -> None:
    elsewhere(look)
    asked = look.again()
    found = module._facts(
        asked.wave.rollout, asked.wave, asked, asked.epoch, look.world.gateway, look.world.clock()
    )
    first = look.batch.attempts.order_by("pk").first()
    assert first
    assert found.live_elsewhere == (first.org.key,)


def does_not_mind_attempts_that_have_ended(module: ModuleType, look: Look) -> None:
    gone = look.batch.attempts.order_by("pk").first()
    assert gone
    Attempt.objects.filter(pk=gone.pk).update(state="canceled")
    assert "1 extra" in refusals(module, look)


def names_each_reason(change: Callable[[Look], object], words: str) -> Check:
    """The change alone is refused, with its words, and nothing is armed."""

    def check(module: ModuleType, look: Look) -> None:
        change(look)
        assert words in refusals(module, look)
        assert look.again().armed_at is None

    return check


# --- saying it again ----------------------------------------------------------------------------


@dataclass(slots=True)
class Again:
    """An arming batch whose PATCH has not arrived."""

    look: Look
    claim: Claim

    @property
    def said(self) -> int:
        return self.look.told.made.count("arm")

    @property
    def wanted_back(self) -> bool:
        return self.look.again().cancel_wanted_at is not None


def not_arrived(look: Look) -> Again:
    assert refusals(arm, look) == ""
    batch = look.again()
    return Again(look, Claim(batch, batch.epoch))


def says_it_again(module: ModuleType, look: Look) -> None:
    again = not_arrived(look)
    module._arm_again(again.claim, look.world.gateway, look.world.clock())
    assert (again.said, again.wanted_back) == (1, False)


def says_it_until_the_fuse_is_short(module: ModuleType, look: Look) -> None:
    again = not_arrived(look)
    edge = timing.arm_until(look.batch, look.batch.wave.rollout.policy)
    module._arm_again(again.claim, look.world.gateway, edge)
    assert (again.said, again.wanted_back) == (1, False)
    module._arm_again(again.claim, look.world.gateway, edge + timedelta(seconds=1))
    assert (again.said, again.wanted_back) == (1, True)


def leaves_a_lost_batch_alone(module: ModuleType, look: Look) -> None:
    again = not_arrived(look)
    Batch.objects.update(epoch=F("epoch") + 1)
    module._arm_again(again.claim, look.world.gateway, look.world.clock())
    assert (again.said, again.wanted_back) == (0, False)


def leaves_a_recalled_batch_alone(module: ModuleType, look: Look) -> None:
    again = not_arrived(look)
    Batch.objects.update(cancel_wanted_at=look.world.clock())
    module._arm_again(again.claim, look.world.gateway, look.world.clock())
    assert again.said == 0
    assert look.again().cancel_reason == ""


def says_nothing_when_too_old(module: ModuleType, look: Look) -> None:
    again = not_arrived(look)
    again.claim.began -= 3600
    module._arm_again(again.claim, look.world.gateway, look.world.clock())
    module.send_arm(again.claim, look.world.gateway)
    assert (again.said, again.wanted_back) == (0, False)


def says_nothing_without_an_id(module: ModuleType, look: Look) -> None:
    again = not_arrived(look)
    again.claim.batch.sf_id = None
    module._arm_again(again.claim, look.world.gateway, look.world.clock())
    module.send_arm(again.claim, look.world.gateway)
    assert again.said == 0


def bears_a_call_without_an_answer(module: ModuleType, look: Look) -> None:
    again = not_arrived(look)
    look.told.instead["arm"] = lost
    module._arm_again(again.claim, look.world.gateway, look.world.clock())
    module.send_arm(again.claim, look.world.gateway)
    assert (look.again().state, again.wanted_back) == ("arming", False)


def lost(_request: str) -> None:
    raise Unknown("Salesforce did not answer")


def reads_it_back(module: ModuleType, look: Look) -> None:
    again = not_arrived(look)
    module.send_arm(again.claim, look.world.gateway)
    assert (again.said, look.again().state) == (1, "armed")


def is_not_repeated(change: Callable[[Look], object]) -> Check:
    """What allowed the arming no longer holds: it is called back instead."""

    def check(module: ModuleType, look: Look) -> None:
        again = not_arrived(look)
        change(look)
        module._arm_again(again.claim, look.world.gateway, look.world.clock())
        assert (again.said, again.wanted_back) == (0, True)

    return check


def put_back(look: Look) -> None:
    """A database from a backup."""
    look.patch.setattr(memory, "restored", lambda: "from a backup")


NOT_REPEATED = (
    "halted", "epoch", "approval gone", "voided", "paused", "a freeze", "narrower hours",
)  # fmt: skip

CHECKS: dict[str, Check] = {
    check.__name__: check
    for check in (
        commits, gathers_exactly_these_facts, takes_an_unread_budget_for_just_enough,
        counts_the_first_arming_of_its_own_list_only, takes_the_earliest_end_of_the_approvals,
        names_the_orgs_that_are_live_elsewhere,
        does_not_mind_attempts_that_have_ended, says_it_again, says_it_until_the_fuse_is_short,
        leaves_a_lost_batch_alone, leaves_a_recalled_batch_alone, says_nothing_when_too_old,
        says_nothing_without_an_id, bears_a_call_without_an_answer, reads_it_back,
    )
} | {
    f"refuses: {name}": names_each_reason(change, words)
    for name, (change, words) in REFUSED.items()
} | {
    f"does not say it again: {name}": is_not_repeated(REFUSED[name][0]) for name in NOT_REPEATED
} | {"does not say it again: put back": is_not_repeated(put_back)}  # fmt: skip


def failing(module: ModuleType, look: Look, *, first: bool = False) -> dict[str, str]:
    """Try every check on an arming module, each on rows that are put back; name what fails."""
    wrong: dict[str, str] = {}
    at = look.world.clock()
    for name, check in CHECKS.items():
        point = transaction.savepoint()
        try:
            with pytest.MonkeyPatch.context() as look.patch:
                check(module, look)
        except Exception as error:  # noqa: BLE001 - whatever goes wrong is the answer
            wrong[name] = f"{type(error).__name__}: {error}"
        finally:
            transaction.savepoint_rollback(point)
            look.told.instead.clear()
            look.told.made.clear()
            look.world.clock.at = at
            look.batch = look.again()
        if wrong and first:
            break
    return wrong
