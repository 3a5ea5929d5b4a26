"""What several pages read: one line per rollout, the rail of waves, squares, batches.

Every count comes from `pipeline.report`, in one statement with its moment, so that what stands
together on a page also comes from one read.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, TypedDict

from django.db.models import OuterRef, Q, QuerySet, Subquery

from rollouts.domain.failures import is_customers_block
from rollouts.domain.lifecycle import (
    WAVE_ENDS,
    AttemptState,
    RolloutState,
    TargetState,
    WaveState,
)
from rollouts.models import Approval, Attempt, Batch, Rollout, Target, Wave
from rollouts.pipeline import approve, finish, report

if TYPE_CHECKING:
    from django_stubs_ext import WithAnnotations


class Newest(TypedDict):
    """What `states_of` adds to a target: its newest attempt that was not called back."""

    attempt_state: str | None
    batch_number: int | None


SQUARES_SHOWN = 300
LATE_AFTER = 60
_ENDS = [state.value for state in WAVE_ENDS]

# The columns and the attempt states counted in each, by the rule of `report.counts`: an attempt
# speaks for an org only while the org is at Salesforce or failed there. A recalled org waits again.
COLUMN_STATES: dict[str, tuple[str, ...]] = {
    "failed": (AttemptState.FAILED.value,),
    "running": (AttemptState.IN_PROGRESS.value, AttemptState.STUCK.value),
    "queued": (AttemptState.QUEUED.value,),
    "prepared": (AttemptState.RESERVED.value, AttemptState.SUBMITTED.value),
    "planned": (),
    "upgraded": (AttemptState.SUCCEEDED.value, AttemptState.UNCONFIRMED.value),
    "confirmed": (AttemptState.CONFIRMED.value,),
    "skipped": (),
}
_COLUMN = {state: column for column, states in COLUMN_STATES.items() for state in states}
AT_SALESFORCE = (TargetState.IN_FLIGHT.value, TargetState.FAILED.value)
LEFT = (
    TargetState.EXCLUDED.value,
    TargetState.ALREADY_CURRENT.value,
    TargetState.GONE.value,
    TargetState.LEFT_OVER.value,
)


@dataclass(frozen=True, slots=True)
class Line:
    """A rollout in a list: its counts, where it stands, and its verdict in words."""

    rollout: Rollout
    counts: report.Counts
    verdict: report.Verdict
    waves: int
    passed: int
    current: Wave | None

    @property
    def unfinished(self) -> bool:
        """Whether it has ended and somebody still has things to do."""
        return finish.unfinished(self.rollout)

    @property
    def total(self) -> int:
        """Orgs in the plan."""
        return self.counts.total

    @property
    def done(self) -> int:
        """Orgs that Salesforce reports as upgraded, seen or not."""
        return self.counts.succeeded


@dataclass(frozen=True, slots=True)
class Step:
    """One wave in the rail."""

    wave: Wave
    counts: report.Counts
    place: str
    note: str

    @property
    def total(self) -> int:
        """Orgs in the wave."""
        return self.counts.total


@dataclass(frozen=True, slots=True)
class TargetLine:
    """One org in a wave's table: the newest attempt tells its state, else the target does."""

    target: Target
    thing: str
    state: str
    attempt: Attempt | None

    @property
    def reason(self) -> str:
        """Why it failed or was left out, in a line."""
        if self.attempt and self.attempt.signature:
            return self.attempt.reason or self.attempt.signature
        return self.target.reason or (self.attempt.reason if self.attempt else "")


@dataclass(frozen=True, slots=True)
class BatchLine:
    """One batch in a table, with the counts of its attempts."""

    batch: Batch
    counts: report.Counts

    @property
    def is_recallable(self) -> bool:
        """Armed or prepared, and not being called back already."""
        return self.batch.state in _RECALLABLE and self.batch.cancel_wanted_at is None


_RECALLABLE = ("created", "verified", "arming", "armed")


def line(rollout: Rollout, now: datetime) -> Line:
    """Read a rollout's line."""
    waves = list(rollout.waves.all())
    counted = report.wave_counts(rollout)
    return Line(
        rollout=rollout,
        counts=report.counts(rollout, counted),
        verdict=report.verdict(rollout, now, counted),
        waves=len(waves),
        passed=sum(wave.state in _ENDS for wave in waves),
        current=current_wave(waves),
    )


def late_after(counts: report.Counts) -> int:
    """Return after how many real seconds a read is late; 0 for never, when nothing is there."""
    return LATE_AFTER if any(counts[word] for word in ("prepared", "queued", "running")) else 0


def current_wave(waves: list[Wave]) -> Wave | None:
    """Return the first wave that has not ended, or the last one."""
    return next((wave for wave in waves if wave.state not in _ENDS), waves[-1] if waves else None)


def rail(
    rollout: Rollout,
    waves: list[Wave],
    counts: Mapping[int, report.Counts],
    shown: Wave | None,
    now: datetime,
) -> list[Step]:
    """Lay the waves out in order, each with what it has come to or what it waits for."""
    approvers = _approvers(rollout)
    current = current_wave(waves)
    return [
        Step(
            wave=wave,
            counts=counts.get(wave.number, report.Counts()),
            place="now"
            if wave == shown
            else ("next" if wave.state == WaveState.PLANNED else "past"),
            note=_note(wave, approvers.get(wave.pk, []), wave == current, now),
        )
        for wave in waves
    ]


