"""Whose yes counts, and for what: refusals of an approval, each with its sentence."""

from __future__ import annotations

from datetime import timedelta

import pytest

from rollouts.domain.permissions import Role
from rollouts.models import Approval, FrozenOrg, PackageVersion, RoleGrant, Wave
from rollouts.pipeline import approve, control
from rollouts.pipeline.transitions import Forbidden, Overtaken, Refusal
from tests.support.trouble import only_planned
from tests.support.world import World


@pytest.fixture
def frozen(world: World) -> Wave:
    wave = only_planned(world, world.small_choice().org_ids[:3])
    return world.freeze(wave)


def give(world: World, name: str, role: Role) -> None:
    RoleGrant.objects.create(
        person=world.people[name], role=role.value,
        granted_at=world.clock(), starts_at=world.clock() - timedelta(days=9),
    )  # fmt: skip


def say_yes(world: World, wave: Wave, name: str = "ari", **also: str) -> Approval:
    wave.refresh_from_db()
    assert wave.frozen_list
    said = {"seen_digest": wave.frozen_list.digest, "reason": "looks right"} | also
    return approve.approve(wave, by=world.people[name], now=world.clock(), **said)


def untouched(wave: Wave) -> None:
    wave.refresh_from_db()
    assert wave.state == "frozen"
    assert not Approval.objects.standing().exists()


@pytest.mark.parametrize("name", ["pia", "sue", "ada", "vic"])
def test_only_approvers_approve(world: World, frozen: Wave, name: str) -> None:
    with pytest.raises(Forbidden):
        say_yes(world, frozen, name)
    untouched(frozen)


def test_nobody_approves_a_plan_of_their_own(world: World, frozen: Wave) -> None:
    give(world, "pia", Role.APPROVER)
    with pytest.raises(Refusal, match="You planned"):
        say_yes(world, frozen, "pia")
    untouched(frozen)


def test_nobody_approves_a_list_they_froze_or_changed(world: World, frozen: Wave) -> None:
    give(world, "ari", Role.PLANNER)
    approve.edit(frozen, by=world.pia, reason="again", now=world.clock())
    approve.freeze(frozen, by=world.ari, now=world.clock())
    with pytest.raises(Refusal, match="You froze or changed"):
        say_yes(world, frozen)
    frozen.refresh_from_db()
    assert frozen.frozen_list
    frozen.frozen_list.edited_by.add(world.ann)
    with pytest.raises(Refusal, match="You froze or changed"):
        say_yes(world, frozen, "ann")
    untouched(frozen)


def test_two_approvals_are_two_people(world: World, frozen: Wave) -> None:
    approve.edit(frozen, by=world.pia, reason="two people", now=world.clock())
    Wave.objects.filter(pk=frozen.pk).update(approvals_needed=2)
    frozen = world.freeze(Wave.objects.get(pk=frozen.pk))
    say_yes(world, frozen)
    with pytest.raises(Refusal, match="approved this list already"):
        say_yes(world, frozen)
    frozen.refresh_from_db()
    assert frozen.state == "frozen"
    say_yes(world, frozen, "ann")
    frozen.refresh_from_db()
    assert frozen.state == "approved"


@pytest.mark.parametrize("change", [{"approvals_needed": 2}, {"bake": 1}])
def test_how_many_agree_and_how_long_it_bakes_is_part_of_the_yes(
    world: World, frozen: Wave, change: dict[str, int]
) -> None:
    Wave.objects.filter(pk=frozen.pk).update(**change)
    with pytest.raises(Overtaken, match="changed"):
        say_yes(world, frozen)


def test_a_yes_is_for_the_list_that_was_seen(world: World, frozen: Wave) -> None:
    assert frozen.frozen_list
    seen = frozen.frozen_list.digest
    world.clock.forward(minutes=1)
    approve.edit(frozen, by=world.pia, reason="again", now=world.clock())
    world.freeze(frozen)
    with pytest.raises(Overtaken, match="This list has changed"):
        say_yes(world, frozen, seen_digest=seen)
    untouched(frozen)


def test_a_list_with_one_org_more_than_was_hashed_is_refused(world: World, frozen: Wave) -> None:
    assert frozen.frozen_list
    row = frozen.frozen_list.orgs.first()
    other = frozen.rollout.to_version.package.installations.exclude(
        org__in=frozen.frozen_list.orgs.values("org")
    ).first()
    assert row
    assert other
    FrozenOrg.objects.create(
        list=frozen.frozen_list, org=other.org, from_version=row.from_version, place=99
    )
    with pytest.raises(Overtaken, match="This list has changed"):
        say_yes(world, frozen)
    untouched(frozen)


@pytest.mark.parametrize("change", [{"deprecated": True}, {"released": False}])
def test_a_version_that_can_not_be_pushed_any_more_is_refused(
    world: World, frozen: Wave, change: dict[str, bool]
) -> None:
    PackageVersion.objects.filter(pk=frozen.rollout.to_version_id).update(**change)
    with pytest.raises(Refusal, match="can't be pushed"):
        say_yes(world, frozen)
    untouched(frozen)


def test_a_void_or_outlived_list_is_refused(world: World, frozen: Wave) -> None:
    world.clock.forward(days=15)
    with pytest.raises(Refusal, match="end date"):
        say_yes(world, frozen)
    approve.send_back(frozen, by=world.ari, reason="too old", now=world.clock())
    with pytest.raises(Overtaken):
        say_yes(world, frozen)


def test_a_yes_needs_a_reason(world: World, frozen: Wave) -> None:
    with pytest.raises(Refusal, match="few words"):
        say_yes(world, frozen, reason=" ")
    untouched(frozen)


def test_an_approval_that_was_withdrawn_opens_nothing(world: World, frozen: Wave) -> None:
    say_yes(world, frozen)
    frozen.refresh_from_db()
    approve.withdraw(frozen, by=world.pia, reason="wait", now=world.clock())
    untouched(frozen)
    world.ticks(3)
    assert world.effects("request_created") == []


def test_an_approval_that_nobody_used_in_time_lapses(world: World, frozen: Wave) -> None:
    say_yes(world, frozen)
    control.pause(frozen.rollout, by=world.pia, now=world.clock())
    world.clock.forward(hours=73)
    world.sync()
    world.ticks()
    untouched(frozen)
    control.lift_pause(frozen.rollout, by=world.pia, now=world.clock())
    say_yes(world, frozen)
    frozen.refresh_from_db()
    assert frozen.state == "approved"
