"""The fault table: each kind of call under each fault, judged by the simulated org's own log.

A cell makes one call under one fault and asks what came of it, at once and when everything that may
still land has landed; then it does what a careful caller does and asks again. What it finds wrong
is returned as sentences; no sentence is the only good.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from rollouts.salesforce.auth import REFUSAL_RESTS
from rollouts.salesforce.errors import Refused, SalesforceError, TryAgain, Unknown
from rollouts.simulator import FAST, Options, Request
from tests.salesforce.call_kinds import KINDS, CallKind, Ready
from tests.salesforce.simulated import IN_PROCESS, Stage, staged

PATIENCE = 0.7
LONG = 1.5
# Salesforce works on a call for ten minutes at most.
LANDED = 11
MOST_LOGINS = 2
ROWS = "row errors"
# Not told is not wrong: an app may lack the scope to read its user, whose name stays blank then.
MAY_LACK = {("identity", "refused")}

FAULTS: Mapping[str, Mapping[str, Any]] = {
    "refused": {"fault": "refuse", "error_code": "INSUFFICIENT_ACCESS", "status": 403},
    "refused for a while": {"fault": "refuse"},
    "5xx before": {"fault": "error_before", "status": 503},
    "5xx after": {"fault": "error_after"},
    "reset before": {"fault": "reset_before"},
    "reset after": {"fault": "reset_after"},
    "hang before": {"fault": "hang_before", "seconds": LONG},
    "hang after": {"fault": "hang_after", "seconds": LONG},
    "late": {"fault": "late", "seconds": 600},
    "expired session": {"fault": "expired_session"},
    "expired for good": {"fault": "expired_session", "times": 99},
    "quota": {"fault": "quota"},
    "truncated": {"fault": "truncated"},
    "not JSON": {"fault": "not_json"},
    "wrong type": {"fault": "wrong_type"},
    "slow drip": {"fault": "drip", "seconds": 60},
    "redirect": {"fault": "redirect"},
    ROWS: {"fault": "refuse", "error_code": "UNABLE_TO_LOCK_ROW", "nth": 2},
}
# What a write may leave; nothing else may happen in a cell.
_EFFECTS = ("request_", "job_", "bulk_", "version_changed")
_BY_TIME = frozenset({"bulk_ended"})


@dataclass
class Found:
    """What one cell came to."""

    outcome: str = ""
    wrong: list[str] = field(default_factory=list)
    calls: int = 0
    logins: int = 0


def cells() -> Iterator[tuple[str, str]]:
    """Every (call, fault) of the table."""
    for call, kind in KINDS.items():
        for fault in FAULTS:
            if fault != ROWS or kind.rows:
                yield call, fault


def run(call: str, fault: str, how: str = IN_PROCESS) -> Found:
    """Try one cell."""
    # A drip or a hang over a network takes real time; only there patience must be short.
    patience = PATIENCE if fault.startswith(("hang", "slow")) or how == IN_PROCESS else 5
    options = Options(pace=FAST, failure_rate=0, lma=True)
    with staged(how, orgs=60, timeout=patience, options=options) as stage:
        kind = KINDS[call]
        ready = kind.ready(stage)
        told = not kind.effect and call != "login" and (call, fault) not in MAY_LACK
        truth = ready.act() if told else None
        return _Cell(stage, kind, ready, truth).run(fault)


class _Cell:
    def __init__(self, stage: Stage, kind: CallKind, ready: Ready, truth: object) -> None:
        self._stage = stage
        self._kind = kind
        self._ready = ready
        self._truth = truth
        self._before = self._log()
        self._found = Found()

    def run(self, fault: str) -> Found:
        stage, found = self._stage, self._found
        calls, logins = stage.gateway.calls, stage.logins
        plan = {"call": self._kind.word, "nth": self._kind.nth, **FAULTS[fault]}
        if fault == ROWS:
            plan["call"] = self._kind.rows
        stage.sim.plan_fault(str(plan.pop("fault")), **plan)
        outcome = self._act()
        found.calls, found.logins = stage.gateway.calls - calls, stage.logins - logins
        if found.logins > MOST_LOGINS:
            self._wrong(f"{found.logins} logins")
        # Once more after an expired session, a look after a refusal; never a chain of them.
        if found.calls > self._kind.calls + found.logins + 2:
            self._wrong(f"{found.calls} calls")
        self._judge(outcome, "at once")
        stage.forward(minutes=LANDED)
        self._judge(outcome, "when all has landed")
        # Rows of a bulk job are met when the job is worked off, which is when time passes.
        self._met()
        self._calm()
        self._recover(outcome)
        return found

    def _act(self) -> object:
        """Make the call; returns its value or what it raised."""
        try:
            value = self._ready.act()
        except SalesforceError as error:
            self._found.outcome = type(error).__name__
            return error
        except Exception as leak:  # noqa: BLE001 - any other exception is what we look for
            self._found.outcome = type(leak).__name__
            self._wrong(f"let {type(leak).__name__} out: {leak}")
            return leak
        self._found.outcome = "done"
        if not self._kind.effect and self._truth is not None and value != self._truth:
            self._wrong("shows what is not so")
        return value

    def _judge(self, outcome: object, when: str) -> None:
        """Hold what happened against what the caller was told."""
        happened, kind = self._happened(), self._kind
        count = happened.pop(kind.effect, 0)
        for follows in kind.brings:
            happened.pop(follows, None)
        if happened:
            self._wrong(f"{when} also {dict(happened)}")
        if not kind.effect:
            return
        if count > kind.most:
            self._wrong(f"{when} the effect is there {count} times")
        if isinstance(outcome, Unknown):
            return
        if isinstance(outcome, Refused | TryAgain):
            if count:
                self._wrong(f"{when} the effect is there, and the caller was told it is not")
        elif not isinstance(outcome, Exception) and not self._all_told(outcome, count):
            self._wrong(f"{when} the effect is not there, and the caller was told it is")

    def _all_told(self, outcome: object, count: int) -> bool:
        """Whether as much happened as was said; a refused row is said to be missing."""
        missing = len(getattr(outcome, "again", ())) + len(getattr(outcome, "refused", ()))
        return count == self._kind.most - missing

    def _recover(self, outcome: object) -> None:
        """Do what a careful caller does: look, and act again only if it is not there."""
        try:
            there = self._ready.there()
            if self._kind.effect and isinstance(outcome, Refused | TryAgain) and there:
                self._wrong("reading finds what was said not to have happened")
            if not there:
                self._ready.again()
                self._stage.forward(minutes=1)
            if not self._kind.effect:
                if self._truth is not None and self._ready.act() != self._truth:
                    self._wrong("reads something else when the trouble is over")
                self._ready.act()
            elif self._kind.word != "bulk_upload" and not self._ready.there():
                self._wrong("is still not there when the trouble is over")
        except Exception as error:  # noqa: BLE001 - told as a finding
            self._wrong(f"does not recover: {type(error).__name__}: {error}")
        self._twice()

    def _twice(self) -> None:
        """Look for anything that happened twice, however it came about."""
        jobs = Counter((e.request_id, e.org) for e in self._all() if e.kind == "job_created")
        armed = Counter(e.request_id for e in self._all() if e.kind == "request_pending")
        made = sum(self._kind.effect == e.kind == "request_created" for e in self._new())
        for what, n in [*jobs.items(), *armed.items()]:
            if n > 1:
                self._wrong(f"{what} happened {n} times")
        if made > 1:
            self._wrong(f"{made} requests were created")

    def _met(self) -> None:
        if not any(effect.kind == "fault" for effect in self._all()):
            self._wrong("never met its fault")

    def _calm(self) -> None:
        clear = Request.of(
            "POST",
            "/simulator/faults/clear",
            {"Content-Type": "application/json", "Host": "127.0.0.1"},
            b"{}",
        )
        assert self._stage.sim.handle(clear).status == 200
        self._stage.wait(REFUSAL_RESTS + 1)

    def _wrong(self, what: str) -> None:
        if what not in self._found.wrong:
            self._found.wrong.append(what)

    def _all(self) -> list[Any]:
        return self._stage.sim.effects()

    def _log(self) -> int:
        return len(self._all())

    def _new(self) -> list[Any]:
        return self._all()[self._before :]

    def _happened(self) -> Counter[str]:
        return Counter(
            effect.kind
            for effect in self._new()
            if effect.kind.startswith(_EFFECTS) and effect.kind not in _BY_TIME
        )
