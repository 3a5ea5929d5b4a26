"""The conductor's workers in the model: claim a batch, take one step, be killed or frozen.

Each function is one step of ``rollouts.pipeline.batches._step``; where the code's step has a gap
in which something else may happen, the model has two steps. Guarded writes ask the code's table of
moves, the last look asks the code's guard.
"""

from __future__ import annotations

from tests.batteries.dispatch.guard import facts_allow, reads_allow
from tests.batteries.dispatch.platform import Steps, about, arming, cancel, nonce_of
from tests.batteries.dispatch.sending import WAS_UNKNOWN, send
from tests.batteries.dispatch.state import (
    ABANDONED,
    ARG,
    ARM,
    ARM_NOW,
    ARMED,
    ARMING,
    AT,
    BATCH,
    BATCHES,
    BIND,
    BOTH,
    BULK,
    CANCELED,
    CLOCK,
    COMPLETE,
    CREATED,
    DEAD,
    ENDS,
    FLAGS,
    FREED,
    FREEZES,
    IDLE,
    IN_DOUBT,
    KILLS,
    KNOWN,
    LATE,
    LEGAL,
    MADE,
    ON,
    OPEN,
    OWNER,
    PENDING,
    REQ,
    RESERVED,
    ROWS,
    RUNNING,
    SEND_ADD,
    SEND_ARM,
    SEND_CANCEL,
    SEND_CREATE,
    SENT,
    STARTED,
    STATE,
    TO_ARM,
    UNKNOWN,
    UPLOAD,
    VERIFIED,
    VERIFY,
    WANTED,
    WORKER,
    WORKERS,
    bound_to,
    exact,
    jobs_of,
    requests,
    status_of,
)

_HELD = (VERIFIED, CREATED)


def steps(into: Steps) -> None:
    """Everything that the two workers may do."""
    for worker in (1, 2):
        Worker(into, worker).steps()
        if not any(into.state[WORKERS : WORKERS + 2 * WORKER]):
            # Both are idle: what the second may do, the first may.
            return


