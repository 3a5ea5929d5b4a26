"""Simulate the whole default policy: how often it halts for nothing, how soon for something.

    make battery-policy                 10,000 rollouts for each line of the table
    python -m tests.batteries.policy --rollouts 600

Every decision is the product's own (``plan_waves``, ``decide``, ``judge``); only Salesforce is
replaced by seeded chance: each push of an org fails with a probability. Nobody intervenes, so the
first halt, hold or wave that can't pass ends a rollout; in the rows of patient people an approver
lets known failures pass, and only a halt ends it.

Exit code 1: a target was missed (``Cell.target``): with no failure every rollout completes; at 1
and 3 % known failures, whether they pass or stay, at most 10 % are halted; from 20 % on, whatever
the kind, no rollout completes and the median one stops within 20 results of the wave that stops it.
"""

from __future__ import annotations

import argparse
import os
import random
import statistics
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "pushboard.settings")

from rollouts.domain.decide import Action, Do, RolloutFacts, WaveFacts, decide
from rollouts.domain.failures import FailureKind
from rollouts.domain.judging import Tally
from rollouts.domain.lifecycle import RolloutState, WaveState
from rollouts.domain.planner import Candidate, PlannedWave, plan_waves
from rollouts.domain.policy import Policy, batch_sizes
from rollouts.domain.versions import Number
from tests.batteries.report import Line, commit, put, table, write

NOW = datetime(2026, 11, 24, 9, 0, tzinfo=UTC)
TO = Number(4, 3, 0)
OWN, SANDBOXES, PRODUCTION, LARGE = 10, 60, 600, 3000
RATES = (0.0, 0.01, 0.03, 0.05, 0.10, 0.20, 0.30, 0.50)
FALSE_RATE, FALSE_HALTS, BAD_RATE, SOON = 0.03, 0.10, 0.20, 20


@dataclass(frozen=True, slots=True)
class Sort:
    """A sort of failure. ``shared``: one signature in every org; else each org has its own.

    ``heard``: earlier rollouts of the package have shown its signatures. A lasting failure comes
    back on a retry; a passing one is drawn anew.
    """

    name: str
    kind: FailureKind
    shared: bool
    heard: bool


PACKAGE = Sort("package", FailureKind.PACKAGE, shared=True, heard=False)
SUBSCRIBER = Sort("subscriber", FailureKind.SUBSCRIBER, shared=False, heard=True)
TRANSIENT = Sort("transient", FailureKind.TRANSIENT, shared=True, heard=True)
SORTS = (PACKAGE, SUBSCRIBER, TRANSIENT)


@dataclass(slots=True)
class Wave:
    """One wave of a simulated rollout; orgs are numbers."""

    plan: PlannedWave
    sizes: tuple[int, ...]
    state: WaveState = WaveState.APPROVED
    planned: list[int] = field(default_factory=list)
    flying: list[int] = field(default_factory=list)
    newest: int = 0
    cut: int = 0
    tries: Counter[int] = field(default_factory=Counter)
    failed: set[int] = field(default_factory=set)
    succeeded: int = 0
    ended: int = 0
    signatures: dict[str, set[int]] = field(default_factory=dict)

    def counted(self, due: int) -> tuple[object, ...]:
        """Everything that the wave's facts are made from; orgs are alike but for their counts."""
        signatures = sorted(map(len, self.signatures.values()))
        return (
            self.state, len(self.planned), len(self.flying), self.newest, self.succeeded,
            len(self.failed), due, *signatures,
        )  # fmt: skip


@dataclass(frozen=True, slots=True)
class Ended:
    """How one rollout ended: its last action's kind, in which wave, after how many orgs."""

    by: str
    wave: int
    completions: int
    in_wave: int
    exposed: int
    failed: int


