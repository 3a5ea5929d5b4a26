"""The code's own last look, asked about a state of the model."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from functools import cache

from rollouts.domain.guards import arm_refusals
from rollouts.domain.lifecycle import RolloutState
from rollouts.domain.policy import Policy
from tests.batteries.dispatch.platform import nonce_of
from tests.batteries.dispatch.state import (
    BATCH,
    CLOCK,
    FLAGS,
    FREED,
    GEN,
    MADE,
    OWNER,
    PENDING,
    STARTED,
    STATE,
    STATES,
    TO_ARM,
    WANTED,
    Rules,
    jobs_of,
    requests,
    standing,
    status_of,
)
from tests.domain.test_guards import FACTS, LIVE, NOW, ORGS, START

# Orgs of the model in the words of the guard's own tests, which tell a case with no refusal.
_A, _B = sorted(ORGS)
_WORDS = {MADE: "Created", PENDING: "Pending", STARTED: "InProgress"}


def facts_allow(state: bytes, batch: int, worker: int, rules: Rules) -> bool:
    """What the ARM transaction reads in the database."""
    row = batch * BATCH
    mine = state[row + OWNER] == worker or not rules.fence
    other = (1 - batch) * BATCH
    elsewhere = bool(state[other + STATE]) and not state[other + FLAGS] & FREED
    wanted = bool(state[row + FLAGS] & WANTED)
    standing_now, same_list = standing(state) != 0, standing(state) == state[row + GEN]
    if not rules.approval_at_arm:
        wanted, standing_now, same_list = False, True, True
    in_time = state[row + CLOCK] <= TO_ARM or not rules.fuse
    return _facts(
        state[row + STATE], mine, elsewhere and rules.live_index, wanted, standing_now, same_list,
        in_time,
    )  # fmt: skip


@cache
def _facts(
    batch: int, mine: bool, elsewhere: bool, wanted: bool, active: bool, same: bool, in_time: bool
) -> bool:
    facts = replace(
        FACTS,
        rollout_state=RolloutState.ACTIVE if active else RolloutState.HALTED,
        batch_state=STATES[batch],
        epoch_now=FACTS.epoch_read if mine else FACTS.epoch_read + 1,
        live_elsewhere=(_A,) if elsewhere else (),
        cancel_wanted=wanted,
        approvals=int(active and same),
        holds=() if same else ("the list was voided",),
        start_at=START if in_time else NOW + timedelta(minutes=14),
    )
    return not arm_refusals(facts, replace(LIVE, request_start=facts.start_at), Policy(), NOW)


def reads_allow(state: bytes, batch: int, request: int, rules: Rules) -> bool:
    """What the live reads show at Salesforce, a moment before the transaction."""
    jobs = jobs_of(state, request)
    if not rules.sets:
        jobs = (1, 1, 0)
    others = [r for r in requests(state) if r != request and any(jobs_of(state, r)[:2])]
    foreign = any(status_of(state, r) in (MADE, PENDING, STARTED) for r in others)
    return _reads(
        status_of(state, request),
        nonce_of(state, request) == batch or not rules.nonce,
        jobs,
        foreign and rules.foreign_look,
    )


@cache
def _reads(status: int, same_start: bool, jobs: tuple[int, int, int], foreign: bool) -> bool:
    a, b, x = jobs
    live = replace(
        LIVE,
        request_status=_WORDS.get(status, "Canceled"),
        request_start=START if same_start else None,
        job_orgs=(_A,) * a + (_B,) * b + ("x",) * x,
        foreign_orgs=(_A,) if foreign else (),
    )
    return not arm_refusals(FACTS, live, Policy(), NOW)
