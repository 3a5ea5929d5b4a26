"""The judge of the kill battery: it must be able to say no."""

from __future__ import annotations

from dataclasses import replace

import pytest

from tests.batteries.books import (
    ApprovalRow,
    AttemptRow,
    BatchRow,
    Effect,
    ListRow,
    RolloutRow,
    Snapshot,
    TargetRow,
    WaveRow,
)
from tests.batteries.killing import EVERYTHING, PARTS, plan
from tests.batteries.oracle import Evidence, judge

PIA, ARI = 1, 2
VERSION, REQUEST, JOB, ORG = "04t1", "0DV1", "0DX1", "00D5g0000000001"


def line(seq: int, kind: str, **more: object) -> Effect:
    job = JOB if kind.startswith(("job", "version")) else None
    org = ORG if job else None
    values = {"request": REQUEST, "job": job, "org": org, "version": VERSION, **more}
    return Effect(seq=seq, at=seq * 1000, kind=kind, detail={}, **values)  # type: ignore[arg-type]


def the_log() -> list[Effect]:
    words = (
        "request_created", "job_created", "request_pending", "job_pending", "request_started",
        "job_started", "job_succeeded", "version_changed", "request_succeeded",
    )  # fmt: skip
    return [line(number, word) for number, word in enumerate(words, start=1)]


def good() -> Evidence:
    return Evidence(
        effects=the_log(),
        books=Snapshot(
            rollouts=(RolloutRow(1, "hbr", "completed", "", VERSION, PIA, None),),
            waves=(WaveRow(1, 1, 1, "own", "passed", "", 1, 1, None),),
            batches=(BatchRow(1, 1, 1, "settled", REQUEST, 2500),),
            attempts=(AttemptRow(1, 1, 1, ORG, 1, "confirmed", JOB),),
            targets=(TargetRow(1, 1, 1, ORG, "done"),),
            beats={},
        ),
        lists=[ListRow(1, 1, "d1", VERSION, 99_000, None, PIA, frozenset(), frozenset({ORG}))],
        approvals=[ApprovalRow(1, ARI, "d1", 500, 50_000, None)],
        slug="hbr",
    )


def told(evidence: Evidence) -> str:
    return "; ".join(judge(evidence).violations)


def test_a_good_run_is_found_good() -> None:
    judgement = judge(good())

    assert judgement.violations == ()
    assert judgement.counted["jobs succeeded"] == 1


def test_a_second_push_is_found() -> None:
    again = [line(10, "job_started", job="0DX2"), line(11, "job_succeeded", job="0DX2")]

    said = told(replace(good(), effects=[*the_log(), *again]))

    assert "pushed to 04t1 2 times" in said
    assert "started again after its success" in said


def test_two_jobs_at_once_are_found() -> None:
    log = the_log()
    log.insert(6, line(6, "job_started", job="0DX2"))

    assert "two jobs running at once" in told(replace(good(), effects=log))


def test_an_org_outside_the_list_is_found() -> None:
    log = [*the_log(), line(10, "job_created", org="00D9"), line(11, "job_started", org="00D9")]

    said = told(replace(good(), effects=log))

    assert "00D9 was started but is not on list 1" in said
    assert "a job was made for 00D9, which is on no approved list" in said


