"""Which reading when: changes by day, everything by night, and what a person may let through."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Any

import pytest

from rollouts.models import Event, Installation, Org, Package, SyncLeave, SyncRun, VersionChange
from rollouts.pipeline import history, holds, letting, tick
from rollouts.pipeline.transitions import Forbidden, Overtaken, Refusal
from rollouts.salesforce.errors import TryAgain
from rollouts.salesforce.gateway import SfSubscriber
from tests.support.trouble import Told, own_rollout, tell
from tests.support.world import World

Page = Sequence[SfSubscriber]
_JUMP = ("4.2.0", "4.2.2")


def harbor() -> Package:
    return Package.objects.get(namespace="hbr")


def last(**what: object) -> SyncRun:
    return SyncRun.objects.filter(package=harbor(), **what).order_by("-pk")[0]


def rows_of(world: World) -> dict[str, Installation]:
    return {
        row.org.key: row
        for row in Installation.objects.filter(package=harbor()).select_related("org", "version")
    }


def lines_of(key: str) -> list[tuple[str, str, str]]:
    """The history of an org, newest first: proof, from and to."""
    return [
        (
            one.proof,
            one.from_version.label if one.from_version else "",
            one.to_version.label if one.to_version else "",
        )
        for one in history.of_org(Org.objects.get(key=key))
        if one.installation.package == harbor()
    ]


def upgrade(world: World, key: str) -> None:
    """Let an org take 4.2.2 by itself."""
    world.sim.change_org(key, version_id=world.version("4.2.2").sf_id)


def bending(told: Told, bend: Any) -> None:
    """Let every page of subscribers pass through ``bend``."""
    read = told._inner.subscribers

    def bent(*args: object, **kwargs: object) -> Iterator[Page]:
        return (bend(page) for page in read(*args, **kwargs))

    told.instead["subscribers"] = bent


def hide(told: Told, keys: set[str]) -> None:
    bending(told, lambda page: [row for row in page if row.org not in keys])


def test_a_quiet_sync_by_day_is_one_call_and_one_per_package(world: World) -> None:
    world.clock.forward(minutes=15)
    before = world.gateway.calls
    tick.sync_all()
    assert world.gateway.calls - before == 1 + Package.objects.count()
    assert not last().full
    assert (last().new, last().changed, last().retired) == (0, 0, 0)


def test_by_day_a_change_is_read_and_what_did_not_change_keeps_its_age(world: World) -> None:
    before = rows_of(world)
    key, other = world.small_choice().org_ids[:2]
    world.clock.forward(minutes=15)
    upgrade(world, key)
    tick.sync_all()
    after = rows_of(world)
    assert after[key].version.label == "4.2.2"
    assert after[key].read_at > before[key].read_at
    assert after[other].read_at == before[other].read_at
    change = VersionChange.objects.filter(installation=after[key]).latest("pk")
    assert (change.after, change.before) == (before[key].read_at, after[key].read_at)


def test_everything_is_read_once_after_two_at_night(world: World) -> None:
    full = []
    for _ in range(48):
        world.clock.forward(hours=1)
        tick.sync_all()
        full.append(last().full)
    assert full.count(True) == 2


def test_an_org_that_left_in_silence_is_found_missing_at_night(world: World) -> None:
    key = world.small_choice().org_ids[0]
    hide(tell(world), {key})
    world.clock.forward(minutes=15)
    tick.sync_all()
    assert rows_of(world)[key].gone_at is None
    world.clock.forward(hours=24)
    tick.sync_all()
    assert rows_of(world)[key].gone_at == last().read_at


def test_an_org_that_is_listed_as_uninstalled_is_gone_at_once(world: World) -> None:
    key = world.small_choice().org_ids[0]
    told = tell(world)
    told.instead["subscribers"] = lambda *_args, **_kw: iter(
        [[replace(one, installed=False)] for page in told._inner.subscribers(harbor().sf_id)
         for one in page if one.org == key and one.package_id == _args[0]]
    )  # fmt: skip
    world.clock.forward(minutes=15)
    tick.sync_all()
    assert not last().full
    assert rows_of(world)[key].gone_at == last().read_at


def test_an_org_at_a_version_that_nobody_lists_is_neither_retired_nor_renewed(world: World) -> None:
    key = world.small_choice().org_ids[0]
    before = rows_of(world)[key]
    stranger = before.version.sf_id[:10] + "ZZZZZ"
    told = tell(world)
    bending(
        told, lambda page: [replace(r, version_id=stranger) if r.org == key else r for r in page]
    )
    world.clock.forward(minutes=15)
    world.sync()
    row = rows_of(world)[key]
    assert (row.gone_at, row.version_id, row.read_at) == (None, before.version_id, before.read_at)
    assert "1 orgs have a version" in last().problem


def test_a_renamed_org_is_found_by_its_new_name(world: World) -> None:
    key = world.small_choice().org_ids[0]
    world.clock.forward(minutes=15)
    world.sim.change_org(key, org_name="Größenwahn Ünlimited")
    tick.sync_all()
    assert Org.objects.get(folded__contains="grossenwahn unlimited").key == key


def test_an_org_that_left_was_last_seen_by_the_read_before(world: World) -> None:
    key = next(key for key, row in rows_of(world).items() if row.version.label == _JUMP[0])
    org = Org.objects.get(key=key)
    assert lines_of(key) == [("first_seen", "", _JUMP[0])]
    seen = rows_of(world)[key].read_at
    assert history.last_seen(org, history.of_org(org)) == seen
    world.clock.forward(minutes=15)
    world.sim.change_org(key, uninstalled=True)
    world.sync()
    assert lines_of(key) == [("seen", _JUMP[0], ""), ("first_seen", "", _JUMP[0])]
    assert history.last_seen(org, history.of_org(org)) == seen


def test_many_changes_are_stored_as_many_lines_of_history(world: World) -> None:
    """The first change of an org also writes down what went before it."""
    keys = [key for key, row in rows_of(world).items() if row.version.label == _JUMP[0]]
    known = VersionChange.objects.count()
    world.clock.forward(minutes=15)
    for key in keys:
        upgrade(world, key)
    world.sync()
    assert last().changed == len(keys)
    assert VersionChange.objects.count() == known + 2 * len(keys)
    for key in keys:
        assert lines_of(key) == [("seen", *_JUMP), ("first_seen", "", _JUMP[0])]
    assert {rows_of(world)[key].version.label for key in keys} == {_JUMP[1]}


# --- a suspicious reading ---------------------------------------------------------------------


@pytest.fixture
def refused(world: World) -> World:
    """Salesforce has stopped to list 40 orgs."""
    keys = sorted(rows_of(world))[:40]
    hide(tell(world), set(keys))
    world.clock.forward(minutes=15)
    world.sync()
    return world


def test_a_suspicious_reading_holds_the_packages_rollouts(refused: World) -> None:
    run = last(full=True)
    assert run.would_retire == 40
    assert len(run.missing) == 40
    wave = own_rollout(refused)
    assert any(
        "would have retired 40 orgs" in why
        for why in holds.on_rollout(wave.rollout, refused.clock())
    )


def test_it_is_tried_again_after_an_hour_and_told_once(refused: World) -> None:
    for _ in range(8):
        refused.clock.forward(minutes=15)
        tick.sync_all()
    assert SyncRun.objects.filter(package=harbor(), full=True, would_retire=40).count() == 3
    assert Event.objects.filter(action="sync_refused").count() == 1


def test_an_approver_lets_it_through_for_the_next_full_reading_only(refused: World) -> None:
    run = last(full=True)
    letting.let_through(run, seen=40, reason="contract ended", by=refused.ari, now=refused.clock())
    refused.clock.forward(minutes=15)
    tick.sync_all()
    assert last().full
    assert last().retired == 40
    assert not letting.refused(harbor())
    assert SyncLeave.objects.get().used_by == last()
    told = Event.objects.get(action="let_sync_through")
    assert (told.person, told.reason, told.detail["would_retire"]) == (
        refused.ari,
        "contract ended",
        40,
    )
    # The next suspicious reading is refused again.
    hide(refused.gateway, set(sorted(rows_of(refused))[40:80]))  # type: ignore[arg-type]
    refused.clock.forward(hours=24)
    tick.sync_all()
    assert not last(full=True).ok


def test_a_reading_that_breaks_off_does_not_use_the_leave_up(refused: World) -> None:
    run = last(full=True)
    letting.let_through(run, seen=40, reason="contract ended", by=refused.ari, now=refused.clock())
    told: Any = refused.gateway
    healthy = told.instead["subscribers"]

    def broken(*_: object, **__: object) -> Iterator[Page]:
        raise TryAgain("no answer")

    told.instead["subscribers"] = broken
    refused.clock.forward(minutes=15)
    tick.sync_all()
    assert SyncLeave.objects.get().used_by is None
    told.instead["subscribers"] = healthy
    refused.clock.forward(minutes=15)
    tick.sync_all()
    assert last().retired == 40


def test_far_more_than_the_person_saw_is_refused_all_the_same(refused: World) -> None:
    run = last(full=True)
    letting.let_through(run, seen=40, reason="contract ended", by=refused.ari, now=refused.clock())
    told: Any = refused.gateway
    told.instead["subscribers"] = lambda *_, **__: iter([[]])
    refused.clock.forward(minutes=15)
    tick.sync_all()
    assert (last(full=True).would_retire or 0) > 60
    assert not rows_of(refused)[min(rows_of(refused))].gone_at


def test_only_an_approver_may_with_the_number_seen_and_a_reason(refused: World) -> None:
    run, now = last(full=True), refused.clock()
    with pytest.raises(Forbidden):
        letting.let_through(run, seen=40, reason="because", by=refused.pia, now=now)
    with pytest.raises(Overtaken):
        letting.let_through(run, seen=39, reason="because", by=refused.ari, now=now)
    with pytest.raises(Refusal):
        letting.let_through(run, seen=40, reason="  ", by=refused.ari, now=now)
    letting.let_through(run, seen=40, reason="because", by=refused.ari, now=now)
    with pytest.raises(Overtaken):
        letting.let_through(run, seen=40, reason="because", by=refused.ann, now=now)
