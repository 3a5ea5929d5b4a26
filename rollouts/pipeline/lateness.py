"""What Salesforce started at a time that nobody had agreed to: written down, and shown."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta

from rollouts.domain.hours import Hours, refusal
from rollouts.domain.lifecycle import AttemptState
from rollouts.domain.schedule import in_utc
from rollouts.domain.spans import Span
from rollouts.models import Batch
from rollouts.pipeline.keeping import hours_of
from rollouts.pipeline.transitions import record, touch, writing

_MINUTE = timedelta(minutes=1)


def note(batch: Batch, now: datetime) -> None:
    """Judge when Salesforce has started the orgs of a batch, and keep what was wrong in words.

    Nothing is undone by it: what runs can't be recalled. Called when a batch starts and when it
    has ended, since single orgs of a request may start later than it.
    """
    if batch.not_after is None:
        return
    rows = batch.attempts.exclude(started_at=None).exclude(state=AttemptState.CANCELED.value)
    began = {pk: in_utc(at) for pk, at in rows.values_list("org_id", "started_at") if at}
    if not began:
        return
    words = _words(batch, began, now)
    if words == batch.began_outside:
        return
    _keep(batch, words, now)


def _words(batch: Batch, began: Mapping[int, datetime], now: datetime) -> str:
    assert batch.not_after is not None  # noqa: S101 - asked before
    last = max(began.values())
    late = [at for at in began.values() if at > batch.not_after]
    if late:
        minutes = int((last - in_utc(batch.not_after)) / _MINUTE) + 1
        return (
            f"{len(late)} of {len(began)} orgs started outside the window: "
            f"Salesforce began the last one {minutes} min after the latest start"
        )
    within = Span(min(began.values()), last + _MINUTE)
    known = hours_of(batch.list, list(began), now, within)
    wrong = [why for org, at in began.items() if (why := _wrong(known.get(org), at))]
    if wrong:
        return f"{len(wrong)} of {len(began)} orgs started at a time that is closed: {wrong[0]}"
    return ""


def _wrong(hours: Hours | None, at: datetime) -> str:
    # Hours that nobody can read any more prove nothing about a start that was allowed.
    return refusal(hours, at, at) if hours else ""


@writing()
def _keep(batch: Batch, words: str, now: datetime) -> None:
    if (
        not Batch.objects.filter(pk=batch.pk)
        .exclude(began_outside=words)
        .update(began_outside=words)
    ):
        return
    batch.began_outside = words
    touch(batch.wave.rollout)
    if words:
        record(
            "started_outside",
            f"wave {batch.wave.number} batch {batch.number}",
            now=now,
            rollout=batch.wave.rollout,
            wave=batch.wave,
            reason=words,
        )
