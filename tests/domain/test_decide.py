from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

from rollouts.domain.decide import Do, RolloutFacts, WaveFacts, decide
from rollouts.domain.failures import FailureKind
from rollouts.domain.judging import Tally
from rollouts.domain.lifecycle import RolloutState, WaveState
from rollouts.domain.policy import Policy, WaveKind

NOW = datetime(2026, 11, 21, 3, 0, tzinfo=UTC)


def wave(number: int = 1, state: WaveState = WaveState.APPROVED, **also: object) -> WaveFacts:
    tally = Tally(kind=WaveKind.PRODUCTION, orgs=30)
    facts = WaveFacts(number=number, state=state, tally=tally, bake=3600, approved=True, planned=30)
    return replace(facts, **also)  # type: ignore[arg-type]


def doing(*waves: WaveFacts, **also: object) -> list[Do]:
    facts = RolloutFacts(RolloutState.ACTIVE, waves)
    return [
        action.do
        for action in decide(replace(facts, **also), Policy(), NOW)  # type: ignore[arg-type]
    ]


def test_an_approved_wave_starts_when_the_one_before_has_passed() -> None:
    assert doing(wave(1, WaveState.PASSED), wave(2)) == [Do.START]


def test_an_approved_wave_waits_for_the_one_before() -> None:
    baking = wave(1, WaveState.BAKING, planned=0, baked_until=NOW + timedelta(hours=1))
    assert doing(baking, wave(2)) == [Do.WAIT]


def test_nothing_starts_while_held() -> None:
    assert doing(wave(), holds=("paused by Pia",)) == [Do.WAIT]
    assert doing(wave(state=WaveState.DISPATCHING), holds=("paused",)) == [Do.WAIT]


def test_what_is_outside_its_hours_waits_until_the_next_start() -> None:
    until = NOW + timedelta(hours=5)
    shut = "30 orgs: outside the window"
    for ready in (
        wave(),
        wave(state=WaveState.DISPATCHING),
        wave(state=WaveState.DISPATCHING, planned=0, retry_due=2),
    ):
        waiting = replace(ready, waits=shut, next_start=until)
        (action,) = decide(RolloutFacts(RolloutState.ACTIVE, [waiting]), Policy(), NOW)
        assert (action.do, action.because, action.until) == (Do.WAIT, shut, until)


def test_hours_keep_no_lapse_and_no_halt_waiting() -> None:
    assert doing(wave(lapsed=True, waits="outside the window")) == [Do.LAPSE]
    running = wave(state=WaveState.DISPATCHING, approved=False, waits="outside the window")
    assert doing(running) == [Do.LAPSE]


def test_a_lapsed_approval_opens_nothing() -> None:
    assert doing(wave(lapsed=True)) == [Do.LAPSE]


def test_an_unapproved_wave_never_starts() -> None:
    assert doing(wave(state=WaveState.FROZEN)) == [Do.WAIT]


def test_an_approved_wave_whose_approver_lost_the_right_asks_for_another_yes() -> None:
    assert doing(wave(approved=False)) == [Do.LAPSE]


def test_what_support_can_bear_in_a_day_keeps_the_next_batch_waiting() -> None:
    busy = wave(state=WaveState.DISPATCHING, next_size=30)
    assert doing(busy, pushed_today=80) == [Do.WAIT]
    assert doing(busy, pushed_today=80, completed=80, failed=1) == [Do.NEXT_BATCH]
    assert doing(replace(busy, next_size=300), pushed_today=0) == [Do.NEXT_BATCH]


