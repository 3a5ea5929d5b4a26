"""The states of a rollout, and every legal move between them, as tables.

The one door (``pipeline.transitions.move``), the buttons on the pages, the diagram in ``docs/``
and the parametrised tests are all made from the tables below. What only depends on the clock
("outside the window", "overdue") is not a state but a hold, computed with its reason.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Generic, TypeVar

from rollouts.domain.permissions import Role


class RolloutState(StrEnum):
    """Where the decision to bring orgs to a version stands."""

    DRAFT = "draft"
    READY = "ready"
    ACTIVE = "active"
    HALTED = "halted"
    COMPLETED = "completed"
    COMPLETED_WITH_FAILURES = "completed_with_failures"
    ABORTING = "aborting"
    ABORTED = "aborted"


class WaveState(StrEnum):
    """Where one frozen list stands on its way through approval, dispatch and bake."""

    PLANNED = "planned"
    FROZEN = "frozen"
    APPROVED = "approved"
    DISPATCHING = "dispatching"
    BAKING = "baking"
    PASSED = "passed"
    SKIPPED = "skipped"
    CLOSED = "closed"


class BatchState(StrEnum):
    """Where one PackagePushRequest stands, as far as *we* decided or read it."""

    PLANNED = "planned"
    RESERVED = "reserved"
    CREATED = "created"
    VERIFIED = "verified"
    ARMING = "arming"
    ARMED = "armed"
    RUNNING = "running"
    SETTLED = "settled"
    IN_DOUBT = "in_doubt"
    CANCELED = "canceled"
    ABANDONED = "abandoned"


class AttemptState(StrEnum):
    """Where one PackagePushJob stands. Only Salesforce's own word moves it past submitted."""

    RESERVED = "reserved"
    SUBMITTED = "submitted"
    QUEUED = "queued"
    IN_PROGRESS = "in_progress"
    STUCK = "stuck"
    SUCCEEDED = "succeeded"
    CONFIRMED = "confirmed"
    UNCONFIRMED = "unconfirmed"
    FAILED = "failed"
    CANCELED = "canceled"


class TargetState(StrEnum):
    """Where one org of one rollout stands."""

    PLANNED = "planned"
    EXCLUDED = "excluded"
    ALREADY_CURRENT = "already_current"
    GONE = "gone"
    IN_FLIGHT = "in_flight"
    DONE = "done"
    FAILED = "failed"
    LEFT_OVER = "left_over"


S = TypeVar("S", bound=StrEnum)


@dataclass(frozen=True)
class Move(Generic[S]):
    """One legal move: its name, where it may begin, where it ends and who may make it.

    ``by`` holds the roles of people who may; ``engine`` says that the conductor may as well.
    ``reason_later`` marks the stopping moves, whose reason may follow as a later entry.
    """

    name: str
    sources: frozenset[S]
    to: S
    by: frozenset[Role] = frozenset()
    engine: bool = False
    needs_reason: bool = False
    reason_later: bool = False


_STOPPERS = frozenset({Role.PLANNER, Role.APPROVER, Role.ADMIN})
_PLANNER = frozenset({Role.PLANNER})
_APPROVER = frozenset({Role.APPROVER})

R, W, B, A, T = RolloutState, WaveState, BatchState, AttemptState, TargetState

ROLLOUT_MOVES: tuple[Move[RolloutState], ...] = (
    Move("lock", frozenset({R.DRAFT}), R.READY, by=_PLANNER),
    Move("unlock", frozenset({R.READY}), R.DRAFT, by=_PLANNER),
    Move("start", frozenset({R.READY}), R.ACTIVE, engine=True),
    Move("halt", frozenset({R.ACTIVE}), R.HALTED, by=_STOPPERS, engine=True, reason_later=True),
    Move("resume", frozenset({R.HALTED}), R.ACTIVE, by=_APPROVER, needs_reason=True),
    Move(
        "abort",
        frozenset({R.DRAFT, R.READY, R.ACTIVE, R.HALTED}),
        R.ABORTING,
        by=_STOPPERS,
        needs_reason=True,
    ),
    Move("drained", frozenset({R.ABORTING}), R.ABORTED, engine=True),
    Move("complete", frozenset({R.ACTIVE}), R.COMPLETED, engine=True),
    Move("complete_with_failures", frozenset({R.ACTIVE}), R.COMPLETED_WITH_FAILURES, engine=True),
)

