"""A database that was put back from a backup has forgotten; Salesforce and a note have not."""

from __future__ import annotations

import io
import shutil
from pathlib import Path

import pytest
from django.conf import settings
from django.core.management import CommandError, call_command
from django.db import transaction

from rollouts.models import Approval, Batch, Deployment, Stranger
from rollouts.pipeline import after_restore, control, holds, memory, sweep, tick
from tests.support.trouble import (
    exactly_once,
    nothing_swallowed,
    own_rollout,
    settle,
    stride,
    until_batch,
    wrongs,
)
from tests.support.world import World

__all__ = ["nothing_swallowed"]
pytestmark = pytest.mark.usefixtures("nothing_swallowed")


@pytest.fixture(autouse=True)
def own_notes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(settings, "DATA_DIR", tmp_path)
    monkeypatch.setattr(memory, "_noted", {})
    monkeypatch.setattr(sweep, "_swept_here", set())


@pytest.fixture(autouse=True)
def one_gateway(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(after_restore, "gateway_for", lambda _link: world.gateway)


class Backup:
    """The database as it is now; ``put_back`` forgets everything since."""

    def __init__(self) -> None:
        self._point = transaction.savepoint()

    def put_back(self, *, new_processes: bool = True) -> None:
        transaction.savepoint_rollback(self._point)
        if new_processes:
            memory._noted.clear()
            sweep._swept_here.clear()


def matched() -> bool:
    """Run the command; False when something is left that Salesforce still works on."""
    try:
        return "Matched" in reconciled()
    except CommandError as left:
        if "Salesforce finishes it first" not in str(left):
            raise
        return False


def reconciled() -> str:
    said = io.StringIO()
    call_command("reconcile", "--after-restore", stdout=said)
    return said.getvalue()


@pytest.mark.parametrize("state", ["verified", "armed", "running", "settled"])
def test_a_restored_database_only_reads_until_it_was_matched(world: World, state: str) -> None:
    wave = own_rollout(world)
    world.ticks()
    backup = Backup()
    until_batch(world, wave, state)
    backup.put_back()

    made = len(world.effects("request_created"))
    for _ in range(6):
        stride(world)
    assert Deployment.objects.get().restored_at
    assert any("put back" in hold for hold in holds.on_rollout(wave.rollout, world.clock()))
    assert len(world.effects("request_created")) == made
    assert wrongs_of_ours(world) == []

    for _ in range(12):
        if matched():
            break
        assert Deployment.objects.get().restored_at
        stride(world, 10)
    assert not Deployment.objects.get().restored_at
    assert not Approval.objects.standing().exists()

    world.sync()
    world.ticks(4)
    wave.refresh_from_db()
    if wave.state == "frozen":
        world.approve(world.freeze(wave))
        settle(world, wave)
    pushed = sorted(world.pushed())
    assert len(pushed) == len(set(pushed)) == 3
    assert not Batch.objects.open().exists()


def wrongs_of_ours(world: World) -> list[str]:
    """What the forgotten request did was approved once, though this database no longer says so."""
    return [wrong for wrong in wrongs(world) if "none of ours" not in wrong and "job " not in wrong]


def test_a_halt_that_was_forgotten_does_not_come_back_as_a_go(world: World) -> None:
    wave = own_rollout(world)
    until_batch(world, wave, "verified")
    tick.tick()
    backup = Backup()
    control.halt(wave.rollout, by=world.pia, reason="wrong version", now=world.clock())
    world.ticks()
    backup.put_back()
    for _ in range(8):
        stride(world)
    assert world.pushed() == []
    assert world.effects("request_pending") == []
    reconciled()
    for _ in range(8):
        stride(world)
    assert world.pushed() == []
    wave.refresh_from_db()
    assert wave.state == "frozen"


def test_a_database_that_was_not_put_back_is_left_alone(world: World) -> None:
    wave = own_rollout(world)
    until_batch(world, wave, "armed")
    with pytest.raises(CommandError, match="so nothing was done"):
        reconciled()
    assert Approval.objects.standing().exists()
    call_command("reconcile", "--after-restore", "--sure", stdout=io.StringIO())
    assert not Approval.objects.standing().exists()


def test_a_process_that_lived_through_it_notices_without_a_note(world: World) -> None:
    wave = own_rollout(world)
    world.ticks()
    backup = Backup()
    until_batch(world, wave, "running")
    backup.put_back(new_processes=False)
    shutil.rmtree(settings.DATA_DIR)
    tick.tick()
    assert memory.restored()


def test_what_others_remember_from_before_a_match_raises_no_new_alarm(world: World) -> None:
    wave = own_rollout(world)
    world.ticks()
    backup = Backup()
    until_batch(world, wave, "settled")
    world.ticks()
    installation = memory.deployment().installation
    before = memory._noted[installation]
    backup.put_back(new_processes=False)
    tick.tick()
    assert memory.restored()
    assert matched()
    # Another process has not heard of the match, and its own note is further on.
    memory._noted[installation] = before
    tick.tick()
    assert not memory.restored()


def test_a_restore_to_before_a_match_is_noticed_too(world: World) -> None:
    own_rollout(world)
    world.ticks()
    backup = Backup()
    world.ticks(2)
    memory.matched("as if after an earlier restore")
    backup.put_back(new_processes=True)
    tick.tick()
    assert memory.restored()
    assert "matched" in Deployment.objects.get().restored_why


def test_salesforce_remembers_when_nothing_else_does(world: World) -> None:
    wave = own_rollout(world)
    world.ticks()
    backup = Backup()
    batch = until_batch(world, wave, "armed")
    request = batch.sf_id
    backup.put_back()
    shutil.rmtree(settings.DATA_DIR)
    # The restored batch has the same start: make it another's, as after a longer gap.
    Batch.objects.update(start_at=None)
    world.ticks()
    assert memory.restored()
    stranger = Stranger.objects.get()
    assert (stranger.sf_id, stranger.is_ours) == (request, True)


def test_a_note_that_can_not_be_read_is_none(world: World) -> None:
    tick.tick()
    place = memory._place(memory.deployment().installation)
    place.write_text("{ half")
    memory._noted.clear()
    tick.tick()
    assert not memory.restored()
    assert memory._read(memory.deployment().installation)


def test_a_quiet_day_raises_no_alarm(world: World) -> None:
    wave = own_rollout(world)
    settle(world, wave)
    exactly_once(world, wave)
    assert not memory.restored()
    assert not Stranger.objects.exists()