@pytest.mark.parametrize(
    ("hours", "not_after", "noted", "words"),
    [
        # The log is of the first seconds of 1970, a Thursday.
        (("Thu 00:00-Thu 05:00", "UTC"), 99_000, "", ""),
        (("Wed 22:00-Thu 05:00", "UTC,Europe/London"), 99_000, "", ""),
        (("Thu 01:00-Thu 05:00", "UTC"), 99_000, "", "outside its window"),
        (("Thu 00:00-Thu 05:00", "UTC,America/New_York"), 99_000, "", "outside its window"),
        (("Thu 01:00-Thu 05:00", "UTC"), 99_000, "1 of 1 orgs started outside", ""),
        (("any hour", ""), 5_999, "", "started late"),
        (("any hour", ""), 5_999, "1 of 1 orgs started outside", ""),
        (("any hour", ""), 6_000, "", ""),
    ],
)
def test_a_start_outside_the_hours_is_found_unless_it_was_written_down(
    hours: tuple[str, str], not_after: int, noted: str, words: str
) -> None:
    held = good()
    (batch,) = held.books.batches
    batch = replace(batch, not_after=not_after, began_outside=noted)

    said = told(
        replace(
            held,
            books=replace(held.books, batches=(batch,)),
            lists=[replace(held.lists[0], hours={ORG: hours})],
        )
    )

    assert words in said if words else said == ""


def test_a_request_that_no_batch_knows_is_found() -> None:
    log = [*the_log(), line(10, "request_pending", request="0DV9")]

    assert "0DV9 went Pending though nothing armed it" in told(replace(good(), effects=log))


@pytest.mark.parametrize(
    ("approval", "words"),
    [
        (None, "0 of 1 approvals"),
        (ApprovalRow(1, ARI, "d1", 2600, 50_000, None), "0 of 1 approvals"),
        (ApprovalRow(1, ARI, "d1", 500, 50_000, 2400), "0 of 1 approvals"),
        (ApprovalRow(1, ARI, "d0", 500, 50_000, None), "0 of 1 approvals"),
        (ApprovalRow(1, PIA, "d1", 500, 50_000, None), "its own author"),
        (ApprovalRow(1, ARI, "d1", 500, 2000, None), "had lapsed"),
    ],
)
def test_arming_without_a_valid_approval_is_found(approval: ApprovalRow | None, words: str) -> None:
    assert words in told(replace(good(), approvals=[approval] if approval else []))


def test_a_void_list_and_one_past_its_end_are_found() -> None:
    row = good().lists[0]

    assert "its list was void" in told(replace(good(), lists=[replace(row, voided_at=1000)]))
    assert "end date" in told(replace(good(), lists=[replace(row, end_by=1000)]))


def test_a_request_pending_before_its_commit_or_twice_is_found() -> None:
    books = good().books
    late = replace(books, batches=(replace(books.batches[0], armed_at=3500),))
    twice = [*the_log(), line(10, "request_pending")]

    assert "before its arming was committed" in told(replace(good(), books=late))
    assert "went Pending 2 times" in told(replace(good(), effects=twice))


@pytest.mark.parametrize(
    ("state", "words"),
    [
        ("planned", "has not ended"),
        ("in_flight", "has not ended"),
        ("failed", "failed, the log: job_succeeded"),
        ("excluded", "without a cause in the log"),
    ],
)
def test_an_org_that_ended_otherwise_than_the_log_says_is_found(state: str, words: str) -> None:
    books = replace(good().books, targets=(TargetRow(1, 1, 1, ORG, state),))

    assert words in told(replace(good(), books=books))


def test_what_is_left_open_is_found_on_both_sides() -> None:
    books = good().books
    left = replace(
        books,
        rollouts=(replace(books.rollouts[0], state="active"),),
        batches=(replace(books.batches[0], state="running"),),
        attempts=(replace(books.attempts[0], state="queued"),),
    )

    said = told(replace(good(), books=left, effects=the_log()[:-1]))

    assert "the rollout is active" in said
    assert "batch 1 is still running" in said
    assert "an attempt that is still queued" in said
    assert "0DV1 is left started at Salesforce" in said


@pytest.mark.parametrize("seed", range(20))
def test_every_kind_of_process_dies_often_enough(seed: int) -> None:
    victims = [planned.victim for planned in plan(20, seed)]

    assert len(victims) == 20
    assert all(victims.count(part) >= 2 for part in PARTS)
    assert victims.count(EVERYTHING) >= 4
    assert plan(20, seed) == plan(20, seed)
