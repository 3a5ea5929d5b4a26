"""A write to Salesforce in the model: answered, lost before or after its effect, or late."""

from __future__ import annotations

from tests.batteries.dispatch.platform import Steps, add, arm, cancel, create, on_its_way
from tests.batteries.dispatch.state import (
    ADD_CALL,
    ARG,
    ARM,
    ARM_CALL,
    ARMING,
    AT,
    BATCH,
    BIND,
    BOTH,
    BULK,
    CANCELED,
    COMPLETE,
    CREATE_CALL,
    FLAGS,
    FREED,
    LATE,
    LOST,
    ON,
    OPEN,
    OWNER,
    REQ,
    SEND_ADD,
    SEND_ARM,
    SEND_CANCEL,
    SEND_CREATE,
    SENT,
    STATE,
    UNKNOWN,
    UPLOAD,
    VERIFIED,
    WANTED,
    WORKER,
    WORKERS,
    WORKING,
)

WAS_UNKNOWN = 16
_NAMES = {
    SEND_CREATE: "create",
    SEND_ADD: "add orgs",
    SEND_ARM: "arm",
    SEND_CANCEL: "cancel",
    UPLOAD: "upload",
}


class Sending:
    """One worker at a write."""

    def __init__(self, into: Steps, worker: int) -> None:
        self.into, self.worker, self.rules = into, worker, into.setting.rules
        self.at = WORKERS + WORKER * (worker - 1)
        state = into.state
        self.pc, self.batch = state[self.at] & ~LATE, state[self.at + ON]
        self.arg = state[self.at + ARG]
        late = "late " if state[self.at] & LATE else ""
        self.name = f"the {late}worker on batch {self.batch}"
        self.row, self.request = self.batch * BATCH, self.arg >> 2 & 3
        if self.pc in (SEND_ARM, SEND_CANCEL):
            self.request = self.arg
        self.mine = state[self.row + OWNER] == worker or not self.rules.fence

    def steps(self) -> None:
        """Every outcome of the call."""
        state = self.into.state
        if state[self.at] & LATE and self.rules.deadline and self.pc != SEND_CANCEL:
            self._go(bytearray(state), "is too late to send")
            return
        name = _NAMES[self.pc]
        after = bytearray(state)
        landed = self._effect(after)
        if landed is None:
            return
        self._answered(after, landed)
        if not state[LOST]:
            return
        after = bytearray(state)
        after[LOST] -= 1
        self._unanswered(after)
        self._go(after, f"sends {name}; it is lost on the way", fault=True)
        after = bytearray(state)
        after[LOST] -= 1
        self._effect(after)
        self._unanswered(after)
        self._go(after, f"sends {name}; it lands, the answer is lost", fault=True)
        if call := self._call():
            after = bytearray(state)
            after[LOST] -= 1
            self._unanswered(after)
            if on_its_way(after, call):
                self._go(after, f"sends {name} and gives up waiting; it is on its way", fault=True)
        if self.pc == SEND_CREATE and self.mine:
            after = bytearray(state)
            after[LOST] -= 1
            after[self.row + FLAGS] &= ~SENT
            self._go(after, "can't connect for the create and takes its intent back", fault=True)

    def _call(self) -> int:
        if self.pc == SEND_CREATE:
            return CREATE_CALL | self.batch << 2
        if self.pc == SEND_ADD:
            return ADD_CALL | self.request << 2 | (self.arg & BOTH) << 4
        return ARM_CALL | self.request << 2 if self.pc == SEND_ARM else 0

    def _effect(self, after: bytearray) -> int | None:
        """Let the call take effect; None when the model has no room for it."""
        platform = self.into.setting.platform
        if self.pc == SEND_CREATE:
            return create(after, self.batch) or None
        if self.pc == SEND_ADD:
            return int(add(after, self.request, self.arg & BOTH, platform))
        if self.pc == SEND_ARM:
            arm(after, self.request, platform)
        elif self.pc == SEND_CANCEL:
            cancel(after, self.request)
        elif after[self.row + BULK] & COMPLETE == OPEN:
            after[self.row + BULK] = after[self.row + BULK] & ~COMPLETE | WORKING
        return 1

    def _answered(self, after: bytearray, landed: int) -> None:
        name = _NAMES[self.pc]
        if self.pc == SEND_CREATE:
            self._keep(after, f"sends {name}; answered with request {landed}", BIND, landed)
            return
        if self.pc == SEND_ADD:
            if not landed:
                after[self.row + FLAGS] |= WANTED
            elif self.mine and not self.arg & WAS_UNKNOWN:
                after[self.row + FLAGS] &= ~UNKNOWN
            if self.into.state[self.row + REQ] != self.request:
                self._keep(after, f"sends {name}; answered", SEND_ARM, self.request)
                return
        if self.pc == SEND_ARM:
            self._arming_late(after)
        if self.pc == SEND_CANCEL and not self.rules.read_back:
            self._believed(after)
        self._keep(after, f"sends {name}; answered", AT)

    def _unanswered(self, after: bytearray) -> None:
        if self.pc == SEND_CANCEL and not self.rules.read_back:
            self._believed(after)
        if self.pc == SEND_ARM and not (self.rules.arm_once or self.rules.looks_before_new):
            # The broken way: a time-out is taken for a failure and the orgs are cut anew.
            after[self.row + STATE] = CANCELED
            after[self.row + FLAGS] |= FREED

    def _believed(self, after: bytearray) -> None:
        if self.mine:
            after[self.row + STATE] = CANCELED
            after[self.row + FLAGS] |= FREED

    def _arming_late(self, after: bytearray) -> None:
        """The broken way: armed is written down after the call, not before."""
        if not self.rules.intent and self.mine and after[self.row + STATE] == VERIFIED:
            after[self.row + STATE] = ARMING
            after[self.row + FLAGS] |= ARM

    def _keep(self, after: bytearray, label: str, pc: int, arg: int = 0) -> None:
        late = after[self.at] & LATE
        after[self.at : self.at + WORKER] = bytes((pc | late, self.batch, arg))
        self.into.to(f"{self.name} {label}", after)

    def _go(self, after: bytearray, label: str, *, fault: bool = False) -> None:
        after[self.at : self.at + WORKER] = bytes(WORKER)
        if after[self.row + OWNER] == self.worker:
            after[self.row + OWNER] = 0
        self.into.to(f"{self.name} {label}", after, fault=fault)


def send(into: Steps, worker: int) -> None:
    """Everything that may come of the write that a worker stands at."""
    Sending(into, worker).steps()