def _approvers(rollout: Rollout) -> dict[int, list[str]]:
    """Name who approved each wave's list in force."""
    named: dict[int, list[str]] = {}
    standing = Approval.objects.standing().filter(list__wave__rollout=rollout)
    for approval in standing.select_related("person", "list"):
        named.setdefault(approval.list.wave_id, []).append(str(approval.person))
    return named


def _note(wave: Wave, approvers: list[str], is_current: bool, now: datetime) -> str:  # noqa: FBT001
    by = " and ".join(approvers)
    needed = f"{wave.approvals_needed} approval{'' if wave.approvals_needed == 1 else 's'}"
    if wave.state == WaveState.PLANNED:
        return f"To be frozen; needs {needed}" if is_current else f"Needs {needed}"
    if wave.state == WaveState.FROZEN and wave.frozen_list and wave.frozen_list.voided_at:
        if approve.nothing_left(wave):
            halted = wave.rollout.state == RolloutState.HALTED.value
            return (
                "Nothing left to push; bakes after Resume" if halted else "Nothing left; bakes next"
            )
        return "Called back; to be frozen again"
    if wave.state == WaveState.FROZEN:
        left = wave.approvals_needed - len(approvers)
        return f"Waits for {left} approval{'' if left == 1 else 's'}"
    if wave.state == WaveState.BAKING and wave.baked_until:
        return "Bake is over, judged next" if now >= wave.baked_until else "Baking"
    if wave.state == WaveState.PASSED and wave.passed_at:
        return f"Passed {wave.passed_at.day} {wave.passed_at:%b, %H:%M}"
    if wave.state in (WaveState.APPROVED, WaveState.DISPATCHING):
        return f"Approved by {by}" if by else "Approved"
    return wave.reason


def states_of(wave: Wave) -> QuerySet[WithAnnotations[Target, Newest]]:
    """Return the wave's targets in push order, each with its newest attempt's state and batch."""
    newest = (
        Attempt.objects.filter(target=OuterRef("pk"))
        .exclude(state=AttemptState.CANCELED.value)
        .order_by("-number", "-pk")
    )
    return wave.targets.order_by("place").annotate(
        attempt_state=Subquery(newest.values("state")[:1]),
        batch_number=Subquery(newest.values("batch__number")[:1]),
    )


def in_column(column: str) -> Q:
    """Return the condition on `states_of` for the orgs that are counted in a column."""
    spoken_for = Q(state__in=AT_SALESFORCE)
    if column == "skipped":
        return Q(state__in=LEFT)
    if column == "planned":
        return Q(state=TargetState.PLANNED.value) | spoken_for & Q(attempt_state=None)
    where = spoken_for & Q(attempt_state__in=COLUMN_STATES[column])
    return where | Q(state=TargetState.DONE.value) if column == "confirmed" else where


def column_of(target_state: str, attempt_state: str | None) -> str:
    """Say in which column an org is counted."""
    if target_state in LEFT:
        return "skipped"
    if target_state == TargetState.DONE:
        return "confirmed"
    return (
        _COLUMN.get(attempt_state or "", "planned") if target_state in AT_SALESFORCE else "planned"
    )


def squares(wave: Wave, size: int) -> list[tuple[str, list[str]]]:
    """Group the wave's orgs by batch for the strip; too many for the eye gives nothing."""
    if size > SQUARES_SHOWN:
        return []
    groups: dict[str, list[str]] = {}
    for target in states_of(wave):
        name = f"Batch {target.batch_number}" if target.batch_number else "No batch yet"
        groups.setdefault(name, []).append(column_of(target.state, target.attempt_state))
    ordered = sorted(groups.items(), key=lambda item: (item[0] == "No batch yet", _digits(item[0])))
    return [(name, sorted(states, key=_rank)) for name, states in ordered]


def _digits(name: str) -> int:
    return int("".join(filter(str.isdigit, name)) or 0)


_ORDER = ("confirmed", "upgraded", "failed", "running", "queued", "prepared", "planned", "skipped")


def _rank(state: str) -> int:
    return _ORDER.index(state) if state in _ORDER else len(_ORDER)


def batch_lines(wave: Wave) -> list[BatchLine]:
    """List the wave's batches in order of their number, each with its counts and their moment."""
    counts = report.batch_counts(wave)
    batches = wave.batches.select_related("list", "wave__rollout").order_by("number")
    return [BatchLine(batch, counts[batch.pk]) for batch in batches if batch.pk in counts]


def target_line(target: Target) -> TargetLine:
    """Read an org's line; the attempts must have been fetched with the target."""
    newest = max(
        target.attempts.all(), key=lambda attempt: (attempt.number, attempt.pk), default=None
    )
    if newest is None or target.state in LEFT or newest.state == AttemptState.CANCELED:
        return TargetLine(target, "target", target.state, newest)
    barred = newest.state == AttemptState.FAILED and is_customers_block(newest.signature)
    return TargetLine(target, "attempt", "blocked" if barred else newest.state, newest)
