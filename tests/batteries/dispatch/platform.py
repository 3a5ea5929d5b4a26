"""Salesforce in the model: what its calls do, when they land, and what it starts."""

from __future__ import annotations

from tests.batteries.dispatch.state import (
    ADD_CALL,
    ARM,
    ARM_CALL,
    BATCH,
    BATCHES,
    BULK,
    CLOCK,
    COMPLETE,
    CREATE_CALL,
    DEAD,
    DUE,
    ENDS,
    FLAGS,
    FLIGHT,
    FOREIGN,
    MADE,
    NONCE,
    OTHER_SECOND,
    PENDING,
    REQ,
    REVOKED,
    ROWS,
    SETTLED,
    SLOTS,
    STARTED,
    STATE,
    STATUS,
    WORKING,
    Platform,
    Setting,
    bound_to,
    canonical,
    exact,
    jobs_of,
    requests,
    slot,
    status_of,
)


class Steps:
    """Collects what may happen next from one state."""

    def __init__(self, setting: Setting, state: bytes) -> None:
        self.setting, self.state = setting, state
        self.found: list[tuple[str, bytes, bool, str]] = []

    def to(self, label: str, after: bytearray, *, fault: bool = False, wrong: str = "") -> None:
        """One step: its words, the state after it, whether it is a fault, what it breaks."""
        self.found.append((label, canonical(after), fault, wrong))


def create(state: bytearray, nonce: int, *, by_stranger: bool = False, jobs: int = 0) -> int:
    """Make a request; 0 when the model has no room for another one."""
    for number in range(1, SLOTS + 1):
        at = slot(number)
        if not state[at]:
            state[at] = MADE | nonce << 3 | (FOREIGN if by_stranger else 0)
            state[at + 1] = jobs
            return number
    return 0


def _set_status(state: bytearray, request: int, status: int) -> None:
    at = slot(request)
    state[at] = state[at] & ~STATUS | status


def add(state: bytearray, request: int, orgs: int, platform: Platform) -> bool:
    """Add jobs for the orgs in the mask; returns whether the request took them."""
    status = status_of(state, request)
    if status != MADE and not (status == PENDING and platform.jobs_after_pending):
        return False
    a, b, x = jobs_of(state, request)
    most = 2 if platform.duplicates else 1
    a, b = (min(most, count + (orgs >> bit & 1)) for bit, count in enumerate((a, b)))
    state[slot(request) + 1] = a + 3 * b + 9 * x
    return True


def arm(state: bytearray, request: int, platform: Platform) -> None:
    """PATCH to Pending: from Created, and from Canceled where the platform reopens."""
    status = status_of(state, request)
    if status == MADE or (status == DEAD and platform.reopens):
        _set_status(state, request, PENDING)


def cancel(state: bytearray, request: int) -> None:
    """PATCH to Canceled: refused once it has started."""
    if status_of(state, request) in (MADE, PENDING):
        _set_status(state, request, DEAD)


def perform(state: bytearray, call: int, platform: Platform) -> None:
    """A call that was on its way lands."""
    kind, target, orgs = call & 3, call >> 2 & 3, call >> 4
    if kind == CREATE_CALL:
        create(state, target)
    elif kind == ADD_CALL:
        add(state, target, orgs, platform)
    elif kind == ARM_CALL:
        arm(state, target, platform)


def on_its_way(state: bytearray, call: int) -> bool:
    """Put a call on its way; there is room for two."""
    for at in (FLIGHT, FLIGHT + 1):
        if not state[at]:
            state[at] = call
            return True
    return False


def nonce_of(state: bytes | bytearray, request: int) -> int:
    return (state[slot(request)] & NONCE) >> 3


def about(state: bytes, batch: int) -> bool:
    """Whether a call of this batch is on its way."""
    for at in (FLIGHT, FLIGHT + 1):
        call = state[at]
        if call:
            target = call >> 2 & 3
            of = target if call & 3 == CREATE_CALL else nonce_of(state, target)
            if of == batch:
                return True
    return False


def arming(state: bytes, request: int) -> bool:
    """Whether a PATCH to Pending of this request is on its way."""
    return ARM_CALL | request << 2 in (state[FLIGHT], state[FLIGHT + 1])


def steps(into: Steps) -> None:
    """Everything that Salesforce may do by itself."""
    state, platform = into.state, into.setting.platform
    for at in (FLIGHT, FLIGHT + 1):
        if state[at] and (at == FLIGHT or state[at] != state[FLIGHT]):
            after = bytearray(state)
            after[at] = 0
            perform(after, state[at], platform)
            into.to(f"a call on its way lands: {_spoken(state[at])}", after)
            after = bytearray(state)
            after[at] = 0
            into.to("a call on its way is lost after all", after)
    for batch in range(BATCHES):
        _bulk(into, batch)
    for request in requests(state):
        _start(into, request)


def _bulk(into: Steps, batch: int) -> None:
    """A bulk job adds its rows one by one, whenever it likes, and then is complete."""
    state = into.state
    bulk = state[batch * BATCH + BULK]
    if bulk & COMPLETE != WORKING:
        return
    rows = bulk // ROWS
    for bit in (1, 2):
        if rows & bit:
            after = bytearray(state)
            add(after, state[batch * BATCH + REQ], bit, into.setting.platform)
            after[batch * BATCH + BULK] -= bit * ROWS
            into.to(f"the bulk job of batch {batch} adds org {'ab'[bit - 1]}", after)
    if not rows:
        after = bytearray(state)
        after[batch * BATCH + BULK] = bulk & ~COMPLETE | COMPLETE
        into.to(f"the bulk job of batch {batch} is complete", after)


def _start(into: Steps, request: int) -> None:
    state = into.state
    nonce = nonce_of(state, request)
    if status_of(state, request) != PENDING or nonce == OTHER_SECOND:
        return
    if state[nonce * BATCH + CLOCK] < DUE:
        return
    after = bytearray(state)
    _set_status(after, request, STARTED)
    into.to(
        f"Salesforce starts request {request} with {_orgs(jobs_of(state, request))}",
        after,
        wrong=_broken(after, request),
    )


def _broken(state: bytearray, request: int) -> str:
    """What a start breaks, "" if nothing; the properties S1 to S6."""
    jobs = jobs_of(state, request)
    started = [jobs_of(state, r) for r in requests(state) if status_of(state, r) == STARTED]
    if any(sum(one[org] for one in started) > 1 for org in (0, 1)):
        return "S1: an org is started twice"
    if jobs[2]:
        return "S2: an org is started that nobody approved"
    batch = bound_to(state, request)
    if not any(jobs):
        return ""
    if batch is None or not state[batch * BATCH + FLAGS] & ARM:
        return "S3: a request is started that we did not record as armed"
    row = batch * BATCH
    if state[row + STATE] in ENDS and state[row + STATE] != SETTLED:
        return "S6: a request is started after it was read back as canceled"
    if state[row + FLAGS] & REVOKED:
        return "S5: a request is started though its approval was taken back in time"
    if not exact(jobs):
        return "S4: a request is started without all of its orgs"
    return ""


def _spoken(call: int) -> str:
    kind, target = call & 3, call >> 2 & 3
    if kind == CREATE_CALL:
        return f"create for batch {target}"
    return f"{'adding orgs to' if kind == ADD_CALL else 'arming'} request {target}"


def _orgs(jobs: tuple[int, int, int]) -> str:
    names = [f"{name} twice" if n > 1 else name for name, n in zip("abx", jobs, strict=True) if n]
    return " and ".join(names) or "no org"
