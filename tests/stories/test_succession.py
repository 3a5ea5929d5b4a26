"""A newer version's rollout takes over what an older one has left; nothing is pushed by both."""

from __future__ import annotations

import pytest

from rollouts.models import Rollout, Wave
from rollouts.pipeline import control, holds, plan, succession
from rollouts.pipeline.transitions import Forbidden, Overtaken, Refusal
from tests.support.trouble import nothing_swallowed, own_rollout, settle, until_batch, wrongs
from tests.support.world import World

__all__ = ["nothing_swallowed"]
pytestmark = pytest.mark.usefixtures("nothing_swallowed")

NEWER = "4.3.0"


def take_over(world: World, wave: Wave, *, number: str = NEWER, name: str = "pia") -> Rollout:
    keys = tuple(wave.targets.values_list("org__key", flat=True))
    made, _ = succession.take_over(
        world.version(number),
        plan.AudienceChoice(org_ids=keys),
        wave.rollout,
        by=world.people[name],
        now=world.clock(),
    )
    return made


@pytest.mark.parametrize("state", ["verified", "armed", "running"])
def test_the_newer_one_takes_what_is_left_when_the_older_one_can_start_nothing(
    world: World, state: str
) -> None:
    wave = own_rollout(world, batch_strict=2)
    until_batch(world, wave, state)
    newer = take_over(world, wave)
    older = wave.rollout
    older.refresh_from_db()
    assert (older.state, newer.supersedes_id) == ("aborting", older.pk)
    assert "superseded by" in older.reason
    assert newer.targets.count() == 3

    mine = world.go(newer, 1)
    if state == "running":
        world.ticks()
        assert any("which it takes over" in hold for hold in holds.on_rollout(newer, world.clock()))
        assert not mine.batches.exists()
    settle(world, mine)
    older.refresh_from_db()
    assert older.state == "aborted"
    assert wrongs(world) == []
    assert set(mine.targets.values_list("state", flat=True)) == {"done"}
    pushed = [version for _, version in world.pushed()]
    assert pushed.count(newer.to_version.sf_id) == 3
    assert pushed.count(older.to_version.sf_id) == (2 if state == "running" else 0)


def test_an_older_version_takes_nothing_over(world: World) -> None:
    wave = own_rollout(world)
    with pytest.raises(Refusal, match="not for an older version"):
        take_over(world, wave, number="4.2.2")
    wave.rollout.refresh_from_db()
    assert wave.rollout.state == "ready"


def test_what_has_ended_is_not_taken_over(world: World) -> None:
    wave = own_rollout(world)
    control.abort(wave.rollout, by=world.pia, reason="wrong", now=world.clock())
    with pytest.raises(Overtaken):
        take_over(world, wave)
    assert Rollout.objects.count() == 1


def test_only_a_planner_hands_over(world: World) -> None:
    wave = own_rollout(world)
    with pytest.raises(Forbidden):
        take_over(world, wave, name="ari")
    wave.rollout.refresh_from_db()
    assert wave.rollout.state == "ready"


def test_without_taking_over_the_orgs_stay_with_the_older_one(world: World) -> None:
    wave = own_rollout(world)
    keys = tuple(wave.targets.values_list("org__key", flat=True))
    choice = plan.AudienceChoice(org_ids=keys)
    with pytest.raises(Refusal, match="No org is left"):
        plan.create_rollout(world.version(NEWER), choice, by=world.pia, now=world.clock())
    assert succession.may_yield(world.version(NEWER)) == [wave.rollout]
    assert succession.may_yield(world.version("4.2.2")) == []
