"""Everybody else in the model: watcher, tracker, people, strangers, and the clock."""

from __future__ import annotations

from tests.batteries.dispatch.platform import Steps, about, arm, cancel, create, nonce_of
from tests.batteries.dispatch.state import (
    APPROVAL,
    ARM,
    ARMED,
    ARMING,
    BATCH,
    BATCHES,
    CANCELED,
    CLOCK,
    CREATED,
    DEAD,
    DUE,
    ENDS,
    FLAGS,
    FOREIGN,
    FREED,
    FUSE,
    GEN,
    IDLE,
    IN_DOUBT,
    LAST,
    LATE,
    LEGAL,
    MADE,
    ON,
    OTHER_SECOND,
    PENDING,
    REQ,
    RESERVED,
    REVOKED,
    REVOKES,
    RUNNING,
    SEND_ADD,
    SEND_ARM,
    SEND_CREATE,
    SETTLED,
    SLOTS,
    STARTED,
    STATE,
    STRANGERS,
    VERIFIED,
    WANTED,
    WATCHED,
    WORKER,
    WORKERS,
    bound_to,
    exact,
    jobs_of,
    requests,
    slot,
    standing,
    status_of,
)

_LOOSE = (ARMING, ARMED)
_X = 9  # one job of the org that nobody approved, in a request's count of jobs


def steps(into: Steps) -> None:
    """Everything that may happen beside the workers and Salesforce itself."""
    if into.setting.rules.watcher:
        _watch(into)
    for batch in range(BATCHES):
        _track(into, batch)
        _clock(into, batch)
        _expire_or_doubt(into, batch)
    _reserve(into)
    _people(into)
    if into.state[STRANGERS]:
        _strangers(into)


# --- the watcher: one whole round, as ``rollouts.pipeline.watch`` makes it


def _watch(into: Steps) -> None:
    after = bytearray(into.state)
    for request in requests(after):
        if status_of(after, request) not in (MADE, PENDING):
            continue
        batch = bound_to(after, request)
        if batch is None:
            _orphan(after, request)
        elif after[batch * BATCH + STATE] in ENDS:
            if after[batch * BATCH + STATE] == CANCELED and into.setting.rules.hunt:
                cancel(after, request)
        elif _not_allowed(into, after, batch, request):
            after[batch * BATCH + FLAGS] |= WANTED
    for batch in range(BATCHES):
        row = batch * BATCH
        if after[row + CLOCK] == LAST and not _wanted_open(after):
            after[row + FLAGS] |= WATCHED
    if after != into.state:
        into.to("the watcher makes its round", after)


def _wanted_open(state: bytearray) -> bool:
    """Whether a request that is wanted back has not been called back yet."""
    for row in (0, BATCH):
        wanted = state[row + FLAGS] & WANTED and state[row + STATE] not in ENDS
        request = state[row + REQ]
        if wanted and request and status_of(state, request) in (MADE, PENDING):
            return True
    return False


def _not_allowed(into: Steps, state: bytearray, batch: int, request: int) -> bool:
    row = batch * BATCH
    pending = status_of(state, request) == PENDING
    if pending and not state[row + FLAGS] & ARM:
        return True
    if state[row + GEN] != standing(state):
        return True
    return pending and into.setting.rules.sets and not exact(jobs_of(state, request))


def _orphan(state: bytearray, request: int) -> None:
    """Ours by its start second and bound to nothing, without jobs: canceled; else left alone."""
    nonce = nonce_of(state, request)
    if nonce == OTHER_SECOND or any(jobs_of(state, request)):
        return
    row = nonce * BATCH
    looking = not state[row + REQ] and state[row + STATE] not in ENDS
    if state[row + STATE] and not looking and not about(bytes(state), nonce):
        cancel(state, request)


# --- tracking, as ``rollouts.pipeline.track``


def _track(into: Steps, batch: int) -> None:
    row, state = batch * BATCH, into.state
    now, request = state[row + STATE], state[row + REQ]
    if not request or now in ENDS:
        return
    status, wanted = status_of(state, request), state[row + FLAGS] & WANTED
    after = bytearray(state)
    if status == STARTED and now in _LOOSE and (wanted or now == ARMED):
        _move(after, row, RUNNING)
    elif status == STARTED and (now, SETTLED) in LEGAL and now != IN_DOUBT:
        _move(after, row, SETTLED)
    elif status == STARTED and now in (CREATED, VERIFIED):
        after[row + FLAGS] |= WANTED
    elif status == DEAD and now != RUNNING:
        after[row + FLAGS] |= WANTED
        if now != CREATED:
            after[row + FLAGS] |= FREED
    if after != state:
        into.to(f"tracking reads batch {batch}", after)


