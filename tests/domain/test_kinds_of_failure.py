"""One key for what fails alike, what is known of it, and what its orgs have in common."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from rollouts.domain.contrast import contrasts
from rollouts.domain.failure_knowledge import Retry, knowledge, title_of
from rollouts.domain.failures import (
    Failure,
    FailureKind,
    classify,
    error_id,
    is_customers_block,
    signature,
)
from rollouts.domain.triage import TriageState, is_link, key_of, standing

NOW = datetime(2026, 11, 21, 3, 14, tzinfo=UTC)
TYPES = (
    "ApexTestFailure", "DeployError", "FeatureMissing", "IneligibleUpgrade", "LimitExceeded",
    "LockingFailure", "PACError", "UnclassifiedError",
)  # fmt: skip


def org_name(number: int) -> str:
    return ("Pine & Sons", "Kumo (KK)", "Orion+ Ltd", "München Süd GmbH")[number % 4] + f" {number}"


def causes(number: int) -> list[Failure]:
    """Three causes, each in the words that this org's failure would have."""
    key, name = f"00D5g00000{number:05d}", org_name(number)
    return [
        Failure(
            "ApexTestFailure",
            f"Test failed in {name}",
            f"Zone is required on Dispatch__c of {key}EAA at 2026-11-{number % 28 + 1:02d}T03:14Z, "
            f"see https://{number}.my.salesforce.com/{key}\nClass.hbr.Dispatch: line {number}",
        ),
        Failure(
            "LockingFailure",
            "Locking Failure",
            f"{name.upper()} was locked by user{number}@pine.example on "
            f"Sat, 21 Nov 2026, 3:{number % 60:02d} AM.",
        ),
        Failure(
            "UnclassifiedError",
            "Unexpected Failure",
            "An unexpected failure was experienced during the upgrade. Contact Support with the "
            f"error number: {731858695 + number}-{80805 + number} (-151184096).",
        ),
    ]


def test_200_failures_with_3_causes_are_3_kinds() -> None:
    """Acceptance statement 44."""
    signed = {
        classify([causes(number)[number % 3]], org=org_name(number))[1] for number in range(200)
    }

    assert len(signed) == 3, sorted(signed)


def test_errors_from_two_places_in_salesforces_program_are_two_kinds() -> None:
    one, other = (
        Failure("UnclassifiedError", "Unexpected Failure", f"error number: 731858695-8 ({place}).")
        for place in ("-151184096", "-203118")
    )

    assert signature(one) != signature(other)
    assert str(error_id(one.message)) == "731858695-8 (-151184096)"
    assert error_id("line 4, column 1") is None


def test_an_orgs_short_name_is_left_in_for_it_may_be_any_word() -> None:
    said = Failure("LockingFailure", "", "The lock could not be had")

    assert signature(said, org="lock") == signature(said, org="Pine & Sons")


@pytest.mark.parametrize("kind", TYPES)
def test_each_type_of_salesforces_reference_is_explained_with_its_source(kind: str) -> None:
    known = knowledge(f"{kind} | Title", classify([Failure(kind)])[0])

    assert all((known.means, known.do, known.advice, known.source))


def test_retry_advice_is_of_the_type_and_of_how_the_engine_took_it() -> None:
    assert knowledge("LockingFailure | x", FailureKind.TRANSIENT).retry is Retry.YES
    assert knowledge("ApexTestFailure | x", FailureKind.SUBSCRIBER).retry is Retry.NO
    assert knowledge("UnclassifiedError | x", FailureKind.UNKNOWN).retry is Retry.ONCE
    assert knowledge("UnclassifiedError | ORA-#", FailureKind.TRANSIENT).retry is Retry.YES
    assert knowledge("Brand New | x", FailureKind.UNKNOWN).retry is Retry.UNKNOWN
    assert "gives no reason" in knowledge(classify([])[1], FailureKind.UNKNOWN).means
    first = knowledge("IneligibleUpgrade | Dependent Package Conflict", FailureKind.REJECTED)
    assert "another package first" in first.advice


