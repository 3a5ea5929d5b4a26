"""What the database refuses whatever the code does. Runs on SQLite and on PostgreSQL."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from functools import partial
from importlib import import_module
from typing import Any

import pytest
from django.db import DatabaseError, IntegrityError, connection, models, transaction

from rollouts.domain.lifecycle import BATCH_MOVES, ROLLOUT_MOVES, WAVE_MOVES, Move
from rollouts.domain.starts import PlannedStart
from rollouts.models import (
    Approval,
    Attempt,
    Batch,
    Event,
    FrozenList,
    FrozenOrg,
    Hold,
    HoldKind,
    Installation,
    RemoteCall,
    Rollout,
    Since,
    Target,
    VersionChange,
    Wave,
)
from rollouts.pipeline import prepare
from tests.support.trouble import own_rollout, until_batch
from tests.support.world import World


@pytest.fixture
def verified(world: World) -> Batch:
    return until_batch(world, own_rollout(world), "verified")


def refused(act: Callable[[], object]) -> str:
    """Do what must not be possible and return the database's words."""
    with pytest.raises(DatabaseError) as refusal, transaction.atomic():
        act()
    return str(refusal.value)


@pytest.mark.parametrize("model", [Event, FrozenOrg, VersionChange])
def test_history_and_frozen_orgs_are_append_only(
    verified: Batch, model: type[models.Model]
) -> None:
    there = Installation.objects.earliest("pk")
    VersionChange.objects.create(
        installation=there, to_version=None, before=there.read_at, proof=Since.SEEN
    )
    rows = model._default_manager.all()
    assert rows.exists()
    first = rows.first()
    assert first is not None
    column = {"Event": "reason", "FrozenOrg": "place", "VersionChange": "proof"}[model.__name__]
    value = 7 if column == "place" else "rewritten"
    assert "append-only" in refused(lambda: rows.filter(pk=first.pk).update(**{column: value}))
    table = model._meta.db_table

    def delete() -> None:
        with connection.cursor() as cursor:
            cursor.execute(f"DELETE FROM {table}")  # noqa: S608 - a table of ours

    assert "append-only" in refused(delete)


def test_the_request_of_a_batch_is_written_once(verified: Batch) -> None:
    row = Batch.objects.filter(pk=verified.pk)
    assert "written once" in refused(lambda: row.update(sf_id="0DV000000000001AAA"))
    assert "written once" in refused(lambda: row.update(sf_id=None))


def test_the_moment_of_arming_is_written_once(world: World) -> None:
    batch = until_batch(world, own_rollout(world), "armed")
    row = Batch.objects.filter(pk=batch.pk)
    assert "written once" in refused(lambda: row.update(armed_at=world.clock() + timedelta(1)))
    assert "written once" in refused(lambda: row.update(armed_at=None))


def test_digests_are_written_once(verified: Batch) -> None:
    assert "written once" in refused(lambda: FrozenList.objects.update(digest="0" * 64))
    assert "written once" in refused(lambda: Approval.objects.update(digest="0" * 64))


def test_an_attempt_keeps_the_row_it_was_approved_by(verified: Batch) -> None:
    one, other = Attempt.objects.order_by("pk")[:2]
    row = Attempt.objects.filter(pk=one.pk)
    assert "written once" in refused(lambda: row.update(approved=other.approved))


def again(attempt: Attempt, **also: object) -> Attempt:
    return Attempt(
        batch=attempt.batch,
        target=attempt.target,
        approved=attempt.approved,
        org=attempt.org,
        version=attempt.version,
        number=attempt.number + 1,
        reserved_at=attempt.reserved_at,
        moved_at=attempt.moved_at,
        **also,
    )


def test_an_org_has_at_most_one_live_attempt(verified: Batch) -> None:
    attempt = Attempt.objects.select_related("version__package").first()
    assert attempt
    other = attempt.version.package.versions.exclude(pk=attempt.version_id).first()
    for state in ("reserved", "submitted", "queued", "in_progress", "stuck"):
        second = again(attempt, state=state)
        second.version = other  # type: ignore[assignment]
        assert "unique" in refused(second.save).lower(), state
    assert Attempt.objects.filter(org=attempt.org).count() == 1


@pytest.mark.parametrize("state", ["succeeded", "confirmed", "unconfirmed"])
def test_a_version_is_pushed_to_an_org_once_unless_it_failed(verified: Batch, state: str) -> None:
    attempt = Attempt.objects.first()
    assert attempt
    Attempt.objects.filter(pk=attempt.pk).update(state="succeeded")
    Attempt.objects.filter(pk=attempt.pk).update(state=state)
    assert "unique" in refused(again(attempt).save).lower()
    other = Attempt.objects.exclude(pk=attempt.pk).first()
    assert other
    Attempt.objects.filter(pk=other.pk).update(state="failed")
    again(other).save()
    assert Attempt.objects.filter(org=other.org).count() == 2


@pytest.mark.parametrize(
    ("table", "moves"),
    [
        ("rollouts_rollout", ROLLOUT_MOVES),
        ("rollouts_wave", WAVE_MOVES),
        ("rollouts_batch", BATCH_MOVES),
    ],
)
def test_the_steps_that_the_database_knows_are_those_of_the_tables(
    table: str, moves: tuple[Move[Any], ...]
) -> None:
    edges = {(source.value, move.to.value) for move in moves for source in move.sources}
    laws = import_module("rollouts.migrations.0004_more_laws")
    assert edges == {(source, to) for source, goals in laws.STEPS[table].items() for to in goals}


