"""What has not moved for too long: a batch in one state, an attempt at Salesforce, a recall."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from django.db.models import Min
from django.urls import reverse

from rollouts.domain.lifecycle import AttemptState, BatchState
from rollouts.models import Attempt, Batch
from rollouts.pipeline import clock, timing


@dataclass(frozen=True, slots=True)
class Stuck:
    """One thing that should have moved by now, since when, and where to look."""

    sentence: str
    since: datetime
    url: str


# How long a batch may be in a state before somebody should look; business time.
_PREPARING = timedelta(minutes=45)
_RECALLING = timedelta(minutes=15)
_RUNNING = timedelta(hours=12)
# No state is called stuck before so many real seconds have passed, however fast the clock.
_AT_LEAST = 60.0


def stuck(now: datetime) -> list[Stuck]:
    """List what is stuck, the longest first."""
    rows = Batch.objects.open().select_related("wave__rollout__to_version__package")
    found = [_batch(batch, now) for batch in rows.annotate(reserved=Min("attempts__reserved_at"))]
    attempts = (
        Attempt.objects.filter(state=AttemptState.STUCK.value)
        .values("batch__wave__rollout__slug", "batch__wave__number")
        .annotate(since=Min("moved_at"))
        .order_by("since")
    )
    for row in attempts:
        slug, number = row["batch__wave__rollout__slug"], row["batch__wave__number"]
        found.append(
            Stuck(
                f"{slug}, wave {number}: pushes have not moved at Salesforce for hours. Only "
                "Salesforce can end them; they count as failures after a while",
                row["since"],
                reverse("wave", args=[slug, number]),
            )
        )
    return sorted((one for one in found if one), key=lambda one: one.since)


def _batch(batch: Batch, now: datetime) -> Stuck | None:
    since, allowed, what = _state(batch)
    if since is None or now - since <= max(allowed, clock.wire(_AT_LEAST)):
        return None
    rollout = batch.wave.rollout
    return Stuck(
        f"{rollout.slug}, wave {batch.wave.number}, batch {batch.number} {what}",
        since,
        reverse("batch", args=[rollout.slug, batch.pk]),
    )


def _state(batch: Batch) -> tuple[datetime | None, timedelta, str]:
    """Return since when it is as it is, how long that is normal, and what to say."""
    state = BatchState(batch.state)
    if state is BatchState.IN_DOUBT:
        since = batch.cancel_wanted_at or batch.sf_as_of or batch.created_sent_at
        return since, timedelta(), "is in doubt: look again, or recall it"
    if batch.cancel_wanted_at and state is not BatchState.RUNNING:
        late = max(_RECALLING, timing.late_call() + timedelta(minutes=2))
        return batch.cancel_wanted_at, late, "was asked back and Salesforce has not confirmed it"
    normal: dict[BatchState, tuple[datetime | None, timedelta, str]] = {
        BatchState.RESERVED: (getattr(batch, "reserved", None), _PREPARING, "is not created yet"),
        BatchState.CREATED: (batch.created_sent_at, _PREPARING, "is not filled and read back yet"),
        BatchState.VERIFIED: (batch.start_at, timedelta(), "was not armed before its start"),
        BatchState.ARMING: (batch.armed_sent_at, _RECALLING, "is not confirmed as armed"),
        BatchState.ARMED: (batch.not_after, timedelta(), "was not started by its latest start"),
        BatchState.RUNNING: (batch.started_seen_at, _RUNNING, "has run for many hours"),
    }
    return normal.get(state, (None, timedelta(), ""))
