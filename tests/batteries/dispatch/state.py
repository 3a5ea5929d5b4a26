"""The model's state: one row of bytes, so that millions of them fit and hash fast.

Two batches for the same two orgs (``a`` and ``b``; ``x`` is in no approved list). The second is
cut when the orgs of the first are free again. Up to three requests at Salesforce, two workers,
two calls on their way. Batch states are indexes into the code's own ``BatchState``.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from rollouts.domain.lifecycle import BATCH_ENDS, BATCH_MOVES, BatchState

STATES = tuple(BatchState)
INDEX = {state: number for number, state in enumerate(STATES)}
(
    PLANNED, RESERVED, CREATED, VERIFIED, ARMING, ARMED, RUNNING, SETTLED, IN_DOUBT, CANCELED,
    ABANDONED,
) = (
    INDEX[BatchState[name]]
    for name in (
        "PLANNED", "RESERVED", "CREATED", "VERIFIED", "ARMING", "ARMED", "RUNNING", "SETTLED",
        "IN_DOUBT", "CANCELED", "ABANDONED",
    )
)  # fmt: skip
ENDS = frozenset(INDEX[state] for state in BATCH_ENDS)
# The code's table of moves, so that a state or a move that changes there changes here.
LEGAL = frozenset(
    (INDEX[source], INDEX[move.to]) for move in BATCH_MOVES for source in move.sources
)

# A batch's row, from its offset: what the database holds. Two flags are the checker's own: the
# watcher's last round before the start was whole, and the approval fell while there was time.
BATCHES, BATCH = 2, 7
STATE, REQ, FLAGS, OWNER, CLOCK, GEN, BULK = range(BATCH)
SENT, UNKNOWN, ARM, WANTED, FREED, WATCHED, REVOKED = 1, 2, 4, 8, 16, 32, 64
# A batch's clock: before arming, time to arm, fuse while calls may still land, its last minutes
# when none can, start time passed.
EARLY, TO_ARM, FUSE, LAST, DUE = range(5)

# A request at Salesforce: status with nonce and who made it, then its jobs.
SLOTS, REQUESTS, REQUEST = 3, BATCH * BATCHES, 2
NONE, MADE, PENDING, STARTED, DEAD = range(5)
STATUS, NONCE, FOREIGN = 7, 24, 32
OTHER_SECOND = 2
WORKERS, WORKER = REQUESTS + SLOTS * REQUEST, 3
PC, ON, ARG = range(WORKER)
LATE = 64  # this worker slept past the third of its lease in which it may send
IDLE, AT, SEND_CREATE, BIND, SEND_ADD, VERIFY, ARM_NOW, SEND_ARM, SEND_CANCEL, UPLOAD = range(10)
FLIGHT = WORKERS + 2 * WORKER
APPROVAL = FLIGHT + 2
LOST, KILLS, FREEZES, REVOKES, STRANGERS = range(APPROVAL + 1, APPROVAL + 6)
SIZE = STRANGERS + 1

# A call on its way: kind, request (or batch of a create), orgs.
CREATE_CALL, ADD_CALL, ARM_CALL = 1, 2, 3
BOTH = 3
# A bulk job: whether the database knows its id, its state at Salesforce, rows not applied yet.
KNOWN, OPEN, WORKING, COMPLETE, ROWS = 1, 2, 4, 6, 8


@dataclass(frozen=True, slots=True)
class Rules:
    """The guards of the protocol; a row of the table of removed guards turns some off."""

    fence: bool = True
    bind_once: bool = True
    loser_stops: bool = True
    deadline: bool = True
    intent: bool = True
    lookup: bool = True
    nonce: bool = True
    sets: bool = True
    settle_wait: bool = True
    approval_at_arm: bool = True
    arm_once: bool = True
    looks_before_new: bool = True
    live_index: bool = True
    foreign_look: bool = True
    fuse: bool = True
    watcher: bool = True
    waits: bool = True
    hunt: bool = True
    read_back: bool = True
    bulk_end: bool = True


@dataclass(frozen=True, slots=True)
class Platform:
    """Answers that nobody outside Salesforce knows; each row is tried with the worse ones too."""

    reopens: bool = False
    jobs_after_pending: bool = False
    duplicates: bool = False


MEEK, WILD = Platform(), Platform(reopens=True, jobs_after_pending=True, duplicates=True)


@dataclass(frozen=True, slots=True)
class Setting:
    """One search: budgets of faults, platform, bulk or not, and which guards stand."""

    lost: int = 1
    kills: int = 0
    freezes: int = 0
    revokes: int = 0
    strangers: int = 0
    bulk: bool = False
    platform: Platform = WILD
    rules: Rules = field(default_factory=Rules)


def beginning(setting: Setting) -> bytes:
    """Batch 0 is reserved under the first approval; nothing was sent yet."""
    state = bytearray(SIZE)
    state[STATE], state[GEN], state[APPROVAL] = RESERVED, 1, 1
    state[LOST], state[KILLS], state[FREEZES] = setting.lost, setting.kills, setting.freezes
    state[REVOKES], state[STRANGERS] = setting.revokes, setting.strangers
    return bytes(state)


def canonical(state: bytearray) -> bytes:
    """Order what has no order: the two workers, and the calls on their way."""
    one, two = state[WORKERS : WORKERS + WORKER], state[WORKERS + WORKER : FLIGHT]
    if one > two:
        state[WORKERS : WORKERS + WORKER], state[WORKERS + WORKER : FLIGHT] = two, one
        for at in (OWNER, BATCH + OWNER):
            if state[at]:
                state[at] = 3 - state[at]
    if state[FLIGHT] > state[FLIGHT + 1]:
        state[FLIGHT], state[FLIGHT + 1] = state[FLIGHT + 1], state[FLIGHT]
    return bytes(state)


def slot(request: int) -> int:
    """Offset of a request (1..3)."""
    return REQUESTS + REQUEST * (request - 1)


# What is asked for every state some dozen times is looked up.
_AT = tuple(slot(request) for request in range(SLOTS + 1))
_JOBS = tuple((jobs % 3, jobs // 3 % 3, jobs // 9) for jobs in range(256))
# The lowest free slot is always taken first, and none is given back.
_FIRST = tuple(tuple(range(1, count + 1)) for count in range(SLOTS + 1))


def status_of(state: bytes | bytearray, request: int) -> int:
    return state[_AT[request]] & STATUS


def jobs_of(state: bytes | bytearray, request: int) -> tuple[int, int, int]:
    """How many jobs for a, b and x."""
    return _JOBS[state[_AT[request] + 1]]


def requests(state: bytes | bytearray) -> tuple[int, ...]:
    """The requests there are."""
    count = 0
    while count < SLOTS and state[_AT[count + 1]]:
        count += 1
    return _FIRST[count]


def bound_to(state: bytes | bytearray, request: int) -> int | None:
    """The batch that holds this request's id."""
    if state[REQ] == request:
        return 0
    return 1 if state[BATCH + REQ] == request else None


def standing(state: bytes | bytearray) -> int:
    """The generation of the approval in force, 0 when none is."""
    return (state[APPROVAL] + 1) // 2 if state[APPROVAL] % 2 else 0


def exact(jobs: tuple[int, int, int]) -> bool:
    return jobs == (1, 1, 0)
