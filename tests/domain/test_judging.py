from __future__ import annotations

import random
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from rollouts.domain.failures import Failure, FailureKind, classify, kind_among, signature
from rollouts.domain.judging import Tally, judge, may_pass, wilson_lower, wilson_upper
from rollouts.domain.policy import Policy, WaveKind

NOW = datetime(2026, 11, 21, 3, 14, tzinfo=UTC)


def production(failed: int, completed: int, **also: object) -> Tally:
    return Tally(
        kind=WaveKind.PRODUCTION,
        orgs=500,
        attempted=completed,
        settled=completed,
        succeeded=completed - failed,
        confirmed=completed - failed,
        failed={FailureKind.TRANSIENT: failed} if failed else {},
        **also,  # type: ignore[arg-type]
    )


def test_the_wilson_bounds_are_the_published_ones() -> None:
    # Wilson score interval for 5 of 50 at z = 1.96: 4.35 % to 21.36 %.
    assert wilson_lower(5, 50, 1.96) == pytest.approx(0.0435, abs=0.0005)
    assert wilson_upper(5, 50, 1.96) == pytest.approx(0.2136, abs=0.0005)
    assert wilson_lower(0, 0) == 0.0


def test_a_few_failures_of_many_do_not_halt() -> None:
    assert judge(production(5, 200), Policy()).halt == ""


def test_a_rate_that_is_surely_over_the_limit_halts_and_says_the_numbers() -> None:
    verdict = judge(production(8, 25), Policy())
    assert "8 of 25" in verdict.halt
    assert "5 %" in verdict.halt


def test_the_rate_is_not_judged_on_a_handful() -> None:
    assert judge(production(2, 5), Policy()).halt == ""


def test_the_cap_halts_whatever_the_rate() -> None:
    assert "25 orgs failed" in judge(production(25, 5000), Policy()).halt


def test_accepted_failures_do_not_count_again_and_later_ones_do() -> None:
    few = replace(production(25, 5000), failed={FailureKind.TRANSIENT: 5}, accepted=20)
    assert judge(few, Policy()).halt == ""
    assert few.failures_so_far == 25
    many = replace(production(45, 5000), failed={FailureKind.TRANSIENT: 25}, accepted=20)
    assert "25 orgs failed" in judge(many, Policy()).halt


def test_an_accepted_failure_is_no_part_of_the_rate_either() -> None:
    tally = replace(production(12, 32), failed={FailureKind.TRANSIENT: 3}, accepted=9)
    assert (tally.failures, tally.completed) == (3, 23)
    assert judge(tally, Policy()).halt == ""
    assert judge(production(12, 32), Policy()).halt


def test_a_wave_that_can_not_be_closed_names_the_only_ways_on() -> None:
    late = NOW + timedelta(days=9)
    strict = replace(production(5, 20), kind=WaveKind.CANARY)
    assert "can't be closed" in may_pass(strict, Policy(), baked_until=NOW, now=late)
    assert "an approver closes the wave" in may_pass(
        production(5, 20), Policy(), baked_until=NOW, now=late
    )


def test_locks_that_get_another_try_do_not_fill_the_cap() -> None:
    assert judge(production(40, 5000, retryable=20), Policy()).halt == ""
    assert "25 orgs failed" in judge(production(40, 5000, retryable=15), Policy()).halt


def test_locks_that_get_another_try_count_for_the_rate() -> None:
    assert "20 of 40" in judge(production(20, 40, retryable=20), Policy()).halt


def test_the_same_package_failure_in_three_orgs_halts() -> None:
    tally = production(
        3,
        300,
        signatures={"ApexTestFailure | Zone": 3},
        signature_kinds={"ApexTestFailure | Zone": FailureKind.SUBSCRIBER},
    )
    assert "the same failure in 3 orgs" in judge(tally, Policy()).halt


def test_locks_repeat_by_nature_and_do_not_trip_the_signature_rule() -> None:
    tally = production(
        4,
        400,
        signatures={"LockingFailure": 4},
        signature_kinds={"LockingFailure": FailureKind.TRANSIENT},
    )
    assert judge(tally, Policy()).halt == ""