def test_a_canary_bakes_through_a_working_day_where_its_orgs_are() -> None:
    canary = Tally(kind=WaveKind.CANARY, orgs=5, attempted=5, settled=5, succeeded=5, confirmed=5)
    friday_evening = datetime(2026, 11, 20, 20, 0, tzinfo=UTC)
    facts = RolloutFacts(
        RolloutState.ACTIVE,
        [
            wave(
                state=WaveState.DISPATCHING,
                planned=0,
                tally=canary,
                bake=86400,
                last_ended=friday_evening,
                regions=frozenset({"DEU", "JPN"}),
            )
        ],
    )
    (action,) = decide(facts, Policy(), NOW)
    assert action.until == datetime(2026, 11, 23, 16, 0, tzinfo=UTC)
    (there,) = facts.waves
    by_zone = replace(there, regions=frozenset(), zones=frozenset({"America/Los_Angeles"}))
    (action,) = decide(replace(facts, waves=[by_zone]), Policy(), NOW)
    assert action.until == datetime(2026, 11, 24, 1, 0, tzinfo=UTC)
    (action,) = decide(facts, Policy(canary_business_day=False), NOW)
    assert action.until == friday_evening + timedelta(days=1)


def test_a_halted_rollout_does_nothing_new() -> None:
    assert doing(wave(), state=RolloutState.HALTED) == [Do.WAIT]


def test_failures_halt_in_every_phase_also_while_baking() -> None:
    tally = Tally(
        kind=WaveKind.PRODUCTION,
        orgs=30,
        attempted=30,
        settled=30,
        succeeded=20,
        confirmed=20,
        failed={FailureKind.SUBSCRIBER: 10},
    )
    for state in (WaveState.DISPATCHING, WaveState.BAKING):
        assert doing(wave(1, state, tally=tally, planned=0)) == [Do.HALT]


def test_a_strict_wave_arms_the_next_batch_only_when_all_are_settled() -> None:
    canary = Tally(kind=WaveKind.CANARY, orgs=30, attempted=10)
    running = wave(state=WaveState.DISPATCHING, tally=canary, unsettled=1, open_batches=1)
    assert doing(running) == [Do.WAIT]
    assert doing(replace(running, open_batches=0, unsettled=0)) == [Do.NEXT_BATCH]


def test_a_later_wave_sends_the_next_batch_at_ninety_percent() -> None:
    running = wave(state=WaveState.DISPATCHING, unsettled=2, open_batches=1)
    assert doing(replace(running, newest_settled_percent=80.0)) == [Do.WAIT]
    assert doing(replace(running, newest_settled_percent=90.0)) == [Do.NEXT_BATCH]


def test_a_settled_wave_bakes_from_its_last_end() -> None:
    tally = Tally(kind=WaveKind.OWN, orgs=5, attempted=5, settled=5, succeeded=5, confirmed=5)
    ended = NOW - timedelta(minutes=30)
    facts = RolloutFacts(
        RolloutState.ACTIVE,
        [wave(state=WaveState.DISPATCHING, planned=0, tally=tally, last_ended=ended)],
    )
    (action,) = decide(facts, Policy(), NOW)
    assert (action.do, action.until) == (Do.BAKE, ended + timedelta(hours=1))


def test_a_wave_whose_orgs_all_dropped_out_is_skipped() -> None:
    assert doing(wave(state=WaveState.DISPATCHING, planned=0)) == [Do.SKIP]
    assert doing(wave(planned=0)) == [Do.SKIP]


def test_transient_failures_are_retried_before_the_bake() -> None:
    tally = Tally(kind=WaveKind.OWN, orgs=5, attempted=5, settled=5, succeeded=4, confirmed=4)
    settled = wave(state=WaveState.DISPATCHING, planned=0, tally=tally, retry_due=1)
    assert doing(settled) == [Do.RETRY_BATCH]
    assert doing(replace(settled, retry_due=0, retry_waiting=1)) == [Do.WAIT]


def test_a_review_keeps_everything_waiting() -> None:
    assert doing(wave(state=WaveState.DISPATCHING, review="look at it")) == [Do.WAIT]


def test_a_rollout_ends_when_every_wave_has() -> None:
    assert doing(wave(1, WaveState.PASSED), wave(2, WaveState.SKIPPED)) == [Do.COMPLETE]


def test_an_aborting_rollout_ends_only_when_nothing_can_start() -> None:
    assert doing(wave(), state=RolloutState.ABORTING, open_batches=1) == [Do.WAIT]
    assert doing(wave(), state=RolloutState.ABORTING) == [Do.DRAINED]