@dataclass(slots=True)
class Fleet:
    """A vendor's waves and their batches, as the product cuts them, for one sort of failure.

    ``asked``: what ``decide`` has answered. It is a pure function, waves that have ended and waves
    to come say nothing to it, and many rollouts come to the same counts.
    """

    waves: tuple[PlannedWave, ...]
    sort: Sort
    policy: Policy = field(default_factory=Policy)
    sizes: tuple[tuple[int, ...], ...] = ()
    asked: dict[tuple[object, ...], Action] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.sizes = tuple(
            batch_sizes(len(wave.orgs), wave.kind, self.policy) for wave in self.waves
        )


class Rollout:
    """One seeded rollout under the default policy."""

    def __init__(self, fleet: Fleet, rate: float, seed: int, *, patient: bool = False) -> None:
        self.fleet, self.policy, self.sort = fleet, fleet.policy, fleet.sort
        self.rate, self.patient = rate, patient
        self.chance = random.Random(f"{fleet.sort.name}:{rate}:{seed}")
        self.waves = [
            Wave(wave, sizes, planned=list(range(len(wave.orgs))))
            for wave, sizes in zip(fleet.waves, fleet.sizes, strict=True)
        ]
        self.completions = self.exposed = 0

    def run(self) -> Ended:
        """Go on until the rollout ends or stops itself."""
        while True:
            number = next(
                (n for n, wave in enumerate(self.waves) if wave.state is not WaveState.PASSED), 0
            )
            wave = self.waves[number]
            action = self._asked(number, wave)
            ended = self._do(action, wave)
            if self.patient and ended == "can't pass":
                wave.state = WaveState.PASSED
            elif ended:
                return Ended(
                    ended,
                    number + 1,
                    self.completions,
                    wave.ended,
                    self.exposed,
                    sum(len(wave.failed) for wave in self.waves),
                )

    def _asked(self, number: int, wave: Wave) -> Action:
        """What the product decides, asked once for each wave's counts."""
        key = (number, *wave.counted(len(self._due(wave))))
        action = self.fleet.asked.get(key)
        if action is None:
            (action, *_) = decide(self.facts(), self.policy, NOW)
            self.fleet.asked[key] = action
        return action

    def _do(self, action: Action, wave: Wave) -> str:
        """Do what was decided; returns how the rollout ended, or ""."""
        match action.do:
            case Do.COMPLETE:
                return "completed"
            case Do.HALT | Do.REVIEW:
                return "halted" if action.do is Do.HALT else "held"
            case Do.START:
                wave.state = WaveState.DISPATCHING
            case Do.NEXT_BATCH:
                size = wave.sizes[min(wave.cut, len(wave.sizes) - 1)]
                self._send(wave, wave.planned[:size])
                wave.planned = wave.planned[size:]
            case Do.RETRY_BATCH:
                due = sorted(self._due(wave))
                wave.failed.difference_update(due)
                self._send(wave, due)
            case Do.BAKE:
                wave.state = WaveState.BAKING
            case Do.PASS:
                wave.state = WaveState.PASSED
            case _ if wave.flying:
                self._land(wave)
            case _:
                return "can't pass"
        return ""

    def _send(self, wave: Wave, orgs: list[int]) -> None:
        self.exposed += sum(not wave.tries[org] for org in orgs)
        for org in orgs:
            wave.tries[org] += 1
        # The last of the list lands first: older batches before newer ones.
        wave.flying = [*self.chance.sample(orgs, len(orgs)), *wave.flying]
        wave.newest, wave.cut = len(orgs), wave.cut + 1

    def _land(self, wave: Wave) -> None:
        """Let pushes end until one of them may matter: only then can a decision change.

        A success can't make a verdict worse; a failure can, and so can the smallest sample.
        """
        while wave.flying:
            org = wave.flying.pop()
            self.completions += 1
            wave.ended += 1
            bad = self.chance.random() < self.rate
            if bad:
                wave.failed.add(org)
                text = self.sort.name if self.sort.shared else f"{self.sort.name} of org {org}"
                wave.signatures.setdefault(text, set()).add(org)
            else:
                wave.succeeded += 1
            settled = 100 * (1 - len(wave.flying) / wave.newest)
            sampled = wave.succeeded + len(wave.failed) == self.policy.rate_sample
            goes_on = wave.planned and settled >= self.policy.next_batch_settled_percent
            if bad or sampled or goes_on:
                return

    def _due(self, wave: Wave) -> set[int]:
        if self.sort.kind is not FailureKind.TRANSIENT:
            return set()
        return {org for org in wave.failed if wave.tries[org] <= self.policy.retries}

    def facts(self) -> RolloutFacts:
        """The rollout as the product would count it from its rows."""
        waves = [self._wave(number, wave) for number, wave in enumerate(self.waves, 1)]
        return RolloutFacts(RolloutState.ACTIVE, waves)

    def _wave(self, number: int, wave: Wave) -> WaveFacts:
        kinds = dict.fromkeys(wave.signatures, self.sort.kind)
        tally = Tally(
            kind=wave.plan.kind,
            orgs=len(wave.plan.orgs),
            attempted=wave.succeeded + len(wave.failed) + len(wave.flying),
            settled=wave.succeeded + len(wave.failed),
            succeeded=wave.succeeded,
            confirmed=wave.succeeded,
            failed={self.sort.kind: len(wave.failed)} if wave.failed else {},
            retryable=len(self._due(wave)),
            signatures={text: len(orgs) for text, orgs in wave.signatures.items()},
            signature_kinds=kinds,
            unheard=frozenset() if self.sort.heard else frozenset(wave.signatures),
        )
        settled = 100 * (1 - len(wave.flying) / wave.newest) if wave.newest else 100.0
        return WaveFacts(
            number=number,
            state=wave.state,
            tally=tally,
            bake=wave.plan.bake,
            approved=True,
            planned=len(wave.planned),
            unsettled=len(wave.flying),
            open_batches=1 if wave.flying else 0,
            newest_settled_percent=settled,
            retry_due=len(self._due(wave)),
            last_ended=NOW - timedelta(days=30),
            baked_until=NOW,
        )