def test_one_unknown_failure_in_the_canary_waits_for_a_look_and_two_halt() -> None:
    def canary(unknown: int) -> Tally:
        return Tally(
            kind=WaveKind.CANARY,
            orgs=25,
            attempted=10,
            settled=10,
            succeeded=10 - unknown,
            confirmed=10 - unknown,
            failed={FailureKind.UNKNOWN: unknown},
        )

    assert "look at it" in judge(canary(1), Policy()).hold
    assert judge(canary(2), Policy()).halt


def test_a_wave_without_a_confirmed_success_never_passes() -> None:
    tally = Tally(kind=WaveKind.PRODUCTION, orgs=5, attempted=0, settled=0)
    assert may_pass(tally, Policy(), baked_until=NOW, now=NOW + timedelta(days=9))


def test_a_wave_passes_after_its_bake_and_not_before() -> None:
    tally = production(1, 40)
    assert may_pass(tally, Policy(), baked_until=NOW, now=NOW - timedelta(seconds=1))
    assert may_pass(tally, Policy(), baked_until=NOW, now=NOW) == ""


def test_a_wave_with_unsettled_orgs_does_not_pass() -> None:
    tally = Tally(
        kind=WaveKind.PRODUCTION, orgs=40, attempted=40, settled=39, succeeded=39, confirmed=39
    )
    assert "1 orgs are not settled" in may_pass(tally, Policy(), baked_until=NOW, now=NOW)


def test_platform_numbers_do_not_make_every_failure_its_own_kind() -> None:
    one = Failure("UnclassifiedError", "Unexpected Failure", "error number: 731-80805 (-15).")
    two = Failure("UnclassifiedError", "Unexpected Failure", "error number: 99-1 (-7).")
    assert signature(one) == signature(two)


@pytest.mark.parametrize(
    ("error", "kind"),
    [
        (Failure("LockingFailure"), FailureKind.TRANSIENT),
        (Failure("ApexTestFailure", "x"), FailureKind.SUBSCRIBER),
        (Failure("IneligibleUpgrade", "Cannot upgrade beta package"), FailureKind.REJECTED),
        (
            Failure("IneligibleUpgrade", "", "This package is not yet available"),
            FailureKind.TRANSIENT,
        ),
        (Failure("Brand New Type"), FailureKind.UNKNOWN),
    ],
)
def test_each_error_type_has_its_kind_and_what_is_new_is_unknown(
    error: Failure, kind: FailureKind
) -> None:
    assert classify([error])[0] is kind


@pytest.mark.parametrize(
    ("text", "orgs", "kind"),
    [
        ("ApexTestFailure | Zone", 1, FailureKind.SUBSCRIBER),
        ("ApexTestFailure | Zone", 2, FailureKind.PACKAGE),
        ("LimitExceeded | Limit", 9, FailureKind.SUBSCRIBER),
    ],
)
def test_the_same_failing_test_in_several_orgs_is_the_packages_fault(
    text: str, orgs: int, kind: FailureKind
) -> None:
    assert kind_among(FailureKind.SUBSCRIBER, text, orgs) is kind


def test_a_failure_without_any_error_row_is_unknown() -> None:
    assert classify([])[0] is FailureKind.UNKNOWN


@pytest.mark.parametrize(("rate", "at_most"), [(0.03, 0.10)])
def test_ambient_failures_seldom_halt_by_the_rate_rule(rate: float, at_most: float) -> None:
    chance = random.Random(7)
    halts = sum(_halts_at(rate, chance) is not None for _ in range(300))
    assert halts / 300 <= at_most


def test_a_bad_version_is_halted_within_a_few_dozen() -> None:
    chance = random.Random(11)
    stops = sorted(_halts_at(0.25, chance) or 999 for _ in range(200))
    assert stops[len(stops) // 2] <= 25


def _halts_at(rate: float, chance: random.Random) -> int | None:
    failed = 0
    for completed in range(1, 401):
        failed += chance.random() < rate
        if judge(production(failed, completed), Policy(failure_cap=999)).halt:
            return completed
    return None