def test_titles_tell_kinds_apart_that_share_salesforces_title() -> None:
    assert title_of("UnclassifiedError | Unexpected Error | Code is required") == (
        "Unexpected Error: Code is required"
    )
    assert title_of(classify([])[1]) == "Salesforce gave no reason"
    assert len(title_of(f"PACError | {'x' * 300}")) < 100


def test_a_customers_block_is_told_from_a_failure() -> None:
    """Acceptance statement 47, the rule."""
    blocked = Failure(
        "IneligibleUpgrade",
        "Push Upgrade Blocked",
        "The subscriber has restricted push upgrades for this package.",
    )

    assert is_customers_block(signature(blocked))
    assert classify([blocked])[0] is FailureKind.SUBSCRIBER
    listed = Failure("IneligibleUpgrade", "Push Upgrade Excluded", "It is on the blocklist.")
    assert classify([listed])[0] is FailureKind.REJECTED
    assert not is_customers_block("IneligibleUpgrade | Push Upgrade Excluded | on the list")
    assert not is_customers_block("LockingFailure | Locking Failure | blocked by another push")


def test_what_was_solved_and_came_back_is_new_and_what_was_accepted_stays() -> None:
    later = NOW + timedelta(hours=1)

    assert standing(TriageState.SOLVED, said_at=NOW, last_at=later) is TriageState.NEW
    assert standing(TriageState.SOLVED, said_at=later, last_at=NOW) is TriageState.SOLVED
    assert standing(TriageState.ACCEPTED, said_at=NOW, last_at=later) is TriageState.ACCEPTED


def test_a_kind_has_one_name_in_every_rollout_and_another_in_another_package() -> None:
    assert key_of("033A", "x | y") == key_of("033A", "x | y") != key_of("033B", "x | y")


def test_only_web_addresses_can_be_followed() -> None:
    assert is_link("https://issues.example/7")
    assert not is_link("javascript:alert(1)")
    assert not is_link("case 00012345")


def from_version(*numbers: str) -> list[tuple[dict[str, tuple[str, ...]], int]]:
    return [({"came from": (one, f"{one[:3]}.x")}, 1) for one in numbers]


def test_large_differences_are_told_with_both_sides() -> None:
    (told,) = contrasts(from_version("4.1.0", "4.1.2"), [({"came from": ("4.2.1", "4.2.x")}, 61)])

    assert (told.value, told.failed, told.of_failed) == ("4.1.x", 2, 2)
    assert (told.upgraded, told.of_upgraded) == (0, 61)


def test_the_narrowest_value_is_told_when_it_says_as_much() -> None:
    (told,) = contrasts(from_version("4.1.0", "4.1.0"), [({"came from": ("4.2.1", "4.2.x")}, 61)])

    assert told.value == "4.1.0"


@pytest.mark.parametrize(
    ("failed", "upgraded"),
    [
        (from_version("4.1.0"), [({"came from": ("4.2.1",)}, 61)]),
        (from_version("4.1.0", "4.1.0"), [({"came from": ("4.2.1",)}, 4)]),
        (from_version("4.1.0", "4.1.0"), [({"came from": ("4.1.0", "4.1.x")}, 25), ({}, 36)]),
        (from_version("4.1.0", "4.0.0"), [({"came from": ("4.2.1",)}, 61)]),
        (from_version(*["4.1.0"] * 90), [({"came from": ("4.1.0", "4.1.x")}, 800), ({}, 200)]),
    ],
    ids=["one org", "hardly any upgraded", "chance", "not shared", "small though certain"],
)
def test_small_or_uncertain_differences_are_not_told(failed: list, upgraded: list) -> None:  # type: ignore[type-arg]
    assert contrasts(failed, upgraded) == []
