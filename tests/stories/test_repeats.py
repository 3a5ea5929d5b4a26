"""The same trouble takes the same course, whichever row the database happens to give first."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from uuid import UUID

import pytest
from django.conf import settings
from django.db import connection, transaction

from rollouts.models import Deployment
from rollouts.pipeline import memory, sweep
from tests.stories.conftest import make_world
from tests.support.trouble import sandbox_rollout, settled, stride
from tests.support.world import Clock


def _told(
    patch: pytest.MonkeyPatch, folder: Path, *, rows_reversed: bool
) -> list[tuple[object, ...]]:
    """Live through a small rollout in a new process and give the log of the simulated org."""
    clock = Clock()
    folder.mkdir()
    patch.setattr(settings, "DATA_DIR", folder)
    patch.setattr(memory, "_noted", {})
    patch.setattr(sweep, "_swept_here", set())
    with transaction.atomic():
        # The second at which requests start follows from this.
        values = {"simulation": True, "created_at": clock()}
        Deployment.objects.create(pk=1, installation=UUID(int=7), **values)
        world = make_world(clock, patch)
        wave = sandbox_rollout(world, 5, batch_strict=3, batch_ramp=[3], drop_percent=100.0)
        # Two jobs to a request: which of three orgs is refused depends on who is asked for first.
        unknowns = replace(world.sim.options.unknowns, max_jobs_per_request=2)
        world.sim.options = replace(world.sim.options, unknowns=unknowns)
        world.sim.plan_fault("error_after", call="query", nth=5)
        _reverse_rows(rows_reversed)
        for _ in range(30):
            if settled(wave):
                break
            stride(world)
        _reverse_rows(False)
        transaction.set_rollback(True)
    return [(one.at, one.kind, one.request_id, one.job_id, one.org) for one in world.sim.effects()]


def _reverse_rows(wanted: bool) -> None:
    """Let SQLite give rows that nobody has ordered the other way round."""
    if connection.vendor == "sqlite":
        with connection.cursor() as cursor:
            cursor.execute(f"PRAGMA reverse_unordered_selects = {'ON' if wanted else 'OFF'}")


@pytest.mark.django_db
def test_a_course_does_not_hang_on_which_row_comes_first(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    usual = _told(monkeypatch, tmp_path / "one", rows_reversed=False)

    assert any(kind == "job_succeeded" for _, kind, *_ in usual)
    assert _told(monkeypatch, tmp_path / "other", rows_reversed=True) == usual
