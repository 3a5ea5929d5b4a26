"""A sound plan passes every question; each thing that may be wrong changes exactly its answer."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from rollouts.domain.forecast import Forecast, Group, Past, Step, forecast
from rollouts.domain.policy import Policy, WaveKind
from rollouts.domain.preflight import (
    QUESTIONS,
    Facts,
    Finding,
    Level,
    Link,
    Missing,
    blocks,
    check,
    unanswered,
)
from rollouts.domain.spans import Span
from rollouts.domain.versions import Jump

NOW = datetime(2026, 11, 23, 12, 0, tzinfo=UTC)
OPEN = (Span(NOW, NOW + timedelta(days=300)),)
LINK = Link(
    pk=1,
    name="Harbor org",
    pushes=True,
    live=True,
    permission=True,
    reviewed=True,
    calls_left=90_000,
    calls_limit=100_000,
)
PAST = Past(finished=2000, failed=20, settled=(1800.0,) * 9)


def looked_ahead(orgs: int = 400, policy: Policy | None = None, hours: Any = OPEN) -> Forecast:
    steps = [
        Step(1, "Own orgs", WaveKind.OWN, (Group(8, OPEN),)),
        Step(2, "Canary", WaveKind.CANARY, (Group(25, OPEN),)),
        Step(3, "Production A", WaveKind.PRODUCTION, (Group(orgs, hours),)),
    ]
    return forecast(steps, policy or Policy(), PAST, NOW, poll=60)


SOUND = Facts(
    namespace="hbr",
    version="Harbor 4.3.0",
    refusal="",
    kind=Jump.MINOR,
    changed_at=NOW - timedelta(days=3),
    newer="",
    link=LINK,
    forecast=looked_ahead(),
    policy=Policy(),
    begin=NOW,
    data_as_of=NOW - timedelta(hours=1),
    now=NOW,
    orgs=433,
    own=8,
    own_current=0,
    canary=25,
    unseen={},
    majors_enabled=True,
)


def answer(code: str, **changed: Any) -> Finding:
    """Ask again with something changed; nothing but the answer in question may change."""
    before = {finding.code: finding.level for finding in check(SOUND)}
    after = {finding.code: finding for finding in check(replace(SOUND, **changed))}
    others = {
        name: level for name, level in before.items() if name != code and "forecast" not in changed
    }
    assert all(after[name].level is level for name, level in others.items())
    return after[code]


def test_a_sound_plan_has_nothing_in_its_way() -> None:
    assert {finding.level for finding in check(SOUND)} == {Level.OK}
    assert len({finding.code for finding in check(SOUND)}) == len(QUESTIONS) == 18


BLOCKED: list[tuple[str, dict[str, Any], str]] = [
    ("connection", {"link": replace(LINK, live=False)}, "“Harbor org” is disconnected."),
    ("connection", {"link": replace(LINK, permission=False)}, "may not create pushes"),
    ("connection", {"link": replace(LINK, reviewed=False)}, "has not passed the security review"),
    ("push_major", {"majors_enabled": False}, "only patches can be pushed"),
    ("released", {"refusal": "it is a beta"}, "Harbor 4.3.0 can't be pushed: it is a beta."),
    (
        "dependencies",
        {"missing": (Missing(3, 2, 1, "Core", "3.2.0"),)},
        "Wave 3: 2 orgs lack Core 3.2.0, 1 of them without it at all, which Harbor 4.3.0 needs.",
    ),
    ("own_orgs", {"own": 0}, "No own or volunteer org is in the plan, and none has this version."),
    ("audience", {"orgs": 0}, "No org is left in this audience."),
    ("data_age", {"data_as_of": None}, "were never read whole"),
    ("api_calls", {"link": replace(LINK, calls_limit=60, calls_left=60)}, "of 60 API calls"),
]
WARNED: list[tuple[str, dict[str, Any], str]] = [
    ("connection", {"link": replace(LINK, pushes=False)}, "only observes"),
    ("connection", {"link": replace(LINK, permission=None)}, "Whether the user may push was not"),
    ("connection", {"link": replace(LINK, reviewed=None)}, "Whether the package is reviewed was"),
    ("push_major", {"majors_enabled": None}, "A minor upgrade needs Push Major."),
    ("released", {"changed_at": NOW - timedelta(hours=20)}, "may not be on every instance yet"),
    ("released", {"changed_at": None}, "is not known"),
    ("newer", {"newer": "Harbor 4.3.1"}, "Harbor 4.3.1 is released too"),
    ("salesforce_release", {"calendar_known": False}, "holds no Salesforce release"),
    ("overlap", {"elsewhere": (("hbr-4-2-2", 3),)}, "are in hbr-4-2-2 (3 orgs) and are left out"),
    ("migration", {"migrating": 40}, "40 orgs still to move from the first-generation package"),
    ("canary", {"canary": 0}, "Production begins without a canary."),
    ("canary", {"unseen": {"4.1 in JPN": 31.0}}, "No canary org is like 31 % of the production"),
    ("data_age", {"data_as_of": NOW - timedelta(hours=30)}, "The org data is 30 hours old."),
    ("zones", {"guessed": 300}, "The time zone of 300 orgs of 433 is a guess"),
    ("api_calls", {"link": replace(LINK, calls_limit=None)}, "is not known"),
    ("api_calls", {"link": replace(LINK, calls_left=60)}, "60 are left now"),
]


@pytest.mark.parametrize(("code", "changed", "says"), BLOCKED)
def test_what_must_be_mended_blocks_and_says_how(
    code: str, changed: dict[str, Any], says: str
) -> None:
    found = answer(code, **changed)

    assert found.level is Level.BLOCK
    assert says in found.sentence
    assert found.do


@pytest.mark.parametrize(("code", "changed", "says"), WARNED)
def test_what_a_person_must_weigh_warns_and_says_how(
    code: str, changed: dict[str, Any], says: str
) -> None:
    found = answer(code, **changed)

    assert found.level is Level.WARN
    assert says in found.sentence
    assert found.do


def test_a_major_waits_four_weeks_after_a_salesforce_release() -> None:
    winter = ("Winter '27", NOW - timedelta(days=10))

    minor = answer("salesforce_release", platform_release=winter)
    assert minor.level is Level.OK
    major = check(replace(SOUND, kind=Jump.MAJOR, platform_release=winter))
    found = next(finding for finding in major if finding.code == "salesforce_release")
    assert found.level is Level.WARN
    assert "will be 10 days old" in found.sentence
    assert "Start after 11 Dec 2026" in found.do


def test_a_release_under_way_is_waited_for_and_told() -> None:
    found = answer("salesforce_release", release_ahead=("Spring '27", NOW + timedelta(days=46)))

    assert found.level is Level.OK
    assert "Spring '27 reaches instances of these orgs on 08 Jan 2027" in found.sentence


def test_3412_orgs_do_not_fit_into_two_nights() -> None:
    policy = replace(Policy(), tickets_a_day=100_000, end_by_after=2 * 86400)
    first = datetime(2026, 11, 24, 1, 0, tzinfo=UTC)
    nights = tuple(
        Span(first + timedelta(days=day), first + timedelta(days=day, hours=2)) for day in range(60)
    )
    steps = [Step(1, "Production", WaveKind.PRODUCTION, (Group(3412, nights),))]
    told = forecast(steps, policy, PAST, NOW, poll=60)

    found = answer("window_fit", forecast=told)

    assert found.level is Level.BLOCK
    assert "Production: 3,412 orgs do not fit into 2 nights at this pace" in found.sentence


def test_a_wave_without_an_open_hour_is_told_apart() -> None:
    found = answer("window_fit", forecast=looked_ahead(hours=()))

    assert found.level is Level.BLOCK
    assert "no hour is open for its 400 orgs before the end date" in found.sentence


def test_own_orgs_that_have_the_version_already_went_first() -> None:
    found = answer("own_orgs", own=0, own_current=6)

    assert found.level is Level.OK
    assert "6 own orgs have this version already." in found.sentence


def test_a_few_named_orgs_may_be_the_first_for_a_reason() -> None:
    few = [Step(1, "Canary", WaveKind.CANARY, (Group(3, OPEN),))]

    found = answer("own_orgs", own=0, forecast=forecast(few, Policy(), PAST, NOW, poll=60))

    assert found.level is Level.WARN


def test_the_canary_says_what_it_cannot_detect() -> None:
    assert "up to 12 % may still fail later" in answer("canary").sentence


def test_large_batches_put_more_orgs_past_a_stop() -> None:
    policy = replace(Policy(), batch_ramp=(1000,), tickets_a_day=100_000)

    found = answer("stop_reach", forecast=looked_ahead(1000, policy))

    assert found.level is Level.WARN
    assert "A late stop can miss 1,000 orgs at a time" in found.sentence


def test_a_day_with_more_failures_than_support_can_bear_is_told() -> None:
    found = answer("support", policy=replace(Policy(), tickets_a_day=2))

    assert found.level is Level.WARN
    assert "support can bear 2 tickets" in found.sentence


def test_a_rollout_beside_it_with_other_orgs_is_only_named() -> None:
    found = answer("overlap", beside=("hbr-4-2-2",))

    assert found.level is Level.OK
    assert found.sentence == "hbr-4-2-2 runs beside it, with other orgs."


def test_freezes_in_the_way_are_named_and_waited_for() -> None:
    frozen = (("Year end", 433), ("Orion's books", 1), ("A", 2), ("B", 3))

    found = answer("freezes", frozen=frozen)

    assert found.level is Level.OK
    assert "Year end (433 orgs); Orion's books (1 org); A (2 orgs) and 1 more" in found.sentence


def test_blocks_come_first_and_a_warning_is_settled_by_a_reason_only() -> None:
    findings = check(replace(SOUND, own=0, newer="Harbor 4.3.1"))

    assert [finding.code for finding in blocks(findings)] == ["own_orgs"]
    assert findings[0].code == "own_orgs"
    assert [finding.code for finding in unanswered(findings, {})] == ["newer"]
    assert [finding.code for finding in unanswered(findings, {"newer": "  "})] == ["newer"]
    assert unanswered(findings, {"newer": "4.3.1 is for one customer only"}) == []