def test_a_step_that_no_table_knows_is_refused(verified: Batch) -> None:
    wave = Wave.objects.filter(pk=verified.wave_id)
    for rows, state in (
        (Batch.objects.all(), "settled"),
        (Batch.objects.all(), "reserved"),
        (wave, "passed"),
        (Rollout.objects.all(), "aborted"),
        (Rollout.objects.all(), "completed_with_failures"),
    ):
        if state == "completed_with_failures":
            Rollout.objects.update(state="aborting")
        assert "can not go there" in refused(partial(rows.update, state=state))


@pytest.mark.parametrize("end", ["failed", "canceled", "confirmed", "unconfirmed"])
def test_what_became_of_an_attempt_is_final(verified: Batch, end: str) -> None:
    attempt = Attempt.objects.first()
    assert attempt
    row = Attempt.objects.filter(pk=attempt.pk)
    if end.endswith("confirmed"):
        row.update(state="succeeded")
    row.update(state=end, failure_kind="package", signature="PACError")
    others = {"failed", "canceled", "confirmed", "unconfirmed", "queued", "succeeded"} - {end}
    for other in sorted(others):
        assert "can not go there" in refused(partial(row.update, state=other))
    assert "is final" in refused(lambda: row.update(signature="something milder"))
    assert "is final" in refused(lambda: row.update(failure_kind="transient"))
    row.update(acknowledged_at=attempt.reserved_at)


def test_what_was_sent_approved_and_pushed_is_never_deleted(verified: Batch) -> None:
    for model in (Attempt, Batch, RemoteCall, FrozenList, Approval):
        assert model._default_manager.exists()
        table = model._meta.db_table

        def delete(table: str = table) -> None:
            with connection.cursor() as cursor:
                cursor.execute(f"DELETE FROM {table}")  # noqa: S608 - a table of ours

        assert "never deleted" in refused(delete)


def test_a_voided_approval_stays_void(verified: Batch) -> None:
    now = verified.wave.rollout.created_at
    for model in (Approval, FrozenList):
        rows = model._default_manager.all()
        rows.update(voided_at=now)
        assert "written once" in refused(partial(rows.update, voided_at=None))


def test_every_trigger_of_both_migrations_is_there(verified: Batch) -> None:
    sql = (
        "SELECT tgname FROM pg_trigger"
        if connection.vendor == "postgresql"
        else "SELECT name FROM sqlite_master WHERE type = 'trigger'"
    )
    with connection.cursor() as cursor:
        cursor.execute(sql)
        found = {name for (name,) in cursor.fetchall()}
    laws = import_module("rollouts.migrations.0004_more_laws")
    missing = [name for name in laws.names() if name[:63] not in found]
    assert missing == []
    first = import_module("rollouts.migrations.0002_laws")
    assert {f"{table}_{column}_once" for table, column in first.WRITE_ONCE} <= found


def test_no_two_jobs_and_no_two_requests_are_one(verified: Batch) -> None:
    one, other = Attempt.objects.order_by("pk")[:2]
    same = Attempt.objects.filter(pk=other.pk)
    assert "unique" in refused(lambda: same.update(sf_id=one.sf_id)).lower()
    batch = Batch.objects.get()
    batch.pk, batch.number, batch.start_at = None, 9, None
    assert "unique" in refused(batch.save).lower()


def test_a_start_second_belongs_to_one_batch(verified: Batch) -> None:
    batch = Batch.objects.get()
    batch.pk, batch.number, batch.sf_id = None, 9, None
    assert "unique" in refused(batch.save).lower()
    assert batch.start_at
    batch.pk, batch.start_at = None, batch.start_at + timedelta(seconds=1)
    batch.save()
    assert Batch.objects.count() == 2


@pytest.mark.parametrize("model", [Rollout, Wave, Target, Batch, Attempt])
def test_a_state_that_no_table_knows_is_refused(verified: Batch, model: type[models.Model]) -> None:
    law = "target_state_is_known" if model is Target else "can not go there"
    assert law in refused(lambda: model._default_manager.update(state="lost"))


def test_one_person_approves_a_list_once(verified: Batch) -> None:
    approval = Approval.objects.get()
    approval.pk = None
    assert "unique" in refused(approval.save).lower()


def test_everything_is_stopped_once(world: World) -> None:
    rows = [
        Hold(kind=HoldKind.STOP_EVERYTHING, by=world.pia, since=world.clock()) for _ in range(2)
    ]
    rows[0].save()
    assert "unique" in refused(rows[1].save).lower()


def test_an_org_of_another_list_can_not_be_reserved(world: World) -> None:
    wave = own_rollout(world)
    target = wave.targets.first()
    assert target
    org = world.small_choice().org_ids[-1]
    target.org = type(target.org).objects.get(key=org)
    target.save()
    start = world.clock() + timedelta(hours=1)
    at = PlannedStart(start, start, start + timedelta(hours=4), (target.pk,))
    with pytest.raises((IntegrityError, KeyError)), transaction.atomic():
        prepare.reserve(wave, [target], at, retry=False, now=world.clock())
    assert not Attempt.objects.exists()