def planned(production: int = PRODUCTION) -> tuple[PlannedWave, ...]:
    """The waves of a vendor: own orgs, sandboxes, production, as the planner cuts them."""
    number = Number(4, 2, 0)
    own = [Candidate(f"own{n}", number, is_production=False, is_own=True) for n in range(OWN)]
    boxes = [Candidate(f"box{n}", number, is_production=False) for n in range(SANDBOXES)]
    live = [Candidate(f"org{n}", number, is_production=True) for n in range(production)]
    return plan_waves([*own, *boxes, *live], TO, Policy(), "seed").waves


@dataclass(frozen=True, slots=True)
class Cell:
    """What the rollouts of one sort and rate came to; figures without a unit are medians."""

    sort: Sort
    rate: float
    who: str
    rollouts: int
    ends: Counter[str]
    in_wave: float
    soon: float
    completions: float
    exposed: float
    failed: float

    @property
    def halted(self) -> float:
        """The share of rollouts that were halted."""
        return self.ends["halted"] / self.rollouts

    def target(self) -> tuple[str, bool]:
        """Which target this cell is held to, "" for none, and whether it is met."""
        if self.rate == 0:
            return "all complete", self.ends["completed"] == self.rollouts
        if self.sort.heard and self.rate <= FALSE_RATE:
            return f"halted at most {FALSE_HALTS:.0%}", self.halted <= FALSE_HALTS
        if self.rate >= BAD_RATE:
            stops = not self.ends["completed"] and self.in_wave <= SOON
            return f"none completes, stops after {SOON} at most", stops
        return "", True

    def row(self) -> tuple[str, ...]:
        """The cell as a line of the table."""
        shares = [
            f"{100 * self.ends[by] / self.rollouts:.1f} %"
            for by in ("halted", "held", "can't pass", "completed")
        ]
        stopped = self.ends["completed"] < self.rollouts
        when = (
            (f"{self.in_wave:.0f}", f"{100 * self.soon:.0f} %", f"{self.completions:.0f}")
            if stopped
            else ("", "", "")
        )
        name, met = self.target()
        return (
            self.sort.name + self.who, f"{self.rate:.0%}", *shares, *when,
            f"{self.exposed:.0f}", f"{self.failed:.1f}",
            f"{name}: {'met' if met else 'MISSED'}" if name else "",
        )  # fmt: skip


