"""One org read now: what was read is said, stored and proved; silence changes nothing."""

from __future__ import annotations

import time
from datetime import timedelta

import pytest

from rollouts.models import Installation, Org, SyncRun, VersionChange
from rollouts.pipeline import refresh
from rollouts.pipeline.transitions import Forbidden, Refusal
from rollouts.salesforce.errors import TryAgain
from tests.support.trouble import tell
from tests.support.world import World


@pytest.fixture
def org(world: World, monkeypatch: pytest.MonkeyPatch) -> Org:
    monkeypatch.setattr(refresh, "gateway_for", lambda _link: world.gateway)
    world.clock.forward(minutes=5)
    return Org.objects.get(key=world.small_choice().org_ids[0])


def read(world: World, org: Org) -> str:
    return refresh.refresh(org, by=world.pia, now=world.clock())


def test_a_new_version_is_read_and_becomes_history(world: World, org: Org) -> None:
    runs = SyncRun.objects.count()
    world.sim.change_org(org.key, version_id=world.version("4.2.2").sf_id)
    assert "Harbor 4.2.2, which is new" in read(world, org)
    row = Installation.objects.get(org=org, package__namespace="hbr")
    assert (row.version.label, row.read_at) == ("4.2.2", world.clock())
    assert VersionChange.objects.filter(installation=row).latest("pk").proof == "seen"
    # It tells of one org, so it makes no other figure younger.
    assert SyncRun.objects.count() == runs


def test_an_org_that_is_not_listed_any_more_has_lost_the_package(world: World, org: Org) -> None:
    world.sim.change_org(org.key, uninstalled=True)
    assert "Harbor is not installed" in read(world, org)
    assert Installation.objects.get(org=org, package__namespace="hbr").gone_at == world.clock()


def test_nobody_asks_twice_in_a_breath(world: World, org: Org) -> None:
    read(world, org)
    before = world.gateway.calls
    assert "a moment ago" in read(world, org)
    assert world.gateway.calls == before


@pytest.mark.parametrize("silent", [True, False])
def test_no_answer_changes_nothing(
    world: World, org: Org, monkeypatch: pytest.MonkeyPatch, *, silent: bool
) -> None:
    monkeypatch.setattr(refresh, "PATIENCE", 0.05)

    def answer(*_: object) -> list[object]:
        if silent:
            time.sleep(0.3)
            return []
        raise TryAgain("Salesforce is away")

    told = tell(world)
    told.instead["installed"] = answer
    before = Installation.objects.get(org=org, package__namespace="hbr").read_at
    with pytest.raises(Refusal, match="has not answered" if silent else "is away"):
        read(world, org)
    row = Installation.objects.get(org=org, package__namespace="hbr")
    assert (row.read_at, row.gone_at) == (before, None)


def test_only_who_may_sync_may_ask(world: World, org: Org) -> None:
    with pytest.raises(Forbidden):
        refresh.refresh(org, by=world.people["sue"], now=world.clock() + timedelta(0))