def _move(state: bytearray, row: int, to: int) -> None:
    if (state[row + STATE], to) in LEGAL:
        state[row + STATE] = to


# --- time


def _clock(into: Steps, batch: int) -> None:
    row, state, rules = batch * BATCH, into.state, into.setting.rules
    now = state[row + CLOCK]
    if not state[row + STATE] or now == DUE:
        return
    if batch and state[CLOCK] <= now:
        # The second batch was cut later and starts later.
        return
    if now == FUSE and rules.fuse and (about(state, batch) or _sending(state, batch)):
        return
    if now == LAST and rules.watcher and not state[row + FLAGS] & WATCHED:
        return
    after = bytearray(state)
    after[row + CLOCK] += 1
    words = ("it is time to arm", "the fuse is lit", "late calls are over", "the start has come")
    into.to(f"batch {batch}: {words[now]}", after)


def _sending(state: bytes, batch: int) -> bool:
    """Whether a worker that may still send stands before a write of this batch."""
    for at in (WORKERS, WORKERS + WORKER):
        if state[at] in (SEND_CREATE, SEND_ADD, SEND_ARM) and state[at + ON] == batch:
            return not state[at] & LATE and state[at] != IDLE
    return False


def _expire_or_doubt(into: Steps, batch: int) -> None:
    row, state = batch * BATCH, into.state
    now = state[row + STATE]
    late = now in _LOOSE and state[row + CLOCK] == DUE
    if (late or now == IN_DOUBT) and not state[row + FLAGS] & WANTED:
        after = bytearray(state)
        after[row + FLAGS] |= WANTED
        who = "its latest start has passed" if late else "a person presses cancel"
        into.to(f"batch {batch}: {who}", after)


# --- conducting and people


def _reserve(into: Steps) -> None:
    """Cut the orgs anew once they are free; the index refuses them before."""
    state, row = into.state, BATCH
    approval = standing(state)
    free = state[FLAGS] & FREED or (not into.setting.rules.live_index and state[REQ])
    if not state[row + STATE] and free and approval and state[STATE] != SETTLED:
        after = bytearray(state)
        after[row + STATE], after[row + GEN] = RESERVED, approval
        into.to("the orgs are cut anew: batch 1 is reserved", after)


def _people(into: Steps) -> None:
    state = into.state
    if state[REVOKES] and standing(state):
        after = bytearray(state)
        after[REVOKES] -= 1
        after[APPROVAL] += 1
        for row in (0, BATCH):
            if after[row + STATE] and after[row + STATE] not in ENDS:
                if after[row + STATE] != RUNNING:
                    after[row + FLAGS] |= WANTED
                if after[row + CLOCK] <= FUSE:
                    after[row + FLAGS] |= REVOKED
        into.to("a person halts: approvals are void, open batches are wanted back", after)
    if state[APPROVAL] == 2:
        after = bytearray(state)
        after[APPROVAL] += 1
        into.to("what is left is frozen and approved anew", after)


def _strangers(into: Steps) -> None:
    """Somebody with another tool: makes, fills, arms or cancels a request of this version."""
    state = into.state
    for nonce in (0, OTHER_SECOND):
        for jobs in (0, 1, _X):
            after = bytearray(state)
            after[STRANGERS] -= 1
            if create(after, nonce, by_stranger=True, jobs=jobs):
                into.to(f"a stranger makes a request (second {nonce}, jobs {jobs})", after,
                        fault=True)  # fmt: skip
    for request in range(1, SLOTS + 1):
        ours = state[slot(request)] and not state[slot(request)] & FOREIGN
        if ours and state[nonce_of(state, request) * BATCH + CLOCK] <= FUSE:
            _meddle(into, request)


def _meddle(into: Steps, request: int) -> None:
    """A stranger's hand on a request of ours, while the watcher's last round is still to come."""
    at, platform = slot(request), into.setting.platform
    for label in ("adds an org to", "arms", "cancels"):
        after = bytearray(into.state)
        after[STRANGERS] -= 1
        status = status_of(after, request)
        if label == "cancels":
            cancel(after, request)
        elif label == "arms" and status == MADE:
            arm(after, request, platform)
        elif label != "arms" and (
            status == MADE or (status == PENDING and platform.jobs_after_pending)
        ):
            after[at + 1] = after[at + 1] % _X + _X
        if after[at : at + 2] != into.state[at : at + 2]:
            into.to(f"a stranger {label} request {request}", after, fault=True)
