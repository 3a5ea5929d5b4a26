"""Salesforce may fail a job first and say why later: what comes is kept, what was judged stays."""

from __future__ import annotations

import pytest

from rollouts.domain.failure_knowledge import SILENT
from rollouts.domain.lifecycle import AttemptState, BatchState
from rollouts.models import Attempt, Batch, PushError
from rollouts.pipeline import clock, failing, track
from rollouts.salesforce.gateway import Progress, SfError, SfJob, SfRequest, SfStatus
from tests.views import world as worlds
from tests.views.world import World


@pytest.fixture
def world(db: None) -> World:
    return worlds.make(12)


class Telling:
    """A Salesforce of one running request: jobs as they are, and the reasons written so far."""

    def __init__(self, batch: Batch) -> None:
        self.batch = batch
        self.reasons: list[SfError] = []

    def progress(self, request_ids: list[str]) -> Progress:
        (request,) = request_ids
        jobs = [
            SfJob(str(one.sf_id), request, one.org.key, SfStatus(one.sf_status))
            for one in self.batch.attempts.select_related("org")
        ]
        return Progress({request: SfStatus.IN_PROGRESS}, jobs, self.reasons)

    def requests(self, request_ids: list[str]) -> list[SfRequest]:
        raise AssertionError


def test_a_reason_that_comes_late_is_kept_once_and_changes_no_judgement(world: World) -> None:
    wave = world.dispatching(world.rollout())
    ends = {AttemptState.FAILED: 2, AttemptState.IN_PROGRESS: 1}
    batch = world.batch(wave, 1, ends, says=(None,))
    Batch.objects.filter(pk=batch.pk).update(sf_as_of=None)
    late = Attempt.objects.filter(signature__startswith=SILENT).order_by("pk")[0]
    assert failing.unread(wave.rollout) == 2
    salesforce = Telling(batch)

    track.track(wave.rollout, salesforce)  # type: ignore[arg-type]
    assert not PushError.objects.exists()

    salesforce.reasons.append(
        SfError(worlds.key_of(9, "0DY"), str(late.sf_id), "Error", "PACError", "", "Late.", "")
    )
    for _ in range(2):
        track.track(wave.rollout, salesforce)  # type: ignore[arg-type]

    assert [error.message for error in late.errors.all()] == ["Late."]
    assert failing.unread(wave.rollout) == 1
    late.refresh_from_db()
    assert late.signature.startswith(SILENT)
    Batch.objects.filter(pk=batch.pk).update(state=BatchState.SETTLED.value, settled_at=clock.now())
    assert failing.unread(wave.rollout) == 0
