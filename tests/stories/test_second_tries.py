"""A retry outside the approved rule is a new list with its own yes, for exactly the chosen orgs."""

from __future__ import annotations

import pytest

from rollouts.models import Attempt, FrozenOrg, Target, Wave
from rollouts.pipeline import approve, control, failing, kind_retry, second_try
from rollouts.pipeline.transitions import Forbidden, Overtaken, Refusal
from tests.support.trouble import (
    nothing_swallowed,
    own_rollout,
    sandbox_rollout,
    settle,
    until_batch,
    wrongs,
)
from tests.support.world import World

__all__ = ["nothing_swallowed"]
pytestmark = pytest.mark.usefixtures("nothing_swallowed")


def failed_wave(world: World) -> tuple[Wave, str]:
    """Come to a baking wave in which one org failed for good, until its script is mended."""
    wave = sandbox_rollout(world, drop_percent=50.0)
    org = wave.targets.first().org.key  # type: ignore[union-attr]
    world.fail([org], "PACError", times=1)
    world.until(world.wave_is(wave, "baking"))
    return wave, org


def ask(world: World, wave: Wave, orgs: list[str] | None = None, name: str = "pia") -> int:
    return second_try.ask(
        wave, orgs, by=world.people[name], reason="they mended their script", now=world.clock()
    )


def test_a_retry_is_pushed_only_after_a_new_list_and_a_new_yes(world: World) -> None:
    wave, org = failed_wave(world)
    assert ask(world, wave, [org]) == 1
    wave.refresh_from_db()
    assert wave.state == "planned"
    world.ticks(4)
    assert len(world.effects("request_created")) == 1

    world.freeze(wave)
    world.ticks(4)
    assert len(world.effects("request_created")) == 1
    newest = wave.frozen_list
    assert list(FrozenOrg.objects.filter(list=newest).values_list("org__key", flat=True)) == [org]

    world.approve(wave)
    world.until(world.wave_is(wave, "passed"))
    assert wrongs(world) == []
    assert sorted(key for key, _ in world.pushed()) == sorted(
        wave.targets.values_list("org__key", flat=True)
    )
    states = Attempt.objects.filter(org__key=org).order_by("number").values_list("state", flat=True)
    assert list(states) == ["failed", "confirmed"]


def test_a_retry_of_a_kind_takes_exactly_its_orgs_and_needs_its_own_yes(world: World) -> None:
    wave = sandbox_rollout(world, drop_percent=50.0)
    one, other = (target.org.key for target in wave.targets.select_related("org")[:2])
    world.fail([one], "PACError", times=1)
    world.fail([other], "LimitExceeded", times=1)
    world.until(world.wave_is(wave, "baking"))
    rollout = wave.rollout
    package = rollout.to_version.package
    signature = Attempt.objects.get(org__key=one).signature
    hits = failing.hits(failing.failed(rollout=rollout, signature=signature))
    seen = kind_retry.plan_of(rollout, hits)
    assert ([key for going in seen.going for key in going.keys], seen.attempts) == ([one], [(2, 1)])

    def retry(name: str, digest: str) -> kind_retry.Plan:
        return kind_retry.ask(
            rollout, package, signature,
            seen=digest, by=world.people[name], reason="they made room", now=world.clock(),
        )  # fmt: skip

    with pytest.raises(Forbidden):
        retry("ari", seen.digest)
    with pytest.raises(Overtaken):
        retry("pia", "of other orgs")
    retry("pia", seen.digest)
    with pytest.raises(Overtaken):
        retry("pia", seen.digest)

    frozen = world.freeze(wave).frozen_list
    assert frozen
    assert approve.approval_refusal(frozen, world.pia, world.clock())
    world.ticks(4)
    assert len(world.effects("request_created")) == 1
    world.approve(wave)
    world.until(world.wave_is(wave, "baking"))
    assert wrongs(world) == []
    again = Attempt.objects.filter(number=2)
    assert [(attempt.org.key, attempt.state) for attempt in again] == [(one, "confirmed")]
    (left,) = failing.hits(failing.failed(rollout=rollout, signature=signature))
    assert left.now is failing.Now.UPGRADED
    assert kind_retry.plan_of(rollout, [left]).skipped == [
        "1 org already on the new version or a newer one"
    ]


def test_who_may_not_plan_asks_for_no_retry(world: World) -> None:
    wave, org = failed_wave(world)
    with pytest.raises(Forbidden):
        ask(world, wave, [org], "ari")
    with pytest.raises(Overtaken):
        ask(world, wave, [world.small_choice().org_ids[-1]])
    with pytest.raises(Overtaken):
        ask(world, wave, [])
    with pytest.raises(Refusal, match="what has changed"):
        second_try.ask(wave, [org], by=world.pia, reason=" ", now=world.clock())


def test_an_org_whose_success_nobody_saw_is_not_retried(world: World) -> None:
    wave, org = failed_wave(world)
    assert list(second_try.candidates(wave).values_list("org__key", flat=True)) == [org]
    seen = wave.targets.exclude(org__key=org).first()
    assert seen
    Target.objects.filter(pk=seen.pk).update(state="failed")
    assert list(second_try.candidates(wave).values_list("org__key", flat=True)) == [org]
    with pytest.raises(Overtaken):
        ask(world, wave, [seen.org.key])


def test_nothing_is_retried_while_the_wave_is_on_its_way(world: World) -> None:
    wave = own_rollout(world)
    until_batch(world, wave, "armed")
    assert not second_try.may_ask(wave)
    with pytest.raises(Overtaken):
        ask(world, wave)


def test_a_retry_whose_org_mended_itself_leads_back_to_the_bake(world: World) -> None:
    wave, org = failed_wave(world)
    ask(world, wave, [org])
    world.freeze(wave)
    world.approve(wave)
    world.sim.change_org(org, version_id=wave.rollout.to_version.sf_id)
    world.sync()
    world.until(world.wave_is(wave, "baking"))
    assert wave.targets.get(org__key=org).state == "already_current"
    control.close_wave(wave, by=world.ari, reason="it came by itself", now=world.clock())
    assert len(world.effects("request_created")) == 1


def test_after_a_halt_failed_orgs_can_be_put_on_a_new_list(world: World) -> None:
    wave, org = failed_wave(world)
    control.halt(wave.rollout, by=world.pia, reason="a look", now=world.clock())
    assert not second_try.may_ask(Wave.objects.get(pk=wave.pk))
    control.resume(wave.rollout, by=world.ari, reason="fine", acknowledged=1, now=world.clock())
    wave = Wave.objects.select_related("rollout").get(pk=wave.pk)
    assert approve.nothing_left(wave)
    ask(world, wave, [org])
    wave.refresh_from_db()
    world.approve(world.freeze(wave))
    settle(world, wave)
    assert wrongs(world) == []
    assert wave.targets.get(org__key=org).state == "done"