class Worker:
    """One worker's possible next steps."""

    def __init__(self, into: Steps, number: int) -> None:
        self.into, self.number = into, number
        self.state, self.rules = into.state, into.setting.rules
        self.at = WORKERS + WORKER * (number - 1)
        self.pc, self.batch = self.state[self.at] & ~LATE, self.state[self.at + ON]
        self.arg, self.late = self.state[self.at + ARG], bool(self.state[self.at] & LATE)
        self.row = self.batch * BATCH
        # Which of the two it is depends on their order, so words tell them apart by what they do.
        self.name = f"{'the late' if self.late else 'the'} worker on batch {self.batch}"

    def steps(self) -> None:
        if self.pc == IDLE:
            for batch in range(BATCHES):
                self._claim(batch)
            return
        self._trouble()
        {
            AT: self._at,
            BIND: self._bind,
            VERIFY: self._verify,
            ARM_NOW: self._arm,
        }.get(self.pc, self._send)()

    # --- helpers

    def _done(self, label: str, after: bytearray, *, again: bool = False) -> None:
        """This step is over: walk on, or let the batch go."""
        self._sleep(after, keep=again)
        if again:
            after[self.at : self.at + WORKER] = bytes((AT, self.batch, 0))
            if self.late:
                after[self.at] |= LATE
        self.into.to(f"{self.name} {label}", after)

    def _sleep(self, after: bytearray, *, keep: bool = False) -> None:
        after[self.at : self.at + WORKER] = bytes(WORKER)
        if after[self.row + OWNER] == self.number and not keep:
            after[self.row + OWNER] = 0

    def _next(self, label: str, after: bytearray, pc: int, arg: int = 0) -> None:
        late = LATE if self.late else 0
        after[self.at : self.at + WORKER] = bytes((pc | late, self.batch, arg))
        self.into.to(f"{self.name} {label}", after)

    def _mine(self) -> bool:
        return self.state[self.row + OWNER] == self.number or not self.rules.fence

    def _move(self, after: bytearray, to: int) -> bool:
        """The guarded update: a legal move of a batch that is still this worker's."""
        if not self._mine() or (after[self.row + STATE], to) not in LEGAL:
            return False
        after[self.row + STATE] = to
        return True

    def _want(self, why: str) -> None:
        after = bytearray(self.state)
        after[self.row + FLAGS] |= WANTED
        self._done(f"wants batch {self.batch} called back: {why}", after, again=True)

    def _put(self, label: str, to: int, flags: int = 0) -> None:
        after = bytearray(self.state)
        if self._move(after, to):
            after[self.row + FLAGS] |= flags
            self._done(label, after, again=to not in ENDS)
        else:
            self._done("has lost its batch and stops", after)

    def _trouble(self) -> None:
        state = self.state
        if state[KILLS]:
            after = bytearray(state)
            after[KILLS] -= 1
            self._sleep(after)
            self.into.to(f"{self.name} is killed", after, fault=True)
        if state[FREEZES] and not self.late:
            after = bytearray(state)
            after[FREEZES] -= 1
            after[self.at] |= LATE
            if after[self.row + OWNER] == self.number:
                after[self.row + OWNER] = 0
            self.into.to(f"{self.name} sleeps past its lease", after, fault=True)

    # --- the steps of the protocol

    def _claim(self, batch: int) -> None:
        row, state = batch * BATCH, self.state
        now, flags = state[row + STATE], state[row + FLAGS]
        wanted = bool(flags & WANTED)
        if not now or now in ENDS or now == RUNNING or (now == ARMED and not wanted):
            return
        if state[row + OWNER] and not wanted and self.rules.fence:
            return
        after = bytearray(state)
        after[row + OWNER] = self.number
        after[self.at : self.at + WORKER] = bytes((AT, batch, 0))
        self.into.to(f"a worker claims batch {batch}", after)

    def _at(self) -> None:
        if not self._mine():
            self._done("sees that it has lost its batch", bytearray(self.state))
            return
        now, flags = self.state[self.row + STATE], self.state[self.row + FLAGS]
        if flags & WANTED and self.state[self.row + REQ] and now != RUNNING:
            self._call_back()
        elif flags & WANTED and now == IN_DOUBT:
            self._call_back_nameless()
        elif now == RESERVED:
            self._create()
        elif now == CREATED:
            self._fill()
        elif now == VERIFIED:
            self._read_live()
        elif now == ARMING:
            self._confirm()
        elif now == IN_DOUBT and self.state[self.row + REQ]:
            self._look()
        else:
            self._done("has nothing to do", bytearray(self.state))

    def _create(self) -> None:
        state, after = self.state, bytearray(self.state)
        flags = state[self.row + FLAGS]
        if flags & SENT and self.rules.lookup:
            self._discover()
        elif flags & WANTED or state[self.row + CLOCK] > TO_ARM:
            self._put("gives the batch up before anything was asked", ABANDONED, FREED)
        elif not self.late or not self.rules.deadline:
            after[self.row + FLAGS] |= SENT
            self._next("commits its intent to create", after, SEND_CREATE)

    def _discover(self) -> None:
        state = self.state
        found = [
            r
            for r in requests(state)
            if (nonce_of(state, r) == self.batch or not self.rules.nonce)
            and bound_to(state, r) is None
            and status_of(state, r) in (MADE, PENDING, STARTED, DEAD)
        ]
        if not found:
            # Nothing after eleven minutes: none is on its way and nobody is about to send it.
            waiting = about(state, self.batch) or self._others_at(SEND_CREATE)
            if waiting:
                self._done("finds nothing yet", bytearray(state))
            else:
                self._put("finds nothing after eleven minutes", ABANDONED, FREED)
        elif len(found) == 1 and self._adoptable(found[0]):
            after = bytearray(state)
            self._next(f"finds request {found[0]} by its start", after, BIND, found[0])
        else:
            self._put("finds what it can't be sure of", IN_DOUBT)

    def _adoptable(self, request: int) -> bool:
        empty = not any(jobs_of(self.state, request)) or not self.rules.sets
        return status_of(self.state, request) == MADE and empty

    def _others_at(self, pc: int) -> bool:
        other = WORKERS + WORKER * (2 - self.number)
        return self.state[other] == pc and self.state[other + ON] == self.batch

    def _bind(self) -> None:
        after = bytearray(self.state)
        free = not after[self.row + REQ] and after[self.row + STATE] == RESERVED and self._mine()
        if free or not self.rules.bind_once:
            after[self.row + REQ], after[self.row + STATE] = self.arg, CREATED
            self._done(f"binds request {self.arg} to batch {self.batch}", after, again=True)
        elif self.rules.loser_stops:
            self._done("comes too late to bind and stops", after)
        else:
            self._next("carries on with its own request", after, SEND_ADD, self.arg << 2 | BOTH)

    def _fill(self) -> None:
        state, request = self.state, self.state[self.row + REQ]
        jobs, bulk = jobs_of(state, request), state[self.row + BULK]
        if state[self.row + CLOCK] > TO_ARM:
            self._want("not verified in time")
        elif jobs[2] and self.rules.sets:
            self._want("an org in it was never approved")
        elif bulk & KNOWN and bulk & COMPLETE != COMPLETE and self.rules.bulk_end:
            if bulk & COMPLETE == OPEN:
                self._next("finds its bulk job without rows", bytearray(state), UPLOAD)
            else:
                self._done("waits for its bulk job", bytearray(state))
        elif missing := (not jobs[0]) | (not jobs[1]) << 1:
            self._add(request, missing)
        else:
            settling = state[self.row + FLAGS] & UNKNOWN and self.rules.settle_wait
            if settling and (about(state, self.batch) or self._others_at(SEND_ADD)):
                self._done("waits for a call that may still land", bytearray(state))
            else:
                same = exact(jobs) or not self.rules.sets
                good = status_of(state, request) == MADE and self._ours(request)
                if same and good:
                    self._next("reads everything back, equal", bytearray(state), VERIFY)
                elif not same or status_of(state, request) != MADE:
                    self._want("it is not the request that was made")
                else:
                    self._want("it has another start")

    def _ours(self, request: int) -> bool:
        return nonce_of(self.state, request) == self.batch or not self.rules.nonce

    def _add(self, request: int, missing: int) -> None:
        if self.late and self.rules.deadline:
            self._done("is too late to send", bytearray(self.state))
            return
        after = bytearray(self.state)
        if self.into.setting.bulk and not after[self.row + BULK] & KNOWN:
            after[self.row + BULK] = KNOWN | OPEN | missing * ROWS
            self._next("makes a bulk job and stores its id", after, UPLOAD)
        else:
            was = WAS_UNKNOWN if after[self.row + FLAGS] & UNKNOWN else 0
            after[self.row + FLAGS] |= UNKNOWN
            call = request << 2 | missing | was
            self._next("commits its intent to add orgs", after, SEND_ADD, call)

    def _verify(self) -> None:
        after = bytearray(self.state)
        if self._move(after, VERIFIED):
            self._done("marks the batch verified", after, again=True)
        else:
            self._done("has lost its batch and stops", after)

    def _read_live(self) -> None:
        clock, request = self.state[self.row + CLOCK], self.state[self.row + REQ]
        if clock > TO_ARM and self.rules.fuse:
            self._want("not armed in time")
        elif clock >= TO_ARM:
            allowed = reads_allow(self.state, self.batch, request, self.rules)
            if allowed and (not self.late or not self.rules.deadline):
                self._next("reads live: all as approved", bytearray(self.state), ARM_NOW)
            else:
                self._done("reads live: held", bytearray(self.state))

    def _arm(self) -> None:
        after = bytearray(self.state)
        allowed = facts_allow(self.state, self.batch, self.number, self.rules)
        if not allowed:
            self._done("is refused by the last look", after)
            return
        if self.rules.intent and self._move(after, ARMING):
            after[self.row + FLAGS] |= ARM
        self._next("commits ARM", after, SEND_ARM, after[self.row + REQ])

    def _confirm(self) -> None:
        request = self.state[self.row + REQ]
        match status_of(self.state, request):
            case status if status == PENDING:
                self._put("reads Pending", ARMED)
            case status if status == STARTED:
                self._put("reads InProgress", RUNNING)
            case status if status == DEAD:
                self._want("somebody canceled it at Salesforce")
            case _ if not self.rules.arm_once:
                # The broken way: what is not Pending has failed, so its orgs are cut anew.
                after = bytearray(self.state)
                after[self.row + STATE] = CANCELED
                after[self.row + FLAGS] |= FREED
                self._done("takes the arming for failed", after)
            case _:
                self._arm_again(request)

    def _arm_again(self, request: int) -> None:
        if self.state[self.row + CLOCK] > TO_ARM and self.rules.fuse:
            self._want("arming was not confirmed in time")
        elif not self._still_allowed():
            self._want("what allowed the arming no longer holds")
        elif not self.late or not self.rules.deadline:
            self._next("will arm the same request again", bytearray(self.state), SEND_ARM, request)

    def _still_allowed(self) -> bool:
        asked = bytearray(self.state)
        asked[self.row + STATE] = VERIFIED
        return facts_allow(bytes(asked), self.batch, self.number, self.rules)

    def _call_back(self) -> None:
        request = self.state[self.row + REQ]
        status = status_of(self.state, request)
        if status in (MADE, PENDING):
            self._next("is about to cancel", bytearray(self.state), SEND_CANCEL, request)
        elif status == DEAD and self.rules.waits and arming(self.state, request):
            self._done("reads Canceled, and waits: it could still be armed", bytearray(self.state))
        elif status == DEAD:
            self._put("reads Canceled", CANCELED, FREED)
        elif self.state[self.row + STATE] in _HELD:
            self._put("reads InProgress though it never armed it", IN_DOUBT)
        else:
            self._put("reads InProgress: too late", RUNNING)

    def _call_back_nameless(self) -> None:
        after = bytearray(self.state)
        mine = [r for r in requests(after) if nonce_of(after, r) == self.batch]
        open_ones = [r for r in mine if bound_to(after, r) is None]
        for request in open_ones:
            cancel(after, request)
        ended = all(status_of(after, r) in (DEAD, STARTED) for r in open_ones)
        if ended and self._move(after, ABANDONED):
            after[self.row + FLAGS] |= FREED
        self._done("cancels all that could be its request", after)

    def _look(self) -> None:
        request = self.state[self.row + REQ]
        status = status_of(self.state, request)
        if status == PENDING and self.state[self.row + FLAGS] & ARM:
            self._put("looks again: Pending", ARMED)
        elif status == STARTED:
            self._put("looks again: InProgress", RUNNING)
        elif status == DEAD:
            self._want("somebody canceled it at Salesforce")
        else:
            self._done("looks again: still in doubt", bytearray(self.state))

    def _send(self) -> None:
        send(self.into, self.number)
