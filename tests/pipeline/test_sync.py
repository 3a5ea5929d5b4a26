"""Reading the subscribers: a bad answer changes nothing, and no read undoes a newer one."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from rollouts.models import Installation, SyncRun
from rollouts.salesforce.errors import TryAgain
from tests.support.trouble import exactly_once, own_rollout, settle, tell, until_batch
from tests.support.world import World


def snapshot() -> list[tuple[int, int, object]]:
    return list(Installation.objects.order_by("pk").values_list("pk", "version_id", "gone_at"))


def test_an_answer_that_would_retire_many_orgs_changes_nothing(world: World) -> None:
    before = snapshot()
    told = tell(world)
    told.instead["subscribers"] = lambda *_, **__: iter([[]])
    world.sync()
    assert snapshot() == before
    assert "would retire" in SyncRun.objects.filter(ok=False).latest().problem


def test_a_read_that_breaks_off_changes_nothing(world: World) -> None:
    before = snapshot()
    told = tell(world)
    read = told._inner.subscribers

    def broken(*args: object, **kwargs: object) -> Iterator[object]:
        yield next(iter(read(*args, **kwargs)))
        raise TryAgain("the answer broke off")

    told.instead["subscribers"] = broken
    world.sim.change_org(world.small_choice().org_ids[0], uninstalled=True)
    world.sync()
    assert snapshot() == before


def test_one_org_that_left_is_retired_and_comes_back(world: World) -> None:
    key = world.small_choice().org_ids[0]
    row = Installation.objects.get(org__key=key, package__namespace="hbr")
    told = tell(world)
    read = told._inner.subscribers
    told.instead["subscribers"] = lambda *args, **kwargs: (
        [one for one in page if one.org != key] for page in read(*args, **kwargs)
    )
    world.clock.forward(minutes=20)
    world.sync()
    row.refresh_from_db()
    assert row.gone_at
    told.instead.clear()
    world.clock.forward(minutes=20)
    world.sync()
    row.refresh_from_db()
    assert row.gone_at is None


@pytest.mark.parametrize("moment", ["armed", "running"])
def test_a_sync_in_the_middle_of_a_push_changes_nothing_of_it(world: World, moment: str) -> None:
    wave = own_rollout(world)
    until_batch(world, wave, moment)
    world.sync()
    world.clock.forward(minutes=3)
    world.sync()
    settle(world, wave)
    exactly_once(world, wave)
    seen = Installation.objects.filter(org__targets__wave=wave, package__namespace="hbr")
    assert {row.since_proof for row in seen} == {"push"}