WAVE_MOVES: tuple[Move[WaveState], ...] = (
    Move("freeze", frozenset({W.PLANNED}), W.FROZEN, by=_PLANNER),
    Move("edit", frozenset({W.FROZEN, W.APPROVED}), W.PLANNED, by=_PLANNER | _APPROVER),
    # Failures outside the approved retry rule: what is chosen of them needs a list of its own.
    Move("ask_retry", frozenset({W.BAKING}), W.PLANNED, by=_PLANNER, needs_reason=True),
    Move("approve", frozenset({W.FROZEN}), W.APPROVED, by=_APPROVER, needs_reason=True),
    Move(
        "lapse",
        frozenset({W.APPROVED}),
        W.FROZEN,
        by=_STOPPERS,
        engine=True,
        reason_later=True,
    ),
    Move("start", frozenset({W.APPROVED}), W.DISPATCHING, engine=True),
    # Also from frozen: what a halt voided may have had nothing left to push.
    Move("settle", frozenset({W.DISPATCHING, W.FROZEN}), W.BAKING, engine=True),
    Move("retry", frozenset({W.BAKING}), W.DISPATCHING, engine=True),
    Move("pass", frozenset({W.BAKING}), W.PASSED, engine=True),
    Move("call_back", frozenset({W.DISPATCHING, W.BAKING}), W.FROZEN, engine=True),
    Move(
        "skip",
        frozenset({W.PLANNED, W.FROZEN, W.APPROVED, W.DISPATCHING, W.BAKING}),
        W.SKIPPED,
        engine=True,
    ),
    Move("close", frozenset({W.BAKING, W.FROZEN}), W.CLOSED, by=_APPROVER, needs_reason=True),
)

_BEFORE_START = frozenset({B.CREATED, B.VERIFIED, B.ARMING, B.ARMED})

BATCH_MOVES: tuple[Move[BatchState], ...] = (
    Move("reserve", frozenset({B.PLANNED}), B.RESERVED, engine=True),
    Move("bind", frozenset({B.RESERVED}), B.CREATED, engine=True),
    Move("verify", frozenset({B.CREATED}), B.VERIFIED, engine=True),
    Move("arm", frozenset({B.VERIFIED}), B.ARMING, engine=True),
    Move("armed", frozenset({B.ARMING, B.IN_DOUBT}), B.ARMED, engine=True),
    Move("run", frozenset({B.ARMING, B.ARMED, B.IN_DOUBT}), B.RUNNING, engine=True),
    Move("settle", frozenset({B.ARMING, B.ARMED, B.RUNNING, B.IN_DOUBT}), B.SETTLED, engine=True),
    Move("doubt", frozenset({B.RESERVED}) | _BEFORE_START | {B.RUNNING}, B.IN_DOUBT, engine=True),
    Move("canceled", _BEFORE_START | {B.IN_DOUBT}, B.CANCELED, engine=True),
    Move("abandon", frozenset({B.PLANNED, B.RESERVED, B.IN_DOUBT}), B.ABANDONED, engine=True),
)

ROLLOUT_ENDS = frozenset({R.COMPLETED, R.COMPLETED_WITH_FAILURES, R.ABORTED})
ROLLOUT_RUNS = frozenset({R.READY, R.ACTIVE, R.HALTED, R.ABORTING})
WAVE_ENDS = frozenset({W.PASSED, W.SKIPPED, W.CLOSED})
BATCH_ENDS = frozenset({B.SETTLED, B.CANCELED, B.ABANDONED})
# Armed or about to be: Salesforce may start these without another word from us.
BATCH_LOOSE = frozenset({B.ARMING, B.ARMED, B.RUNNING})
BATCH_RECALLABLE = frozenset(
    {B.PLANNED, B.RESERVED, B.CREATED, B.VERIFIED, B.ARMING, B.ARMED, B.IN_DOUBT}
)
# Everything from reserved until Salesforce itself reports an end; stuck is live however it counts.
ATTEMPT_LIVE = frozenset({A.RESERVED, A.SUBMITTED, A.QUEUED, A.IN_PROGRESS, A.STUCK})
ATTEMPT_ENDS = frozenset({A.CONFIRMED, A.UNCONFIRMED, A.FAILED, A.CANCELED})
TARGET_ENDS = frozenset({T.EXCLUDED, T.ALREADY_CURRENT, T.GONE, T.DONE})


class IllegalMove(Exception):
    """No row of the table leads from the one state to the other."""


def find_move(table: tuple[Move[S], ...], source: S, to: S) -> Move[S]:
    """Return the table's row from ``source`` to ``to``; raises IllegalMove if there is none."""
    for move in table:
        if source in move.sources and move.to == to:
            return move
    raise IllegalMove(f"no move leads from {source} to {to}")


def moves_from(table: tuple[Move[S], ...], source: S) -> tuple[Move[S], ...]:
    """List the rows of the table that may begin in ``source``."""
    return tuple(move for move in table if source in move.sources)
