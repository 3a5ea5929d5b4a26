"""The self-test: both answers of every open question, and nothing left behind, ever."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import Any

import pytest

from rollouts.domain.connecting import Writes
from rollouts.domain.permissions import Role
from rollouts.models import (
    Connection,
    Event,
    Installation,
    Org,
    Person,
    PlatformAnswer,
    SelfTestRequest,
)
from rollouts.pipeline import clock, own_orgs, proof, selftest, sync, tick, timing
from rollouts.pipeline.leases import leased
from rollouts.pipeline.people import add_person
from rollouts.pipeline.questions import MEANS, TITLES, Answer
from rollouts.pipeline.selftest import Wanted
from rollouts.pipeline.transitions import Forbidden, Overtaken, Refusal
from rollouts.salesforce.connect import build_gateway, gateway_for
from rollouts.salesforce.tied import TiedHands, TooNear
from rollouts.simulator import Options, Simulator, Unknowns
from tests.support.org import connected, simulated_org

pytestmark = pytest.mark.django_db


class Stage:
    """A connection in observe mode whose org was read, and an admin."""

    def __init__(self, sim: Simulator) -> None:
        self.sim = sim
        self.link = connected()
        proof.prove(self.link)
        sync.sync(self.link, gateway_for(self.link))
        self.ada = add_person(
            "ada@example.test", name="Ada", roles=[Role.ADMIN], password="x", now=clock.now()
        )

    def own_org(self) -> str:
        """Mark an org as own that has an older version, and return its key."""
        row = (
            Installation.objects.filter(
                package__namespace="hbr", blocked=False, version__major=4, version__minor__lt=2
            )
            .exclude(org__status="Inactive")
            .select_related("org")
        )[0]
        own_orgs.mark([row.org.key], now=clock.now())
        return row.org.key

    def ask(self, org: str = "", *, by: Person | None = None) -> dict[int, Answer]:
        wanted = Wanted(self.link.confirm_name, org)
        answers = selftest.run(
            self.link, wanted, by=by or self.ada, now=clock.now(), wait=lambda _: None
        )
        return {one.question: one for one in answers}

    def statuses(self) -> list[str]:
        """Every request at Salesforce, by its status there."""
        rows = self.sim.truth()["requests"].values()
        return [row["status"] for row in rows]


@contextmanager
def staged(**unknowns: Any) -> Iterator[Stage]:
    with simulated_org(Options(unknowns=Unknowns(**unknowns))) as sim:
        yield Stage(sim)


def test_four_questions_take_one_empty_request_that_ends_canceled() -> None:
    with staged() as stage:
        answers = stage.ask()
        kinds = [effect.kind for effect in stage.sim.effects()]
        assert stage.link.mode == "observe"
        assert stage.statuses() == ["Canceled"]

    assert {number: one.answer for number, one in answers.items()} == {
        1: "second",
        2: "no",
        3: "refused",
        5: "no",
    }
    assert kinds.count("request_created") == 1
    assert "job_created" not in kinds
    row = SelfTestRequest.objects.get()
    assert row.note == "read back as Canceled"
    assert row.start_at - row.made_at > timedelta(days=30)
    assert Event.objects.get(action="self_test").person == stage.ada
    assert not Connection.objects.get().whole_minutes


OTHERWISE: list[tuple[dict[str, Any], int, str]] = [
    ({"start_kept_to_minute": True}, 1, "minute"),
    ({"created_date_readable": True}, 2, "yes"),
    ({"reopens_canceled": True}, 3, "reopens"),
    ({"edits_while_pending": True}, 5, "yes"),
]


@pytest.mark.parametrize(("unknowns", "question", "answer"), OTHERWISE)
def test_the_other_answer_of_each_is_found_and_nothing_is_left(
    unknowns: dict[str, Any], question: int, answer: str
) -> None:
    with staged(**unknowns) as stage:
        found = stage.ask()[question]
        assert stage.statuses() == ["Canceled"]

    assert found.answer == answer
    assert PlatformAnswer.objects.get(question=question).words == found.words
    assert not SelfTestRequest.objects.filter(ended_at=None).exists()


def test_a_start_kept_to_the_minute_changes_how_batches_start_and_says_so() -> None:
    with staged(start_kept_to_minute=True) as stage:
        found = stage.ask()[1]

    assert Connection.objects.get().whole_minutes
    assert "whole minute" in found.means


WITH_ORG: list[tuple[dict[str, Any], dict[int, str]]] = [
    ({}, {4: "refused", 6: "yes", 7: "at_once"}),
    ({"jobs_after_pending": True}, {4: "accepted", 6: "yes", 7: "at_once"}),
    ({"duplicate_jobs": True}, {4: "accepted", 6: "yes", 7: "at_once"}),
    ({"org_in_one_open_request_only": True}, {4: "refused", 6: "no", 7: "at_once"}),
    ({"jobs_visible_after": 60}, {4: "refused", 6: "yes", 7: "late"}),
]


@pytest.mark.parametrize(("unknowns", "answers"), WITH_ORG, ids=str)
def test_with_an_own_org_three_more_are_asked_and_nothing_is_pushed(
    unknowns: dict[str, Any], answers: dict[int, str]
) -> None:
    with staged(**unknowns) as stage:
        key = stage.own_org()
        found = stage.ask(key)
        kinds = [effect.kind for effect in stage.sim.effects()]
        added = {effect.org for effect in stage.sim.effects() if effect.kind == "job_created"}
        assert stage.statuses() == ["Canceled"] * 4

    assert {number: found[number].answer for number in (4, 6, 7)} == answers
    assert added == {key[:15]}
    assert not {"request_started", "job_started", "job_succeeded"} & set(kinds)
    assert not SelfTestRequest.objects.filter(ended_at=None).exists()


def test_the_codes_of_refusals_are_told() -> None:
    with staged() as stage:
        words = stage.ask(stage.own_org())[4].words

    assert "After Pending: refused as INVALID_OPERATION" in words
    assert "The same org twice: refused as DUPLICATE_VALUE" in words


def test_it_is_an_opt_in_of_an_admin_who_types_the_org_s_name() -> None:
    with staged() as stage:
        with pytest.raises(Refusal, match="exactly as it stands"):
            selftest.run(stage.link, Wanted("yes"), by=stage.ada, now=clock.now())
        pat = add_person("p@x.test", name="P", roles=[Role.PLANNER], password="x", now=clock.now())
        with pytest.raises(Forbidden):
            stage.ask(by=pat)
        assert stage.statuses() == []


def test_an_org_that_is_not_one_s_own_is_never_asked_with() -> None:
    with staged() as stage:
        customer = Org.objects.filter(is_own=False)[0].key
        for org, says in ((customer, "not marked as your own"), ("00D1", "Give the ID")):
            with pytest.raises(Refusal, match=says):
                stage.ask(org)
        assert stage.statuses() == []


@pytest.mark.parametrize(
    ("fault", "call"),
    [
        ("reset_after", "create:PackagePushRequest"),
        ("error_after", "create:PackagePushRequest"),
        ("reset_after", "update:PackagePushRequest"),
        ("hang_after", "create:PackagePushJob"),
        ("error_before", "query"),
        ("quota", "update:PackagePushRequest"),
    ],
)
def test_whatever_fails_in_between_everything_ends_canceled(fault: str, call: str) -> None:
    with staged() as stage:
        key = stage.own_org()
        stage.sim.plan_fault(fault, call=call, seconds=100.0)
        with pytest.raises(Refusal, match="is being canceled"):
            stage.ask(key)
        tick.watch_all()
        assert set(stage.statuses()) <= {"Canceled"}
        assert stage.statuses()

    assert not SelfTestRequest.objects.filter(ended_at=None).exists()


def test_a_process_killed_in_the_middle_leaves_nothing_behind(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    class Killed(BaseException):
        """As if the process had ended here."""

    def die(*_: object) -> None:
        raise Killed

    with staged() as stage, monkeypatch.context() as patch:
        patch.setattr(TiedHands, "move_start", die)
        # What a killed process would not do either.
        patch.setattr(selftest, "_sweep", die)
        with pytest.raises(Killed):
            stage.ask()
        assert stage.statuses() == ["Pending"]
        patch.undo()

        tick.watch_all()

        assert stage.statuses() == ["Canceled"]
        assert not Event.objects.filter(action="foreign_request").exists()


def test_killed_before_the_id_was_stored_it_is_found_by_its_start(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    with staged() as stage:
        stage.ask()
        SelfTestRequest.objects.update(ended_at=None, sf_id="")
        request = gateway_for(stage.link)
        row = SelfTestRequest.objects.get()
        assert request.requests_starting(row.version_id, row.start_at)

        tick.watch_all()

    row.refresh_from_db()
    assert row.sf_id
    assert row.note == "read back as Canceled"


def test_a_request_that_never_came_to_be_is_given_up_when_no_call_can_land_any_more() -> None:
    with staged() as stage:
        row = SelfTestRequest.objects.create(
            connection=stage.link, version_id=stage.sim.version_id("Harbor", "4.2.2"),
            start_at=clock.whole_second(clock.now()) + timedelta(days=40), made_at=clock.now(),
        )  # fmt: skip
        tick.watch_all()
        row.refresh_from_db()
        assert row.ended_at is None

        SelfTestRequest.objects.update(made_at=clock.now() - timing.late_call() * 2)
        tick.watch_all()

    row.refresh_from_db()
    assert row.note == "it never came to be"


def test_two_at_once_are_refused() -> None:
    with staged() as stage, leased(f"self-test {stage.link.pk}", clock.now()) as mine:
        assert mine
        with pytest.raises(Overtaken, match="is running"):
            stage.ask()


def test_a_package_without_review_is_learnt_of_and_said_by_the_proof() -> None:
    with staged() as stage:
        stage.sim.plan_fault(
            "refuse", call="create:PackagePushRequest", error_code="INVALID_INPUT",
            message="Specify a package that has passed the AppExchange security review.",
        )  # fmt: skip
        with pytest.raises(Refusal, match="has not passed the security review"):
            stage.ask()
        before = {check.key: check.verdict for check in proof.prove(stage.link)}
        stage.ask()
        after = {check.key: check.verdict for check in proof.prove(stage.link)}

    assert (before["review"], after["review"]) == ("bad", "ok")


def test_the_hands_are_tied() -> None:
    with staged() as stage:
        now, version = clock.now(), stage.sim.version_id("Harbor", "4.2.2")
        gateway = build_gateway(
            stage.link.login_url, name="x", connection=stage.link, writes=lambda: Writes.ALL
        )
        hands = TiedHands(gateway, now, org=stage.own_org())
        far = clock.whole_second(now) + timedelta(days=31)
        other = Org.objects.filter(is_own=False)[0].key
        with pytest.raises(TooNear):
            hands.create(version, far - timedelta(days=2))
        ours = hands.create(version, far)
        theirs = gateway.create_request(version, far + timedelta(seconds=1))
        deeds: tuple[Callable[[], None], ...] = (
            lambda: hands.add(ours, other),
            lambda: hands.move_start(ours, far - timedelta(days=2)),
            lambda: hands.add(theirs, stage.own_org()),
            lambda: hands.arm(theirs),
            lambda: hands.cancel(theirs),
            lambda: hands.move_start(theirs, far),
        )
        for deed in deeds:
            with pytest.raises(TooNear):
                deed()
        assert sorted(stage.statuses()) == ["Created", "Created"]


def test_every_question_has_a_title_and_every_meaning_a_question() -> None:
    assert list(TITLES) == list(range(1, 9))
    assert {number for number, _ in MEANS} <= set(TITLES)