def cell(fleet: Fleet, rate: float, rollouts: int, *, patient: bool = False, who: str = "") -> Cell:
    """Simulate one sort and rate."""
    ended = [Rollout(fleet, rate, n, patient=patient).run() for n in range(rollouts)]
    stopped = [one for one in ended if one.by != "completed"] or ended
    return Cell(
        fleet.sort,
        rate,
        who,
        rollouts,
        Counter(one.by for one in ended),
        statistics.median(one.in_wave for one in stopped),
        statistics.mean(one.in_wave <= SOON for one in stopped),
        statistics.median(one.completions for one in stopped),
        statistics.mean(one.exposed for one in ended),
        statistics.mean(one.failed for one in ended),
    )


HEAD = (
    "failures", "rate", "halted", "held for a look", "can't pass", "completed",
    "stops after (in its wave)", f"within {SOON}", "(in all)", "orgs reached", "orgs failed",
    "target",
)  # fmt: skip


def cells(each: int) -> Iterator[Cell]:
    """Every line of the table, one after the other."""
    waves = planned()
    for sort in SORTS:
        fleet = Fleet(waves, sort)
        for rate in RATES:
            # Without failures chance has no part, so one rollout tells all.
            yield cell(fleet, rate, each if rate else 1)
    fleet = Fleet(waves, SUBSCRIBER)
    for rate in (0.01, FALSE_RATE, 0.05):
        yield cell(fleet, rate, each, patient=True, who=", patient people")
    large = Fleet(planned(LARGE), TRANSIENT)
    yield cell(large, FALSE_RATE, each, patient=True, who=f", {LARGE:,} production orgs")


def main() -> int:
    """Simulate every cell, judge the targets, print the table."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n", maxsplit=1)[0])
    parser.add_argument("--rollouts", type=int, default=10_000, help="for each line")
    parser.add_argument("--write", action="store_true", help="write docs/reliability.md")
    each = (asked := parser.parse_args()).rollouts
    began, spent, of = time.monotonic(), time.process_time(), commit()
    found: list[Cell] = []
    for one in cells(each):
        found.append(one)
        print(" | ".join(one.row()), flush=True)
    seconds, spent = time.monotonic() - began, time.process_time() - spent
    held = [one.target() for one in found if one.target()[0]]
    missed = sum(not met for _, met in held)
    total = sum(one.rollouts for one in found)
    said = (
        f"`make battery-policy`, commit {of}: {total:,} rollouts, {each:,} for each line with "
        f"failures, seeds 0 to {each - 1:,}; {OWN} own orgs, {SANDBOXES} sandboxes, "
        f"{PRODUCTION} production orgs where nothing else is said; {len(held) - missed} of "
        f"{len(held)} targets met; {seconds:.0f} s, {spent:.0f} s of processor time."
    )
    print(f"\n{said}")
    if asked.write:
        put("policy", f"{said}\n\n{table(HEAD, [one.row() for one in found])}")
        quantity = (
            f"{total:,} rollouts, {each:,} for each kind and rate of failures; "
            f"{len(held) - missed} of {len(held)} targets met"
        )
        seeds = f"0 to {each - 1:,}"
        write(Line("policy", "make battery-policy", quantity, seeds, missed, seconds))
    return 1 if missed else 0


if __name__ == "__main__":
    raise SystemExit(main())
